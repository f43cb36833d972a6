//! Next.js: route handlers and API routes; pages to render are not deployed, and said so.
//!
//! Source: the Next.js documentation, "route.js", "Project structure", "Dynamic route segments" (2026-11). All routes of
//! an app are one function, as they are under Next.js's own server.

mod config;

pub(super) use config::complete;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bundle::quoted;
use super::description::{Description, SourceFunction};
use super::error::ProjectError;
use super::{dotenv, literal, vercel};
use crate::routes::Route;

const EXTENSIONS: &[&str] = &["js", "ts", "mjs", "jsx", "tsx"];

/// Seconds that an app's requests may take where no route says it.
const TIMEOUT: u32 = 60;

/// A handler and the path that it is at, with brackets as the folders have them.
struct Found {
    path: String,
    file: PathBuf,
    is_page: bool,
}

pub(super) fn describe(folder: &Path, _marker: &Path) -> Result<Description, ProjectError> {
    let mut description = Description::default();
    let mut found = Vec::new();
    for root in ["app", "src/app"] {
        walk_app(&folder.join(root), "", root, &mut found, &mut description)?;
    }
    for root in ["pages", "src/pages"] {
        walk_pages(&folder.join(root), "", root, &mut found, &mut description)?;
    }
    let middleware = ["middleware", "src/middleware", "proxy", "src/proxy"]
        .iter()
        .find_map(|stem| with_extension(&folder.join(stem)));
    let mut function = SourceFunction::bundled("", folder, entry(&found, middleware.as_deref()));
    function.timeout = timeout(&found).unwrap_or(TIMEOUT);
    function.routes = routes(&found)?;
    // Middleware sees what no route takes, too.
    if middleware.is_some() && !function.routes.contains(&Route::all()) {
        function.routes.push(Route::all());
    }
    description.functions.push(function);
    let public = folder.join("public");
    if public.is_dir() {
        description.files.push(public);
    }
    vercel::read_file(folder, &mut description)?;
    // A build makes pages, which nobody renders here.
    description.build = None;
    config::describe(folder, &mut description);
    for function in &mut description.functions {
        for (name, value) in environment(folder)? {
            function.environment.entry(name).or_insert(value);
        }
    }
    if found.is_empty() {
        return Err(ProjectError::OnlyPages(folder.to_owned()));
    }
    Ok(description)
}

/// What the files of variables say, of which the later ones win. Source: the Next.js documentation, "Environment
/// Variables", section "Environment Variable Load Order".
fn environment(folder: &Path) -> Result<BTreeMap<String, String>, ProjectError> {
    let mut variables = BTreeMap::from([("NODE_ENV".to_owned(), "production".to_owned())]);
    for name in [".env", ".env.production", ".env.local", ".env.production.local"] {
        let path = folder.join(name);
        if let Ok(text) = fs::read_to_string(&path) {
            let wrong = |line| ProjectError::Manifest {
                path: path.clone(),
                message: format!("line {line}: no NAME=value"),
            };
            variables.extend(dotenv::parse(&text).map_err(wrong)?);
        }
    }
    Ok(variables)
}

/// Handlers below `app`: each `route.*` at the path of its folder, without groups, slots and private folders.
fn walk_app(
    folder: &Path,
    path: &str,
    shown: &str,
    found: &mut Vec<Found>,
    description: &mut Description,
) -> Result<(), ProjectError> {
    for entry in entries(folder)? {
        let name = file_name(&entry);
        let shown = format!("{shown}/{name}");
        if entry.is_dir() {
            if name.starts_with('_') || name == "node_modules" {
                continue;
            }
            let below = if name.starts_with('(') && name.ends_with(')') || name.starts_with('@') {
                path.to_owned()
            } else {
                format!("{path}/{}", name.replace("%5F", "_"))
            };
            walk_app(&entry, &below, &shown, found, description)?;
            continue;
        }
        match split(&name) {
            Some(("route", _)) => {
                let path = if path.is_empty() { "/" } else { path }.to_owned();
                found.push(Found { path, file: entry, is_page: false });
            }
            Some(("page", _)) => {
                description.ignore(shown, "a page to render: ebb deploys route handlers only");
            }
            _ => {}
        }
    }
    Ok(())
}

/// API routes below `pages/api`: each file at its own path.
fn walk_pages(
    folder: &Path,
    path: &str,
    shown: &str,
    found: &mut Vec<Found>,
    description: &mut Description,
) -> Result<(), ProjectError> {
    for entry in entries(folder)? {
        let name = file_name(&entry);
        let shown = format!("{shown}/{name}");
        if entry.is_dir() {
            walk_pages(&entry, &format!("{path}/{name}"), &shown, found, description)?;
            continue;
        }
        let Some((stem, _)) = split(&name) else { continue };
        let own = if stem == "index" { path.to_owned() } else { format!("{path}/{stem}") };
        if own == "/api" || own.starts_with("/api/") {
            if !name.ends_with(".d.ts") {
                found.push(Found { path: own, file: entry, is_page: true });
            }
        } else if !stem.starts_with('_') {
            description.ignore(shown, "a page to render: ebb deploys API routes only");
        }
    }
    Ok(())
}

/// What a folder holds, by name; nothing where it is not there.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let reading = |source| ProjectError::io("read", folder, source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(reading)? {
        paths.push(entry.map_err(reading)?.path());
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Stem and extension, where the extension is of a script.
fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(_, extension)| EXTENSIONS.contains(extension))
}

pub(super) fn with_extension(stem: &Path) -> Option<PathBuf> {
    EXTENSIONS.iter().map(|extension| stem.with_extension(extension)).find(|path| path.is_file())
}

/// The module that is bundled: it knows every route, and loads each when it is first asked for.
fn entry(found: &[Found], middleware: Option<&Path>) -> String {
    let mut text =
        String::from("import { next } from 'ebb:next';\nexport const handler = next({\n  routes: [\n");
    for Found { path, file, is_page } in found {
        let kind = if *is_page { "pages" } else { "app" };
        let (path, file) = (Value::from(path.as_str()), quoted(file));
        text += &format!("    {{ path: {path}, kind: '{kind}', load: () => import({file}) }},\n");
    }
    text += "  ],\n";
    if let Some(file) = middleware {
        text += &format!("  middleware: () => import({}),\n", quoted(file));
    }
    text + "});\n"
}

fn routes(found: &[Found]) -> Result<Vec<Route>, ProjectError> {
    let mut routes = Vec::new();
    for Found { path, file, .. } in found {
        let route = route_of(path).map_err(|why| ProjectError::Route { file: file.clone(), why })?;
        if !routes.contains(&route) {
            routes.push(route);
        }
    }
    Ok(routes)
}

/// The edge's route for a path with brackets.
pub(super) fn route_of(path: &str) -> Result<Route, String> {
    let mut text = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        text.push('/');
        let inner = segment.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match inner {
            Some(inner) if inner.trim_start_matches('[').starts_with("...") => {
                text.push('*');
                break;
            }
            Some(inner) => text += &format!("{{{inner}}}"),
            None => text += segment,
        }
    }
    let text = if text.is_empty() { "/".to_owned() } else { text };
    Route::parse(&text).map_err(|error| error.to_string())
}

/// The longest `maxDuration` that a route says.
fn timeout(found: &[Found]) -> Option<u32> {
    let of = |found: &Found| {
        let text = fs::read_to_string(&found.file).ok()?;
        let own = literal::exported(&text, "maxDuration")
            .or_else(|| literal::exported(&text, "config")?.get("maxDuration").cloned());
        u32::try_from(own?.as_u64()?).ok().filter(|seconds| (1..=900).contains(seconds))
    };
    found.iter().filter_map(of).max()
}
