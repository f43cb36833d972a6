//! Running other programs, with errors that name them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A program to run from the top of the workspace.
pub(crate) struct Shell(Command);

/// `cargo` with these arguments.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Shell {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args)
}

/// Any program, found on the path.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Shell {
    let mut command = Command::new(name);
    command.current_dir(workspace());
    Shell(command)
}

impl Shell {
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it with our own standard streams.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.0.status().with_context(|| format!("cannot start {}", self.line()))?;
        if !status.success() {
            bail!("{} failed ({status})", self.line());
        }
        Ok(())
    }

    /// Runs it and gives what it printed.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.0.output().with_context(|| format!("cannot start {}", self.line()))?;
        if !output.status.success() {
            bail!("{} failed ({}): {}", self.line(), output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it runs and succeeds; prints nothing.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0.output().is_ok_and(|output| output.status.success())
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

/// The top of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where tools and environments that tests need are kept between runs: `$EBB_CACHE`, by default `~/.cache/ebb`.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache/ebb");
    std::env::var_os("EBB_CACHE").map_or_else(home, PathBuf::from)
}
