//! `wrangler.toml`, `wrangler.json` and `wrangler.jsonc`.
//!
//! Source: the Workers documentation, "Wrangler configuration" (2026-11).

mod checks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::error::ProjectError;
use super::super::jsonc;
use super::keys;
use checks::check;

/// The files, in the order in which wrangler looks for them.
pub(super) const FILES: &[&str] = &["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// Keys that environments do not inherit: an environment that does not say them has none.
const NOT_INHERITED: &[&str] = &[
    "vars",
    "durable_objects",
    "kv_namespaces",
    "r2_buckets",
    "d1_databases",
    "queues",
    "services",
    "define",
    "vectorize",
    "hyperdrive",
    "ai",
    "browser",
    "workflows",
    "tail_consumers",
    "analytics_engine_datasets",
    "ratelimits",
    "send_email",
    "mtls_certificates",
    "dispatch_namespaces",
    "secrets_store_secrets",
    "pipelines",
    "unsafe",
    "version_metadata",
];

/// Keys that mean something to the platform only, with the reason for leaving them out.
const LEFT_OUT: &[(&str, &str)] = &[
    ("route", "an app answers at its own host"),
    ("routes", "an app answers at its own host"),
    ("workers_dev", "an app answers at its own host"),
    ("preview_urls", "there are no previews"),
    ("account_id", "there is one account"),
    ("placement", "there is one place"),
    ("observability", "logs and metrics are always kept"),
    ("logpush", "logs are always kept"),
    ("dev", "it is for wrangler dev"),
    ("send_metrics", "nothing is sent"),
    ("keep_vars", "the file is the truth"),
    ("upload_source_maps", "source maps stay with the project"),
];

/// Why a key is left out that is in no list.
const UNKNOWN: &str = "ebb knows no such key";

/// Bindings of services that are not built.
const NOT_BUILT: &[&str] = &[
    "ai",
    "browser",
    "containers",
    "data_blobs",
    "dispatch_namespaces",
    "hyperdrive",
    "images",
    "mtls_certificates",
    "pipelines",
    "secrets_store_secrets",
    "send_email",
    "site",
    "text_blobs",
    "unsafe",
    "vectorize",
    "vpc_services",
    "wasm_modules",
];

/// What a worker is, as far as ebb makes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Wrangler {
    pub(super) name: Option<String>,
    pub(super) main: Option<String>,
    pub(super) compatibility_date: Option<String>,
    pub(super) compatibility_flags: Vec<String>,
    pub(super) vars: Map<String, Value>,
    pub(super) kv_namespaces: Vec<KvNamespace>,
    pub(super) r2_buckets: Vec<R2Bucket>,
    pub(super) queues: Queues,
    pub(super) services: Vec<Service>,
    pub(super) d1_databases: Vec<D1Database>,
    pub(super) durable_objects: DurableObjects,
    pub(super) migrations: Vec<Migration>,
    pub(super) exports: BTreeMap<String, Export>,
    pub(super) assets: Option<Assets>,
    pub(super) triggers: Triggers,
    pub(super) limits: Limits,
    pub(super) rules: Vec<Rule>,
    pub(super) no_bundle: bool,
    pub(super) define: BTreeMap<String, String>,
    pub(super) alias: BTreeMap<String, String>,
    pub(super) minify: bool,
    pub(super) build: Build,
    pub(super) version_metadata: Option<VersionMetadata>,
    pub(super) ratelimits: Vec<RateLimit>,
    pub(super) analytics_engine_datasets: Vec<Dataset>,
    pub(super) workflows: Vec<Workflow>,
    pub(super) tail_consumers: Vec<TailConsumer>,
}

/// A worker that is told what happens in this one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct TailConsumer {
    pub(super) service: String,
    pub(super) environment: Option<String>,
}

impl Wrangler {
    /// The workflows that are of this worker's own classes; the others are of another worker.
    pub(super) fn own_workflows(&self) -> impl Iterator<Item = &Workflow> {
        self.workflows.iter().filter(|workflow| self.is_own(workflow))
    }

    pub(super) fn is_own(&self, workflow: &Workflow) -> bool {
        workflow.script_name.is_none() || workflow.script_name == self.name
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Workflow {
    pub(super) binding: String,
    pub(super) name: String,
    pub(super) class_name: String,
    pub(super) script_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct KvNamespace {
    pub(super) binding: String,
    /// May be missing: then the namespace is this worker's own.
    pub(super) id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RateLimit {
    pub(super) name: String,
    pub(super) simple: SimpleLimit,
}

/// So many calls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct SimpleLimit {
    pub(super) limit: u32,
    pub(super) period: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Dataset {
    pub(super) binding: String,
    /// The binding's name where absent.
    pub(super) dataset: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct R2Bucket {
    pub(super) binding: String,
    pub(super) bucket_name: Option<String>,
}

impl R2Bucket {
    /// The bucket that it names, else one of the worker's own.
    pub(super) fn bucket_or_own(&self, app: &str) -> String {
        let own = || format!("{app}-{}", self.binding.to_ascii_lowercase().replace('_', "-"));
        self.bucket_name.clone().unwrap_or_else(own)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Queues {
    pub(super) producers: Vec<Producer>,
    pub(super) consumers: Vec<Consumer>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Producer {
    pub(super) binding: String,
    pub(super) queue: String,
}

/// Source of the defaults: the Queues documentation, "Configure Queues" (2026-11).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Consumer {
    pub(super) queue: String,
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default = "ten")]
    pub(super) max_batch_size: u32,
    /// Seconds that a batch may wait to be full.
    #[serde(default = "five")]
    pub(super) max_batch_timeout: u32,
    #[serde(default = "three")]
    pub(super) max_retries: u32,
    pub(super) dead_letter_queue: Option<String>,
    pub(super) max_concurrency: Option<u32>,
    /// Seconds.
    #[serde(default)]
    pub(super) retry_delay: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct D1Database {
    pub(super) binding: String,
    pub(super) database_name: Option<String>,
    pub(super) database_id: Option<String>,
    #[serde(default = "migrations_dir")]
    pub(super) migrations_dir: String,
    #[serde(default = "migrations_table")]
    pub(super) migrations_table: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct DurableObjects {
    pub(super) bindings: Vec<ObjectBinding>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct ObjectBinding {
    pub(super) name: String,
    pub(super) class_name: String,
    pub(super) script_name: Option<String>,
    pub(super) environment: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Migration {
    pub(super) tag: String,
    pub(super) new_classes: Vec<String>,
    pub(super) new_sqlite_classes: Vec<String>,
    pub(super) renamed_classes: Vec<Renamed>,
    pub(super) deleted_classes: Vec<String>,
    pub(super) transferred_classes: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Renamed {
    pub(super) from: String,
    pub(super) to: String,
}

/// What a class is that the worker exports, or was.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Export {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) storage: String,
    #[serde(default = "created")]
    pub(super) state: String,
    pub(super) renamed_to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Service {
    pub(super) binding: String,
    pub(super) service: String,
    pub(super) environment: Option<String>,
    pub(super) entrypoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Assets {
    pub(super) directory: Option<String>,
    pub(super) binding: Option<String>,
    #[serde(default = "automatic")]
    pub(super) html_handling: String,
    #[serde(default = "none")]
    pub(super) not_found_handling: String,
    /// A truth value, or a list of patterns.
    #[serde(default)]
    pub(super) run_worker_first: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Triggers {
    pub(super) crons: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    pub(super) cpu_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) globs: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Build {
    pub(super) command: Option<String>,
    pub(super) cwd: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct VersionMetadata {
    pub(super) binding: String,
}

fn ten() -> u32 {
    10
}

fn five() -> u32 {
    5
}

fn three() -> u32 {
    3
}

fn created() -> String {
    "created".to_owned()
}

fn migrations_dir() -> String {
    "migrations".to_owned()
}

fn migrations_table() -> String {
    "d1_migrations".to_owned()
}

fn automatic() -> String {
    "auto-trailing-slash".to_owned()
}

fn none() -> String {
    "none".to_owned()
}

/// A worker as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) path: PathBuf,
    pub(super) worker: Wrangler,
    /// Keys that are left out, and why.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// Reads the file; none where the folder has none. `environment` is one of its `env`, as `CLOUDFLARE_ENV` names it.
pub(super) fn read(folder: &Path, environment: Option<&str>) -> Result<Option<Described>, ProjectError> {
    let Some(path) = FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
        return Ok(None);
    };
    let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let described = document(&text, is_toml).and_then(|document| describe(document, environment));
    match described {
        Ok((worker, left_out)) => Ok(Some(Described { path, worker, left_out })),
        Err(message) => Err(ProjectError::Manifest { path, message }),
    }
}

fn document(text: &str, is_toml: bool) -> Result<Map<String, Value>, String> {
    if is_toml {
        toml::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_json::from_str(&jsonc::plain(text)).map_err(|error| error.to_string())
    }
}

/// Keys that mean nothing here, each with the reason.
type LeftOut = Vec<(String, &'static str)>;

fn describe(document: Map<String, Value>, environment: Option<&str>) -> Result<(Wrangler, LeftOut), String> {
    let document = in_environment(document, environment)?;
    let says = |key: &str| document.get(key).is_some_and(|value| !is_empty(value));
    if let Some(key) = NOT_BUILT.iter().find(|key| says(key)) {
        return Err(format!("{key}: ebb has no such binding yet"));
    }
    let mut left_out: LeftOut =
        LEFT_OUT.iter().filter(|(key, _)| says(key)).map(|(key, why)| ((*key).to_owned(), *why)).collect();
    let is_left_out = |key: &str| LEFT_OUT.iter().any(|(known, _)| *known == key);
    let unknown = keys::unknown(&document, is_left_out);
    if let Some(key) = unknown.iter().find(|key| document.get(*key).is_some_and(is_binding)) {
        return Err(format!("{key}: ebb has no such binding yet"));
    }
    left_out.extend(unknown.into_iter().map(|key| (key, UNKNOWN)));
    let worker: Wrangler =
        serde_json::from_value(Value::Object(document)).map_err(|error| error.to_string())?;
    check(&worker)?;
    Ok((worker, left_out))
}

/// Whether a value gives the worker something to call: a worker without it would fail when it does.
fn is_binding(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_binding),
        Value::Object(object) => object.contains_key("binding"),
        _ => false,
    }
}

/// The document as it is in an environment: its own keys, and those of the top that are inherited.
fn in_environment(
    mut document: Map<String, Value>,
    environment: Option<&str>,
) -> Result<Map<String, Value>, String> {
    let environments = document.remove("env");
    let Some(name) = environment.filter(|name| !name.is_empty()) else { return Ok(document) };
    let Some(Value::Object(own)) = environments.as_ref().and_then(|all| all.get(name)) else {
        let known: Vec<_> =
            environments.iter().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect();
        return Err(format!(
            "there is no env.{name} (CLOUDFLARE_ENV names it); there is [{}]",
            known.join(", ")
        ));
    };
    document.retain(|key, _| !NOT_INHERITED.contains(&key.as_str()));
    if let (Some(Value::String(worker)), false) = (document.get("name").cloned(), own.contains_key("name")) {
        document.insert("name".into(), format!("{worker}-{name}").into());
    }
    document.extend(own.clone());
    Ok(document)
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_empty),
        _ => false,
    }
}
