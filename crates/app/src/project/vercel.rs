//! Vercel: the `api` folder, `vercel.json` and `public`.
//!
//! Source: the Vercel documentation, "Functions", "Runtimes" and "Project Configuration" (2026-11).

mod legacy;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::bundle::quoted;
use super::description::{Description, Source, SourceFunction, name_of};
use super::error::ProjectError;
use super::next::{entries, file_name, route_of, with_extension};
use super::{literal, path_pattern};
use crate::edge::{Action, Condition, Part, Pattern, Rule};
use crate::plan::PlannedSchedule;

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
    if description.functions.is_empty() && description.files.is_empty() && !description.own_files {
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
            "go" | "rb" | "rs" => {
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
        None => add_rules(&file, description).map_err(wrong)?,
    }
    for cron in &file.crons {
        add_cron(cron, description).map_err(wrong)?;
    }
    Ok(())
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

fn add_rules(file: &File, description: &mut Description) -> Result<(), String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut add = |value: &Value, action: Action, force: bool| {
        let source = text(value, "source").ok_or(format!("a rule has no `source`: {value}"))?;
        let when = conditions(value).ok_or(format!("the conditions of {source} cannot be read"))?;
        let from = Pattern(path_pattern::of_regexp_path(&source));
        description.rules.push(Rule { from, when, action, force });
        Ok::<_, String>(())
    };
    for value in &file.headers {
        let list = header_list(value).ok_or(format!("`headers` of a rule cannot be read: {value}"))?;
        add(value, Action::Headers(list), false)?;
    }
    for value in &file.redirects {
        let to = text(value, "destination").ok_or(format!("a redirect has no `destination`: {value}"))?;
        let permanent = value.get("permanent").and_then(Value::as_bool).unwrap_or(true);
        let code = value.get("statusCode").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = code.unwrap_or(if permanent { 308 } else { 307 });
        add(value, Action::Redirect { to: path_pattern::target(&to), status }, true)?;
    }
    for value in &file.rewrites {
        let to = text(value, "destination").ok_or(format!("a rewrite has no `destination`: {value}"))?;
        if !to.starts_with('/') && !to.starts_with("http://") && !to.starts_with("https://") {
            return Err(format!("a rewrite leads to a path or a URL, not to {to}"));
        }
        add(
            value,
            Action::Rewrite {
                to: path_pattern::rewrite_target(&text(value, "source").unwrap_or_default(), &to),
                status: None,
            },
            false,
        )?;
    }
    let moved = |from: &str, to: &str| Rule {
        from: Pattern(from.to_owned()),
        when: Vec::new(),
        action: Action::Redirect { to: to.to_owned(), status: 308 },
        force: true,
    };
    if file.clean_urls {
        description.short_html = true;
        description.rules.push(moved("/(?:(?<p>.*)/)?index\\.html", "/{p}"));
        description.rules.push(moved("/(?<p>.+)\\.html", "/{p}"));
    }
    match file.trailing_slash {
        Some(true) => description.rules.push(moved("/(?<p>(?:[^./]+/)*[^./]+)", "/{p}/")),
        Some(false) => description.rules.push(moved("/(?<p>.+)/", "/{p}")),
        None => {}
    }
    Ok(())
}

/// The conditions of a rule: `has` and `missing`.
pub(super) fn conditions(rule: &Value) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (key, not) in [("has", false), ("missing", true)] {
        for condition in rule.get(key).and_then(Value::as_array).into_iter().flatten() {
            let part = match condition.get("type")?.as_str()? {
                "header" => Part::Header,
                "cookie" => Part::Cookie,
                "query" => Part::Query,
                "host" => Part::Host,
                _ => return None,
            };
            let name = condition.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            let value = match condition.get("value") {
                None => None,
                Some(value) => Some(Pattern(value.as_str()?.to_owned())),
            };
            conditions.push(Condition { part, name, value, not });
        }
    }
    Some(conditions)
}

/// The headers of a rule: a list of `{ key, value }`.
pub(super) fn header_list(rule: &Value) -> Option<Vec<(String, String)>> {
    let list = rule.get("headers")?.as_array()?;
    let pair = |header: &Value| {
        Some((header.get("key")?.as_str()?.to_owned(), path_pattern::target(header.get("value")?.as_str()?)))
    };
    list.iter().map(pair).collect()
}

/// A cron is a GET of a path by the clock. Source: the Vercel documentation, "Cron Jobs".
fn add_cron(cron: &Cron, description: &mut Description) -> Result<(), String> {
    let (path, query) = cron.path.split_once('?').unwrap_or((&cron.path, ""));
    let table =
        description.functions.iter().flat_map(|f| f.routes.iter().map(move |route| (route.clone(), f)));
    let table = crate::routes::RouteTable::new(table.collect());
    let (function, _) = table
        .find("GET", path)
        .ok_or_else(|| format!("the cron job of {} is for a path that no function has", cron.path))?;
    let expression = aws_cron(&cron.schedule)?;
    let input = http_event("GET", path, query, "vercel-cron/1.0", None);
    let function = function.name.clone();
    description.schedules.push(PlannedSchedule { function, expression, input });
    Ok(())
}

/// The event of a request that the clock makes, in payload format 2.0.
pub(super) fn http_event(method: &str, path: &str, query: &str, agent: &str, body: Option<&str>) -> String {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "localhost", "user-agent": agent },
        "requestContext": {
            "accountId": "anonymous",
            "domainName": "localhost",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": agent },
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": false,
    })
    .to_string()
}

/// A cron line of five fields, or a name like `@daily`, as the scheduler has it.
pub(super) fn aws_cron(line: &str) -> Result<String, String> {
    let line = match line.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let [minute, hour, day, month, weekday] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("the schedule {line:?} has not the five fields of a cron line"));
    };
    let days = weekdays(weekday);
    let (day, weekday) = match (day, weekday) {
        (day, "*" | "?") => (day, "?"),
        ("*" | "?", _) => ("?", days.as_str()),
        _ => {
            return Err(format!(
                "the schedule {line:?} names both days of the month and of the week: use one"
            ));
        }
    };
    Ok(format!("cron({minute} {hour} {day} {month} {weekday} *)"))
}

/// Days of the week count from 0 in cron and from 1 in the scheduler, from Sunday on both.
fn weekdays(field: &str) -> String {
    let (days, step) = field.split_once('/').map_or((field, None), |(days, step)| (days, Some(step)));
    let shifted = |day: &str| match day.parse::<u8>() {
        Ok(day) => (day % 7 + 1).to_string(),
        Err(_) => day.to_owned(),
    };
    let ranges = days.split(',').map(|range| range.split('-').map(shifted).collect::<Vec<_>>().join("-"));
    let days = ranges.collect::<Vec<_>>().join(",");
    step.map_or(days.clone(), |step| format!("{days}/{step}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_lines_become_expressions_of_the_scheduler() {
        for (line, expected) in [
            ("0 5 * * *", "cron(0 5 * * ? *)"),
            ("*/10 * * * *", "cron(*/10 * * * ? *)"),
            ("@daily", "cron(0 0 * * ? *)"),
            ("0 0 * * 0", "cron(0 0 ? * 1 *)"),
            ("0 9 * * 1-5", "cron(0 9 ? * 2-6 *)"),
            ("0 9 * * MON,WED", "cron(0 9 ? * MON,WED *)"),
            ("0 0 1 * *", "cron(0 0 1 * ? *)"),
        ] {
            assert_eq!(aws_cron(line).as_deref(), Ok(expected), "{line}");
        }
        for line in ["", "0 5 * *", "0 0 1 * 1"] {
            assert!(aws_cron(line).is_err(), "{line}");
        }
    }

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
