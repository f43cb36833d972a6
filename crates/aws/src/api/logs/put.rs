//! `PutLogEvents`: what a batch may be, and which of its events are taken.
//!
//! Source: the API reference, `PutLogEvents` (2026-11).

use ebb_model::Timestamp;
use ebb_store::logs::LogEvent;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, invalid, log_error, required};
use crate::wire::{AwsError, Body, Call, json_response};

const MAX_EVENTS: usize = 10_000;
/// Of all messages, with [`EVENT_OVERHEAD`] for each.
const MAX_BYTES: usize = 1024 * 1024;
const EVENT_OVERHEAD: usize = 26;
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Events may be this much older, or newer, than now, in milliseconds.
const OLDEST: i64 = 14 * DAY;
const NEWEST: i64 = 2 * 60 * 60 * 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    #[serde(default)]
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

pub(super) async fn put(Logs { store: logs, .. }: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let Request { log_group_name, log_stream_name, log_events } = call.json()?;
    let group = required(log_group_name, "logGroupName")?;
    let stream = required(log_stream_name, "logStreamName")?;
    check(&log_events)?;
    let now = call.context.received.millis();
    let retention = match log_events.first() {
        // Only what is older than a day can be older than any retention.
        Some(first) if first.timestamp < now - DAY => {
            logs.group(&group).await.map_err(log_error)?.retention_days
        }
        _ => None,
    };
    let window = Window { now, retention: retention.map(|days| i64::from(days) * DAY) };
    let (events, rejected) = window.sift(log_events)?;
    logs.put(&group, &stream, events).await.map_err(log_error)?;
    // Sequence tokens are ignored and still answered, as the service does.
    let mut answer = json!({ "nextSequenceToken": "1" });
    if let Some(rejected) = rejected {
        answer["rejectedLogEventsInfo"] = rejected;
    }
    json_response(StatusCode::OK, &answer)
}

fn check(events: &[InputEvent]) -> Result<(), AwsError> {
    if events.is_empty() || events.len() > MAX_EVENTS {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have \
             length between 1 and {MAX_EVENTS}"
        )));
    }
    if let Some(empty) = events.iter().position(|event| event.message.is_empty()) {
        return Err(invalid(format!(
            "1 validation error detected: Value '' at 'logEvents.{}.member.message' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
            empty + 1
        )));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if bytes > MAX_BYTES {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {MAX_BYTES}")));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    Ok(())
}

/// Which times are taken.
struct Window {
    now: i64,
    retention: Option<i64>,
}

impl Window {
    /// The events that are taken, and what is said of the others.
    fn sift(&self, events: Vec<InputEvent>) -> Result<(Vec<LogEvent>, Option<Value>), AwsError> {
        let before = |limit: i64| events.partition_point(|event| event.timestamp < limit);
        let expired = self.retention.map_or(0, |kept| before(self.now - kept));
        let too_old = before(self.now - OLDEST);
        let new_from = before(self.now + NEWEST + 1);
        let total = events.len();
        let taken = expired.max(too_old)..new_from;
        let times = events.get(taken.clone()).unwrap_or_default();
        if let (Some(first), Some(last)) = (times.first(), times.last())
            && last.timestamp - first.timestamp > DAY
        {
            return Err(invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
        let mut rejected = json!({});
        if expired > 0 {
            rejected["expiredLogEventEndIndex"] = expired.into();
        }
        if too_old > 0 {
            rejected["tooOldLogEventEndIndex"] = too_old.into();
        }
        if new_from < total {
            rejected["tooNewLogEventStartIndex"] = new_from.into();
        }
        let any = !taken.contains(&0) || new_from < total;
        let kept = events.into_iter().take(taken.end).skip(taken.start);
        let kept =
            kept.map(|event| LogEvent { timestamp: Timestamp(event.timestamp), message: event.message });
        Ok((kept.collect(), any.then_some(rejected)))
    }
}
