//! `AWS::Serverless::SimpleTable`: a table with one key.
//!
//! Source: AWS SAM developer guide, "AWS::Serverless::SimpleTable" (2026-11).

use serde_json::json;

use super::super::node::{Entry, Node};
use super::kept_attributes;

/// The table of DynamoDB that it stands for.
pub(super) fn transform(entry: &Entry) -> Node {
    let nothing = Node::map(entry.line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let key = own.get("PrimaryKey");
    let text = |name: &str| key.and_then(|key| key.get(name)).map(Node::to_json);
    let name = text("Name").unwrap_or_else(|| "id".into());
    let kind = match text("Type").as_ref().and_then(|kind| kind.as_str()) {
        Some("Number") => "N",
        Some("Binary") => "B",
        _ => "S",
    };
    let mut properties = json!({
        "AttributeDefinitions": [{ "AttributeName": name, "AttributeType": kind }],
        "KeySchema": [{ "AttributeName": name, "KeyType": "HASH" }],
    });
    match own.get("ProvisionedThroughput") {
        Some(node) => properties["ProvisionedThroughput"] = node.to_json(),
        None => properties["BillingMode"] = "PAY_PER_REQUEST".into(),
    }
    for same in ["TableName", "SSESpecification", "PointInTimeRecoverySpecification"] {
        if let Some(node) = own.get(same) {
            properties[same] = node.to_json();
        }
    }
    let resource = json!({ "Type": "AWS::DynamoDB::Table", "Properties": properties });
    let mut node = Node::from_json(entry.line, resource);
    kept_attributes(entry, &mut node, &["Condition", "DependsOn", "Metadata", "DeletionPolicy"]);
    node
}
