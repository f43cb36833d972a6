//! The benchmark's functions and the apps that they are deployed in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::packages;

/// A kind of function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Its folder under `functions/`.
    source: &'static str,
    pub(crate) runtime: &'static str,
    pub(crate) handler: &'static str,
    /// Events that an instance takes at a time.
    pub(crate) concurrency: usize,
    /// How many cores an instance may use: as many as what it is held against.
    cores: u32,
}

impl Kind {
    /// Its folder in the repository.
    pub(crate) fn project(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("functions").join(self.source)
    }

    const fn new(name: &'static str, runtime: &'static str, handler: &'static str) -> Self {
        Self { name, source: name, runtime, handler, concurrency: 1, cores: 1 }
    }
}

pub(crate) const NODE: Kind = Kind::new("node", "nodejs20.x", "index.handler");
/// The same, with instances that take several events at a time.
pub(crate) const NODE_SHARED: Kind = Kind { name: "node-shared", concurrency: 16, ..NODE };
pub(crate) const PYTHON: Kind = Kind::new("python", "python3.11", "app.handler");
pub(crate) const STATIC: Kind = Kind::new("static", "provided.al2023", "bootstrap");
/// On the `lambda_runtime` crate, as `cargo lambda` builds them.
pub(crate) const RUST: Kind = Kind::new("rust", "provided.al2023", "bootstrap");
/// Makes an SDK client as it is imported.
pub(crate) const BOTO3: Kind = Kind::new("boto3", "python3.11", "app.handler");

/// Prints how old its messages are.
pub(crate) const EVENTS: Kind = Kind::new("events", "nodejs20.x", "index.handler");

/// A Cloudflare worker: an app of its own.
pub(crate) const WORKER: Kind = Kind::new("worker", "workerd", "index.js");

/// A component of wasi:http: one instance runs many requests at a time, each in a fresh store.
pub(crate) const WASM: Kind = Kind { concurrency: 64, cores: 2, ..Kind::new("wasm", "wasm", "app.wasm") };

/// Memory that gives an instance a whole core.
const MEMORY_OF_A_CORE_MIB: u32 = 1769;

/// An app with many functions of each kind.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) name: &'static str,
    kinds: Vec<(Kind, usize)>,
}

impl App {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, kinds: Vec::new() }
    }

    /// With `count` functions of this kind, numbered from 0.
    pub(crate) fn several(mut self, kind: Kind, count: usize) -> Self {
        self.kinds.push((kind, count));
        self
    }

    /// The name of a function, as the API knows it.
    pub(crate) fn function(&self, kind: Kind, number: usize) -> String {
        format!("{}-{}-{number}", self.name, kind.name)
    }

    /// Writes the app's folder: the functions' sources and an `ebb.toml` that names each.
    pub(crate) async fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut text = format!("name = \"{}\"\n", self.name);
        for (kind, count) in &self.kinds {
            let Kind { name, runtime, handler, concurrency, .. } = kind;
            let memory = kind.cores * MEMORY_OF_A_CORE_MIB;
            let source = kind.project();
            let copied = Command::new("cp").arg("-r").arg(&source).arg(folder.join(name)).status().await?;
            if !copied.success() {
                bail!("{} could not be copied", source.display());
            }
            prepare(name, &folder.join(name)).await?;
            for number in 0..*count {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "\n[[function]]\nname = \"{name}-{number}\"\ndir = \"{name}\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\nroute = \"/{name}-{number}\"\nmemory = {memory}\nconcurrency = {concurrency}\n"
                );
            }
        }
        std::fs::write(folder.join("ebb.toml"), text)?;
        Ok(())
    }
}

/// Makes what is not in the repository of a kind's folder.
async fn prepare(name: &str, folder: &Path) -> Result<()> {
    if name == STATIC.name {
        compile(folder).await?;
    } else if name == RUST.name {
        let binary = packages::build_rust_function().await?;
        std::fs::copy(binary, folder.join("bootstrap"))?;
    } else if name == WASM.name {
        std::fs::write(folder.join("app.wasm"), packages::build_component()?)?;
    } else if name == BOTO3.name {
        packages::copy_boto3(folder).await?;
    }
    Ok(())
}

/// Builds `main.rs` in a folder into a static `bootstrap`.
async fn compile(folder: &Path) -> Result<()> {
    let built = Command::new("rustc")
        .args(["-O", "-C", "target-feature=+crt-static", "-o", "bootstrap", "main.rs"])
        .current_dir(folder)
        .status()
        .await?;
    if !built.success() {
        bail!("{} could not be built", folder.display());
    }
    Ok(())
}
