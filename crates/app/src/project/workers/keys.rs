//! The keys of a wrangler file, so that those are named that mean nothing here.
//!
//! Source: the Workers documentation, "Wrangler configuration" (2026-11).

use serde_json::{Map, Value};

/// Keys that are known, by where they are; what is not listed here holds names of the project's own.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "$schema",
            "alias",
            "analytics_engine_datasets",
            "assets",
            "build",
            "compatibility_date",
            "compatibility_flags",
            "d1_databases",
            "define",
            "durable_objects",
            "env",
            "exports",
            "kv_namespaces",
            "limits",
            "main",
            "migrations",
            "minify",
            "name",
            "no_bundle",
            "queues",
            "r2_buckets",
            "ratelimits",
            "rules",
            "services",
            "tail_consumers",
            "triggers",
            "vars",
            "version_metadata",
            "workflows",
        ],
    ),
    ("analytics_engine_datasets", &["binding", "dataset"]),
    ("assets", &["directory", "binding", "html_handling", "not_found_handling", "run_worker_first"]),
    ("build", &["command", "cwd", "watch_dir"]),
    (
        "d1_databases",
        &[
            "binding",
            "database_name",
            "database_id",
            "migrations_dir",
            "migrations_table",
            "preview_database_id",
        ],
    ),
    ("durable_objects", &["bindings"]),
    ("durable_objects.bindings", &["name", "class_name", "script_name", "environment"]),
    ("kv_namespaces", &["binding", "id", "preview_id"]),
    ("limits", &["cpu_ms"]),
    (
        "migrations",
        &[
            "tag",
            "new_classes",
            "new_sqlite_classes",
            "renamed_classes",
            "deleted_classes",
            "transferred_classes",
        ],
    ),
    ("queues", &["producers", "consumers"]),
    ("queues.producers", &["binding", "queue"]),
    (
        "queues.consumers",
        &[
            "queue",
            "type",
            "max_batch_size",
            "max_batch_timeout",
            "max_retries",
            "dead_letter_queue",
            "max_concurrency",
            "retry_delay",
        ],
    ),
    ("r2_buckets", &["binding", "bucket_name", "preview_bucket_name"]),
    ("ratelimits", &["name", "namespace_id", "simple"]),
    ("ratelimits.simple", &["limit", "period"]),
    ("rules", &["type", "globs", "fallthrough"]),
    ("services", &["binding", "service", "environment", "entrypoint"]),
    ("triggers", &["crons"]),
    ("tail_consumers", &["service", "environment"]),
    ("version_metadata", &["binding"]),
    ("workflows", &["binding", "class_name", "name", "script_name"]),
];

/// The keys of a document that are not known and say something, as paths; `others` are known at the top, too.
pub(super) fn unknown(document: &Map<String, Value>, others: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    walk("", document, &mut found);
    found.retain(|path| !others(path));
    found
}

fn walk(place: &str, object: &Map<String, Value>, found: &mut Vec<String>) {
    let Some((_, known)) = KNOWN.iter().find(|(of, _)| *of == place) else { return };
    for (key, value) in object.iter().filter(|(_, value)| !super::wrangler::is_empty(value)) {
        let path = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        if !known.contains(&key.as_str()) {
            if !found.contains(&path) {
                found.push(path);
            }
            continue;
        }
        match value {
            Value::Object(inner) => walk(&path, inner, found),
            Value::Array(items) => {
                items.iter().filter_map(Value::as_object).for_each(|item| walk(&path, item, found));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_mean_nothing_are_found_wherever_they_are() {
        let check = |document: Value, expected: &[&str]| {
            let Value::Object(document) = document else { panic!("{document}") };
            assert_eq!(unknown(&document, |key| key == "routes"), expected);
        };
        check(json!({ "name": "w", "vars": { "anything": { "goes": 1 } }, "routes": ["x"] }), &[]);
        check(json!({ "nmae": "w", "future": true }), &["future", "nmae"]);
        check(
            json!({ "kv_namespaces": [{ "binding": "A", "remote": true }, { "binding": "B", "remote": true }] }),
            &["kv_namespaces.remote"],
        );
        check(json!({ "limits": { "subrequests": 5 }, "empty": {} }), &["limits.subrequests"]);
    }
}
