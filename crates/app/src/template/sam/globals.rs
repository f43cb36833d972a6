//! `Globals`: what resources of a type have unless they say otherwise.
//!
//! Source: AWS SAM developer guide, "Globals section of the AWS SAM template" (2026-11): values of a resource win, maps
//! are merged, lists are added to those of the globals.

use super::super::node::{Entry, Fault, Node, Value};

const SECTIONS: &[&str] =
    &["Function", "Api", "HttpApi", "SimpleTable", "StateMachine", "LayerVersion", "CapacityProvider"];

pub(super) fn check(globals: &Node) -> Result<(), Fault> {
    match globals.entries().iter().find(|entry| !SECTIONS.contains(&entry.key.as_str())) {
        Some(unknown) => Err(Fault::new(unknown.line, format!("Globals has no section {}", unknown.key))),
        None => Ok(()),
    }
}

/// A resource with the globals of its type.
pub(crate) fn merged(entry: &Entry, globals: Option<&Node>) -> Entry {
    let Some(globals) = globals else { return entry.clone() };
    let mut entry = entry.clone();
    let own = entry.value.get("Properties").cloned().unwrap_or_else(|| Node::map(entry.line, []));
    entry.value.set("Properties", merge(globals, &own));
    entry
}

fn merge(global: &Node, own: &Node) -> Node {
    if global.intrinsic().is_some() || own.intrinsic().is_some() {
        return own.clone();
    }
    match (&global.value, &own.value) {
        (Value::Map(below), Value::Map(above)) => {
            let mut entries: Vec<Entry> = below.clone();
            for entry in above {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        *known = Entry {
                            key: entry.key.clone(),
                            line: entry.line,
                            value: merge(&known.value, &entry.value),
                        };
                    }
                    None => entries.push(entry.clone()),
                }
            }
            Node::new(own.line, Value::Map(entries))
        }
        (Value::List(below), Value::List(above)) => {
            Node::list(own.line, below.iter().chain(above).cloned().collect())
        }
        _ => own.clone(),
    }
}
