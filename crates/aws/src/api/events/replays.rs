//! Replays.

use ebb_sources::bus::{EventBuses, NewReplay, Replay};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{check_filters, listed, present, required, seconds, time};
use crate::wire::{AwsError, Body, Call, json_response};

/// The states that a list may ask for, in the order of the service's errors.
const STATES: [&str; 6] = ["CANCELLED", "CANCELLING", "COMPLETED", "FAILED", "RUNNING", "STARTING"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    replay_name: Option<String>,
    description: Option<String>,
    event_source_arn: Option<String>,
    event_start_time: Option<f64>,
    event_end_time: Option<f64>,
    destination: Option<Destination>,
    name_prefix: Option<String>,
    state: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    arn: String,
    #[serde(default)]
    filter_arns: Vec<String>,
}

impl Request {
    fn name(&self) -> Result<String, AwsError> {
        required(self.replay_name.clone(), "replayName")
    }
}

pub(super) async fn start(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    let destination = required(request.destination, "destination")?;
    let new = NewReplay {
        name,
        description: request.description,
        archive_arn: required(request.event_source_arn, "eventSourceArn")?,
        bus_arn: destination.arn,
        rules: destination.filter_arns,
        from: time(required(request.event_start_time, "eventStartTime")?),
        until: time(required(request.event_end_time, "eventEndTime")?),
    };
    let replay = buses.start_replay(new).await?;
    let answer = json!({
        "ReplayArn": buses.replay_arn(&replay.name),
        "State": replay.state,
        "ReplayStartTime": seconds(replay.started),
    });
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let replay = buses.replay(&call.json::<Request>()?.name()?)?;
    let mut answer = shown(&buses, &replay);
    answer["ReplayArn"] = buses.replay_arn(&replay.name).into();
    answer["Description"] = replay.description.clone().into();
    let mut destination = json!({ "Arn": buses.bus_arn(&replay.bus) });
    if !replay.rules.is_empty() {
        destination["FilterArns"] = json!(replay.rules);
    }
    answer["Destination"] = destination;
    json_response(StatusCode::OK, &present(answer))
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (state, archive) = (request.state.as_deref(), request.event_source_arn.as_deref());
    check_filters("ListReplays", [request.name_prefix.as_deref(), state, archive], state, &STATES)?;
    let prefix = request.name_prefix.as_deref().unwrap_or_default();
    let wanted = |replay: &Value| {
        replay["ReplayName"].as_str().is_some_and(|name| name.starts_with(prefix))
            && request.state.as_ref().is_none_or(|state| replay["State"] == state.as_str())
            && request.event_source_arn.as_ref().is_none_or(|arn| replay["EventSourceArn"] == arn.as_str())
    };
    let all = buses.replays().iter().map(|replay| shown(&buses, replay)).filter(wanted).collect();
    let key = |replay: &Value| replay["ReplayName"].as_str().unwrap_or_default().to_owned();
    listed("Replays", all, (request.next_token.as_deref(), request.limit), key, Value::clone)
}

pub(super) async fn cancel(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let replay = buses.cancel_replay(&call.json::<Request>()?.name()?).await?;
    let answer = json!({ "ReplayArn": buses.replay_arn(&replay.name), "State": replay.state });
    json_response(StatusCode::OK, &answer)
}

fn shown(buses: &EventBuses, replay: &Replay) -> Value {
    present(json!({
        "ReplayName": replay.name,
        "EventSourceArn": buses.archive_arn(&replay.archive),
        "State": replay.state,
        "EventStartTime": seconds(replay.from),
        "EventEndTime": seconds(replay.until),
        "EventLastReplayedTime": replay.last.map(seconds),
        "ReplayStartTime": seconds(replay.started),
        "ReplayEndTime": replay.ended.map(seconds),
    }))
}
