//! How many requests something takes.

use serde::{Deserialize, Serialize};

/// How many requests something takes in a time; more are refused, or answered by something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// So many.
    pub requests: u32,
    /// In so many seconds; not 0.
    pub seconds: u32,
    /// Whether each client's requests are counted by themselves.
    pub by_client: bool,
    /// The path that the others are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
}
