//! Tags.

use ebb_sources::topic::{TopicError, Topics};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, list as elements, read, required};
use crate::wire::{AwsError, Body, Call, Tag, json_response, tags_of};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    resource_arn: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "elements")]
    tags: Vec<Tag>,
    #[serde(default = "Vec::new", deserialize_with = "elements")]
    tag_keys: Vec<String>,
}

pub(super) async fn tag(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let count = request.tags.len();
    let tags = tags_of(request.tags);
    if tags.len() < count {
        return Err(TopicError::Invalid("Duplicated keys are not allowed.".to_owned()).into());
    }
    topics.tag(&required(request.resource_arn, "ResourceArn")?, tags).await?;
    done()
}

pub(super) async fn untag(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    topics.untag(&required(request.resource_arn, "ResourceArn")?, &request.tag_keys).await?;
    done()
}

pub(super) async fn list(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let tags = topics.tags(&required(request.resource_arn, "ResourceArn")?)?;
    let shown: Vec<Value> =
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json_response(StatusCode::OK, &json!({ "Tags": shown }))
}
