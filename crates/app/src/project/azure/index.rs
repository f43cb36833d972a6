//! Learning what an app registers: it is run once, and says so.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use zip::ZipArchive;

use super::{Host, schedule};
use crate::plan::{Ignored, KeyValue, Plan, PlannedKey, PlannedSchedule, PlannedTrigger, TriggerSource};
use crate::project::error::ProjectError;
use crate::project::{Package, Project, server, tool};
use crate::routes::Route;

/// The adapter for Python, by file name.
pub(super) const PYTHON: &[(&str, &str)] = &[
    ("main.py", include_str!("../../../../../runtimes/adapters/python/azure/main.py")),
    ("ebb_azure_app.py", include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_app.py")),
    ("ebb_azure_aws.py", include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_aws.py")),
    (
        "ebb_azure_bindings.py",
        include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_bindings.py"),
    ),
    (
        "ebb_azure_events.py",
        include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_events.py"),
    ),
    ("ebb_azure_http.py", include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_http.py")),
    (
        "ebb_azure_routes.py",
        include_str!("../../../../../runtimes/adapters/python/azure/ebb_azure_routes.py"),
    ),
];

/// How long an app may take to register its functions. The platform's worker gives it as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages of a queue that an app gets at once, and how often it gets one. Source: "host.json settings" of queues.
const BATCH: u32 = 10;
const ATTEMPTS: u32 = 5;
/// How often a message of a service bus is delivered. Source: the Service Bus documentation, "Dead-letter queues".
const DELIVERIES: u32 = 10;

/// Events of the bus that a grid trigger gets: those that the platform itself did not put there.
const GRID_PATTERN: &str = r#"{"source":[{"anything-but":{"prefix":"aws."}}]}"#;

/// A function as the app registers it.
#[derive(Debug, Clone, Deserialize)]
struct Registered {
    name: String,
    bindings: Vec<BTreeMap<String, Value>>,
}

/// Fills in what only the app itself knows: routes, schedules and triggers.
pub(in crate::project) fn complete(
    project: &Project,
    plan: &mut Plan,
    packages: &[Package],
    progress: &mut dyn FnMut(&str),
) -> Result<(), ProjectError> {
    progress("learning of the app's functions");
    let host: Host = super::read(&project.folder.join("host.json"))?;
    let registered = registered(project, plan, packages)?;
    if registered.is_empty() {
        return Err(ProjectError::NothingFound(project.folder.clone()));
    }
    let mut found = Found::default();
    for function in &registered {
        found.add(function, &host, &plan.functions[0].environment).map_err(|why| ProjectError::Manifest {
            path: project.folder.clone(),
            message: format!("function {}: {why}", function.name),
        })?;
    }
    found.routes.push(Route::all());
    plan.functions[0].routes = found.routes;
    plan.schedules.extend(found.schedules);
    plan.triggers.extend(found.triggers);
    plan.ignored.extend(found.ignored);
    if found.locked {
        plan.keys.extend(keys());
    }
    Ok(())
}

/// What functions of an app come to.
#[derive(Debug, Default)]
struct Found {
    routes: Vec<Route>,
    schedules: Vec<PlannedSchedule>,
    triggers: Vec<PlannedTrigger>,
    ignored: Vec<Ignored>,
    /// Whether a function asks for a key.
    locked: bool,
}

/// The keys of an app. Source: "Work with access keys in Azure Functions": one that all functions take, and one that
/// those of the level `admin` take.
fn keys() -> Vec<PlannedKey> {
    let key = |variable: &str, shown: &str| PlannedKey {
        variable: variable.to_owned(),
        value: KeyValue::Random,
        shown_as: Some(shown.to_owned()),
    };
    vec![key("EBB_FUNCTION_KEY", "function key"), key("EBB_MASTER_KEY", "master key")]
}

impl Found {
    fn add(
        &mut self,
        function: &Registered,
        host: &Host,
        settings: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let mut trigger = None;
        for binding in &function.bindings {
            let kind = binding.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            if kind.ends_with("trigger") {
                trigger = Some((kind, binding));
                continue;
            }
            let direction = binding.get("direction").and_then(Value::as_str).unwrap_or_default();
            let output = !direction.eq_ignore_ascii_case("in");
            let built = if output {
                matches!(kind.as_str(), "http" | "queue" | "servicebus" | "blob" | "eventgrid")
            } else {
                kind == "blob"
            };
            if !built {
                let what = if output { "output" } else { "input" };
                return Err(format!("ebb has no {what} binding of the type {kind}"));
            }
        }
        let (kind, binding) = trigger.ok_or("it has no trigger")?;
        let said = |name: &str| Some(with_settings(binding.get(name)?.as_str()?, settings));
        let required = |name: &str| said(name).ok_or_else(|| format!("its {kind} says no `{name}`"));
        match kind.as_str() {
            "httptrigger" => self.add_routes(function, host, binding, said("route"))?,
            "timertrigger" => self.add_schedules(&function.name, &required("schedule")?)?,
            "queuetrigger" => {
                let name = required("queueName")?;
                let attempts = host.extensions.queues.max_dequeue_count.unwrap_or(ATTEMPTS);
                self.add_queue(name.clone(), attempts, format!("{name}-poison"));
            }
            "servicebustrigger" => match said("topicName") {
                Some(name) => self.add_trigger(TriggerSource::Topic { name }),
                None => {
                    let name = required("queueName")?;
                    self.add_queue(name.clone(), DELIVERIES, format!("{name}-deadletter"));
                }
            },
            "blobtrigger" => self.add_trigger(bucket(&required("path")?)),
            "eventgridtrigger" => self.add_trigger(TriggerSource::Bus { pattern: GRID_PATTERN.to_owned() }),
            _ => self.ignored.push(Ignored {
                path: format!("function {}", function.name),
                reason: format!("ebb has no service for its {kind}"),
            }),
        }
        Ok(())
    }

    /// Routes for people to see: the app tells paths apart by itself, by more than the edge looks at.
    fn add_routes(
        &mut self,
        function: &Registered,
        host: &Host,
        binding: &BTreeMap<String, Value>,
        route: Option<String>,
    ) -> Result<(), String> {
        let level = binding.get("authLevel").and_then(Value::as_str).unwrap_or("function");
        self.locked |= !level.eq_ignore_ascii_case("anonymous");
        let prefix = host.extensions.http.route_prefix.as_deref().unwrap_or("api").trim_matches('/');
        let route = route.unwrap_or_else(|| function.name.clone());
        let path = edge_path(prefix, &route);
        let methods = binding.get("methods").and_then(Value::as_array).into_iter().flatten();
        let mut methods: Vec<String> = methods
            .filter_map(|method| Some(format!("{} ", method.as_str()?.to_ascii_uppercase())))
            .collect();
        if methods.is_empty() {
            methods.push(String::new());
        }
        for method in methods {
            let route = Route::parse(&format!("{method}{path}")).map_err(|error| error.to_string())?;
            if !self.routes.contains(&route) && route.to_string() != "/*" {
                self.routes.push(route);
            }
        }
        Ok(())
    }

    fn add_schedules(&mut self, function: &str, text: &str) -> Result<(), String> {
        let time = "<aws.scheduler.scheduled-time>";
        let input =
            json!({ "ebb": "timer", "function": function, "schedule": text, "time": time }).to_string();
        for expression in schedule::expressions(text)? {
            self.schedules.push(PlannedSchedule {
                function: String::new(),
                expression,
                input: input.clone(),
            });
        }
        Ok(())
    }

    fn add_queue(&mut self, name: String, attempts: u32, dead_letter: String) {
        let (attempts, dead_letter) = (Some(attempts), Some(dead_letter));
        self.add_trigger(TriggerSource::Queue {
            name,
            batch: BATCH,
            reports_failures: true,
            attempts,
            dead_letter,
            window: None,
            at_once: None,
        });
    }

    /// The app itself knows which of its functions an event is for, so that one trigger does for several of them.
    fn add_trigger(&mut self, on: TriggerSource) {
        let trigger = PlannedTrigger { function: String::new(), on };
        if !self.triggers.contains(&trigger) {
            self.triggers.push(trigger);
        }
    }
}

/// The bucket and the keys of a blob trigger's path: a container, and a pattern of names.
fn bucket(path: &str) -> TriggerSource {
    let (container, pattern) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let prefix = pattern.split('{').next().unwrap_or_default().to_owned();
    let suffix = match pattern.rsplit_once('}') {
        Some((_, suffix)) => suffix.to_owned(),
        None => String::new(),
    };
    let events = vec!["s3:ObjectCreated:*".to_owned()];
    TriggerSource::Bucket { name: container.to_ascii_lowercase(), events, prefix, suffix }
}

/// The path of a route template, as the edge writes it, as far as it can.
fn edge_path(prefix: &str, template: &str) -> String {
    let mut path = String::new();
    let whole = format!("{prefix}/{}", template.trim_matches('/'));
    for segment in whole.split('/').filter(|segment| !segment.is_empty()) {
        if !segment.contains(['{', '}', '*']) {
            path += &format!("/{segment}");
            continue;
        }
        let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match inner.filter(|inner| !inner.contains(['{', '}', '*', '?', '='])) {
            Some(inner) => path += &format!("/{{{}}}", inner.split(':').next().unwrap_or(inner)),
            // One that may be absent, or goes on: everything below.
            None => return path + "/*",
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// A value with `%SETTING%` in it.
fn with_settings(text: &str, settings: &BTreeMap<String, String>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in settings {
        filled = filled.replace(&format!("%{name}%"), value);
    }
    filled
}

/// Runs the app as it is packed, with the environment that it will have, and reads what it registers.
fn registered(project: &Project, plan: &Plan, packages: &[Package]) -> Result<Vec<Registered>, ProjectError> {
    let function = &plan.functions[0];
    let package = packages.iter().find(|package| package.digest == function.package);
    let package = package.ok_or_else(|| ProjectError::NothingFound(project.folder.clone()))?;
    let work = Work::unpack(package)?;
    let output = work.folder.join(".ebb/functions.json");
    let python = function.environment.get("FUNCTIONS_WORKER_RUNTIME").is_some_and(|name| name == "python");
    let (program, script) = if python { ("python3", "main.py") } else { ("node", "main.mjs") };
    let mut command = Command::new(program);
    command.arg(work.folder.join(".ebb/azure").join(script)).arg("index").arg(&output);
    command.env("PYTHONPATH", work.folder.join(server::PYTHON_PACKAGES)).env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(&function.environment).current_dir(&work.folder).stdin(Stdio::null());
    run(program, command, &project.folder)?;
    let text = fs::read(&output).map_err(|source| ProjectError::io("read", &output, source))?;
    serde_json::from_slice(&text).map_err(|error| ProjectError::Manifest {
        path: project.folder.clone(),
        message: format!("what the app registers makes no sense: {error}"),
    })
}

fn run(program: &str, mut command: Command, folder: &Path) -> Result<(), ProjectError> {
    let failed = |status: String, output: String| ProjectError::Build {
        function: "the app".to_owned(),
        command: format!("{program} (to learn of its functions)"),
        folder: folder.to_owned(),
        status,
        output,
    };
    let said = tempfile_of(folder)?;
    let open = || fs::File::options().append(true).create(true).open(&said);
    let (stdout, stderr) = match (open(), open()) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        (Err(source), _) | (_, Err(source)) => return Err(ProjectError::io("write", &said, source)),
    };
    let spawned = command.stdout(stdout).stderr(stderr).spawn();
    let mut child = spawned.map_err(|error| failed(format!("cannot be started: {error}"), String::new()))?;
    let ended = wait(&mut child);
    let text = fs::read_to_string(&said).unwrap_or_default();
    let _ = fs::remove_file(&said);
    match ended {
        Some(true) => Ok(()),
        Some(false) => {
            let lines: Vec<&str> = text.trim_end().lines().collect();
            let shown = lines[lines.len().saturating_sub(40)..].join("\n");
            Err(failed("failed".to_owned(), shown))
        }
        None => Err(failed(format!("did not end within {} s", PATIENCE.as_secs()), text)),
    }
}

/// Whether it succeeded; none where it took too long.
#[expect(clippy::disallowed_methods, reason = "packing blocks, on a thread of its own")]
fn wait(child: &mut Child) -> Option<bool> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(_) => return Some(false),
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A file for what a program says.
fn tempfile_of(folder: &Path) -> Result<PathBuf, ProjectError> {
    let cache = tool::cache_folder().join("index");
    fs::create_dir_all(&cache).map_err(|source| ProjectError::io("write", &cache, source))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(cache.join(format!("{}-{name}.log", std::process::id())))
}

/// A package, unpacked while it is asked what it registers.
struct Work {
    folder: PathBuf,
}

impl Work {
    fn unpack(package: &Package) -> Result<Self, ProjectError> {
        let name = format!("{}-{}", std::process::id(), package.digest);
        let work = Self { folder: tool::cache_folder().join("index").join(name) };
        let failed = |source: std::io::Error| ProjectError::io("unpack the app in", &work.folder, source);
        fs::create_dir_all(&work.folder).map_err(failed)?;
        let archive = ZipArchive::new(Cursor::new(&package.zip)).map_err(|error| failed(error.into()))?;
        let mut archive = archive;
        archive.extract(&work.folder).map_err(|error| failed(error.into()))?;
        Ok(work)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is left is in the cache folder, which may be emptied at any time.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_routes_are_shown_as_the_edge_writes_them() {
        for (prefix, template, expected) in [
            ("api", "hello", "/api/hello"),
            ("api", "greet/{name?}", "/api/greet/*"),
            ("", "items/{id:int}/parts", "/items/{id}/parts"),
            ("v1", "/files/{*path}", "/v1/files/*"),
            ("api", "a/{b}.{c}", "/api/a/*"),
            ("", "", "/"),
        ] {
            assert_eq!(edge_path(prefix, template), expected, "{template}");
            assert!(Route::parse(expected).is_ok());
        }
    }

    #[test]
    fn functions_become_routes_schedules_and_triggers() {
        let functions = json!([
            { "name": "web", "bindings": [
                { "type": "httpTrigger", "direction": "in", "methods": ["GET", "post"], "route": "web/{id}" },
                { "type": "http", "direction": "out", "name": "$return" },
                { "type": "queue", "direction": "out", "queueName": "out" },
            ] },
            { "name": "tick", "bindings": [{ "type": "timerTrigger", "direction": "in", "schedule": "%EVERY%" }] },
            { "name": "work", "bindings": [{ "type": "queueTrigger", "direction": "in", "queueName": "jobs" }] },
            { "name": "work2", "bindings": [{ "type": "queueTrigger", "direction": "in", "queueName": "jobs" }] },
            { "name": "seen", "bindings": [{ "type": "blobTrigger", "direction": "in", "path": "in/a-{name}.txt" }] },
            { "name": "rows", "bindings": [{ "type": "cosmosDBTrigger", "direction": "in" }] },
        ]);
        let functions: Vec<Registered> = serde_json::from_value(functions).unwrap();
        let settings = BTreeMap::from([("EVERY".to_owned(), "0 */5 * * * *".to_owned())]);
        let mut found = Found::default();
        for function in &functions {
            found.add(function, &Host::default(), &settings).unwrap();
        }
        let routes: Vec<String> = found.routes.iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["GET /api/web/{id}", "POST /api/web/{id}"]);
        assert_eq!(found.schedules[0].expression, "cron(*/5 * * * ? *)");
        let on: Vec<&TriggerSource> = found.triggers.iter().map(|trigger| &trigger.on).collect();
        let [
            TriggerSource::Queue { name, .. },
            TriggerSource::Bucket { name: container, prefix, suffix, .. },
        ] = on[..]
        else {
            panic!("{on:?}");
        };
        assert_eq!(
            (name.as_str(), container.as_str(), prefix.as_str(), suffix.as_str()),
            ("jobs", "in", "a-", ".txt")
        );
        assert_eq!(found.ignored[0].path, "function rows");
    }

    #[test]
    fn bindings_that_are_not_built_are_refused_by_name() {
        let function = json!({ "name": "web", "bindings": [
            { "type": "httpTrigger", "direction": "in" },
            { "type": "cosmosDB", "direction": "out" },
        ] });
        let function: Registered = serde_json::from_value(function).unwrap();
        let error = Found::default().add(&function, &Host::default(), &BTreeMap::new()).unwrap_err();
        assert!(error.contains("no output binding of the type cosmosdb"), "{error}");
    }
}
