//! Tags of buses and rules.

use ebb_sources::bus::EventBuses;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, done, required, tag_map};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "ResourceARN")]
    arn: Option<String>,
    #[serde(rename = "Tags")]
    tags: Option<Vec<Tag>>,
    #[serde(rename = "TagKeys", default)]
    keys: Vec<String>,
}

pub(super) async fn tag(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let tags = tag_map(request.tags);
    buses.change_tags(&required(request.arn, "resourceARN")?, |own| own.extend(tags.clone())).await?;
    done()
}

pub(super) async fn untag(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let keys = request.keys;
    let arn = required(request.arn, "resourceARN")?;
    buses.change_tags(&arn, |own| own.retain(|key, _| !keys.contains(key))).await?;
    done()
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let tags = buses.tags(&required(call.json::<Request>()?.arn, "resourceARN")?)?;
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json_response(StatusCode::OK, &json!({ "Tags": tags }))
}
