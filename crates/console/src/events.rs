//! The steps of events.

use ebb_model::Timestamp;
use ebb_store::Store;
use ebb_store::trail::Step;
use serde::{Deserialize, Serialize};

use crate::error::ConsoleError;

/// Steps of one answer where the request does not say.
const LIMIT: usize = 1_000;
/// Steps that one answer may hold at most.
const MOST: usize = 10_000;

/// What is asked for: the parameters of `GET /_ebb/v1/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// `id`: of one event; its steps come with those of the events that it led to. Of all where absent.
    pub id: Option<String>,
    /// `since`: only steps of this time or later, in milliseconds since the epoch; the newest without it.
    pub since: Option<i64>,
    /// `limit`: at most so many (default 1,000, at most 10,000).
    pub limit: Option<usize>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// By time, oldest first.
    pub steps: Vec<Step>,
}

/// Reads what `query` asks for.
pub(crate) async fn read(store: &Store, query: &EventQuery) -> Result<EventPage, ConsoleError> {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, MOST);
    let steps = store.trail().read(query.id.as_deref(), query.since.map(Timestamp), limit).await?;
    Ok(EventPage { steps })
}
