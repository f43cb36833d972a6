//! `AWS::Serverless::LayerVersion`: a new resource for each content, so that a new version is made.

use serde_json::{Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::{Output, function, hash, kept_attributes};

pub(super) fn transform(
    entry: &Entry,
    code: &dyn Fn(&str) -> String,
    output: &mut Output,
) -> Result<(), Fault> {
    let nothing = Node::map(entry.line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let Some(content) = own.get("ContentUri") else {
        return Err(Fault::new(entry.line, format!("{} needs ContentUri", entry.key)));
    };
    let mut properties = json!({ "Content": function::code_location(&entry.key, content) });
    for name in ["LayerName", "Description", "LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"] {
        if let Some(node) = own.get(name) {
            properties[name] = node.to_json();
        }
    }
    if properties.get("LayerName").is_none() {
        properties["LayerName"] = entry.key.as_str().into();
    }
    let known = ["RetentionPolicy", "PublishLambdaVersion"];
    if let Some(unknown) = own.entries().iter().find(|one| {
        one.key != "ContentUri" && properties.get(&one.key).is_none() && !known.contains(&one.key.as_str())
    }) {
        return Err(Fault::new(
            unknown.line,
            format!("{} has no property {} in ebb", entry.key, unknown.key),
        ));
    }
    let logical = format!("{}{}", entry.key, hash(&format!("{properties}{}", code(&entry.key))));
    let deletes = own.get("RetentionPolicy").and_then(Node::as_str).is_some_and(|policy| policy == "Delete");
    let policy: Json = if deletes { "Delete".into() } else { "Retain".into() };
    let resource =
        json!({ "Type": "AWS::Lambda::LayerVersion", "DeletionPolicy": policy, "Properties": properties });
    let mut node = Node::from_json(entry.line, resource);
    kept_attributes(entry, &mut node, &["Condition", "DependsOn", "Metadata"]);
    output.add_node(&logical, entry.line, node);
    output.renamed.push((entry.key.clone(), logical));
    Ok(())
}
