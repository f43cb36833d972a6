//! Tags of APIs and stages.

use std::collections::BTreeMap;

use ebb_sources::http_api::{HttpApi, HttpApiError};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{HttpApiState, bad_request};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// The API, and the stage where it is one, of an ARN such as `arn:aws:apigateway:REGION::/apis/ID/stages/NAME`.
fn named(call: &Call) -> Result<(&str, Option<&str>), AwsError> {
    let arn = call.path.get("arn");
    let path = arn.split_once("/apis/").map(|(_, path)| path);
    let path = path.ok_or_else(|| bad_request(format!("{arn} is not the ARN of an API or a stage")))?;
    Ok(match path.split_once("/stages/") {
        Some((api, stage)) => (api, Some(stage)),
        None => (path, None),
    })
}

fn tags_of<'a>(
    api: &'a mut HttpApi,
    stage: Option<&str>,
) -> Result<&'a mut BTreeMap<String, String>, HttpApiError> {
    let Some(name) = stage else { return Ok(&mut api.tags) };
    let stage = api.stages.iter_mut().find(|stage| stage.stage_name == name);
    let missing = || HttpApiError::NotFound(format!("Invalid stage identifier specified {name}"));
    Ok(&mut stage.ok_or_else(missing)?.tags)
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let (id, stage) = named(&call)?;
    let mut api = HttpApi::clone(&*state.apis.http(id)?);
    json_response(StatusCode::OK, &json!({ "tags": tags_of(&mut api, stage)? }))
}

pub(super) async fn tag(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let (id, stage) = named(&call)?;
    let given: Given = call.json()?;
    let add = |api: &mut HttpApi| {
        tags_of(api, stage)?.extend(given.tags.clone());
        Ok(())
    };
    state.apis.edit(id, add).await?;
    json_response(StatusCode::CREATED, &json!({}))
}

pub(super) async fn untag(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let (id, stage) = named(&call)?;
    let keys: Vec<&str> = call.context.query.all("tagKeys").collect();
    let remove = |api: &mut HttpApi| {
        tags_of(api, stage)?.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    };
    state.apis.edit(id, remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
