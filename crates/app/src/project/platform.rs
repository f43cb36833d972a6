//! Which platform's project a folder is, in the order in which `ebb deploy` looks: the first match wins.
//!
//! A platform that is not built yet is refused by name.

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

/// A platform.
struct Platform {
    /// What a project of it is, with its article.
    is: &'static str,
    find: Find,
    /// Nothing where it is not built yet.
    describe: Option<Describe>,
}

const fn platform(is: &'static str, find: Find, describe: Option<Describe>) -> Platform {
    Platform { is, find, describe }
}

const PLATFORMS: &[Platform] = &[
    platform("an ebb.toml", |folder| first(folder, &[MANIFEST]), Some(manifest::describe)),
    platform("an AWS SAM or CloudFormation template", stack::find, Some(stack::describe)),
    platform("a Serverless Framework project", serverless::find, Some(serverless::describe)),
    platform("a Serverless Framework project in JavaScript", serverless_script, None),
    platform("a Cloudflare Workers project", wrangler, Some(workers::describe)),
    platform("a Netlify project", netlify_project, Some(netlify::describe)),
    platform("a Supabase project", |folder| first(folder, &["supabase/functions"]), Some(supabase::describe)),
    platform("an Azure Functions project", |folder| first(folder, &["host.json"]), Some(azure::describe)),
    platform("a Spin application", |folder| first(folder, &[spin::MANIFEST]), Some(spin::describe)),
    platform("a Next.js project", next_project, Some(next::describe)),
    platform("a Vercel project", |folder| first(folder, &["vercel.json", "api"]), Some(vercel::describe)),
    platform("a Google Cloud function", google_project, Some(google::describe)),
    platform("a Deno program", deno::find, Some(deno::describe)),
    platform("a WebAssembly component", wasm::find, Some(wasm::describe)),
];

/// Describes the project in a folder.
pub(super) fn describe(folder: &Path) -> Result<Description, ProjectError> {
    for Platform { is, find, describe } in PLATFORMS {
        let Some(marker) = find(folder) else { continue };
        return match describe {
            Some(describe) => describe(folder, &marker),
            None => Err(ProjectError::NotBuilt { platform: is, marker }),
        };
    }
    // The handler is the proof that there is a function at all; where there is none, the folder may be a server.
    if let Err(error) = handler::infer(folder, None, None) {
        return server::describe(folder).ok_or(error);
    }
    Ok(Description { functions: vec![SourceFunction::only(folder)], ..Description::default() })
}

fn serverless_script(folder: &Path) -> Option<PathBuf> {
    first(folder, &["serverless.ts", "serverless.js"])
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
