//! The server under test: a fresh `ebb serve`, with the benchmark's functions deployed by `ebb deploy`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Effort;
use crate::load::Address;

/// The app's name at the edge.
const APP: &str = "bench";

/// Kinds of function in the benchmark: folder under `functions/`, runtime, handler.
pub(crate) const KINDS: [(&str, &str, &str); 3] = [
    ("node", "nodejs20.x", "index.handler"),
    ("python", "python3.11", "app.handler"),
    ("static", "provided.al2023", "bootstrap"),
];

/// A running server.
pub(crate) struct Ebb {
    process: Child,
    folder: TempDir,
    edge: String,
}

impl Ebb {
    /// Builds and starts the server and deploys one warm function and many cold ones of each kind.
    pub(crate) async fn start(effort: Effort) -> Result<Self> {
        let binary = build().await?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let log = std::fs::File::create(folder.path().join("server.log"))?;
        let mut process = Command::new(&binary)
            .args(["serve", "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stderr(log.try_clone()?)
            .stdout(log)
            .kill_on_drop(true)
            .spawn()?;
        let (api, edge) = endpoints(&mut process, &data).await?;
        let app = folder.path().join("app");
        write_app(&app, effort.cold_starts).await?;
        let deployed = Command::new(&binary)
            .args(["deploy", "--yes", "--name", APP])
            .arg(&app)
            .env("EBB_ENDPOINT", &api)
            .env("AWS_SHARED_CREDENTIALS_FILE", data.join("credentials"))
            .output()
            .await?;
        if !deployed.status.success() {
            bail!("ebb deploy failed: {}", String::from_utf8_lossy(&deployed.stderr));
        }
        Ok(Self { process, folder, edge })
    }

    /// Function number `number` of a kind; number 0 is for warm runs, the others are each called once.
    pub(crate) fn address(&self, kind: &str, number: usize) -> Address {
        Address {
            socket: self.edge.clone(),
            host: format!("{APP}.localhost"),
            path: format!("/{kind}-{number}"),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Asks it to end, and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.process.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        tokio::time::timeout(Duration::from_secs(20), self.process.wait())
            .await
            .context("the server did not end")??;
        self.folder.close().context("the data folder could not be removed")
    }
}

/// The release build of the binary.
async fn build() -> Result<PathBuf> {
    let status =
        Command::new("cargo").args(["build", "--release", "--quiet", "--package", "ebb"]).status().await?;
    if !status.success() {
        bail!("the release build failed");
    }
    // The benchmark itself is a release build, so its neighbour is the binary.
    Ok(std::env::current_exe()?.with_file_name("ebb"))
}

/// Waits until the server says where it listens.
async fn endpoints(process: &mut Child, data: &Path) -> Result<(String, String)> {
    let file = data.join("endpoints.json");
    for _ in 0..3_000 {
        if let Ok(text) = std::fs::read(&file) {
            let where_: serde_json::Value = serde_json::from_slice(&text)?;
            let api = where_["api"].as_str().context("no api")?.to_owned();
            let edge = where_["edge"].as_str().context("no edge")?.trim_start_matches("http://").to_owned();
            return Ok((api, edge));
        }
        if let Some(status) = process.try_wait()? {
            bail!("the server ended: {status}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("the server did not come up in 30 s")
}

/// Writes the app's folder: the functions' sources and an `ebb.toml` that names each many times.
async fn write_app(app: &Path, cold_starts: usize) -> Result<()> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    std::fs::create_dir_all(app)?;
    let copied = Command::new("cp").arg("-r").arg(sources.join(".")).arg(app).status().await?;
    let built = Command::new("rustc")
        .args(["-O", "-C", "target-feature=+crt-static", "-o", "bootstrap", "main.rs"])
        .current_dir(app.join("static"))
        .status()
        .await?;
    if !copied.success() || !built.success() {
        bail!("the benchmark's functions could not be prepared");
    }
    let mut text = format!("name = \"{APP}\"\n");
    for (kind, runtime, handler) in KINDS {
        for number in 0..=cold_starts {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[[function]]\nname = \"{kind}-{number}\"\ndir = \"{kind}\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\nroute = \"/{kind}-{number}\"\nmemory = 512\n"
            );
        }
    }
    std::fs::write(app.join("ebb.toml"), text)?;
    Ok(())
}
