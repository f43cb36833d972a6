//! Vercel: the `api` folder, `vercel.json` and `public`.
//!
//! Source: the Vercel documentation, "Functions", "Runtimes" and "Project Configuration" (2026-11).

mod cron;
mod entry;
mod go;
mod legacy;
mod rules;

pub(super) use cron::{aws_cron, http_event};
pub(super) use rules::{conditions, header_list};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::build::ProjectBuild;
use super::bundle::quoted;
use super::description::{Description, Source, SourceFunction, name_of};
use super::error::ProjectError;
use super::next::{entries, file_name, route_of, with_extension};
use super::{literal, path_pattern};
use crate::edge::Pattern;

/// What `vercel.json` may say here; the rest is for building, or for their platform.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    name: Option<String>,
    rewrites: Vec<Value>,
    redirects: Vec<Value>,
    headers: Vec<Value>,
    routes: Option<Vec<legacy::Route>>,
    builds: Vec<legacy::Build>,
    crons: Vec<Cron>,
    functions: BTreeMap<String, Limits>,
    env: BTreeMap<String, String>,
    clean_urls: bool,
    trailing_slash: Option<bool>,
    output_directory: Option<PathBuf>,
    build_command: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cron {
    path: String,
    schedule: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Limits {
    memory: Option<u32>,
    max_duration: Option<u32>,
    runtime: Option<String>,
}

impl File {
    /// Whether it has rules of the newer form.
    fn has_rules(&self) -> bool {
        let lists = [&self.rewrites, &self.redirects, &self.headers];
        lists.iter().any(|list| !list.is_empty()) || self.clean_urls || self.trailing_slash.is_some()
    }
}

/// Timeout of a function that does not say, in seconds.
const TIMEOUT: u32 = 60;

const ADAPTER: &str = include_str!("../../../../runtimes/adapters/python/ebb_vercel.py");

pub(super) fn describe(folder: &Path, _marker: &Path) -> Result<Description, ProjectError> {
    let mut description = Description::default();
    walk(folder, &folder.join("api"), "/api", &mut description)?;
    if description.functions.is_empty() {
        description.functions.extend(entry::find(folder));
    }
    let own = folder.join("public");
    if own.is_dir() {
        description.files.push(own);
    } else if has_page(folder)? {
        description.own_files = true;
    }
    let middleware =
        ["middleware", "src/middleware"].iter().find_map(|stem| with_extension(&folder.join(stem)));
    if let Some(file) = middleware {
        description.functions.push(in_front(folder, &file));
    }
    read_file(folder, &mut description)?;
    let empty = description.functions.is_empty() && description.files.is_empty() && !description.own_files;
    if empty && description.build.is_none() {
        return Err(ProjectError::NothingFound(folder.to_owned()));
    }
    Ok(description)
}

/// Whether the folder itself holds pages: without a folder `public` they are the site.
fn has_page(folder: &Path) -> Result<bool, ProjectError> {
    let is_page = |path: &PathBuf| path.is_file() && path.extension().is_some_and(|kind| kind == "html");
    Ok(entries(folder)?.iter().any(is_page))
}

/// Whether a file of a project without a folder `public` is served: sources of functions, settings and what was installed
/// are not.
pub(super) fn is_published(path: &str) -> bool {
    const SETTINGS: &[&str] = &[
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "vercel.json",
        "tsconfig.json",
        "requirements.txt",
        "pyproject.toml",
        "Pipfile",
        "Pipfile.lock",
    ];
    let hidden = path.split('/').any(|part| part.starts_with('.') || part == "node_modules");
    let middleware = path.strip_prefix("middleware.").is_some_and(|kind| !kind.contains('/'));
    !(hidden || middleware || path.starts_with("api/") || SETTINGS.contains(&path))
}

/// Every file of `api` is a function at its path, but for those that begin with `_` or `.` and type declarations.
fn walk(root: &Path, folder: &Path, path: &str, description: &mut Description) -> Result<(), ProjectError> {
    for entry in entries(folder)? {
        let name = file_name(&entry);
        if name.starts_with(['_', '.']) || name.ends_with(".d.ts") || name == "node_modules" {
            continue;
        }
        if entry.is_dir() {
            walk(root, &entry, &format!("{path}/{name}"), description)?;
            continue;
        }
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        let own = if stem == "index" { path.to_owned() } else { format!("{path}/{stem}") };
        let mut function = match extension {
            "js" | "ts" | "mjs" | "cjs" | "mts" | "tsx" | "jsx" => node(root, &own, &entry),
            "py" => python(root, &own, &entry),
            "go" => go::function(root, &own, &entry)?,
            "rb" | "rs" => {
                return Err(ProjectError::LanguageNotBuilt { file: entry, platform: "Vercel" });
            }
            _ => {
                description.ignore(shown(root, &entry), "no function: ebb has no runtime for it");
                continue;
            }
        };
        let route = route_of(&own).map_err(|why| ProjectError::Route { file: entry.clone(), why })?;
        if let Some(other) = description.functions.iter().find(|other| other.routes.contains(&route)) {
            let why = format!("another file has the route {route} too: function {}", other.name);
            return Err(ProjectError::Route { file: entry, why });
        }
        function.routes.push(route);
        if stem == "index" {
            // Rewrites name it by its file, too.
            let named = route_of(&format!("{own}/index"));
            function.routes.push(named.map_err(|why| ProjectError::Route { file: entry.clone(), why })?);
        }
        while description.functions.iter().any(|other| other.name == function.name) {
            function.name.push('x');
        }
        description.functions.push(function);
    }
    Ok(())
}

/// The middleware of a project stands in front of all else, for the paths that it says.
fn in_front(folder: &Path, file: &Path) -> SourceFunction {
    let entry = format!(
        "import {{ middleware }} from 'ebb:vercel_middleware';\nexport const handler = middleware({{ load: () => import({}) }});\n",
        quoted(file)
    );
    let text = fs::read_to_string(file).unwrap_or_default();
    let matcher = literal::exported(&text, "config").and_then(|config| config.get("matcher").cloned());
    let source = |one: &Value| one.as_str().or_else(|| one.get("source")?.as_str()).map(str::to_owned);
    let said: Vec<String> = match &matcher {
        Some(Value::Array(list)) => list.iter().filter_map(source).collect(),
        Some(one) => source(one).into_iter().collect(),
        None => Vec::new(),
    };
    let paths = said.iter().map(|path| Pattern(path_pattern::of_regexp_path(path)));
    // What cannot be read here, or is for all, is looked at by the middleware itself.
    let front = if said.is_empty() { vec![Pattern(".*".to_owned())] } else { paths.collect() };
    SourceFunction { front, timeout: TIMEOUT, ..SourceFunction::bundled("middleware", folder, entry) }
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// A function of Node.js at `path`.
fn node(root: &Path, path: &str, file: &Path) -> SourceFunction {
    let entry = format!(
        "import {{ vercel }} from 'ebb:vercel';\nexport const handler = vercel({{ path: {}, load: () => import({}) }});\n",
        Value::from(path),
        quoted(file)
    );
    let mut function = SourceFunction::bundled(&name_of(path), root, entry);
    function.timeout = TIMEOUT;
    let text = fs::read_to_string(file).unwrap_or_default();
    let config = literal::exported(&text, "config");
    let said = literal::exported(&text, "maxDuration")
        .or_else(|| config.as_ref()?.get("maxDuration").cloned())
        .and_then(|seconds| u32::try_from(seconds.as_u64()?).ok());
    function.timeout = said.unwrap_or(TIMEOUT).clamp(1, 900);
    function
}

fn python(root: &Path, path: &str, file: &Path) -> SourceFunction {
    let entry = format!(
        "import ebb_vercel\nhandler = ebb_vercel.load({}, {})\n",
        Value::from(shown(root, file)),
        Value::from(path)
    );
    let generated = BTreeMap::from([
        ("ebb_entry.py".to_owned(), entry),
        ("ebb_vercel.py".to_owned(), ADAPTER.to_owned()),
    ]);
    SourceFunction {
        name: name_of(path),
        source: Source::Files(generated),
        runtime: Some("python".to_owned()),
        handler: Some("ebb_entry.handler".to_owned()),
        routes: Vec::new(),
        timeout: TIMEOUT,
        ..SourceFunction::only(root)
    }
}

/// Reads `vercel.json`, where there is one.
pub(super) fn read_file(folder: &Path, description: &mut Description) -> Result<(), ProjectError> {
    let path = folder.join("vercel.json");
    if !path.is_file() {
        return Ok(());
    }
    let wrong = |message: String| ProjectError::Manifest { path: path.clone(), message };
    let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
    let file: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for build in &file.builds {
        build.add(folder, description)?;
    }
    description.name = description.name.take().or(file.name.clone());
    description.build = build(folder, &file);
    if let Some(output) = &file.output_directory {
        let output = folder.join(output);
        if output.is_dir() && !description.files.contains(&output) {
            description.files = vec![output];
        }
    }
    for (pattern, limits) in &file.functions {
        if let Some(runtime) = &limits.runtime {
            description.ignore(
                format!("vercel.json functions {pattern}"),
                format!("runtime {runtime} is not built"),
            );
        }
    }
    for function in &mut description.functions {
        function.environment.extend(file.env.clone());
        function.environment.entry("NODE_ENV".to_owned()).or_insert_with(|| "production".to_owned());
        apply_limits(function, &file.functions, folder);
    }
    match &file.routes {
        Some(_) if file.has_rules() => return Err(wrong(legacy::MIXED.to_owned())),
        Some(routes) => legacy::add_rules(routes, description).map_err(wrong)?,
        None => rules::add(&file, description).map_err(wrong)?,
    }
    for cron in &file.crons {
        cron::add(cron, description).map_err(wrong)?;
    }
    Ok(())
}

/// What makes the files of the site: what `vercel.json` says, else the script of the package that is for this platform. An
/// empty command is none.
fn build(folder: &Path, file: &File) -> Option<ProjectBuild> {
    let script = || {
        let package: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
        package["scripts"]["vercel-build"].is_string().then(|| "npm run vercel-build".to_owned())
    };
    let command = file.build_command.clone().or_else(script).filter(|command| !command.trim().is_empty())?;
    Some(ProjectBuild { command, folder: folder.to_owned(), environment: BTreeMap::new() })
}

fn apply_limits(function: &mut SourceFunction, limits: &BTreeMap<String, Limits>, folder: &Path) {
    for (pattern, limits) in limits {
        if file_of(function, folder).is_some_and(|file| glob(pattern, &file)) {
            function.memory = limits.memory.unwrap_or(function.memory);
            function.timeout = limits.max_duration.unwrap_or(function.timeout).clamp(1, 900);
        }
    }
}

/// The file that a function was made of, in the project: the one that its entry names.
fn file_of(function: &SourceFunction, folder: &Path) -> Option<String> {
    let text = match &function.source {
        Source::Bundle(entry) => entry,
        Source::Files(generated) => generated.get("ebb_entry.py")?,
        Source::Worker(_) | Source::Database(_) | Source::Deno(_) | Source::Component(_) => return None,
    };
    let quoted = text.split('"').find(|part| part.contains("api/") && part.contains('.'))?;
    let root = format!("{}/", folder.display());
    Some(quoted.strip_prefix(&root).unwrap_or(quoted).to_owned())
}

/// Whether a path is one that a pattern with `*` and `**` means.
fn glob(pattern: &str, path: &str) -> bool {
    let mut regex = String::from("^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            regex += "(?:.*/)?";
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            regex += ".*";
            rest = after;
        } else {
            match c {
                '*' => regex += "[^/]*",
                '?' => regex += "[^/]",
                _ if c.is_alphanumeric() || c == '/' => regex.push(c),
                _ => {
                    regex.push('\\');
                    regex.push(c);
                }
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    regex_lite::Regex::new(&(regex + "$")).is_ok_and(|regex| regex.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_of_functions_match_files() {
        for (pattern, path, expected) in [
            ("api/*.js", "api/a.js", true),
            ("api/*.js", "api/b/a.js", false),
            ("api/**/*.js", "api/b/a.js", true),
            ("api/**", "api/b/a.ts", true),
            ("api/item/[slug].js", "api/item/[slug].js", true),
        ] {
            assert_eq!(glob(pattern, path), expected, "{pattern} {path}");
        }
    }
}
