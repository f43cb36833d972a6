//! How many requests something takes.

use serde::{Deserialize, Serialize};

/// How many requests something takes in a time; more are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// So many.
    pub requests: u32,
    /// In so many seconds; not 0.
    pub seconds: u32,
    /// Whether each client's requests are counted by themselves.
    pub by_client: bool,
}
