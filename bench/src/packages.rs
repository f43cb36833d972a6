//! Peers that come from package registries, installed once into a folder of their own outside the repository.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream;
use tokio::process::Command;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::peers::{self, Peer};

/// From npm. Serverless Framework 3 is the last that runs without an account; workerd is the version that ebb runs.
const NPM: &[&str] =
    &["@google-cloud/functions-framework@5", "serverless@3", "serverless-offline@13", "workerd@1.20261117.1"];
/// From crates.io, compiled: the version of wasmtime that ebb runs components on.
const WASMTIME: &str = "48.0.8";
/// What `wasmtime serve` needs of it.
const WASMTIME_FEATURES: &str =
    "run,serve,cranelift,parallel-compilation,pooling-allocator,component-model,component-model-async";
/// From PyPI.
const PYPI: &[&str] = &["functions-framework==3.*", "cargo-lambda==1.*", "boto3"];
/// How long one may take until it listens: one of them is compiled first.
const START: Duration = Duration::from_secs(90);

/// What is installed.
#[derive(Debug)]
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Installs what is missing into `$EBB_CACHE/bench`.
    pub(crate) async fn install() -> Result<Self> {
        let home = std::env::var("HOME").context("HOME is not set")?;
        let cache = std::env::var("EBB_CACHE").unwrap_or_else(|_| format!("{home}/.cache/ebb"));
        let folder = Path::new(&cache).join("bench");
        let done = folder.join("installed");
        let wanted = [NPM, PYPI].concat().join("\n");
        if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
            return Ok(Self { folder });
        }
        std::fs::create_dir_all(&folder)?;
        let npm = [&["install", "--no-audit", "--no-fund", "--loglevel=error"], NPM].concat();
        run(Command::new("npm").args(npm).current_dir(&folder)).await?;
        run(Command::new("python3").args(["-m", "venv", "python"]).current_dir(&folder)).await?;
        let pip = [&["install", "--quiet"], PYPI].concat();
        run(Command::new(folder.join("python/bin/pip")).args(pip)).await?;
        std::fs::write(done, wanted)?;
        Ok(Self { folder })
    }

    /// The Python that has the packages from PyPI.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("python/bin/python3")
    }

    /// Google's functions framework for Node.
    pub(crate) async fn functions_framework_node(&self) -> Result<Peer> {
        let port = free_port()?;
        let mut command = peers::clean("node");
        command
            .arg(self.folder.join("node_modules/@google-cloud/functions-framework/build/src/main.js"))
            .args(["--target=hello", &format!("--port={port}")])
            .env("NODE_PATH", self.folder.join("node_modules"))
            .current_dir(source("peers/framework"));
        start(command, port, "/").await
    }

    /// Google's functions framework for Python.
    pub(crate) async fn functions_framework_python(&self) -> Result<Peer> {
        let port = free_port()?;
        let mut command = peers::clean("env");
        command
            .arg(self.folder.join("python/bin/functions-framework"))
            .args(["--target=hello", &format!("--port={port}"), "--host=127.0.0.1"])
            .current_dir(source("peers/framework"));
        start(command, port, "/").await
    }

    /// workerd by itself.
    pub(crate) async fn workerd(&self) -> Result<Peer> {
        let project = self.folder.join("worker");
        std::fs::create_dir_all(&project)?;
        for file in ["peers/workerd/config.capnp", "functions/worker/index.js"] {
            let name = Path::new(file).file_name().context("a file")?;
            std::fs::copy(source(file), project.join(name))?;
        }
        let port = free_port()?;
        // What npm puts there is the program itself.
        let program = self.folder.join("node_modules/workerd/bin/workerd");
        let mut command = peers::clean(&program.to_string_lossy());
        command
            .args(["serve", "config.capnp", &format!("--socket-addr=http=127.0.0.1:{port}")])
            .current_dir(project);
        start(command, port, "/").await
    }

    /// `wasmtime serve` on the component. The first call compiles it.
    pub(crate) async fn wasmtime(&self) -> Result<Peer> {
        let root = self.folder.join("wasmtime");
        let program = root.join("bin/wasmtime");
        if !program.is_file() {
            eprintln!("compiling wasmtime {WASMTIME}, once");
            let mut install = Command::new("cargo");
            install
                .args(["install", "wasmtime-cli", "--version", WASMTIME, "--locked", "--quiet"])
                .args(["--no-default-features", "--features", WASMTIME_FEATURES, "--root"])
                .arg(&root)
                .env("CARGO_TARGET_DIR", root.join("target"));
            run(&mut install).await?;
            std::fs::remove_dir_all(root.join("target"))?;
        }
        let component = root.join("app.wasm");
        std::fs::write(&component, build_component()?)?;
        let port = free_port()?;
        let mut command = peers::clean(&program.to_string_lossy());
        command.args(["serve", "-Scli", &format!("--addr=127.0.0.1:{port}")]).arg(component);
        start(command, port, "/").await
    }

    /// Serverless Framework's offline plugin.
    pub(crate) async fn serverless_offline(&self) -> Result<Peer> {
        // It looks for its plugin beside the project.
        let project = self.folder.join("offline");
        std::fs::create_dir_all(&project)?;
        std::fs::copy(source("peers/offline/serverless.yml"), project.join("serverless.yml"))?;
        std::fs::copy(source("functions/node/index.mjs"), project.join("index.mjs"))?;
        let (port, lambda_port) = (free_port()?, free_port()?);
        let mut command = peers::clean("node");
        command
            .arg(self.folder.join("node_modules/serverless/bin/serverless.js"))
            .args(["offline", "--host=127.0.0.1"])
            .args([format!("--httpPort={port}"), format!("--lambdaPort={lambda_port}")])
            .env("HOME", &self.folder)
            .env("SLS_TRACKING_DISABLED", "1")
            .current_dir(project);
        start(command, port, "/").await
    }

    /// `cargo lambda watch` on the Rust function.
    pub(crate) async fn cargo_lambda(&self) -> Result<Peer> {
        let port = free_port()?;
        let mut command = Command::new(self.folder.join("python/bin/cargo-lambda"));
        command
            .args(["lambda", "watch", "--release", "--ignore-changes"])
            .args(["--invoke-address=127.0.0.1", &format!("--invoke-port={port}")])
            .env("CARGO_TARGET_DIR", rust_target(&self.folder))
            .current_dir(source("functions/rust"));
        start(command, port, "/lambda-url/rust/").await
    }
}

/// Builds the Rust function; the binary.
pub(crate) async fn build_rust_function() -> Result<PathBuf> {
    let target = rust_target(&Packages::install().await?.folder);
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--quiet"]).env("CARGO_TARGET_DIR", &target);
    run(command.current_dir(source("functions/rust"))).await?;
    Ok(target.join("release/rust"))
}

/// Builds the component.
pub(crate) fn build_component() -> Result<Vec<u8>> {
    let interfaces = wasi_http()?;
    let http = std::fs::read_to_string(interfaces.join("http.wit"))?;
    let version = http.split_once("package wasi:http@").and_then(|(_, rest)| rest.split(';').next());
    let version = version.context("wasi:http has no version")?;
    let folder = tempfile::tempdir()?;
    std::os::unix::fs::symlink(&interfaces, folder.path().join("deps"))?;
    let world = "package bench:app; world app { import wasi:http/types@VERSION; import wasi:io/streams@VERSION; \
        export wasi:http/incoming-handler@VERSION; }";
    std::fs::write(folder.path().join("world.wit"), world.replace("VERSION", version))?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder.path())?;
    let world = resolve.select_world(&[package], Some("app"))?;
    let text = std::fs::read_to_string(source("functions/wasm/hello.wat"))?;
    let mut module = wat::parse_str(text.replace("VERSION", version))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// The interfaces of wasi:http that this build of ebb has fetched.
fn wasi_http() -> Result<PathBuf> {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"))?;
    let crates = std::fs::read_dir(Path::new(&home).join("registry/src"))?.flatten();
    let name = format!("wasmtime-wasi-http-{WASMTIME}");
    let mut found = crates.map(|registry| registry.path().join(&name).join("wit/deps"));
    found
        .find(|folder| folder.is_dir())
        .context("the sources of wasmtime-wasi-http are not in cargo's registry")
}

/// Puts boto3 and what it needs beside a handler.
pub(crate) async fn copy_boto3(folder: &Path) -> Result<()> {
    let pip = Packages::install().await?.folder.join("python/bin/pip");
    run(Command::new(pip).args(["install", "--quiet", "boto3", "--target"]).arg(folder)).await
}

fn rust_target(folder: &Path) -> PathBuf {
    folder.join("rust")
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.output().await.with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Starts a server and waits until it answers.
async fn start(mut command: Command, port: u16, path: &str) -> Result<Peer> {
    let log = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let mut process = command.spawn().with_context(|| format!("{command:?}"))?;
    let deadline = tokio::time::Instant::now() + START;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        if let Some(status) = process.try_wait()? {
            bail!("{command:?} ended: {status}");
        }
        if tokio::time::Instant::now() > deadline {
            bail!("{command:?} does not listen");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let peer = Peer::process(process, port, path);
    // The first requests may come before something was compiled.
    loop {
        let answered = tokio::time::timeout_at(deadline, crate::load::once(&peer.address)).await?;
        match answered {
            Ok(_) => return Ok(peer),
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}
