//! Projects of other platforms: recognised, and those that are not built refused by name.
//!
//! The order is the one in which `ebb deploy` looks; the first match wins.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ProjectError;

/// Looks at a folder, and finds the file that makes it a project of the platform.
type Find = fn(&Path) -> Option<PathBuf>;

/// What `ebb deploy` makes functions of, where a folder has no `ebb.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A Cloudflare worker.
    Worker,
    /// A file that exports a handler.
    Handler,
}

const WORKER: &str = "a Cloudflare Workers project";

const PLATFORMS: &[(&str, Find)] = &[
    ("a Serverless Framework project in JavaScript", |folder| {
        first(folder, &["serverless.ts", "serverless.js"])
    }),
    (WORKER, |folder| first(folder, &["wrangler.toml", "wrangler.json", "wrangler.jsonc"])),
    ("a Netlify project", |folder| first(folder, &["netlify.toml", "netlify/functions"])),
    ("a Supabase project", |folder| first(folder, &["supabase/functions"])),
    ("an Azure Functions project", |folder| first(folder, &["host.json"])),
    ("a Spin project", |folder| first(folder, &["spin.toml"])),
    ("a Next.js project", next),
    ("a Vercel project", |folder| first(folder, &["vercel.json", "api"])),
    ("a Google Cloud function", google),
    ("a WebAssembly component", wasm),
];

/// Recognises a folder; refuses one that is a project of a platform that is not built yet.
pub(super) fn recognise(folder: &Path) -> Result<Dialect, ProjectError> {
    for (platform, find) in PLATFORMS {
        match find(folder) {
            None => {}
            Some(_) if *platform == WORKER => return Ok(Dialect::Worker),
            Some(marker) => return Err(ProjectError::NotBuilt { platform, marker }),
        }
    }
    Ok(Dialect::Handler)
}

fn first(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn next(folder: &Path) -> Option<PathBuf> {
    let package = depends_on(folder, "next")?;
    let routes = folder.join("pages/api").is_dir()
        || folder.join("src/pages/api").is_dir()
        || has_route_file(&folder.join("app"), 0)
        || has_route_file(&folder.join("src/app"), 0);
    routes.then_some(package)
}

/// Whether there is a `route.*` somewhere below; looks ten folders deep, deeper than anybody nests routes.
fn has_route_file(folder: &Path, depth: u32) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        path.file_stem().is_some_and(|stem| stem == "route")
            || (depth < 10 && path.is_dir() && has_route_file(&path, depth + 1))
    })
}

fn google(folder: &Path) -> Option<PathBuf> {
    if let Some(package) = depends_on(folder, "@google-cloud/functions-framework") {
        return Some(package);
    }
    let requirements = folder.join("requirements.txt");
    let text = fs::read_to_string(&requirements).ok()?;
    let named = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("functions-framework");
    text.lines().any(named).then_some(requirements)
}

/// The package.json, where it depends on `package`.
fn depends_on(folder: &Path, package: &str) -> Option<PathBuf> {
    let path = folder.join("package.json");
    let document: serde_json::Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    let named = |section: &str| document.get(section).is_some_and(|section| section.get(package).is_some());
    (named("dependencies") || named("devDependencies")).then_some(path)
}

/// Exactly one `.wasm`, and nothing that would be a function beside it.
fn wasm(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut modules: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    (modules.len() == 1 && !super::handler::has_candidate(folder)).then(|| modules.remove(0))
}
