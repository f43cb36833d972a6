//! The server under test: a fresh `ebb serve`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::api::Api;
use crate::functions::{App, Kind, WORKER};
use crate::load::Address;

/// A running server and its data.
pub(crate) struct Ebb {
    process: Child,
    folder: TempDir,
    edge: String,
    endpoint: String,
    /// From the spawn to the moment at which it said where it listens.
    pub(crate) start: Duration,
}

impl Ebb {
    /// Starts one on an empty data folder; `config` is what its configuration file says beyond the addresses.
    pub(crate) async fn start(config: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let text = format!("api = \"127.0.0.1:0\"\nedge = \"127.0.0.1:0\"\n{config}");
        std::fs::write(folder.path().join("config.toml"), text)?;
        Self::start_in(folder).await
    }

    async fn start_in(folder: TempDir) -> Result<Self> {
        let data = folder.path().join("data");
        let log =
            std::fs::File::options().create(true).append(true).open(folder.path().join("server.log"))?;
        let begin = Instant::now();
        let mut process = Command::new(binary()?)
            .arg("serve")
            .arg("--config")
            .arg(folder.path().join("config.toml"))
            .arg("--data")
            .arg(&data)
            .stderr(log.try_clone()?)
            .stdout(log)
            .kill_on_drop(true)
            .spawn()?;
        let (endpoint, edge) = endpoints(&mut process, &data).await?;
        Ok(Self { process, start: begin.elapsed(), folder, edge, endpoint })
    }

    /// Ends it and starts another on the same data.
    pub(crate) async fn restart(self) -> Result<Self> {
        let Self { process, folder, .. } = self;
        end(process).await?;
        std::fs::remove_file(folder.path().join("data/endpoints.json"))?;
        Self::start_in(folder).await
    }

    /// Deploys an app, as its users do.
    pub(crate) async fn deploy(&self, app: &App) -> Result<()> {
        let folder = self.folder.path().join(app.name);
        app.write(&folder).await?;
        self.deploy_folder(&folder).await
    }

    /// Deploys the worker, which is an app of its own, under a name of its own.
    pub(crate) async fn deploy_worker(&self, name: &str) -> Result<Address> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        for file in std::fs::read_dir(WORKER.project())? {
            let file = file?;
            let text = std::fs::read_to_string(file.path())?;
            let text = text.replace("name = \"worker\"", &format!("name = \"{name}\""));
            std::fs::write(folder.join(file.file_name()), text)?;
        }
        self.deploy_folder(&folder).await?;
        Ok(self.at(&format!("{name}.localhost"), "/"))
    }

    async fn deploy_folder(&self, folder: &Path) -> Result<()> {
        let deployed = Command::new(binary()?)
            .args(["deploy", "--yes"])
            .arg(folder)
            .env("EBB_ENDPOINT", &self.endpoint)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.data().join("credentials"))
            .output()
            .await?;
        if !deployed.status.success() {
            bail!("ebb deploy failed: {}", String::from_utf8_lossy(&deployed.stderr));
        }
        Ok(())
    }

    /// Where a function of an app is.
    pub(crate) fn address(&self, app: &App, kind: Kind, number: usize) -> Address {
        self.at(&format!("{}.localhost", app.name), &format!("/{}-{number}", kind.name))
    }

    /// A place at the edge.
    pub(crate) fn at(&self, host: &str, path: &str) -> Address {
        Address { socket: self.edge.clone(), host: host.to_owned(), path: path.to_owned() }
    }

    /// A client of its AWS API.
    pub(crate) fn api(&self) -> Result<Api> {
        Api::new(&self.endpoint, &std::fs::read_to_string(self.data().join("credentials"))?)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("the server has ended")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Asks it to end, and waits.
    pub(crate) async fn stop(self) -> Result<()> {
        end(self.process).await?;
        self.folder.close().context("the data folder could not be removed")
    }
}

async fn end(mut process: Child) -> Result<()> {
    if let Some(pid) = process.id() {
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), process.wait()).await;
    ended.context("the server did not end")??;
    Ok(())
}

/// Whether there is a binary to measure.
///
/// # Errors
/// Where it was not built.
pub(crate) fn check() -> Result<()> {
    let binary = binary()?;
    if !binary.exists() {
        bail!("{} is not there; `cargo xtask bench` builds both", binary.display());
    }
    Ok(())
}

/// Built together with the benchmark, so its neighbour.
fn binary() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("ebb"))
}

/// Waits until the server says where it listens.
async fn endpoints(process: &mut Child, data: &Path) -> Result<(String, String)> {
    let file = data.join("endpoints.json");
    for _ in 0..30_000 {
        if let Ok(text) = std::fs::read(&file) {
            let written: serde_json::Value = serde_json::from_slice(&text)?;
            let endpoint = written["api"].as_str().context("no api")?.to_owned();
            let edge = written["edge"].as_str().context("no edge")?.trim_start_matches("http://").to_owned();
            return Ok((endpoint, edge));
        }
        if let Some(status) = process.try_wait()? {
            bail!("the server ended: {status}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the server did not come up in 30 s")
}
