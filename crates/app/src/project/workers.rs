//! Cloudflare Workers: a wrangler file becomes a package that workerd runs.
//!
//! The package holds the modules of the worker, what ebb puts around it (`runtimes/workerd/`) and a configuration of
//! workerd, which the runtime starts it with. One worker is one function: its isolates share no process with another's.

mod asset_rules;
mod bindings;
mod config;
mod cron;
mod database;
mod keys;
mod modules;
mod objects;
mod source_map;
mod wrangler;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::{Digest, ServerSettings, worker_package};
use serde_json::{Map, Value, json};

pub(super) use self::bindings::bucket_name;
use self::config::Worker;
pub(super) use self::database::Database;
use self::modules::Modules;
use self::wrangler::{Assets, Consumer, Described};
use super::description::{Description, Source, SourceFunction};
use super::dotenv;
use super::error::ProjectError;
use super::pack::{Files, Zipped};
use crate::plan::{PlannedSchedule, PlannedTrigger, TriggerSource};

/// The runtime of workers, and what it needs by the name that `ebb runtimes add` knows.
pub(super) const RUNTIME: &str = "workerd";
/// The newest date that the pinned workerd knows: its release's.
const NEWEST_DATE: &str = "2026-11-17";
/// Processor time of a request that does not say. Source: the Workers documentation, "Limits", paid plan.
const CPU_MS: u64 = 30_000;
/// How many events one process takes at once; where more wait, there are more processes.
const CONCURRENCY: u32 = 50;
/// The same of a worker with objects, which has one process.
const CONCURRENCY_OF_OBJECTS: u32 = 1000;

/// What ebb puts around a worker, by name.
const PARTS: &[(&str, &str)] = &[
    ("aws.js", include_str!("../../../../runtimes/workerd/aws.js")),
    ("assets.js", include_str!("../../../../runtimes/workerd/assets.js")),
    ("cache.js", include_str!("../../../../runtimes/workerd/cache.js")),
    ("edge.js", include_str!("../../../../runtimes/workerd/edge.js")),
    ("entry.js", include_str!("../../../../runtimes/workerd/entry.js")),
    ("kv.js", include_str!("../../../../runtimes/workerd/kv.js")),
    ("d1.js", include_str!("../../../../runtimes/workerd/d1.js")),
    ("queue.js", include_str!("../../../../runtimes/workerd/queue.js")),
    ("objects.js", include_str!("../../../../runtimes/workerd/objects.js")),
    ("objects_binding.js", include_str!("../../../../runtimes/workerd/objects_binding.js")),
    ("r2.js", include_str!("../../../../runtimes/workerd/r2.js")),
    ("rpc.js", include_str!("../../../../runtimes/workerd/rpc.js")),
    ("s3.js", include_str!("../../../../runtimes/workerd/s3.js")),
    ("service_worker.js", include_str!("../../../../runtimes/workerd/service_worker.js")),
    ("service.js", include_str!("../../../../runtimes/workerd/service.js")),
    ("small_bindings.js", include_str!("../../../../runtimes/workerd/small_bindings.js")),
    ("stack.js", include_str!("../../../../runtimes/workerd/stack.js")),
    ("tail.js", include_str!("../../../../runtimes/workerd/tail.js")),
    ("track.js", include_str!("../../../../runtimes/workerd/track.js")),
    ("workflow_binding.js", include_str!("../../../../runtimes/workerd/workflow_binding.js")),
    ("workflow_run.js", include_str!("../../../../runtimes/workerd/workflow_run.js")),
    ("workflows.js", include_str!("../../../../runtimes/workerd/workflows.js")),
];

/// A worker before it is built.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Project {
    folder: PathBuf,
    described: Described,
    /// Values of `.dev.vars`: they are the worker's environment, and never in its package.
    secrets: BTreeMap<String, String>,
}

/// Describes the worker of a folder that has a wrangler file.
pub(super) fn describe(folder: &Path, _marker: &Path) -> Result<Description, ProjectError> {
    let worker = open(folder)?;
    let (name, schedules, environment) =
        (worker.described.worker.name.clone(), worker.schedules()?, worker.secrets.clone());
    let (server, planned_triggers) = (worker.server()?, worker.triggers());
    let databases = worker.described.worker.d1_databases.clone();
    let served = SourceFunction::served(folder, RUNTIME, Source::Worker(Box::new(worker)));
    let mut functions = vec![SourceFunction { environment, server: Some(server), ..served }];
    // Two bindings may be to one database.
    for database in &databases {
        let function = Database::function(folder, database);
        if !functions.iter().any(|other| other.name == function.name) {
            functions.push(function);
        }
    }
    Ok(Description { name, functions, schedules, planned_triggers, ..Description::default() })
}

/// Reads the wrangler file.
fn open(folder: &Path) -> Result<Project, ProjectError> {
    let environment = std::env::var("CLOUDFLARE_ENV").ok();
    let described = wrangler::read(folder, environment.as_deref())?
        .ok_or_else(|| ProjectError::NothingFound(folder.to_owned()))?;
    let secrets = secrets(folder, environment.as_deref())?;
    Ok(Project { folder: folder.to_owned(), described, secrets })
}

impl Project {
    /// When it runs by the clock.
    fn schedules(&self) -> Result<Vec<PlannedSchedule>, ProjectError> {
        let mut schedules = Vec::new();
        for cron in &self.described.worker.triggers.crons {
            let event = json!({ "ebb": "cron", "cron": cron, "time": "<aws.scheduler.scheduled-time>" });
            for expression in cron::expressions(cron).map_err(|message| self.wrong(message))? {
                schedules.push(PlannedSchedule {
                    function: String::new(),
                    expression,
                    input: event.to_string(),
                });
            }
        }
        Ok(schedules)
    }

    /// How its instances get their events: an isolate, as one of the platform's, interleaves requests that wait. Of one that
    /// has objects one process has all of them, and they have alarms.
    fn server(&self) -> Result<ServerSettings, ProjectError> {
        let classes = objects::classes(&self.described.worker).map_err(|message| self.wrong(message))?;
        // Instances of workflows are objects, too.
        let has_objects = !classes.is_empty() || self.described.worker.own_workflows().next().is_some();
        Ok(ServerSettings {
            concurrency: if has_objects { CONCURRENCY_OF_OBJECTS } else { CONCURRENCY },
            settles: true,
            stateful: has_objects,
            awake: has_objects,
            ..ServerSettings::default()
        })
    }

    /// The queues whose messages it gets.
    fn triggers(&self) -> Vec<PlannedTrigger> {
        let of = |consumer: &Consumer| {
            // The services take larger batches only from those that wait for them.
            let least = u32::from(consumer.max_batch_size > 10);
            TriggerSource::Queue {
                name: consumer.queue.clone(),
                batch: consumer.max_batch_size,
                reports_failures: true,
                attempts: consumer.dead_letter_queue.is_some().then_some(consumer.max_retries + 1),
                dead_letter: consumer.dead_letter_queue.clone(),
                window: Some(consumer.max_batch_timeout.max(least)),
                at_once: consumer.max_concurrency,
            }
        };
        let consumers = self.described.worker.queues.consumers.iter();
        consumers.map(|consumer| PlannedTrigger { function: String::new(), on: of(consumer) }).collect()
    }

    /// Builds and packs it as the function of `app`.
    pub(super) fn pack(
        &self,
        app: &str,
        install: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Zipped, ProjectError> {
        let worker = &self.described.worker;
        self.build(progress)?;
        let mut files = Files::default();
        let modules = match &worker.main {
            Some(main) => Some(Modules::make(&self.folder, main, worker, &mut files, install, progress)?),
            None => None,
        };
        let assets = match &worker.assets {
            Some(assets) => self.assets(assets, &mut files)?,
            None => None,
        };
        for (name, content) in PARTS {
            files.add(format!(".ebb/{name}"), *content);
        }
        files.add(worker_package::CPU_LIMIT, worker.limits.cpu_ms.unwrap_or(CPU_MS).to_string());
        let (date, flags) = self.compatibility();
        let classes = objects::classes(worker).map_err(|message| self.wrong(message))?;
        let consumers: Map<String, Value> =
            worker.queues.consumers.iter().map(|it| (it.queue.clone(), consumer_settings(it))).collect();
        let configured = Worker {
            modules: modules.as_ref().map(|modules| modules.list.as_slice()).unwrap_or_default(),
            caches: modules.as_ref().is_some_and(|modules| modules.caches),
            date: &date,
            flags: &flags,
            bindings: bindings::of(self, app).map_err(|message| self.wrong(message))?,
            services: bindings::services(self, app),
            classes: &classes,
            workflows: worker.own_workflows().next().is_some(),
            assets: assets.as_ref(),
            settings: json!({
                "main": worker.main.is_some(),
                "assets": assets,
                "consumers": consumers,
            }),
        };
        files.add(worker_package::CONFIG, configured.text());
        let mut zipped = files.zip(&self.folder)?;
        for (key, why) in &self.described.left_out {
            zipped.ignored.push((PathBuf::from(format!("{}: {key}", self.described.path.display())), why));
        }
        Ok(zipped)
    }

    /// Runs the project's own build command. Source: "Wrangler configuration", "Custom builds".
    fn build(&self, progress: &mut dyn FnMut(&str)) -> Result<(), ProjectError> {
        let build = &self.described.worker.build;
        let Some(command) = &build.command else { return Ok(()) };
        progress(&format!("building: {command}"));
        let folder = self.folder.join(build.cwd.as_deref().unwrap_or("."));
        super::build::run("the worker", command, &folder)
    }

    /// The compatibility date, no later than what workerd knows, and the flags.
    fn compatibility(&self) -> (String, Vec<String>) {
        let worker = &self.described.worker;
        let date = worker.compatibility_date.as_deref().unwrap_or("2021-11-02");
        let date = if date > NEWEST_DATE { NEWEST_DATE } else { date };
        (date.to_owned(), worker.compatibility_flags.clone())
    }

    /// Packs the folder of static files; gives what the worker in front is told of them.
    fn assets(&self, assets: &Assets, files: &mut Files) -> Result<Option<Value>, ProjectError> {
        let Some(directory) = &assets.directory else { return Ok(None) };
        let folder = self.folder.join(directory);
        let mut found = Files::default();
        found.add_path("", &folder)?;
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let wrong = |message: String| ProjectError::Manifest { path: folder.clone(), message };
        let redirects = asset_rules::redirects(&text("_redirects")).map_err(wrong)?;
        let headers = asset_rules::headers(&text("_headers")).map_err(wrong)?;
        let mut listed = Map::new();
        for name in found.names().map(str::to_owned).collect::<Vec<_>>() {
            let name = name.trim_start_matches('/').to_owned();
            // Files that say something about the others.
            if matches!(name.as_str(), ".assetsignore" | "_headers" | "_redirects" | "_worker.js") {
                continue;
            }
            let path = folder.join(&name);
            let content = fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))?;
            let digest = Digest::of(&content).to_string();
            listed.insert(format!("/{name}"), digest.into());
            files.add_path(&format!("assets/{name}"), &path)?;
        }
        let settings = json!({
            "files": listed,
            "html_handling": assets.html_handling,
            "not_found_handling": assets.not_found_handling,
            "run_worker_first": assets.run_worker_first,
            "redirects": redirects,
            "headers": headers,
        });
        Ok(Some(settings))
    }

    fn wrong(&self, message: String) -> ProjectError {
        ProjectError::Manifest { path: self.described.path.clone(), message }
    }
}

/// What the part in front is told of a consumer.
fn consumer_settings(consumer: &Consumer) -> Value {
    json!({
        "max_retries": consumer.max_retries,
        "retry_delay": consumer.retry_delay,
        "dead_letter": consumer.dead_letter_queue.is_some(),
    })
}

/// `.dev.vars`, or that of the environment where there is one. Source: the Workers documentation, "Secrets".
fn secrets(folder: &Path, environment: Option<&str>) -> Result<BTreeMap<String, String>, ProjectError> {
    let of_environment = environment.map(|name| folder.join(format!(".dev.vars.{name}")));
    let path = of_environment.filter(|path| path.is_file()).unwrap_or_else(|| folder.join(".dev.vars"));
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
    dotenv::parse(&text)
        .map_err(|line| ProjectError::Manifest { path, message: format!("line {line}: no NAME=value") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(wrangler: &str) -> Result<Description, ProjectError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrangler.toml");
        fs::write(&path, format!("name = \"w\"\nmain = \"index.js\"\n{wrangler}")).unwrap();
        describe(folder.path(), &path)
    }

    #[test]
    fn a_worker_with_objects_is_one_process_and_its_databases_are_functions() {
        let plain = described("").unwrap();
        let server = plain.functions[0].server.clone().unwrap();
        assert_eq!((plain.functions.len(), server.stateful, server.awake), (1, false, false));
        let full = described(
            "durable_objects.bindings = [{ name = \"A\", class_name = \"A\" }]\n\
             migrations = [{ tag = \"v1\", new_sqlite_classes = [\"A\"] }]\n\
             d1_databases = [{ binding = \"ONE\", database_name = \"shop\" }, { binding = \"SAME\", database_name = \"shop\" }]\n",
        );
        let functions = full.unwrap().functions;
        let kept = |function: &SourceFunction| {
            let server = function.server.as_ref().unwrap();
            (function.name.clone(), server.stateful, server.awake, function.routes.len())
        };
        let expected = [(String::new(), true, true, 1), ("d1-shop".to_owned(), true, false, 0)];
        assert_eq!(functions.iter().map(kept).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn consumers_are_triggers() {
        let check = |settings: &str, expected: (u32, Option<u32>, Option<u32>, Option<&str>)| {
            let found = described(&format!("queues.consumers = [{{ queue = \"q\"{settings} }}]")).unwrap();
            let [
                PlannedTrigger {
                    on: TriggerSource::Queue { batch, window, attempts, dead_letter, .. }, ..
                },
            ] = found.planned_triggers.as_slice()
            else {
                panic!("{:?}", found.planned_triggers)
            };
            assert_eq!((*batch, *window, *attempts, dead_letter.as_deref()), expected, "{settings}");
        };
        check("", (10, Some(5), None, None));
        check(", max_batch_size = 50, max_batch_timeout = 0", (50, Some(1), None, None));
        check(", max_retries = 7, dead_letter_queue = \"d\"", (10, Some(5), Some(8), Some("d")));
        for (settings, words) in [
            ("max_retries = 101", "max_retries"),
            ("type = \"http_pull\"", "SQS API"),
            ("max_concurrency = 1", "two batches"),
        ] {
            let said =
                described(&format!("queues.consumers = [{{ queue = \"q\", {settings} }}]")).unwrap_err();
            assert!(said.to_string().contains(words), "{said}");
        }
    }
}
