//! Programs that a deploy runs: the cache folder that they work in, and those that are fetched from npm once, pinned by
//! version and hash.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ebb_model::Digest;

use super::error::ProjectError;

/// Lines that are kept of what a failed tool says.
const SAID: usize = 40;

/// A program of a package of npm.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// What pins it: file names and contents.
    pub(super) pinned: &'static [(&'static str, &'static str)],
    /// Where it is in the installation, on this machine.
    pub(super) program: &'static str,
}

impl Tool {
    /// The program, in the cache folder, which is filled where it is not there yet.
    ///
    /// # Errors
    /// [`ProjectError`] where it cannot be had.
    pub(super) fn fetched(&self, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, ProjectError> {
        let pin: String = self.pinned.iter().map(|(_, content)| *content).collect();
        let digest = Digest::of(pin.as_bytes()).to_string();
        let cache = cache_folder().join(format!("{}-{}", self.name, digest.get(..12).unwrap_or(&digest)));
        if cache.join(self.program).is_file() {
            return Ok(cache.join(self.program));
        }
        progress(&format!("fetching {}", self.name));
        fill(&cache, |new| {
            for (name, content) in self.pinned {
                fs::write(new.join(name), content)
                    .map_err(|source| ProjectError::io("write", new, source))?;
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
            run(npm.current_dir(new), "npm", new)
        })?;
        Ok(cache.join(self.program))
    }
}

/// Fills a folder of the cache, whole or not at all; another process may be faster.
pub(super) fn fill(
    folder: &Path,
    content: impl FnOnce(&Path) -> Result<(), ProjectError>,
) -> Result<(), ProjectError> {
    let new = folder.with_extension(format!("new-{}", std::process::id()));
    fs::create_dir_all(&new).map_err(|source| ProjectError::io("write", &new, source))?;
    let filled = content(&new);
    if filled.is_ok() && fs::rename(&new, folder).is_err() && !folder.is_dir() {
        let source = io::Error::other("the folder cannot be put in its place");
        return Err(ProjectError::io("write", folder, source));
    }
    // Only there where something went wrong, or another process was faster.
    let _ = fs::remove_dir_all(&new);
    filled
}

/// Where what can be made again is kept. Source: the XDG base directory specification.
pub(super) fn cache_folder() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    named.or_else(home).unwrap_or_else(std::env::temp_dir).join("ebb")
}

/// A folder of the cache that only depends on a project's path, so that the same sources give the same bytes.
pub(super) fn work_folder(kind: &str, project: &Path) -> PathBuf {
    let mut hash = DefaultHasher::new();
    project.hash(&mut hash);
    cache_folder().join(kind).join(format!("{:016x}", hash.finish()))
}

/// Runs a tool to its end.
///
/// # Errors
/// [`ProjectError::Build`] with what it says.
pub(super) fn run(command: &mut Command, tool: &str, folder: &Path) -> Result<(), ProjectError> {
    let failed = |status: String, output: String| ProjectError::Build {
        function: tool.to_owned(),
        command: tool.to_owned(),
        folder: folder.to_owned(),
        status,
        output,
    };
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(format!("cannot be started: {error}"), String::new()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    let said: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).take(SAID).collect();
    Err(failed(format!("ended with {}", output.status), said.join("\n")))
}
