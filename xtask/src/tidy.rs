//! The house rules that no other tool checks. Each complaint says where, what, and what to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::edges::CRATES;
use crate::shell::{cargo, program, workspace};

/// Lines of a Rust file before its tests.
const LONGEST_FILE: usize = 600;

/// Runs every rule and reports all complaints together.
pub(crate) fn run() -> Result<()> {
    let files = tracked_files()?;
    let mut complaints = Vec::new();
    edges(&mut complaints)?;
    architecture(&mut complaints)?;
    for path in &files {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(workspace().join(path))
                .with_context(|| path.display().to_string())?;
            rust_file(path, &text, &mut complaints);
        }
    }
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    bail!("tidy has {} complaints", complaints.len())
}

/// Files that git knows and that exist.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let listed = program("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).output()?;
    Ok(listed.lines().map(PathBuf::from).filter(|path| workspace().join(path).exists()).collect())
}

/// Holds the dependencies between our crates to the table in `edges.rs`.
fn edges(complaints: &mut Vec<String>) -> Result<()> {
    let metadata: Value =
        serde_json::from_str(&cargo(["metadata", "--format-version=1", "--no-deps", "--offline"]).output()?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut seen = BTreeSet::new();
    for package in packages {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let Some(name) = manifest.strip_suffix("/Cargo.toml").and_then(|path| path.rsplit_once("/crates/"))
        else {
            continue;
        };
        let name = name.1.to_owned();
        let Some(own) = CRATES.iter().find(|own| own.name == name) else {
            complaints.push(format!(
                "crates/{name}: not in the table of xtask/src/edges.rs; add it with its layer"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Tests may stand on more than the crate itself does.
            if dependency["kind"] == "dev" {
                continue;
            }
            let path = dependency["path"].as_str().unwrap_or_default();
            let Some((_, used)) = path.rsplit_once("/crates/") else { continue };
            let allowed = own.may_use.contains(&used);
            let lower = CRATES.iter().any(|other| other.name == used && other.layer < own.layer);
            if !(allowed && lower) {
                complaints.push(format!(
                    "crates/{name}: may not use {used} (xtask/src/edges.rs); let the consumer own a trait instead"
                ));
            }
        }
        seen.insert(name);
    }
    for own in CRATES.iter().filter(|own| !seen.contains(own.name)) {
        complaints.push(format!("xtask/src/edges.rs: lists {}, which does not exist", own.name));
    }
    Ok(())
}

/// Holds ARCHITECTURE.md to what exists: every crate is named in it, and every path in it exists.
fn architecture(complaints: &mut Vec<String>) -> Result<()> {
    let text = std::fs::read_to_string(workspace().join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    for own in CRATES {
        if !text.contains(&format!("crates/{}", own.name)) {
            complaints.push(format!("ARCHITECTURE.md: says nothing of crates/{}", own.name));
        }
    }
    let quoted = text.split('`').skip(1).step_by(2);
    let roots = ["crates/", "runtimes/", "xtask/", "bench/", "tests/", "examples/", "docs/", ".ci/"];
    for path in quoted.filter(|quoted| roots.iter().any(|root| quoted.starts_with(root))) {
        if !workspace().join(path).exists() {
            complaints.push(format!("ARCHITECTURE.md: {path} does not exist"));
        }
    }
    Ok(())
}

fn rust_file(path: &Path, text: &str, complaints: &mut Vec<String>) {
    let shown = path.display();
    if path.ends_with("mod.rs") {
        complaints.push(format!("{shown}: name it after its module (foo.rs beside foo/)"));
    }
    if path.ends_with("src/lib.rs") && !text.starts_with("//!") {
        complaints.push(format!("{shown}: a crate root starts with what the crate is for (//!)"));
    }
    if !is_test(path) {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        if lines > LONGEST_FILE {
            complaints.push(format!(
                "{shown}: {lines} lines without tests, more than {LONGEST_FILE}: split it by concept"
            ));
        }
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
            complaints.push(format!("{shown}:{}: use #[expect(lint, reason = …)]", number + 1));
        }
    }
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}
