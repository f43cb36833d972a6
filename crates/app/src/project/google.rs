//! Google Cloud functions: projects of the functions frameworks for Node.js and Python.
//!
//! Source: the Cloud Functions documentation, "Write functions", and the functions frameworks' own contracts
//! (2026-11). Each function of a project is a function here, a process of the project's own framework: the platform
//! deploys one function of a project at a time too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::{EventEncoding, ServerSettings};
use regex_lite::Regex;
use serde_json::Value;

use super::description::{Description, Source, SourceFunction, name_of};
use super::error::ProjectError;
use super::next::entries;
use super::server;
use crate::routes::Route;

/// Seconds that a function may take where nothing else is said. Source: "Configure Cloud Run functions", "Timeouts".
const TIMEOUT: u32 = 60;

const NODE: &str = include_str!("../../../../runtimes/adapters/node/google.cjs");
const PYTHON: &str = include_str!("../../../../runtimes/adapters/python/ebb_google.py");

/// Folders whose sources are none of a deployed function.
const NOT_SOURCES: &[&str] = &["node_modules", "test", "tests", "__tests__", "venv", "env", "vendor"];

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Http,
    CloudEvent,
    /// The older form: data and context.
    Event,
}

impl Signature {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::CloudEvent => "cloudevent",
            Self::Event => "event",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::CloudEvent, Self::Event].into_iter().find(|one| one.name() == text)
    }
}

/// A function of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    signature: Signature,
}

/// What the project's command line says: `functions-framework --target=NAME --signature-type=TYPE`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Declared {
    target: Option<String>,
    signature: Option<Signature>,
    source: Option<String>,
}

pub(super) fn describe(folder: &Path, marker: &Path) -> Result<Description, ProjectError> {
    let python = marker.extension().is_some_and(|extension| extension == "txt");
    let declared = declared(folder);
    let mut found = if python { python_functions(folder, &declared)? } else { node_functions(folder)? };
    if found.is_empty()
        && let Some(target) = &declared.target
    {
        found.push(Found { name: target.clone(), signature: declared.signature.unwrap_or(Signature::Http) });
    }
    if found.is_empty() {
        // Of a program that starts its own server the framework is only a library.
        if let Some(server) = server::describe(folder) {
            return Ok(server);
        }
        return Err(ProjectError::NothingFound(folder.to_owned()));
    }
    let mut description = Description { triggers: triggers(folder, &found), ..Description::default() };
    let only = found.len() == 1;
    for one in &found {
        let at_root = only || declared.target.as_ref() == Some(&one.name);
        let mut function = function(folder, one, &declared, python);
        function.routes =
            routes(&one.name, at_root).map_err(|why| ProjectError::Route { file: marker.to_owned(), why })?;
        if !only {
            function.name = name_of(&one.name);
        }
        description.functions.push(function);
    }
    Ok(description)
}

fn function(folder: &Path, found: &Found, declared: &Declared, python: bool) -> SourceFunction {
    let (command, file, text) = if python {
        ("python3 .ebb/google.py", ".ebb/google.py", PYTHON)
    } else {
        ("node .ebb/google.cjs", ".ebb/google.cjs", NODE)
    };
    let mut function = server::function(folder, command);
    if let Source::Files(generated) = &mut function.source {
        generated.insert(file.to_owned(), text.to_owned());
    }
    function.timeout = TIMEOUT;
    function.build = (!python).then(|| server::build_command(folder)).flatten();
    let signature = declared.signature.unwrap_or(found.signature);
    function.environment = BTreeMap::from([
        ("FUNCTION_TARGET".to_owned(), found.name.clone()),
        ("FUNCTION_SIGNATURE_TYPE".to_owned(), signature.name().to_owned()),
        ("NODE_ENV".to_owned(), "production".to_owned()),
    ]);
    if python {
        function.environment.remove("NODE_ENV");
    }
    if let Some(source) = &declared.source {
        function.environment.insert("FUNCTION_SOURCE".to_owned(), source.clone());
    }
    let events = if signature == Signature::Http { EventEncoding::Json } else { EventEncoding::CloudEvents };
    function.server = Some(ServerSettings {
        strip_prefix: format!("/{}", found.name),
        events,
        ..ServerSettings::default()
    });
    function
}

/// A function is at its name and below; the one that is meant at everything else too.
fn routes(name: &str, at_root: bool) -> Result<Vec<Route>, String> {
    let own = format!("/{name}");
    let mut texts = vec![own.clone(), format!("{own}/*")];
    if at_root {
        texts.insert(0, "/*".to_owned());
    }
    texts.iter().map(|text| Route::parse(text).map_err(|error| error.to_string())).collect()
}

/// What the project says on the command lines that it keeps: `start` of its package.json, or its Procfile.
fn declared(folder: &Path) -> Declared {
    let of_package = || {
        let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
        server::script(&document, "start").or_else(|| server::script(&document, "dev"))
    };
    let of_procfile = || fs::read_to_string(folder.join("Procfile")).ok();
    of_package().or_else(of_procfile).map(|line| declared_by(&line)).unwrap_or_default()
}

/// The triggers that scripts of the package.json deploy functions of the project with: `gcloud functions deploy NAME
/// --trigger-topic=TOPIC`. Source: the reference of `gcloud functions deploy`.
fn triggers(folder: &Path, found: &[Found]) -> Vec<String> {
    let document = fs::read(folder.join("package.json")).unwrap_or_default();
    let document: Value = serde_json::from_slice(&document).unwrap_or_default();
    let scripts = document.get("scripts").and_then(Value::as_object).into_iter().flatten();
    let lines = scripts.filter_map(|(_, script)| script.as_str()).flat_map(|text| text.split("&&"));
    lines.flat_map(|line| triggers_of(line, found)).collect()
}

fn triggers_of(line: &str, found: &[Found]) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(at) = words.windows(2).position(|pair| pair == ["functions", "deploy"]) else {
        return Vec::new();
    };
    let options = Options(&words);
    let entry = options.value("--entry-point");
    let name = words.get(at + 2).map(|word| (*word).to_owned()).filter(|word| !word.starts_with('-'));
    let Some(target) = entry.or(name).filter(|name| found.iter().any(|one| one.name == *name)) else {
        return Vec::new();
    };
    // The only function of a project has no name of its own.
    let function = if found.len() == 1 { String::new() } else { name_of(&target) };
    let kinds = [("--trigger-topic", "topic"), ("--trigger-bucket", "bucket")];
    let said = kinds.iter().filter_map(|(option, kind)| Some((*kind, options.value(option)?)));
    said.map(|(kind, name)| format!("{function}={kind}:{}", name.trim_start_matches("gs://"))).collect()
}

/// The words of a command line.
struct Options<'a>(&'a [&'a str]);

impl Options<'_> {
    /// The value of an option: after `=`, or the next word.
    fn value(&self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|word| word.split('=').next() == Some(name))?;
        let value = match self.0[at].split_once('=') {
            Some((_, value)) => value,
            None => self.0.get(at + 1)?,
        };
        Some(value.trim_matches(['"', '\'']).to_owned())
    }
}

fn declared_by(line: &str) -> Declared {
    let words: Vec<&str> = line.split_whitespace().collect();
    let option = |name: &str| Options(&words).value(name);
    Declared {
        target: option("--target").or_else(|| option("FUNCTION_TARGET")),
        signature: option("--signature-type").and_then(|text| Signature::parse(&text)),
        source: option("--source"),
    }
}

/// The functions that a project of Node.js registers; else those that its main module exports.
fn node_functions(folder: &Path) -> Result<Vec<Found>, ProjectError> {
    let registered = regex(r#"\b(http|cloudEvent|typed)\s*(?:<[^>(]*>)?\(\s*['"`]([\w.-]+)['"`]\s*,"#);
    let mut found = Vec::new();
    for (path, text) in sources(folder, &["js", "mjs", "cjs", "ts", "mts", "cts"])? {
        // What was compiled of a source says the same again.
        if !text.contains("@google-cloud/functions-framework") || path.ends_with(".d.ts") {
            continue;
        }
        for captures in registered.captures_iter(&text) {
            let signature =
                if &captures[1] == "cloudEvent" { Signature::CloudEvent } else { Signature::Http };
            add(&mut found, &captures[2], signature);
        }
    }
    if found.is_empty()
        && let Some(text) = main_module(folder)
    {
        let exported = regex(
            r"(?m)^\s*(?:module\.)?exports\.(\w+)\s*=\s*(?:async\s*)?(?:function\s*\w*\s*)?\(([^)]*)\)",
        );
        for captures in exported.captures_iter(&text) {
            add(&mut found, &captures[1], by_parameters(&captures[2]));
        }
        let declared = regex(
            r"(?m)^\s*export\s+(?:const\s+(\w+)\s*=\s*(?:async\s*)?|(?:async\s+)?function\s+(\w+)\s*)\(([^)]*)\)",
        );
        for captures in declared.captures_iter(&text) {
            let name = captures.get(1).or(captures.get(2)).map(|name| name.as_str()).unwrap_or_default();
            add(&mut found, name, by_parameters(&captures[3]));
        }
    }
    Ok(found)
}

/// A function that takes a context is one of events, of the older form.
fn by_parameters(parameters: &str) -> Signature {
    let second = parameters.split(',').nth(1).unwrap_or_default().trim();
    if second.starts_with("context") || second.starts_with("_context") {
        Signature::Event
    } else {
        Signature::Http
    }
}

fn main_module(folder: &Path) -> Option<String> {
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    let main = document.get("main").and_then(Value::as_str);
    let candidates =
        main.into_iter().chain(["index.js", "function.js", "index.mjs", "src/index.ts", "index.ts"]);
    candidates.into_iter().find_map(|name| fs::read_to_string(folder.join(name)).ok())
}

/// The functions that a module of Python decorates; else those that take a request.
fn python_functions(folder: &Path, declared: &Declared) -> Result<Vec<Found>, ProjectError> {
    let path = folder.join(declared.source.as_deref().unwrap_or("main.py"));
    let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
    Ok(python_functions_of(&text))
}

fn python_functions_of(text: &str) -> Vec<Found> {
    let decorated =
        regex(r"(?m)^@(?:\w+\.)*(http|cloud_event|typed)\b[^\n]*\n(?:[@#][^\n]*\n)*(?:async\s+)?def\s+(\w+)");
    let mut found = Vec::new();
    for captures in decorated.captures_iter(text) {
        let signature = if &captures[1] == "cloud_event" { Signature::CloudEvent } else { Signature::Http };
        add(&mut found, &captures[2], signature);
    }
    if found.is_empty() {
        let plain = regex(r"(?m)^(?:async\s+)?def\s+([A-Za-z]\w*)\s*\(([^)]*)\)");
        for captures in plain.captures_iter(text) {
            let parameters = &captures[2];
            let signature = by_parameters(parameters);
            if signature == Signature::Event || parameters.trim_start().starts_with("request") {
                add(&mut found, &captures[1], signature);
            }
        }
    }
    found
}

fn add(found: &mut Vec<Found>, name: &str, signature: Signature) {
    if !name.is_empty() && !found.iter().any(|one| one.name == name) {
        found.push(Found { name: name.to_owned(), signature });
    }
}

/// The project's own sources.
fn sources(folder: &Path, extensions: &[&str]) -> Result<Vec<(String, String)>, ProjectError> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in entries(&next)? {
            let name = super::next::file_name(&entry);
            if entry.is_dir() {
                if !name.starts_with('.') && !NOT_SOURCES.contains(&name.as_str()) {
                    folders.push(entry);
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}")))
                && let Ok(text) = fs::read_to_string(&entry)
            {
                found.push((entry.display().to_string(), text));
            }
        }
    }
    Ok(found)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is written here")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Description) {
        let folder = crate::project::tests::folder(files);
        let python = folder.path().join("requirements.txt");
        let marker = if python.is_file() { python } else { folder.path().join("package.json") };
        let description = describe(folder.path(), &marker).unwrap();
        (folder, description)
    }

    fn check(files: &[(&str, &str)], expected: &[(&str, &str, &str, &[&str])]) {
        let (_folder, description) = project(files);
        let functions = description.functions.iter().map(|function| {
            let environment = |name: &str| function.environment[name].clone();
            let routes = function.routes.iter().map(ToString::to_string).collect::<Vec<_>>();
            (
                function.name.clone(),
                environment("FUNCTION_TARGET"),
                environment("FUNCTION_SIGNATURE_TYPE"),
                routes,
            )
        });
        let expected = expected.iter().map(|(name, target, signature, routes)| {
            let routes = routes.iter().map(ToString::to_string).collect::<Vec<_>>();
            ((*name).to_owned(), (*target).to_owned(), (*signature).to_owned(), routes)
        });
        assert_eq!(functions.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{files:?}");
    }

    const IMPORT: &str = "const functions = require('@google-cloud/functions-framework');\n";

    #[test]
    fn functions_of_node_are_found_in_its_sources() {
        let several = format!(
            "{IMPORT}functions.http('hello', (req, res) => res.send('hi'));\nfunctions.cloudEvent(\"seen\", (e) => {{}});"
        );
        check(
            &[("package.json", "{}"), ("index.js", &several)],
            &[
                ("hello", "hello", "http", &["/hello", "/hello/*"]),
                ("seen", "seen", "cloudevent", &["/seen", "/seen/*"]),
            ],
        );
        let one = format!("{IMPORT}functions.http('one', h);");
        check(
            &[("package.json", "{}"), ("index.js", &one), ("test/index.js", &several)],
            &[("", "one", "http", &["/*", "/one", "/one/*"])],
        );
        check(
            &[
                ("package.json", r#"{"scripts": {"start": "functions-framework --target=seen"}}"#),
                ("index.js", &several),
            ],
            &[
                ("hello", "hello", "http", &["/hello", "/hello/*"]),
                ("seen", "seen", "cloudevent", &["/*", "/seen", "/seen/*"]),
            ],
        );
    }

    #[test]
    fn exported_functions_are_found_by_how_they_are_called() {
        check(
            &[
                ("package.json", "{}"),
                (
                    "index.js",
                    "exports.web = (req, res) => {};\nexports.stored = async (file, context) => {};\n",
                ),
            ],
            &[
                ("web", "web", "http", &["/web", "/web/*"]),
                ("stored", "stored", "event", &["/stored", "/stored/*"]),
            ],
        );
        check(
            &[("package.json", "{}"), ("index.mjs", "export const web = (req, res) => {};\n")],
            &[("", "web", "http", &["/*", "/web", "/web/*"])],
        );
    }

    #[test]
    fn functions_of_python_are_found_by_their_decorators() {
        check(
            &[
                ("requirements.txt", "functions-framework==3.*\n"),
                (
                    "main.py",
                    "import functions_framework\n\n@functions_framework.http\ndef hello(request):\n    return 'hi'\n\n\
                     @functions_framework.cloud_event\ndef seen(event):\n    print(event)\n\ndef helper(x): pass\n",
                ),
            ],
            &[
                ("hello", "hello", "http", &["/hello", "/hello/*"]),
                ("seen", "seen", "cloudevent", &["/seen", "/seen/*"]),
            ],
        );
        check(
            &[
                ("requirements.txt", "functions-framework\n"),
                ("main.py", "def web(request):\n    return 'x'\n\ndef helper(x):\n    return x\n"),
            ],
            &[("", "web", "http", &["/*", "/web", "/web/*"])],
        );
    }

    #[test]
    fn triggers_of_deploy_scripts_are_read() {
        let found = |names: &[&str]| {
            names
                .iter()
                .map(|name| Found { name: (*name).to_owned(), signature: Signature::CloudEvent })
                .collect::<Vec<_>>()
        };
        let check = |line: &str, names: &[&str], expected: &[&str]| {
            assert_eq!(triggers_of(line, &found(names)), expected, "{line}");
        };
        check(
            "gcloud functions deploy seen --gen2 --trigger-topic=orders",
            &["seen", "b"],
            &["seen=topic:orders"],
        );
        check(
            "gcloud functions deploy x --entry-point seen --trigger-bucket gs://up",
            &["seen"],
            &["=bucket:up"],
        );
        check("gcloud functions deploy other --trigger-topic=orders", &["seen"], &[]);
        check("node .", &["seen"], &[]);
    }

    #[test]
    fn command_lines_are_read() {
        let check = |line: &str, target: Option<&str>, signature: Option<Signature>| {
            let declared = declared_by(line);
            assert_eq!((declared.target.as_deref(), declared.signature), (target, signature), "{line}");
        };
        check("npx functions-framework --target=hello", Some("hello"), None);
        check(
            "functions-framework --target hello --signature-type cloudevent",
            Some("hello"),
            Some(Signature::CloudEvent),
        );
        check("FUNCTION_TARGET=hello functions-framework", Some("hello"), None);
        check("node server.js", None, None);
    }
}
