//! `ListTags`, `TagResource`, `UntagResource`.

use std::collections::BTreeMap;

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let tags = lambda.catalog().tags(call.path.get("Resource"))?;
    json_response(StatusCode::OK, &Tags { tags })
}

pub(super) async fn tag(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Tags = call.json()?;
    lambda.catalog().tag(call.path.get("Resource"), &request.tags).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn untag(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let keys: Vec<String> = call.context.query.all("tagKeys").map(str::to_owned).collect();
    lambda.catalog().untag(call.path.get("Resource"), &keys).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
