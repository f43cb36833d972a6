//! Values that only the server knows when an app is deployed: keys that it makes, and where the app is.

use serde::{Deserialize, Serialize};

/// An environment variable of all functions of an app whose value the server gives. One that a function has already is
/// left as it is, and counts for the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedKey {
    /// The variable.
    pub variable: String,
    /// Its value.
    pub value: KeyValue,
    /// What it is, where people are to see it after a deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_as: Option<String>,
}

/// What the value of a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyValue {
    /// Random text, made once and kept with the app.
    Random,
    /// A JSON Web Token (HS256) of these claims (JSON text), signed with the value of another variable.
    Token {
        /// The variable of the key; one that comes before.
        signed_with: String,
        /// The claims.
        claims: String,
    },
    /// The URL of the app at the edge, without a slash at the end.
    Url,
}
