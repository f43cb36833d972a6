//! Topics and their attributes.

use std::collections::BTreeMap;

use ebb_sources::topic::Topics;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{done, list as elements, listed, read, required};
use crate::wire::{AwsError, Body, Call, Tag, json_response, tags_of};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    #[serde(default)]
    attributes: Option<serde_json::Value>,
    #[serde(default = "Vec::new", deserialize_with = "elements")]
    tags: Vec<Tag>,
    topic_arn: Option<String>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    next_token: Option<String>,
}

/// Texts by name; an empty map is an empty text in a form.
pub(super) fn texts(attributes: Option<serde_json::Value>) -> BTreeMap<String, String> {
    let members = match attributes {
        Some(serde_json::Value::Object(members)) => members,
        _ => return BTreeMap::new(),
    };
    let text =
        |(name, value): (String, serde_json::Value)| (name, value.as_str().unwrap_or_default().to_owned());
    members.into_iter().map(text).collect()
}

pub(super) async fn create(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let name = required(request.name, "Name")?;
    let topic = topics.create(&name, texts(request.attributes), tags_of(request.tags)).await?;
    json_response(StatusCode::OK, &json!({ "TopicArn": topics.arn(&topic.name) }))
}

pub(super) async fn delete(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    topics.delete(&required(request.topic_arn, "TopicArn")?).await?;
    done()
}

pub(super) async fn list(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let show = |arn: &String| json!({ "TopicArn": arn });
    let all = topics.topics().iter().map(|topic| topics.arn(&topic.name)).collect();
    listed("Topics", all, request.next_token.as_deref(), Clone::clone, show)
}

pub(super) async fn get_attributes(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let attributes = topics.attributes(&required(request.topic_arn, "TopicArn")?)?;
    json_response(StatusCode::OK, &json!({ "Attributes": attributes }))
}

pub(super) async fn set_attributes(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let arn = required(request.topic_arn, "TopicArn")?;
    let name = required(request.attribute_name, "AttributeName")?;
    topics.set_attribute(&arn, &name, request.attribute_value.as_deref().unwrap_or_default()).await?;
    done()
}
