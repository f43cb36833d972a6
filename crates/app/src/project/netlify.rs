//! Netlify: functions of both kinds, `netlify.toml`, `_redirects` and `_headers`.
//!
//! Source: the Netlify documentation, "Functions", "File-based configuration" and "Redirects and rewrites" (2026-11).

mod edge;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use ebb_model::RateLimit;
use serde::Deserialize;
use serde_json::{Value, json};

use super::build::ProjectBuild;
use super::bundle::quoted;
use super::description::{Description, SourceFunction, name_of};
use super::error::ProjectError;
use super::next::{entries, file_name};
use super::{literal, path_pattern, vercel};
use crate::edge::Pattern;
use crate::plan::PlannedSchedule;
use crate::routes::Route;

/// Seconds that a function may take: what theirs may, and what background functions may.
const TIMEOUT: u32 = 60;
const BACKGROUND_TIMEOUT: u32 = 900;

/// What `netlify.toml` may say here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    build: Build,
    functions: toml::Table,
    redirects: Vec<rules::Redirect>,
    headers: Vec<rules::Headers>,
    edge_functions: Vec<edge::Declaration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Build {
    base: Option<PathBuf>,
    publish: Option<PathBuf>,
    functions: Option<PathBuf>,
    command: Option<String>,
    environment: BTreeMap<String, String>,
    edge_functions: Option<PathBuf>,
}

/// What a function's own `config` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    path: Several,
    method: Several,
    excluded_path: Several,
    prefer_static: bool,
    schedule: Option<String>,
    rate_limit: Option<Limited>,
}

/// How many requests a function takes. Source: the Netlify documentation, "Rate limiting" (2026-11).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limited {
    window_limit: u32,
    window_size: u32,
    #[serde(default)]
    aggregate_by: Several,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    to: Option<String>,
}

impl Limited {
    /// What is more than it takes is refused, or goes elsewhere.
    fn limit(&self) -> Result<RateLimit, String> {
        let rewrite = match (self.action.as_deref(), &self.to) {
            (None | Some("rate_limit"), _) => None,
            (Some("rewrite"), Some(to)) if to.starts_with('/') => Some(to.clone()),
            (Some("rewrite"), _) => {
                return Err("a rateLimit that rewrites says the path in `to`, as in \"/too-many\"".to_owned());
            }
            (Some(other), _) => {
                return Err(format!("the action of a rateLimit is rate_limit or rewrite, not {other}"));
            }
        };
        if !(1..=180).contains(&self.window_size) {
            return Err(format!("windowSize of a rateLimit is 1 to 180 seconds, not {}", self.window_size));
        }
        let by_client = self.aggregate_by.list().iter().any(|by| by == "ip");
        Ok(RateLimit { requests: self.window_limit, seconds: self.window_size, by_client, rewrite })
    }
}

/// One text or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
enum Several {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Several {
    fn list(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

pub(super) fn describe(folder: &Path, _marker: &Path) -> Result<Description, ProjectError> {
    let path = folder.join("netlify.toml");
    let wrong = |message: String| ProjectError::Manifest { path: path.clone(), message };
    let file: File = if path.is_file() {
        let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
        toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?
    } else {
        File::default()
    };
    let base = inside(folder, file.build.base.as_deref()).map_err(wrong)?;
    let mut description = Description::default();
    let said = file.functions.get("directory").and_then(toml::Value::as_str).map(PathBuf::from);
    let said = said.or(file.build.functions.clone());
    let functions =
        inside(&base, Some(said.as_deref().unwrap_or(Path::new("netlify/functions")))).map_err(wrong)?;
    for entry in entries(&functions)? {
        if let Some((name, module)) = module_of(&entry) {
            add(&base, &name, &module, &file, &mut description)?;
        } else if entry.extension().is_some_and(|extension| extension == "go") {
            return Err(ProjectError::LanguageNotBuilt { file: entry, platform: "Netlify" });
        }
    }
    let edge = file.build.edge_functions.as_deref().unwrap_or(Path::new("netlify/edge-functions"));
    let edge = inside(&base, Some(edge)).map_err(wrong)?;
    edge::add(&base, &edge, &file.edge_functions, &mut description)?;
    publish(folder, &base, &file, &mut description).map_err(wrong)?;
    for function in &mut description.functions {
        function.environment.extend(file.build.environment.clone());
    }
    let environment = file.build.environment.clone();
    description.build =
        file.build.command.clone().map(|command| ProjectBuild { command, folder: base, environment });
    let empty = description.functions.is_empty() && description.files.is_empty();
    if empty && description.build.is_none() {
        return Err(ProjectError::NothingFound(functions));
    }
    Ok(description)
}

/// The name and the module of a function: a file, or a folder with an `index` or a file of its own name.
fn module_of(entry: &Path) -> Option<(String, PathBuf)> {
    const EXTENSIONS: &[&str] = &["mts", "ts", "mjs", "js", "cjs", "cts", "tsx"];
    let name = file_name(entry);
    if entry.is_dir() {
        let stems = [name.clone(), "index".to_owned()];
        let files =
            stems.iter().flat_map(|stem| EXTENSIONS.iter().map(move |e| entry.join(format!("{stem}.{e}"))));
        return files.into_iter().find(|path| path.is_file()).map(|path| (name, path));
    }
    let (stem, extension) = name.rsplit_once('.')?;
    (EXTENSIONS.contains(&extension) && !name.ends_with(".d.ts")).then(|| (stem.to_owned(), entry.to_owned()))
}

fn add(
    base: &Path,
    name: &str,
    module: &Path,
    file: &File,
    description: &mut Description,
) -> Result<(), ProjectError> {
    let text = fs::read_to_string(module).map_err(|source| ProjectError::io("read", module, source))?;
    let config = match literal::exported(&text, "config") {
        Some(value) => serde_json::from_value::<Config>(value).map_err(|error| ProjectError::Route {
            file: module.to_owned(),
            why: format!("its config: {error}"),
        })?,
        None if text.contains("export const config") => {
            let why = "its `config` is no literal: ebb reads it without running the function".to_owned();
            return Err(ProjectError::Route { file: module.to_owned(), why });
        }
        None => Config::default(),
    };
    let of_file =
        file.functions.get(name).and_then(|table| table.get("schedule")).and_then(toml::Value::as_str);
    let schedule = config.schedule.clone().or(of_file.map(str::to_owned)).or(wrapped_schedule(&text));
    let (paths, methods) = (config.path.list(), config.method.list());
    let options = json!({
        "name": name, "paths": paths, "methods": methods,
    });
    let mut entry = format!(
        "import {{ netlify }} from 'ebb:netlify';\nexport const handler = netlify({{ ...{options}, load: () => import({})",
        quoted(module)
    );
    if let Some(schedule) = &schedule {
        entry += &format!(", schedule: {}", Value::from(schedule.as_str()));
    }
    entry += " });\n";
    let mut function = SourceFunction::bundled(&name_of(name), base, entry);
    function.background = name.ends_with("-background");
    function.timeout = if function.background { BACKGROUND_TIMEOUT } else { TIMEOUT };
    function.before_files = !paths.is_empty() && !config.prefer_static;
    function.except =
        config.excluded_path.list().iter().map(|path| Pattern(path_pattern::of_url_pattern(path))).collect();
    let limit = config.rate_limit.as_ref().map(Limited::limit).transpose();
    function.rate_limit = limit.map_err(|why| ProjectError::Route { file: module.to_owned(), why })?;
    function.routes = routes(name, &paths, &methods, schedule.is_some())
        .map_err(|why| ProjectError::Route { file: module.to_owned(), why })?;
    if let Some(schedule) = schedule {
        let expression = vercel::aws_cron(&schedule)
            .map_err(|why| ProjectError::Route { file: module.to_owned(), why })?;
        let path = format!("/.netlify/functions/{name}");
        let input = vercel::http_event("POST", &path, "", "Netlify Clockwork", Some("{}"));
        description.schedules.push(PlannedSchedule { function: function.name.clone(), expression, input });
    }
    description.functions.push(function);
    Ok(())
}

/// What `schedule("@daily", handler)` of @netlify/functions says.
fn wrapped_schedule(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("schedule(")?;
    text.contains("@netlify/functions").then(|| literal::parse(rest))??.as_str().map(str::to_owned)
}

/// A function with paths of its own is at those only; one that the clock invokes is at none.
fn routes(name: &str, paths: &[String], methods: &[String], scheduled: bool) -> Result<Vec<Route>, String> {
    let parse = |text: String| Route::parse(&text).map_err(|error| error.to_string());
    if scheduled {
        return Ok(Vec::new());
    }
    if paths.is_empty() {
        let own = format!("/.netlify/functions/{name}");
        return Ok(vec![parse(own.clone())?, parse(format!("{own}/*"))?]);
    }
    let mut routes = Vec::new();
    for path in paths {
        let path = route_path(path);
        if methods.is_empty() {
            routes.push(parse(path)?);
        } else {
            for method in methods {
                routes.push(parse(format!("{} {path}", method.to_ascii_uppercase()))?);
            }
        }
    }
    Ok(routes)
}

/// The edge's route for a pattern: what it cannot tell apart is told apart by the function's own adapter.
fn route_path(pattern: &str) -> String {
    let mut path = String::new();
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix(':') {
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                path += &format!("/{{{name}}}");
            }
            None if !segment.contains(['*', ':', '(', '{']) => path += &format!("/{segment}"),
            _ => return path + "/*",
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// The folder that is published, with its `_redirects` and `_headers`, and the rules of the file.
fn publish(folder: &Path, base: &Path, file: &File, description: &mut Description) -> Result<(), String> {
    let said = match &file.build.publish {
        Some(publish) => Some(inside(base, Some(publish))?),
        None => ["public", "dist", "build"].iter().map(|name| base.join(name)).find(|path| path.is_dir()),
    };
    let published = said.filter(|path| path.is_dir());
    let root = published.clone().unwrap_or_else(|| base.to_owned());
    let mut lists = vec![root.clone()];
    if root != folder {
        lists.push(folder.to_owned());
    }
    for list in &lists {
        if let Ok(text) = fs::read_to_string(list.join("_redirects")) {
            description.rules.extend(rules::redirects_file(&text)?);
            break;
        }
    }
    for list in &lists {
        if let Ok(text) = fs::read_to_string(list.join("_headers")) {
            description.rules.extend(rules::headers_file(&text)?);
            break;
        }
    }
    for redirect in &file.redirects {
        if let Some((path, reason)) = redirect.ignored() {
            description.ignore(path, reason);
        }
        description.rules.push(redirect.rule()?);
    }
    for headers in &file.headers {
        description.rules.push(headers.rule());
    }
    description.short_html = true;
    match published {
        // The whole project is no folder to publish: its sources and settings are not for everyone.
        Some(path) if path == folder => {
            description
                .ignore("publish folder", "it is the project itself: name a folder of files to publish");
        }
        Some(path) => description.files.push(path),
        None => {}
    }
    Ok(())
}

/// A folder of the project.
fn inside(root: &Path, path: Option<&Path>) -> Result<PathBuf, String> {
    let Some(path) = path else { return Ok(root.to_owned()) };
    let relative = path.strip_prefix("/").unwrap_or(path);
    if relative.components().any(|part| part == Component::ParentDir) {
        return Err(format!("a folder of it is outside of the project: {}", path.display()));
    }
    let inner: PathBuf = relative.components().filter(|part| *part != Component::CurDir).collect();
    Ok(if inner.as_os_str().is_empty() { root.to_owned() } else { root.join(inner) })
}
