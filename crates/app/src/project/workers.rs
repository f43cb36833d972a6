//! Cloudflare Workers: a wrangler file becomes a package that workerd runs.
//!
//! The package holds the modules of the worker, what ebb puts around it (`runtimes/workerd/`) and a configuration of
//! workerd, which the runtime starts it with. One worker is one function: its isolates share no process with another's.

mod config;
mod cron;
mod modules;
mod wrangler;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::Digest;
use serde_json::{Map, Value, json};

use self::config::{Binding, Service, Worker};
use self::modules::Modules;
use self::wrangler::{Assets, Described};
use super::description::{Description, Source, SourceFunction};
use super::dotenv;
use super::error::ProjectError;
use super::pack::{Files, Zipped};
use crate::plan::PlannedSchedule;

/// The runtime of workers, and what it needs by the name that `ebb runtimes add` knows.
pub(super) const RUNTIME: &str = "workerd";
/// The newest date that the pinned workerd knows: its release's.
const NEWEST_DATE: &str = "2026-11-17";
/// Processor time of a request that does not say. Source: the Workers documentation, "Limits", paid plan.
const CPU_MS: u64 = 30_000;

/// What ebb puts around a worker, by name.
const PARTS: &[(&str, &str)] = &[
    ("aws.js", include_str!("../../../../runtimes/workerd/aws.js")),
    ("assets.js", include_str!("../../../../runtimes/workerd/assets.js")),
    ("cache.js", include_str!("../../../../runtimes/workerd/cache.js")),
    ("entry.js", include_str!("../../../../runtimes/workerd/entry.js")),
    ("kv.js", include_str!("../../../../runtimes/workerd/kv.js")),
    ("queue.js", include_str!("../../../../runtimes/workerd/queue.js")),
    ("r2.js", include_str!("../../../../runtimes/workerd/r2.js")),
    ("s3.js", include_str!("../../../../runtimes/workerd/s3.js")),
    ("track.js", include_str!("../../../../runtimes/workerd/track.js")),
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
    let served = SourceFunction::served(folder, RUNTIME, Source::Worker(Box::new(worker)));
    let functions = vec![SourceFunction { environment, ..served }];
    Ok(Description { name, functions, schedules, ..Description::default() })
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

    /// Builds and packs it as the function of `app`.
    pub(super) fn pack(&self, app: &str, progress: &mut dyn FnMut(&str)) -> Result<Zipped, ProjectError> {
        let worker = &self.described.worker;
        self.build(progress)?;
        let mut files = Files::default();
        let modules = match &worker.main {
            Some(main) => Some(Modules::make(&self.folder, main, worker, &mut files, progress)?),
            None => None,
        };
        let assets = match &worker.assets {
            Some(assets) => self.assets(assets, &mut files)?,
            None => None,
        };
        for (name, content) in PARTS {
            files.add(format!(".ebb/{name}"), *content);
        }
        files.add(".ebb/cpu_ms", worker.limits.cpu_ms.unwrap_or(CPU_MS).to_string());
        let (date, flags) = self.compatibility();
        let configured = Worker {
            modules: modules.as_ref().map(|modules| modules.list.as_slice()).unwrap_or_default(),
            date: &date,
            flags: &flags,
            bindings: self.bindings(app)?,
            services: self.services(app),
            assets: assets.as_ref(),
            settings: json!({ "main": worker.main.is_some(), "assets": assets }),
        };
        files.add(".ebb/worker.capnp", configured.text());
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

    fn bindings(&self, app: &str) -> Result<Vec<(String, Binding)>, ProjectError> {
        let worker = &self.described.worker;
        let mut bindings = Vec::new();
        for (name, value) in &worker.vars {
            let binding = match value {
                Value::String(text) => Binding::Text(text.clone()),
                other => Binding::Json(other.to_string()),
            };
            bindings.push((name.clone(), binding));
        }
        bindings.extend(self.secrets.keys().map(|name| (name.clone(), Binding::Environment(name.clone()))));
        for namespace in &worker.kv_namespaces {
            let id = namespace.id.clone().unwrap_or_else(|| format!("{app}-{}", namespace.binding));
            bindings.push((namespace.binding.clone(), Binding::Kv(bucket_name("kv", &id))));
        }
        bindings.extend(
            worker.queues.producers.iter().map(|it| (it.binding.clone(), Binding::Queue(it.queue.clone()))),
        );
        bindings.extend(
            worker.r2_buckets.iter().map(|it| (it.binding.clone(), Binding::R2(it.bucket_or_own(app)))),
        );
        if let Some(metadata) = &worker.version_metadata {
            let value = json!({ "id": "", "tag": "", "timestamp": "" });
            bindings.push((metadata.binding.clone(), Binding::Json(value.to_string())));
        }
        if let Some(name) = worker.assets.as_ref().and_then(|assets| assets.binding.clone()) {
            bindings.push((name, Binding::Assets));
        }
        for service in &worker.services {
            if Some(&service.service) != worker.name.as_ref() && service.service != app {
                return Err(self.not_built(&format!("services ({}, another worker)", service.binding)));
            }
            bindings.push((service.binding.clone(), Binding::Own(service.entrypoint.clone())));
        }
        if let Some(consumer) = worker.queues.consumers.first() {
            return Err(self.not_built(&format!("queues.consumers ({})", consumer.queue)));
        }
        let names: BTreeSet<_> = bindings.iter().map(|(name, _)| name).collect();
        if names.len() < bindings.len() {
            return Err(self.wrong("two bindings have one name".to_owned()));
        }
        Ok(bindings)
    }

    fn services(&self, app: &str) -> Vec<Service> {
        let worker = &self.described.worker;
        let kv = worker.kv_namespaces.iter().map(|namespace| {
            let id = namespace.id.clone().unwrap_or_else(|| format!("{app}-{}", namespace.binding));
            Service::Kv(bucket_name("kv", &id))
        });
        let queues = worker.queues.producers.iter().map(|producer| Service::Queue(producer.queue.clone()));
        let buckets = worker.r2_buckets.iter().map(|bucket| Service::R2(bucket.bucket_or_own(app)));
        let mut services: Vec<_> = kv.chain(queues).chain(buckets).collect();
        services.sort();
        services.dedup();
        services
    }

    /// Packs the folder of static files; gives what the worker in front is told of them.
    fn assets(&self, assets: &Assets, files: &mut Files) -> Result<Option<Value>, ProjectError> {
        let Some(directory) = &assets.directory else { return Ok(None) };
        let folder = self.folder.join(directory);
        let mut found = Files::default();
        found.add_path("", &folder)?;
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
        });
        Ok(Some(settings))
    }

    fn not_built(&self, what: &str) -> ProjectError {
        self.wrong(format!("{what}: ebb does not have this for workers yet"))
    }

    fn wrong(&self, message: String) -> ProjectError {
        ProjectError::Manifest { path: self.described.path.clone(), message }
    }
}

/// The bucket that keeps a namespace: bucket names are shorter and simpler than ids may be.
pub(super) fn bucket_name(kind: &str, id: &str) -> String {
    let simple: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    let simple = simple.trim_matches('-');
    if simple == id {
        return format!("ebb-{kind}-{id}");
    }
    let digest = Digest::of(id.as_bytes()).to_string();
    format!("ebb-{kind}-{simple}-{}", digest.get(..8).unwrap_or_default()).replace("--", "-")
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
