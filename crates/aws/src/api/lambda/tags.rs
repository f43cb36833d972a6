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
    let resource = call.path.get("Resource");
    let tags = match mapping_id(&lambda, resource) {
        Some(id) => lambda.mappings.mapping(id)?.tags.clone(),
        None => lambda.catalog().tags(resource)?,
    };
    json_response(StatusCode::OK, &Tags { tags })
}

pub(super) async fn tag(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Tags = call.json()?;
    let resource = call.path.get("Resource");
    match mapping_id(&lambda, resource) {
        Some(id) => lambda.mappings.change_tags(id, |own| own.extend(request.tags.clone())).await?,
        None => lambda.catalog().tag(resource, &request.tags).await?,
    }
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn untag(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let keys: Vec<String> = call.context.query.all("tagKeys").map(str::to_owned).collect();
    let resource = call.path.get("Resource");
    match mapping_id(&lambda, resource) {
        Some(id) => lambda.mappings.change_tags(id, |own| own.retain(|key, _| !keys.contains(key))).await?,
        None => lambda.catalog().untag(resource, &keys).await?,
    }
    Ok(empty_response(StatusCode::NO_CONTENT))
}

/// The id in the ARN of an event source mapping that is there; the catalog knows what to say of every other ARN.
fn mapping_id<'a>(lambda: &Lambda, arn: &'a str) -> Option<&'a str> {
    let (_, id) = arn.split_once(":event-source-mapping:")?;
    lambda.mappings.mapping(id).is_ok().then_some(id)
}
