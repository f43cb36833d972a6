//! Azure Functions: apps of the Node.js model v4 and of the Python model v2.
//!
//! Source: the Azure Functions documentation, "Node.js developer reference", "Python developer reference",
//! "host.json reference", "Code and test Azure Functions locally" (2026-11). A function app is one function here, a
//! server, as its functions share a process there. What it registers is known only when it runs, so that a deploy runs
//! it once, as the platform's host does, to learn of its routes, schedules and triggers.

mod index;
mod schedule;

pub(super) use index::complete;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::description::{Completion, Description, Source, SourceFunction};
use super::error::ProjectError;
use super::{jsonc, server};

/// Seconds that a function may take where host.json does not say. Source: "host.json", `functionTimeout`, of the
/// Consumption plan.
const TIMEOUT: u32 = 300;

/// The adapter for Node.js, by file name.
const NODE: &[(&str, &str)] = &[
    ("main.mjs", include_str!("../../../../runtimes/adapters/node/azure/main.mjs")),
    ("app.mjs", include_str!("../../../../runtimes/adapters/node/azure/app.mjs")),
    ("aws.mjs", include_str!("../../../../runtimes/workerd/aws.js")),
    ("bindings.mjs", include_str!("../../../../runtimes/adapters/node/azure/bindings.mjs")),
    ("core.cjs", include_str!("../../../../runtimes/adapters/node/azure/core.cjs")),
    ("events.mjs", include_str!("../../../../runtimes/adapters/node/azure/events.mjs")),
    ("glob.mjs", include_str!("../../../../runtimes/adapters/node/azure/glob.mjs")),
    ("http.mjs", include_str!("../../../../runtimes/adapters/node/azure/http.mjs")),
    ("invoke.mjs", include_str!("../../../../runtimes/adapters/node/azure/invoke.mjs")),
    ("routes.mjs", include_str!("../../../../runtimes/adapters/node/azure/routes.mjs")),
];

/// The package that the platform's worker brings, as far as packages of the project ask for it.
const CORE: &str = "module.exports = require('../../../.ebb/azure/core.cjs');\n";
const CORE_MANIFEST: &str =
    "{ \"name\": \"@azure/functions-core\", \"version\": \"3.12.0\", \"main\": \"index.js\" }\n";

/// What `host.json` may say that matters to a deploy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Host {
    function_timeout: Option<String>,
    extensions: Extensions,
    custom_handler: Option<CustomHandler>,
}

/// A server of any language that answers for the app. Source: "Azure Functions custom handlers".
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CustomHandler {
    description: HandlerProgram,
    enable_forwarding_http_request: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HandlerProgram {
    default_executable_path: String,
    arguments: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extensions {
    http: HttpExtension,
    queues: QueuesExtension,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HttpExtension {
    route_prefix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QueuesExtension {
    max_dequeue_count: Option<u32>,
}

/// What `local.settings.json` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LocalSettings {
    #[serde(rename = "Values")]
    values: BTreeMap<String, Value>,
}

/// The language of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Node,
    Python,
}

pub(super) fn describe(folder: &Path, marker: &Path) -> Result<Description, ProjectError> {
    let host: Host = read(marker)?;
    let settings = settings(folder)?;
    if let Some(handler) = &host.custom_handler {
        return custom(folder, marker, handler, settings);
    }
    if is_older(folder) {
        return Err(ProjectError::NotBuilt {
            platform: "an Azure Functions app of an older programming model (function.json)",
            marker: marker.to_owned(),
        });
    }
    let language = language(folder, &settings).ok_or_else(|| ProjectError::NotBuilt {
        platform: "an Azure Functions app in a language other than JavaScript and Python v2",
        marker: marker.to_owned(),
    })?;
    let mut function = function(folder, language);
    let timeout = host.function_timeout.as_deref().and_then(schedule::seconds);
    function.timeout = timeout.unwrap_or(TIMEOUT).clamp(1, 900);
    function.environment = settings;
    for (name, value) in [
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Production"),
        ("FUNCTIONS_WORKER_RUNTIME", if language == Language::Node { "node" } else { "python" }),
        ("WEBSITE_SITE_NAME", "ebb"),
    ] {
        function.environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    Ok(Description {
        functions: vec![function],
        completion: Some(Completion::AzureFunctions),
        ..Description::default()
    })
}

/// Whether functions are folders with a `function.json`, as the older models have them, and nothing is of the newer ones.
fn is_older(folder: &Path) -> bool {
    let manifest = fs::read(folder.join("package.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let newer = manifest.get("main").is_some() || folder.join("function_app.py").is_file();
    let described = |entry: fs::DirEntry| entry.path().join("function.json").is_file();
    !newer && fs::read_dir(folder).into_iter().flatten().flatten().any(described)
}

/// An app with a custom handler, which gets requests as they are.
fn custom(
    folder: &Path,
    marker: &Path,
    handler: &CustomHandler,
    settings: BTreeMap<String, String>,
) -> Result<Description, ProjectError> {
    if !handler.enable_forwarding_http_request {
        return Err(ProjectError::NotBuilt {
            platform: "an Azure Functions app with a custom handler that does not take requests as they are",
            marker: marker.to_owned(),
        });
    }
    let HandlerProgram { default_executable_path: program, arguments } = &handler.description;
    // One of the app itself is named without a path.
    let own = folder.join(program).is_file() && !program.starts_with('.');
    let program = if own { format!("./{program}") } else { program.clone() };
    let words: Vec<String> =
        std::iter::once(&program).chain(arguments).map(|word| server::quoted(word)).collect();
    let mut function =
        server::function(folder, &format!("FUNCTIONS_CUSTOMHANDLER_PORT=$PORT {}", words.join(" ")));
    function.environment = settings;
    Ok(Description { functions: vec![function], ..Description::default() })
}

/// `local.settings.json`: what the app finds in its environment.
fn settings(folder: &Path) -> Result<BTreeMap<String, String>, ProjectError> {
    let path = folder.join("local.settings.json");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let file: LocalSettings = read(&path)?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(file.values.into_iter().map(|(name, value)| (name, text(value))).collect())
}

fn language(folder: &Path, settings: &BTreeMap<String, String>) -> Option<Language> {
    match settings.get("FUNCTIONS_WORKER_RUNTIME").map(String::as_str) {
        Some("node") => Some(Language::Node),
        Some("python") => Some(Language::Python),
        Some(_) => None,
        None if folder.join("function_app.py").is_file() => Some(Language::Python),
        None if folder.join("package.json").is_file() => Some(Language::Node),
        None => None,
    }
}

fn function(folder: &Path, language: Language) -> SourceFunction {
    let (command, adapter) = match language {
        Language::Node => ("node .ebb/azure/main.mjs", NODE),
        Language::Python => ("python3 .ebb/azure/main.py", index::PYTHON),
    };
    let mut function = server::function(folder, command);
    if let Source::Files(generated) = &mut function.source {
        for (name, text) in adapter {
            generated.insert(format!(".ebb/azure/{name}"), (*text).to_owned());
        }
        if language == Language::Node {
            let core = "node_modules/@azure/functions-core";
            generated.insert(format!("{core}/package.json"), CORE_MANIFEST.to_owned());
            generated.insert(format!("{core}/index.js"), CORE.to_owned());
            function.build = build_command(folder);
        }
    }
    function
}

/// The build script, where what `main` names is not there yet.
fn build_command(folder: &Path) -> Option<String> {
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    let main = document.get("main").and_then(Value::as_str)?;
    let literal: PathBuf = main
        .split('/')
        .take_while(|part| !part.contains(['*', '{', '?', '[']))
        .filter(|part| *part != ".")
        .collect();
    let there = folder.join(literal).exists();
    (!there && server::script(&document, "build").is_some()).then(|| "npm run build".to_owned())
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, ProjectError> {
    let text = fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    let wrong = |message: String| ProjectError::Manifest { path: path.to_owned(), message };
    let plain = jsonc::plain(text.trim_start_matches('\u{feff}'));
    serde_json::from_str(&plain).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests;
