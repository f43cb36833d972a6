//! esbuild, which bundles JavaScript and TypeScript: the project's own where it has one, else one that is fetched from
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

/// Runs it in `folder`, a project's.
///
/// # Errors
/// [`ProjectError::Bundle`] with what esbuild says, and where it cannot be had.
pub(super) fn run(
    folder: &Path,
    arguments: &[String],
    progress: &mut dyn FnMut(&str),
) -> Result<(), ProjectError> {
    let program = match own(folder) {
        Some(program) => program,
        None => fetched(progress)?,
    };
    let mut esbuild = Command::new(program);
    esbuild.args(["--bundle", "--format=esm", "--color=false", "--log-limit=20"]).args(arguments);
    let ran = run_tool(esbuild.current_dir(folder), "esbuild", folder);
    ran.map_err(|error| match error {
        ProjectError::Build { output, .. } if !output.is_empty() => ProjectError::Bundle(output),
        other => other,
    })
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
    let installed = run_tool(&mut npm, "npm", &new);
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
fn run_tool(command: &mut Command, tool: &str, folder: &Path) -> Result<(), ProjectError> {
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
