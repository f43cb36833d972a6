//! The transform `AWS::Serverless-2016-10-31`: serverless resources become plain ones.
//!
//! Source: AWS SAM developer guide, "AWS SAM template anatomy", "AWS SAM resources and properties" and "Generated
//! CloudFormation resources" (2026-11). Logical ids are those that the transform generates there, since templates refer
//! to them.

mod apis;
mod auth;
mod checks;
mod connector;
mod events;
mod function;
mod globals;
mod layer;
mod table;
#[cfg(test)]
mod tests;

use ebb_model::Digest;
use serde_json::{Value as Json, json};

use super::node::{Entry, Fault, Node, Value};
use apis::Apis;
pub(crate) use globals::merged as merge_globals;

/// What the transform has made so far.
pub(super) struct Output {
    resources: Vec<Entry>,
    apis: Apis,
    /// Logical ids that have others after the transform, with those.
    renamed: Vec<(String, String)>,
    /// Notifications that buckets of the template get: the bucket, and the configuration.
    notifications: Vec<(String, u32, Json)>,
}

impl Output {
    fn add(&mut self, logical: &str, line: u32, resource: Json) {
        self.add_node(logical, line, Node::from_json(line, resource));
    }

    /// Lets templates refer to a resource that was made of another: `!Ref Function.Alias`. Source: the SAM developer guide,
    /// "Referencing generated resources" (2026-11).
    fn generated(&mut self, of: &str, property: &str, logical: &str) {
        self.renamed.push((format!("{of}.{property}"), logical.to_owned()));
    }

    fn add_node(&mut self, logical: &str, line: u32, value: Node) {
        self.resources.push(Entry { key: logical.to_owned(), line, value });
    }
}

/// Applies the transform. `code` tells packages apart, by the logical id of the resource.
pub(super) fn transform(mut root: Node, code: &dyn Fn(&str) -> String) -> Result<Node, Fault> {
    let globals = root.remove("Globals");
    root.remove("Transform");
    if let Some(globals) = &globals {
        globals::check(globals)?;
    }
    let mut output = Output {
        resources: Vec::new(),
        apis: Apis::default(),
        renamed: Vec::new(),
        notifications: Vec::new(),
    };
    let resources = root.get("Resources").cloned().unwrap_or_else(|| Node::map(1, []));
    for entry in resources.entries() {
        let mut entry = entry.clone();
        connector::embedded(&mut entry, &resources, &mut output)?;
        let entry = &entry;
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let section = match kind {
            "AWS::Serverless::Function" => "Function",
            "AWS::Serverless::Api" => "Api",
            "AWS::Serverless::HttpApi" => "HttpApi",
            "AWS::Serverless::LayerVersion" => "LayerVersion",
            "AWS::Serverless::Connector" => {
                connector::transform(entry, &resources, &mut output)?;
                continue;
            }
            "AWS::Serverless::SimpleTable" => {
                output.add_node(&entry.key, entry.line, table::transform(entry));
                continue;
            }
            _ if kind.starts_with("AWS::Serverless::") => {
                let line = entry.value.get("Type").map_or(entry.line, |node| node.line);
                let message =
                    format!("resource {} is of type {kind}, which ebb does not have yet", entry.key);
                return Err(Fault::new(line, message));
            }
            _ => {
                output.resources.push(entry.clone());
                continue;
            }
        };
        let global = globals.as_ref().and_then(|globals| globals.get(section));
        let entry = globals::merged(entry, global);
        match section {
            "Function" => function::transform(&entry, code, &mut output)?,
            "LayerVersion" => layer::transform(&entry, code, &mut output)?,
            "Api" => output.apis.declare_rest(&entry),
            _ => output.apis.declare_http(&entry),
        }
    }
    let http_globals = globals.as_ref().and_then(|globals| globals.get("HttpApi"));
    let rest_globals = globals.as_ref().and_then(|globals| globals.get("Api"));
    std::mem::take(&mut output.apis).finish(http_globals, rest_globals, &mut output)?;
    notify(&mut output)?;
    root.set("Resources", Node::new(resources.line, Value::Map(output.resources)));
    Ok(rename(root, &output.renamed))
}

/// Gives buckets the notifications that functions ask for.
fn notify(output: &mut Output) -> Result<(), Fault> {
    for (bucket, line, configuration) in std::mem::take(&mut output.notifications) {
        let found = output.resources.iter_mut().find(|entry| entry.key == bucket);
        let Some(entry) = found else {
            return Err(Fault::new(line, format!("{bucket} is no bucket of this template")));
        };
        let mut properties = entry.value.get("Properties").cloned().unwrap_or_else(|| Node::map(line, []));
        let mut notification =
            properties.get("NotificationConfiguration").cloned().unwrap_or_else(|| Node::map(line, []));
        let mut list = notification
            .get("LambdaConfigurations")
            .and_then(Node::as_list)
            .map(<[Node]>::to_vec)
            .unwrap_or_default();
        list.push(Node::from_json(line, configuration));
        notification.set("LambdaConfigurations", Node::list(line, list));
        properties.set("NotificationConfiguration", notification);
        entry.value.set("Properties", properties);
    }
    Ok(())
}

/// Lets references follow resources to their new logical ids.
fn rename(node: Node, renamed: &[(String, String)]) -> Node {
    if renamed.is_empty() {
        return node;
    }
    let new = |name: &str| renamed.iter().find(|(old, _)| old == name).map(|(_, new)| new.clone());
    let line = node.line;
    if let Some(("Ref", argument)) = node.intrinsic()
        && let Some(name) = argument.as_str().and_then(new)
    {
        return Node::map(line, [("Ref", Node::text(line, name))]);
    }
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| rename(item, renamed)).collect()),
        Value::Map(entries) => Value::Map(
            entries.into_iter().map(|entry| Entry { value: rename(entry.value, renamed), ..entry }).collect(),
        ),
        Value::String(text) => {
            let replaced = renamed
                .iter()
                .fold(text, |text, (old, new)| text.replace(&format!("${{{old}}}"), &format!("${{{new}}}")));
            Value::String(replaced)
        }
        other => other,
    };
    Node { line, value }
}

/// The part of a logical id that changes with what the resource is.
fn hash(content: &str) -> String {
    Digest::of(content.as_bytes()).to_string().chars().filter(char::is_ascii_hexdigit).take(10).collect()
}

fn reference(logical: &str) -> Json {
    json!({ "Ref": logical })
}

fn arn_of(logical: &str) -> Json {
    json!({ "Fn::GetAtt": [logical, "Arn"] })
}

/// The logical id that a `Ref` names.
fn referred(node: &Node) -> Option<&str> {
    match node.intrinsic() {
        Some(("Ref", name)) => name.as_str(),
        _ => None,
    }
}

/// Attributes of a resource that those made of it have too.
fn kept_attributes(entry: &Entry, resource: &mut Node, names: &[&str]) {
    for name in names {
        if let Some(node) = entry.value.get(name) {
            resource.set(name, node.clone());
        }
    }
}
