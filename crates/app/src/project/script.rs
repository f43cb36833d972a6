//! Settings that a project writes as a program: it is run, by the Node.js of this machine, and says what they are.
//!
//! The module is bundled before, so that TypeScript, the project's own modules and its packages are all the same. It is
//! bundled from a copy of the project's sources, in which each module that asks where it is finds its own place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::error::ProjectError;
use super::next::{entries, file_name};
use super::scratch::Scratch;
use super::{bundle, esbuild, tool};

/// The program that loads the module: `MODULE ARGUMENTS OUTPUT`.
const RUN: &str = include_str!("../../../../runtimes/adapters/node/settings.mjs");

/// What a module needs to load modules of the older kind.
const BANNER: &str =
    "import{createRequire as __ebbRequire}from'node:module';const require=__ebbRequire(import.meta.url);";

const SOURCES: &[&str] = &["js", "mjs", "cjs", "ts", "mts", "cts", "json"];

/// The settings that the module `file` of a project exports: the value itself, what a function of that name makes of
/// `arguments`, or what it promises. Functions in it without arguments stand for what they give.
///
/// # Errors
/// [`ProjectError::Bundle`] or [`ProjectError::Build`] with what is wrong with the module.
pub(super) fn settings(
    folder: &Path,
    file: &Path,
    arguments: &Value,
    install: bool,
    progress: &mut dyn FnMut(&str),
) -> Result<Value, ProjectError> {
    let text = fs::read_to_string(file).map_err(|source| ProjectError::io("read", file, source))?;
    // One that stands alone says the same again: `ebb dev`, which deploys after each change, need not ask anew.
    let asked = format!("{arguments}{text}");
    let known = SAID.lock().unwrap_or_else(PoisonError::into_inner).get(file).cloned();
    if let Some((_, said)) = known.filter(|(of, _)| *of == asked) {
        return Ok(said);
    }
    let said = run(folder, file, arguments, install, progress)?;
    if stands_alone(&text) {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned(), (asked, said.clone()));
    }
    Ok(said)
}

/// What each module that stands alone was asked last, with its text, and what it said.
static SAID: Mutex<BTreeMap<PathBuf, (String, Value)>> = Mutex::new(BTreeMap::new());

/// Whether a module loads nothing, by which it could say something else another time.
fn stands_alone(text: &str) -> bool {
    let loads = |line: &str| {
        let line = line.trim_start();
        let names =
            line.starts_with("import") || ["require", "import(", " from "].iter().any(|it| line.contains(it));
        names && !line.starts_with("import type ")
    };
    !text.lines().any(loads)
}

fn run(
    folder: &Path,
    file: &Path,
    arguments: &Value,
    install: bool,
    progress: &mut dyn FnMut(&str),
) -> Result<Value, ProjectError> {
    progress(&format!("running {}", file_name(file)));
    let work = Scratch::new()?;
    let sources = work.path().join("sources");
    copy(folder, &sources)?;
    let module = work.path().join("settings.mjs");
    let options = [
        sources.join(file.strip_prefix(folder).unwrap_or(file)).display().to_string(),
        format!("--outfile={}", module.display()),
        format!("--banner:js={BANNER}"),
        "--platform=node".to_owned(),
        "--target=node20".to_owned(),
        "--log-level=error".to_owned(),
        "--loader:.node=copy".to_owned(),
    ];
    let own = folder.join("node_modules");
    bundle::with_packages(folder, install, progress, |packages, progress| {
        esbuild::run(&sources, &options, Some(packages.unwrap_or(&own)), progress)
    })?;
    let (run, said) = (work.path().join("run.mjs"), work.path().join("said.json"));
    fs::write(&run, RUN).map_err(|source| ProjectError::io("write", &run, source))?;
    let mut node = Command::new("node");
    node.arg(&run).arg(&module).arg(arguments.to_string()).arg(&said).current_dir(folder);
    node.env("NODE_ENV", "production");
    tool::run(&mut node, &file_name(file), folder)?;
    let text = fs::read(&said).map_err(|source| ProjectError::io("read", &said, source))?;
    serde_json::from_slice(&text).map_err(|error| ProjectError::Manifest {
        path: file.to_owned(),
        message: format!("what it says makes no sense: {error}"),
    })
}

/// Copies the sources of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), ProjectError> {
    fs::create_dir_all(to).map_err(|source| ProjectError::io("make", to, source))?;
    for entry in entries(from)? {
        let name = file_name(&entry);
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        if entry.is_dir() {
            copy(&entry, &to.join(name))?;
        } else if entry.extension().is_some_and(|extension| SOURCES.iter().any(|one| extension == *one)) {
            let text = fs::read(&entry).map_err(|source| ProjectError::io("read", &entry, source))?;
            let target = to.join(name);
            let written = fs::write(&target, placed(&entry, from, text));
            written.map_err(|source| ProjectError::io("write", &target, source))?;
        }
    }
    Ok(())
}

/// A module that knows where it is in the project.
fn placed(path: &Path, folder: &Path, text: Vec<u8>) -> Vec<u8> {
    let asks = |name: &str| String::from_utf8_lossy(&text).contains(name);
    if path.extension().is_some_and(|extension| extension == "json")
        || !(asks("__dirname") || asks("__filename"))
    {
        return text;
    }
    let (path, folder) = (bundle::quoted(path), bundle::quoted(folder));
    let declared = asks("const __dirname") || asks("const __filename");
    if declared {
        return text;
    }
    [format!("var __dirname = {folder}, __filename = {path};").into_bytes(), text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loads_anything_may_say_something_else_another_time() {
        let check = |text, alone| assert_eq!(stands_alone(text), alone, "{text}");
        check("export default { basePath: '/b' };", true);
        check("import type { NextConfig } from 'next';\nexport default {} satisfies NextConfig;", true);
        check("import { readFileSync } from 'node:fs';\nexport default {};", false);
        check("import {\n  one,\n} from './one';\nexport default one;", false);
        check("const { name } = require('./package.json');\nmodule.exports = { name };", false);
        check("export default async () => (await import('./x.mjs')).default;", false);
        check("export { default } from './other.mjs';", false);
    }
}
