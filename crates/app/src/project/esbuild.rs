//! esbuild, which bundles JavaScript and TypeScript: the project's own where it has one, else one that is fetched.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::ProjectError;
use super::tool::{self, Tool};

const ESBUILD: Tool = Tool {
    name: "esbuild",
    pinned: &[
        ("package.json", include_str!("../../../../runtimes/sdk/esbuild/package.json")),
        ("package-lock.json", include_str!("../../../../runtimes/sdk/esbuild/package-lock.json")),
    ],
    program: if cfg!(target_arch = "aarch64") {
        "node_modules/@esbuild/linux-arm64/bin/esbuild"
    } else {
        "node_modules/@esbuild/linux-x64/bin/esbuild"
    },
};

/// Runs it in `folder`, a project's. Packages that the project lacks are looked for in `packages` too.
///
/// # Errors
/// [`ProjectError::Bundle`] with what esbuild says, and where it cannot be had.
pub(super) fn run(
    folder: &Path,
    arguments: &[String],
    packages: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<(), ProjectError> {
    let program = match own(folder) {
        Some(program) => program,
        None => ESBUILD.fetched(progress)?,
    };
    let mut esbuild = Command::new(program);
    esbuild.args(["--bundle", "--format=esm", "--color=false", "--log-limit=20"]).args(arguments);
    if let Some(packages) = packages {
        esbuild.env("NODE_PATH", packages);
    }
    let ran = tool::run(esbuild.current_dir(folder), "esbuild", folder);
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
