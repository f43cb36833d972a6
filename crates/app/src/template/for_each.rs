//! `Fn::ForEach`: loops, expanded before anything else is read.
//!
//! Source: CloudFormation user guide, "Fn::ForEach" (2026-11).

use super::node::{Entry, Fault, Node, Value};

const PREFIX: &str = "Fn::ForEach::";

type Lists<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Expands every loop in a tree.
pub(super) fn expand(node: Node, lists: Lists<'_>) -> Result<Node, Fault> {
    let line = node.line;
    let value = match node.value {
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| expand(item, lists)).collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let mut expanded = Vec::new();
            for entry in entries {
                if entry.key.starts_with(PREFIX) {
                    for made in unroll(&entry, lists)? {
                        if expanded.iter().any(|own: &Entry| own.key == made.key) {
                            return Err(Fault::new(made.line, format!("the loop makes {} twice", made.key)));
                        }
                        expanded.push(made);
                    }
                } else {
                    expanded.push(Entry { value: expand(entry.value, lists)?, ..entry });
                }
            }
            Value::Map(expanded)
        }
        other => other,
    };
    Ok(Node { line, value })
}

/// What one loop stands for.
fn unroll(entry: &Entry, lists: Lists<'_>) -> Result<Vec<Entry>, Fault> {
    let wrong = |what: &str| Fault::new(entry.line, format!("{}: {what}", entry.key));
    let Some([name, collection, body]) = entry.value.as_list() else {
        return Err(wrong("takes an identifier, a collection and a map"));
    };
    let identifier = name.as_str().ok_or_else(|| wrong("its identifier must be a string"))?;
    let values: Vec<String> = match (collection.as_list(), collection.intrinsic()) {
        (Some(items), _) => items.iter().filter_map(Node::scalar).collect(),
        (None, Some(("Ref", parameter))) => parameter
            .as_str()
            .and_then(lists)
            .ok_or_else(|| wrong("its collection must be a list, or a parameter that is one"))?,
        _ => return Err(wrong("its collection must be a list, or a parameter that is one")),
    };
    let mut made = Vec::new();
    for value in values {
        let body = substitute(body, identifier, &value);
        let Value::Map(entries) = expand(body, lists)?.value else {
            return Err(wrong("its third part must be a map"));
        };
        made.extend(entries);
    }
    Ok(made)
}

fn substitute(node: &Node, identifier: &str, value: &str) -> Node {
    if let Some(("Ref", name)) = node.intrinsic()
        && name.as_str() == Some(identifier)
    {
        return Node::text(node.line, value);
    }
    let replaced = |text: &str| {
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{identifier}}}"), value).replace(&format!("&{{{identifier}}}"), &plain)
    };
    let inner = match &node.value {
        Value::String(text) => Value::String(replaced(text)),
        Value::List(items) => {
            Value::List(items.iter().map(|item| substitute(item, identifier, value)).collect())
        }
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: replaced(&entry.key),
                    line: entry.line,
                    value: substitute(&entry.value, identifier, value),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { line: node.line, value: inner }
}
