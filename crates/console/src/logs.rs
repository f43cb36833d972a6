//! Log events of one function, of an app, or of everything.

use std::sync::Arc;

use ebb_invoker::Invoker;
use ebb_model::Timestamp;
use ebb_store::logs::{Direction, LogError, LogStore, ReadRequest, StoredEvent, StreamChoice, Subject};
use serde::{Deserialize, Serialize};

use crate::error::ConsoleError;
use crate::ports::MessageTest;

/// Events of one answer where the request does not say.
const LIMIT: usize = 1_000;

/// Events that one answer may hold at most.
const MOST: usize = 10_000;

/// Bytes of messages of one function in one answer.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of files that are read for one function and one answer.
const MAX_SCAN: u64 = 256 * 1024 * 1024;

/// What is asked for: the parameters of `GET /_ebb/v1/logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// `name`: a function, or an app for all of its functions; everything where absent.
    pub name: Option<String>,
    /// `since`: only events of this time or later, in milliseconds since the epoch. The oldest come first then;
    /// without it, the newest are given.
    pub since: Option<i64>,
    /// `filter`: a filter pattern of the log service.
    pub filter: Option<String>,
    /// `limit`: at most so many events (default 1,000, at most 10,000).
    pub limit: Option<usize>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// By time, oldest first.
    pub events: Vec<LogEventView>,
    /// The functions that were looked at.
    pub functions: Vec<String>,
    /// Whether there are more that fit.
    pub more: bool,
}

/// A log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEventView {
    /// Unique, and in the order of time.
    pub id: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The function.
    pub function: String,
    /// The log stream, one for each instance.
    pub stream: String,
    /// The text.
    pub message: String,
}

/// Reads what `query` asks for.
pub(crate) async fn read(
    invoker: &Invoker,
    store: &LogStore,
    query: &LogQuery,
    filter: Option<MessageTest>,
) -> Result<LogPage, ConsoleError> {
    let functions = functions(invoker, query.name.as_deref())?;
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, MOST);
    let filter: Arc<MessageTest> = Arc::new(filter.unwrap_or_else(|| Box::new(|_| true)));
    let direction = if query.since.is_some() { Direction::Forward } else { Direction::Backward };
    let mut found: Vec<(String, StoredEvent)> = Vec::new();
    let mut more = false;
    for (function, group) in &functions {
        let request = ReadRequest {
            group: group.clone(),
            streams: StreamChoice::All,
            start: query.since.map(Timestamp),
            end: None,
            after: None,
            direction,
            max_events: limit,
            max_bytes: MAX_BYTES,
            max_scan: MAX_SCAN,
        };
        let keep = filter.clone();
        match store.read(request, move |message| keep(message)).await {
            Ok(page) => {
                more |= page.next.is_some();
                found.extend(page.events.into_iter().map(|event| (function.clone(), event)));
            }
            // A function that has not run has no group yet.
            Err(LogError::Missing(Subject::Group)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort_by_key(|(_, event)| event.position);
    if found.len() > limit {
        more = true;
        match direction {
            Direction::Forward => found.truncate(limit),
            Direction::Backward => drop(found.drain(..found.len() - limit)),
        }
    }
    Ok(LogPage {
        events: found.into_iter().map(view).collect(),
        functions: functions.into_iter().map(|(name, _)| name).collect(),
        more,
    })
}

fn view((function, event): (String, StoredEvent)) -> LogEventView {
    LogEventView {
        id: format!("{:014}.{}", event.position.timestamp.millis(), event.position.sequence),
        timestamp: event.position.timestamp.millis(),
        function,
        stream: event.stream.to_string(),
        message: event.message,
    }
}

/// The functions that a name means, each with its log group.
fn functions(invoker: &Invoker, name: Option<&str>) -> Result<Vec<(String, String)>, ConsoleError> {
    let snapshot = invoker.catalog().snapshot();
    let all = snapshot.functions.iter().map(|(_, function)| function);
    let wanted: Vec<_> = match name {
        None => all.collect(),
        Some(name) => {
            let (own, of_app): (Vec<_>, Vec<_>) = all
                .filter(|function| function.name.as_str() == name || function.app.as_deref() == Some(name))
                .partition(|function| function.name.as_str() == name);
            if own.is_empty() { of_app } else { own }
        }
    };
    if let (Some(name), true) = (name, wanted.is_empty()) {
        return Err(ConsoleError::NoSuchName(name.to_owned()));
    }
    let mut named: Vec<_> = wanted
        .into_iter()
        .map(|function| (function.name.to_string(), function.latest.settings.logging.group.clone()))
        .collect();
    named.sort();
    // Functions may share a group; its events are then shown once, under the first of them.
    named.dedup_by(|a, b| a.1 == b.1);
    Ok(named)
}
