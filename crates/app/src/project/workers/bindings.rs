//! What a worker finds in its `env`, and the services that this leads to.

use std::collections::BTreeSet;

use ebb_model::Digest;
use serde_json::Value;

use super::config::{Binding, Service};
use super::wrangler::{self, KvNamespace};
use super::{Project, database};

/// The bindings of a worker that is deployed as `app`.
///
/// # Errors
/// For people, where they make no sense.
pub(super) fn of(project: &Project, app: &str) -> Result<Vec<(String, Binding)>, String> {
    let worker = &project.described.worker;
    let mut bindings = Vec::new();
    for (name, value) in &worker.vars {
        let binding = match value {
            Value::String(text) => Binding::Text(text.clone()),
            other => Binding::Json(other.to_string()),
        };
        bindings.push((name.clone(), binding));
    }
    bindings.extend(project.secrets.keys().map(|name| (name.clone(), Binding::Environment(name.clone()))));
    let namespaces = worker.kv_namespaces.iter();
    bindings.extend(namespaces.map(|it| (it.binding.clone(), Binding::Kv(namespace_bucket(it, app)))));
    let producers = worker.queues.producers.iter();
    bindings.extend(producers.map(|it| (it.binding.clone(), Binding::Queue(it.queue.clone()))));
    let buckets = worker.r2_buckets.iter();
    bindings.extend(buckets.map(|it| (it.binding.clone(), Binding::R2(it.bucket_or_own(app)))));
    let databases = worker.d1_databases.iter();
    bindings.extend(databases.map(|it| (it.binding.clone(), Binding::D1(database_function(it, app)))));
    let objects = worker.durable_objects.bindings.iter();
    bindings.extend(objects.map(|it| {
        let class = it.class_name.clone();
        let binding = match foreign(project, it, app) {
            Some(script) => Binding::ForeignObjects(script.clone(), class),
            None => Binding::Objects(class),
        };
        (it.name.clone(), binding)
    }));
    bindings.extend(worker.workflows.iter().map(|it| {
        let binding = Binding::Workflow {
            name: it.name.clone(),
            class: it.class_name.clone(),
            script: it.script_name.clone().filter(|_| !worker.is_own(it)),
        };
        (it.binding.clone(), binding)
    }));
    let limits = worker.ratelimits.iter();
    bindings
        .extend(limits.map(|it| (it.name.clone(), Binding::RateLimit(it.simple.limit, it.simple.period))));
    let datasets = worker.analytics_engine_datasets.iter();
    bindings.extend(datasets.map(|it| {
        let dataset = it.dataset.clone().unwrap_or_else(|| it.binding.clone());
        (it.binding.clone(), Binding::Dataset(dataset))
    }));
    if let Some(metadata) = &worker.version_metadata {
        bindings.push((metadata.binding.clone(), Binding::Version));
    }
    if let Some(name) = worker.assets.as_ref().and_then(|assets| assets.binding.clone()) {
        bindings.push((name, Binding::Assets));
    }
    for service in &worker.services {
        let entrypoint = service.entrypoint.clone();
        let binding = match is_own(project, service, app) {
            true => Binding::Own(entrypoint),
            false => Binding::Worker(service.service.clone(), entrypoint),
        };
        bindings.push((service.binding.clone(), binding));
    }
    let names: BTreeSet<_> = bindings.iter().map(|(name, _)| name).collect();
    if names.len() < bindings.len() {
        return Err("two bindings have one name".to_owned());
    }
    Ok(bindings)
}

/// What the bindings lead to, each once.
pub(super) fn services(project: &Project, app: &str) -> Vec<Service> {
    let worker = &project.described.worker;
    let kv = worker.kv_namespaces.iter().map(|namespace| Service::Kv(namespace_bucket(namespace, app)));
    let queues = worker.queues.producers.iter().map(|producer| Service::Queue(producer.queue.clone()));
    let buckets = worker.r2_buckets.iter().map(|bucket| Service::R2(bucket.bucket_or_own(app)));
    let databases = worker.d1_databases.iter().map(|it| Service::D1(database_function(it, app)));
    let others = worker.services.iter().filter(|service| !is_own(project, service, app));
    let workers = others.map(|it| Service::Worker(it.service.clone(), it.entrypoint.clone()));
    let objects = worker.durable_objects.bindings.iter();
    let objects = objects
        .filter_map(|it| Some(Service::Objects(foreign(project, it, app)?.clone(), it.class_name.clone())));
    let workflows = worker.workflows.iter().filter(|workflow| !worker.is_own(workflow));
    let workflows =
        workflows.filter_map(|it| Some(Service::Objects(it.script_name.clone()?, it.class_name.clone())));
    let objects = objects.chain(workflows);
    let own = worker.name.clone().unwrap_or_else(|| app.to_owned());
    let tails = worker.tail_consumers.iter().map(|it| Service::Tail(it.service.clone(), own.clone()));
    let all: BTreeSet<_> =
        objects.chain(tails).chain(kv).chain(queues).chain(buckets).chain(databases).chain(workers).collect();
    all.into_iter().collect()
}

/// The other worker whose objects a binding is to.
fn foreign<'a>(project: &Project, binding: &'a wrangler::ObjectBinding, app: &str) -> Option<&'a String> {
    let own = project.described.worker.name.as_ref();
    binding.script_name.as_ref().filter(|script| Some(*script) != own && *script != app)
}

fn is_own(project: &Project, service: &wrangler::Service, app: &str) -> bool {
    Some(&service.service) == project.described.worker.name.as_ref() || service.service == app
}

fn database_function(described: &wrangler::D1Database, app: &str) -> String {
    format!("{app}-{}", database::function_name(described))
}

fn namespace_bucket(namespace: &KvNamespace, app: &str) -> String {
    let own = || format!("{app}-{}", namespace.binding);
    bucket_name("kv", &namespace.id.clone().unwrap_or_else(own))
}

/// The bucket that keeps a namespace: bucket names are shorter and simpler than ids may be.
pub(in super::super) fn bucket_name(kind: &str, id: &str) -> String {
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
