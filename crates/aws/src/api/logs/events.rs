//! What is in the streams: writing, reading one, filtering many.

use ebb_invoker::logs::FilterPattern;
use ebb_model::{Timestamp, limits};
use ebb_store::logs::{Direction, LogEvent, LogStore, Position, ReadRequest, StoredEvent, StreamChoice};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{group_name, invalid, log_error};
use crate::wire::{AwsError, Body, Call, json_response};

/// The most events in a page, and in a `PutLogEvents`. Source: the API reference, `GetLogEvents`, `PutLogEvents`.
const MAX_EVENTS: usize = 10_000;
/// The most bytes in a page.
const MAX_BYTES: usize = 1024 * 1024;
/// The most bytes of files read for one page; it ends early then and says where to go on.
const MAX_SCAN: u64 = 64 * 1024 * 1024;
/// Events may be this much older, or newer, than now, in milliseconds.
const OLDEST: i64 = 14 * 24 * 60 * 60 * 1000;
const NEWEST: i64 = 2 * 60 * 60 * 1000;

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
    #[serde(default)]
    start_from_head: bool,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

impl Request {
    fn group(&self) -> Result<String, AwsError> {
        group_name(self.log_group_name.clone(), self.log_group_identifier.clone())
    }

    fn stream(&self) -> Result<String, AwsError> {
        self.log_stream_name.clone().ok_or_else(|| invalid("logStreamName is missing"))
    }

    fn read(&self, streams: StreamChoice, end_included: bool) -> Result<ReadRequest, AwsError> {
        let max_events = self.limit.unwrap_or(MAX_EVENTS);
        if !(1..=MAX_EVENTS).contains(&max_events) {
            return Err(invalid(format!("limit: {max_events} is not between 1 and {MAX_EVENTS}")));
        }
        let end = self.end_time.map(|end| Timestamp(end.saturating_add(i64::from(end_included))));
        Ok(ReadRequest {
            group: self.group()?,
            streams,
            start: self.start_time.map(Timestamp),
            end,
            after: None,
            direction: Direction::Forward,
            max_events,
            max_bytes: MAX_BYTES,
            max_scan: MAX_SCAN,
        })
    }
}

pub(super) async fn put(logs: LogStore, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (group, stream) = (request.group()?, request.stream()?);
    if request.log_events.is_empty() || request.log_events.len() > MAX_EVENTS {
        return Err(invalid(format!("logEvents: between 1 and {MAX_EVENTS} events, please")));
    }
    if request.log_events.is_sorted_by_key(|event| event.timestamp) {
        let now = call.context.received.millis();
        let (events, rejected) = sift(request.log_events, now);
        logs.put(&group, &stream, events).await.map_err(log_error)?;
        let mut answer = json!({ "nextSequenceToken": "1" });
        if let Some(rejected) = rejected {
            answer["rejectedLogEventsInfo"] = rejected;
        }
        return json_response(StatusCode::OK, &answer);
    }
    Err(invalid("Log events in a single PutLogEvents request must be in chronological order."))
}

/// Takes out what is too old or too new; the rest is kept.
fn sift(events: Vec<InputEvent>, now: i64) -> (Vec<LogEvent>, Option<Value>) {
    let total = events.len();
    let too_old = events.iter().take_while(|event| event.timestamp < now - OLDEST).count();
    let new_from = events.iter().position(|event| event.timestamp > now + NEWEST).unwrap_or(total);
    let kept = events.into_iter().take(new_from).skip(too_old);
    let kept =
        kept.map(|event| LogEvent { timestamp: Timestamp(event.timestamp), message: cut(event.message) });
    let mut rejected = json!({});
    if too_old > 0 {
        rejected["tooOldLogEventEndIndex"] = too_old.into();
    }
    if new_from < total {
        rejected["tooNewLogEventStartIndex"] = new_from.into();
    }
    let any = too_old > 0 || new_from < total;
    (kept.collect(), any.then_some(rejected))
}

/// At most one event's worth of text.
fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(limits::LOG_EVENT_BYTES));
    message
}

/// One stream. A token is a direction and a place; at the end of the stream, the same token comes back.
pub(super) async fn get(logs: LogStore, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mut read = request.read(StreamChoice::Named(vec![request.stream()?]), false)?;
    read.direction = if request.start_from_head { Direction::Forward } else { Direction::Backward };
    if let Some(token) = &request.next_token {
        let (direction, place) = token.split_once('/').ok_or_else(bad_token)?;
        read.after = Some(parse_place(place)?);
        read.direction = match direction {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return Err(bad_token()),
        };
    }
    let after = read.after;
    let backward = read.direction == Direction::Backward;
    let mut events = logs.read(read, |_| true).await.map_err(log_error)?.events;
    if backward {
        events.reverse();
    }
    let place = |event: Option<&StoredEvent>| event.map(|event| event.position).or(after).unwrap_or(START);
    let answer = json!({
        "nextForwardToken": format!("f/{}", show_place(place(events.last()))),
        "nextBackwardToken": format!("b/{}", show_place(place(events.first()))),
        "events": events.iter().map(|event| json!({
            "timestamp": event.position.timestamp.millis(),
            "message": event.message,
            "ingestionTime": event.ingested.millis(),
        })).collect::<Vec<_>>(),
    });
    json_response(StatusCode::OK, &answer)
}

/// Many streams of a group, merged by time.
pub(super) async fn filter(logs: LogStore, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let streams = match (&request.log_stream_names, &request.log_stream_name_prefix) {
        (Some(_), Some(_)) => {
            return Err(invalid("logStreamNamePrefix and logStreamNames cannot both be specified."));
        }
        (Some(names), None) => StreamChoice::Named(names.clone()),
        (None, Some(prefix)) => StreamChoice::Prefix(prefix.clone()),
        (None, None) => StreamChoice::All,
    };
    let pattern = FilterPattern::parse(request.filter_pattern.as_deref().unwrap_or_default())
        .map_err(|error| invalid(error.to_string()))?;
    let mut read = request.read(streams, true)?;
    read.after = request.next_token.as_deref().map(parse_place).transpose()?;
    let page = logs.read(read, move |message| pattern.matches(message)).await.map_err(log_error)?;
    let mut answer = json!({
        "events": page.events.iter().map(|event| json!({
            "logStreamName": event.stream,
            "timestamp": event.position.timestamp.millis(),
            "message": event.message,
            "ingestionTime": event.ingested.millis(),
            "eventId": event_id(event.position),
        })).collect::<Vec<_>>(),
        "searchedLogStreams": [],
    });
    if let Some(next) = page.next {
        answer["nextToken"] = show_place(next).into();
    }
    json_response(StatusCode::OK, &answer)
}

/// Before everything.
const START: Position = Position { timestamp: Timestamp(0), sequence: 0 };

/// 56 digits, as the service's ids are; they sort as events do.
fn event_id(position: Position) -> String {
    format!("{:028}{:028}", position.timestamp.millis(), position.sequence)
}

fn show_place(position: Position) -> String {
    format!("{}.{}", position.timestamp.millis(), position.sequence)
}

fn parse_place(text: &str) -> Result<Position, AwsError> {
    let (time, sequence) = text.split_once('.').ok_or_else(bad_token)?;
    let timestamp = Timestamp(time.parse().map_err(|_| bad_token())?);
    Ok(Position { timestamp, sequence: sequence.parse().map_err(|_| bad_token())? })
}

fn bad_token() -> AwsError {
    invalid("The specified nextToken is invalid.")
}
