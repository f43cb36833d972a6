//! Publishing events, and trying patterns.

use ebb_sources::bus::{EventBuses, NewEvent};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{invalid, required, time};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    entries: Option<Vec<Entry>>,
    endpoint_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    trace_header: Option<String>,
}

pub(super) async fn put(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    if request.endpoint_id.is_some() {
        return Err(invalid("EndpointId: ebb has no global endpoints"));
    }
    let entries = required(request.entries, "entries")?;
    let new = |entry: Entry| NewEvent {
        bus: entry.event_bus_name,
        source: entry.source,
        detail_type: entry.detail_type,
        detail: entry.detail,
        resources: entry.resources,
        time: entry.time.map(time),
        trace: entry.trace_header.or_else(|| call.context.header("x-amzn-trace-id").map(str::to_owned)),
    };
    let events: Vec<NewEvent> = entries.into_iter().map(new).collect();
    let answers = buses.publish(&events).await?;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    let entries: Vec<Value> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(id) => json!({ "EventId": id }),
            Err(refused) => json!({ "ErrorCode": refused.code, "ErrorMessage": refused.message }),
        })
        .collect();
    json_response(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": entries }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PatternRequest {
    event_pattern: Option<String>,
    event: Option<String>,
}

pub(super) async fn test_pattern(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PatternRequest = call.json()?;
    let pattern = required(request.event_pattern, "eventPattern")?;
    let result = buses.test_pattern(&pattern, &required(request.event, "event")?)?;
    json_response(StatusCode::OK, &json!({ "Result": result }))
}
