//! Running the build command of a function, or of a whole project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ProjectError;
use super::install;

/// Lines of a failed build that are shown.
const SHOWN_LINES: usize = 40;

/// A command that makes of a whole project what is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProjectBuild {
    /// What the shell runs.
    pub(super) command: String,
    /// Where it runs.
    pub(super) folder: PathBuf,
    /// What it has beside the environment of this process.
    pub(super) environment: BTreeMap<String, String>,
}

impl ProjectBuild {
    /// Runs it, with the packages that the project names where `install` is.
    pub(super) fn run(&self, install: bool, progress: &mut dyn FnMut(&str)) -> Result<(), ProjectError> {
        progress(&format!("building: {}", self.command));
        let _linked = if install { install::for_build(&self.folder, progress)? } else { None };
        run_with("the project", &self.command, &self.folder, &self.environment)
    }
}

/// Runs `command` by the shell in `folder`.
pub(super) fn run(function: &str, command: &str, folder: &Path) -> Result<(), ProjectError> {
    run_with(function, command, folder, &BTreeMap::new())
}

fn run_with(
    function: &str,
    command: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), ProjectError> {
    let output = Command::new("sh")
        .args(["-c", command])
        .envs(environment)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ProjectError::io("run sh in", folder, source))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.trim_end().lines().collect();
    Err(ProjectError::Build {
        function: function.to_owned(),
        command: command.to_owned(),
        folder: folder.to_owned(),
        status: match output.status.code() {
            Some(code) => format!("exited with {code}"),
            None => "was killed".to_owned(),
        },
        output: lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n"),
    })
}
