//! Which platform's project a folder is, in the order in which `ebb deploy` looks: the first match wins.

use std::fs;
use std::path::{Path, PathBuf};

use super::description::{Description, SourceFunction};
use super::error::ProjectError;
use super::{
    MANIFEST, azure, deno, google, handler, manifest, netlify, next, server, serverless, spin, stack,
    supabase, vercel, wasm, workers,
};

/// Looks at a folder, and finds the file that makes it a project of the platform.
type Find = fn(&Path) -> Option<PathBuf>;

/// Describes the project in a folder, of which that file was found.
type Describe = fn(&Path, &Path) -> Result<Description, ProjectError>;

const PLATFORMS: &[(Find, Describe)] = &[
    (|folder| first(folder, &[MANIFEST]), manifest::describe),
    (stack::find, stack::describe),
    (serverless::find, serverless::describe),
    (wrangler, workers::describe),
    (netlify_project, netlify::describe),
    (|folder| first(folder, &["supabase/functions"]), supabase::describe),
    (|folder| first(folder, &["host.json"]), azure::describe),
    (|folder| first(folder, &[spin::MANIFEST]), spin::describe),
    (next_project, next::describe),
    (|folder| first(folder, &["vercel.json", "api"]), vercel::describe),
    (google_project, google::describe),
    (deno::find, deno::describe),
    (wasm::find, wasm::describe),
];

/// Describes the project in a folder.
pub(super) fn describe(folder: &Path) -> Result<Description, ProjectError> {
    for (find, describe) in PLATFORMS {
        if let Some(marker) = find(folder) {
            return describe(folder, &marker);
        }
    }
    // The handler is the proof that there is a function at all; where there is none, the folder may be a server.
    if let Err(error) = handler::infer(folder, None, None) {
        return server::describe(folder).ok_or(error);
    }
    Ok(Description { functions: vec![SourceFunction::only(folder)], ..Description::default() })
}

fn wrangler(folder: &Path) -> Option<PathBuf> {
    first(folder, &["wrangler.toml", "wrangler.json", "wrangler.jsonc"])
}

fn netlify_project(folder: &Path) -> Option<PathBuf> {
    first(folder, &["netlify.toml", "netlify/functions"])
}

fn first(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn next_project(folder: &Path) -> Option<PathBuf> {
    let package = depends_on(folder, "next")?;
    let pages = ["app", "src/app", "pages", "src/pages"].iter().any(|name| folder.join(name).is_dir());
    if pages && !folder.join("api").is_dir() && server::describe(folder).is_none() {
        return Some(package);
    }
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

fn google_project(folder: &Path) -> Option<PathBuf> {
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
