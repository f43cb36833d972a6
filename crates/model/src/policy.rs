//! Resource policies: who may call a function.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::RevisionId;

/// The statements attached to a function, a version or an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Changes with every statement added or removed.
    pub revision: RevisionId,
    /// In the order in which they were added.
    pub statements: Vec<Statement>,
}

/// One statement of a [`Policy`], in the shape of IAM JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Unique within the policy.
    #[serde(rename = "Sid")]
    pub id: String,
    /// `Allow`: Lambda's resource policies have no other.
    #[serde(rename = "Effect")]
    pub effect: String,
    /// `"*"`, `{"Service": "s3.amazonaws.com"}` or `{"AWS": "arn:…"}`.
    #[serde(rename = "Principal")]
    pub principal: Value,
    /// As in `lambda:InvokeFunction`.
    #[serde(rename = "Action")]
    pub action: String,
    /// The ARN of the function, with the qualifier that the policy hangs on.
    #[serde(rename = "Resource")]
    pub resource: String,
    /// Conditions, as in `{"ArnLike": {"AWS:SourceArn": "…"}}`.
    #[serde(rename = "Condition", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
}
