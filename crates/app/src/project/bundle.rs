//! Bundling JavaScript and TypeScript with esbuild: the project's own where it has one, else one that is fetched from
//! npm once, pinned by version and hash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ebb_model::Digest;

use super::error::ProjectError;

/// What pins esbuild.
const PINNED: &[(&str, &str)] = &[
    ("package.json", include_str!("../../../../runtimes/sdk/esbuild/package.json")),
    ("package-lock.json", include_str!("../../../../runtimes/sdk/esbuild/package-lock.json")),
];
/// Lines that are kept of what a failed tool says.
const SAID: usize = 40;

/// One run of esbuild: its output is ES modules in a folder.
#[derive(Debug, Clone)]
pub(super) struct Bundle<'a> {
    /// The project's folder.
    pub(super) folder: &'a Path,
    /// The entry point.
    pub(super) entry: &'a Path,
    /// Where the output goes.
    pub(super) out: &'a Path,
    /// Further arguments, as esbuild takes them.
    pub(super) arguments: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// [`ProjectError::Build`] with what esbuild says, and where it cannot be had.
pub(super) fn bundle(bundle: &Bundle<'_>, progress: &mut dyn FnMut(&str)) -> Result<(), ProjectError> {
    let program = match own(bundle.folder) {
        Some(program) => program,
        None => fetched(progress)?,
    };
    let mut esbuild = Command::new(program);
    esbuild
        .arg(bundle.entry)
        .args(["--bundle", "--format=esm", "--log-level=warning", "--color=false", "--log-limit=20"])
        .arg(format!("--outdir={}", bundle.out.display()))
        .args(&bundle.arguments)
        .current_dir(bundle.folder);
    run(esbuild, "esbuild", bundle.folder)
}

/// The project's own esbuild, in its folder or one above.
fn own(folder: &Path) -> Option<PathBuf> {
    let program = "node_modules/.bin/esbuild";
    folder.ancestors().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The one in the cache folder, which is filled where it is not there yet.
fn fetched(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, ProjectError> {
    let pin: String = PINNED.iter().map(|(_, content)| *content).collect();
    let digest = Digest::of(pin.as_bytes()).to_string();
    let cache = cache_folder().join(format!("esbuild-{}", digest.get(..12).unwrap_or(&digest)));
    let architecture = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-x64" };
    let program = format!("node_modules/@esbuild/{architecture}/bin/esbuild");
    if cache.join(&program).is_file() {
        return Ok(cache.join(program));
    }
    progress("fetching esbuild");
    let new = cache.with_extension(format!("new-{}", std::process::id()));
    let failed = |source| ProjectError::io("write", &new, source);
    fs::create_dir_all(&new).map_err(failed)?;
    for (name, content) in PINNED {
        fs::write(new.join(name), content).map_err(failed)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&new);
    let installed = run(npm, "npm", &new);
    if installed.is_ok() && fs::rename(&new, &cache).is_err() && !cache.is_dir() {
        return Err(ProjectError::io(
            "write",
            &cache,
            io::Error::other("the folder cannot be put in its place"),
        ));
    }
    // Only there where something went wrong, or another process was faster.
    let _ = fs::remove_dir_all(&new);
    installed.map(|()| cache.join(program))
}

/// Where what can be made again is kept. Source: the XDG base directory specification.
pub(super) fn cache_folder() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    named.or_else(home).unwrap_or_else(std::env::temp_dir).join("ebb")
}

/// Runs a tool to its end.
pub(super) fn run(mut command: Command, tool: &str, folder: &Path) -> Result<(), ProjectError> {
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
