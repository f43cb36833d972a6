//! The end-to-end tests: the real binary, driven by real clients (`tests/e2e`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::shell::{cache, cargo, program, workspace};

/// Runs pytest with `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    python(&["-m", "pytest", "-q", "tests/e2e"], args)
}

/// Writes `docs/compatibility.md`: which of the platforms' own templates, and of the examples, run.
pub(crate) fn compatibility(args: &[String]) -> Result<()> {
    python(&["tests/e2e/compatibility.py"], args)
}

/// Builds the binary, makes the Python environment where it is missing, and runs its Python.
fn python(program_args: &[&str], args: &[String]) -> Result<()> {
    cargo(["build", "--quiet", "--package", "ebb"]).run()?;
    program(environment()?)
        .args(program_args)
        .args(args)
        .env("EBB_BIN", target().join("debug/ebb"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
}

/// A virtual environment with `tests/e2e/requirements.txt`, made anew when that file changes; gives its Python.
fn environment() -> Result<PathBuf> {
    let requirements = workspace().join("tests/e2e/requirements.txt");
    let wanted =
        std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let folder = cache().join("e2e");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(python);
    }
    println!("installing the clients that the end-to-end tests use into {}", folder.display());
    program("python3").args(["-m", "venv", "--clear"]).args([&folder]).run()?;
    program(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .args([&requirements])
        .run()?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| Path::new(&folder).into())
}
