//! What is in the streams: reading one, filtering many, trying a filter.

use ebb_invoker::logs::FilterPattern;
use ebb_model::Timestamp;
use ebb_store::logs::{Direction, ReadRequest, StreamChoice};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, check_limit, group_name, invalid, log_error, required, token};
use crate::wire::{AwsError, Body, Call, json_response};

/// The most events in a page. Source: the API reference, `GetLogEvents`.
const MAX_EVENTS: usize = 10_000;
/// The most bytes in a page.
const MAX_BYTES: usize = 1024 * 1024;
/// The most bytes of files read for one page; it ends early then and says where to go on.
const MAX_SCAN: u64 = 64 * 1024 * 1024;
/// The most messages that `TestMetricFilter` takes.
const MAX_TESTED: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    start_from_head: Option<bool>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Request {
    /// What to read; `from_head` says where reading begins unless the request says it.
    fn read(&self, streams: StreamChoice, from_head: bool) -> Result<ReadRequest, AwsError> {
        let max_events = self.limit.unwrap_or(MAX_EVENTS);
        check_limit(max_events, MAX_EVENTS)?;
        let begin = match self.start_from_head.unwrap_or(from_head) {
            true => Direction::Forward,
            false => Direction::Backward,
        };
        let (direction, after) = match &self.next_token {
            Some(token) => token::parse(token).map(|(direction, place)| (direction, Some(place)))?,
            None => (begin, None),
        };
        Ok(ReadRequest {
            group: group_name(self.log_group_name.clone(), self.log_group_identifier.clone())?,
            streams,
            start: self.start_time.map(Timestamp),
            end: self.end_time.map(Timestamp),
            after,
            direction,
            max_events,
            max_bytes: MAX_BYTES,
            max_scan: MAX_SCAN,
        })
    }
}

/// One stream. At the end of it the token that was sent comes back, as documented.
pub(super) async fn get(Logs { store: logs, .. }: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let stream = required(request.log_stream_name.clone(), "logStreamName")?;
    let read = request.read(StreamChoice::Named(vec![stream]), false)?;
    let (direction, after) = (read.direction, read.after);
    let page = logs.read(read, |_| true).await.map_err(log_error)?;
    let mut events = page.events;
    let reached = page.next.or(events.last().map(|event| event.position)).or(after);
    let began = events.first().map(|event| event.position).or(after);
    let (forward, backward) = match direction {
        Direction::Forward => (reached, began),
        Direction::Backward => {
            events.reverse();
            (began, reached)
        }
    };
    let answer = json!({
        "nextForwardToken": token::show(Direction::Forward, forward),
        "nextBackwardToken": token::show(Direction::Backward, backward),
        "events": events.iter().map(|event| json!({
            "timestamp": event.position.timestamp.millis(),
            "message": event.message,
            "ingestionTime": event.ingested.millis(),
        })).collect::<Vec<_>>(),
    });
    json_response(StatusCode::OK, &answer)
}

/// Many streams of a group, merged by time.
pub(super) async fn filter(Logs { store: logs, .. }: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let mut request: Request = call.json()?;
    let streams = match (request.log_stream_names.take(), request.log_stream_name_prefix.take()) {
        (Some(_), Some(_)) => {
            return Err(invalid("logStreamNamePrefix and logStreamNames cannot both be specified."));
        }
        (Some(names), None) => StreamChoice::Named(names),
        (None, Some(prefix)) => StreamChoice::Prefix(prefix),
        (None, None) => StreamChoice::All,
    };
    let pattern = pattern(request.filter_pattern.as_deref())?;
    // Here the end belongs to the range, unlike in GetLogEvents.
    request.end_time = request.end_time.map(|end| end.saturating_add(1));
    let read = request.read(streams, true)?;
    let direction = read.direction;
    let page = logs.read(read, move |message| pattern.matches(message)).await.map_err(log_error)?;
    let mut answer = json!({
        "events": page.events.iter().map(|event| json!({
            "logStreamName": event.stream,
            "timestamp": event.position.timestamp.millis(),
            "message": event.message,
            "ingestionTime": event.ingested.millis(),
            "eventId": event.position.event_id(),
        })).collect::<Vec<_>>(),
        "searchedLogStreams": [],
    });
    if page.next.is_some() {
        answer["nextToken"] = token::show(direction, page.next).into();
    }
    json_response(StatusCode::OK, &answer)
}

/// Which of some messages a pattern matches. Values are not extracted.
pub(super) async fn test_filter(_: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        filter_pattern: Option<String>,
        #[serde(default)]
        log_event_messages: Vec<String>,
    }
    let request: Request = call.json()?;
    if request.log_event_messages.is_empty() || request.log_event_messages.len() > MAX_TESTED {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEventMessages' failed to satisfy constraint: Member must \
             have length between 1 and {MAX_TESTED}"
        )));
    }
    let pattern = pattern(request.filter_pattern.as_deref())?;
    let messages = request.log_event_messages.iter().zip(1..);
    let matches: Vec<Value> = messages
        .filter(|(message, _)| pattern.matches(message))
        .map(|(message, number)| json!({ "eventNumber": number, "eventMessage": message, "extractedValues": {} }))
        .collect();
    json_response(StatusCode::OK, &json!({ "matches": matches }))
}

fn pattern(text: Option<&str>) -> Result<FilterPattern, AwsError> {
    FilterPattern::parse(text.unwrap_or_default()).map_err(|error| invalid(error.to_string()))
}
