//! Durable Objects: which classes a worker has, and under which names their objects are kept.
//!
//! Source: the Durable Objects documentation, "Durable Object class exports" and "Durable Object class migrations
//! (legacy)" (2026-11).

use std::collections::BTreeMap;

use super::wrangler::{Export, ObjectBinding, Wrangler};

/// A class whose instances are objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) name: String,
    /// What its objects are kept under: the name that it had first, so that a rename keeps them.
    pub(super) key: String,
    /// Whether its objects have the SQL API.
    pub(super) sql: bool,
}

/// The classes that a worker has after all of its migrations, or that it declares.
///
/// # Errors
/// For people, where they make no sense, or a binding is to none of them.
pub(super) fn classes(worker: &Wrangler) -> Result<Vec<Class>, String> {
    let classes = match (worker.exports.is_empty(), worker.migrations.is_empty()) {
        (false, false) => return Err("exports and migrations: a worker has one or the other".to_owned()),
        (false, true) => exported(&worker.exports)?,
        _ => migrated(worker)?,
    };
    let own = |script: &String| Some(script) == worker.name.as_ref();
    let of_own = |binding: &&ObjectBinding| binding.script_name.as_ref().is_none_or(own);
    for binding in worker.durable_objects.bindings.iter().filter(of_own) {
        if !classes.contains_key(&binding.class_name) {
            return Err(format!(
                "durable_objects: {} is bound to the class {}, which no migration makes (add it to new_sqlite_classes)",
                binding.name, binding.class_name
            ));
        }
    }
    Ok(classes.into_values().collect())
}

fn migrated(worker: &Wrangler) -> Result<BTreeMap<String, Class>, String> {
    let mut classes = BTreeMap::<String, Class>::new();
    // How often a class of this name was made: one that is made again has none of the old one's objects.
    let mut made = BTreeMap::<&str, u32>::new();
    for migration in &worker.migrations {
        let wrong = |what: String| format!("migrations: {}: {what}", migration.tag);
        if !migration.transferred_classes.is_empty() {
            return Err(wrong(
                "transferred_classes: ebb does not move objects between workers yet".to_owned(),
            ));
        }
        let with_sql = migration.new_sqlite_classes.iter().map(|name| (name, true));
        for (name, sql) in with_sql.chain(migration.new_classes.iter().map(|name| (name, false))) {
            let before = made.entry(name).or_default();
            let key = if *before == 0 { name.clone() } else { format!("{name}-{before}") };
            *before += 1;
            let class = Class { name: name.clone(), key, sql };
            if classes.insert(name.clone(), class).is_some() {
                return Err(wrong(format!("there is a class {name} already")));
            }
        }
        for renamed in &migration.renamed_classes {
            let class = classes.remove(&renamed.from);
            let class =
                class.ok_or_else(|| wrong(format!("there is no class {} to rename", renamed.from)))?;
            classes.insert(renamed.to.clone(), Class { name: renamed.to.clone(), ..class });
        }
        for name in &migration.deleted_classes {
            classes.remove(name).ok_or_else(|| wrong(format!("there is no class {name} to delete")))?;
        }
    }
    Ok(classes)
}

fn exported(exports: &BTreeMap<String, Export>) -> Result<BTreeMap<String, Class>, String> {
    let mut classes = BTreeMap::new();
    for (name, export) in exports.iter().filter(|(_, export)| export.kind == "durable-object") {
        match export.state.as_str() {
            "created" => {
                let key = first_name(exports, name);
                let sql = export.storage != "legacy-kv";
                classes.insert(name.clone(), Class { name: name.clone(), key: key.to_owned(), sql });
            }
            "renamed" | "deleted" => {}
            state => return Err(format!("exports.{name}.state: ebb does not have {state:?} yet")),
        }
    }
    Ok(classes)
}

/// The name that a class had before all of its renames.
fn first_name<'a>(exports: &'a BTreeMap<String, Export>, name: &'a str) -> &'a str {
    let mut first = name;
    // As many steps as there are names: renames in a circle end, too.
    for _ in exports {
        let before = exports.iter().find(|(_, export)| export.renamed_to.as_deref() == Some(first));
        let Some((before, _)) = before else { break };
        first = before;
    }
    first
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(worker: Value, expected: Result<&[(&str, &str, bool)], &str>) {
        let worker: Wrangler = serde_json::from_value(worker).unwrap();
        let found = classes(&worker);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<_> =
                    found.iter().map(|it| (it.name.as_str(), it.key.as_str(), it.sql)).collect();
                assert_eq!(found, expected);
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn classes_follow_the_migrations() {
        let new = |tag: &str, name: &str| json!({ "tag": tag, "new_sqlite_classes": [name] });
        check(json!({ "migrations": [new("v1", "A")] }), Ok(&[("A", "A", true)]));
        check(json!({ "migrations": [{ "tag": "v1", "new_classes": ["A"] }] }), Ok(&[("A", "A", false)]));
        let rename = json!({ "tag": "v2", "renamed_classes": [{ "from": "A", "to": "B" }] });
        check(json!({ "migrations": [new("v1", "A"), rename] }), Ok(&[("B", "A", true)]));
        let delete = json!({ "tag": "v2", "deleted_classes": ["A"] });
        check(json!({ "migrations": [new("v1", "A"), delete] }), Ok(&[]));
        check(json!({ "migrations": [new("v1", "A"), delete, new("v3", "A")] }), Ok(&[("A", "A-1", true)]));
        check(json!({ "migrations": [delete] }), Err("v2: there is no class A to delete"));
        check(
            json!({ "migrations": [new("v1", "A"), new("v2", "A")] }),
            Err("v2: there is a class A already"),
        );
        let transfer =
            json!({ "tag": "v1", "transferred_classes": [{ "from": "A", "from_script": "x", "to": "B" }] });
        check(json!({ "migrations": [transfer] }), Err("transferred_classes"));
        let bound = json!({ "bindings": [{ "name": "X", "class_name": "C" }] });
        check(
            json!({ "durable_objects": bound, "migrations": [new("v1", "A")] }),
            Err("C, which no migration makes"),
        );
    }

    #[test]
    fn classes_are_what_is_exported() {
        let exports = json!({
            "Room": { "type": "durable-object", "storage": "sqlite" },
            "ChatRoom": { "type": "durable-object", "state": "renamed", "renamed_to": "Room" },
            "Old": { "type": "durable-object", "state": "deleted" },
        });
        check(json!({ "exports": exports }), Ok(&[("Room", "ChatRoom", true)]));
        check(json!({ "exports": exports, "migrations": [{ "tag": "v1" }] }), Err("one or the other"));
        let transfer = json!({ "A": { "type": "durable-object", "state": "expecting-transfer" } });
        check(json!({ "exports": transfer }), Err("expecting-transfer"));
    }
}
