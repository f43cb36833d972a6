//! The benchmark's functions and the apps that they are deployed in.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::packages;

/// A kind of function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its folder under `functions/`.
    pub(crate) name: &'static str,
    pub(crate) runtime: &'static str,
    pub(crate) handler: &'static str,
}

pub(crate) const NODE: Kind = Kind { name: "node", runtime: "nodejs20.x", handler: "index.handler" };
pub(crate) const PYTHON: Kind = Kind { name: "python", runtime: "python3.11", handler: "app.handler" };
pub(crate) const STATIC: Kind = Kind { name: "static", runtime: "provided.al2023", handler: "bootstrap" };
/// On the `lambda_runtime` crate, as `cargo lambda` builds them.
pub(crate) const RUST: Kind = Kind { name: "rust", runtime: "provided.al2023", handler: "bootstrap" };
/// Makes an SDK client as it is imported.
pub(crate) const BOTO3: Kind = Kind { name: "boto3", runtime: "python3.11", handler: "app.handler" };

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
        for (Kind { name, runtime, handler }, count) in &self.kinds {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions").join(name);
            let copied = Command::new("cp").arg("-r").arg(&source).arg(folder).status().await?;
            if !copied.success() {
                bail!("{} could not be copied", source.display());
            }
            prepare(name, &folder.join(name)).await?;
            for number in 0..*count {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "\n[[function]]\nname = \"{name}-{number}\"\ndir = \"{name}\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\nroute = \"/{name}-{number}\"\nmemory = 512\n"
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
