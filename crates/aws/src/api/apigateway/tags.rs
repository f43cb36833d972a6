//! Tags of REST APIs, stages, API keys and usage plans.

use std::collections::BTreeMap;

use ebb_sources::http_api::HttpApiError;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::super::apigatewayv2::{HttpApiState, bad_request};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    tags: Tags,
}

/// What an ARN such as `arn:aws:apigateway:REGION::/restapis/ID/stages/NAME` names.
enum Named<'a> {
    Api(&'a str),
    Stage(&'a str, &'a str),
    Key(&'a str),
    Plan(&'a str),
}

fn named(call: &Call) -> Result<Named<'_>, AwsError> {
    let arn = call.path.get("arn");
    let path: Vec<&str> = arn.split_once("::/").map_or(arn, |(_, path)| path).split('/').collect();
    match path[..] {
        ["restapis", api] => Ok(Named::Api(api)),
        ["restapis", api, "stages", stage] => Ok(Named::Stage(api, stage)),
        ["apikeys", key] => Ok(Named::Key(key)),
        ["usageplans", plan] => Ok(Named::Plan(plan)),
        _ => Err(bad_request(format!("Invalid ARN specified in the request: {arn}"))),
    }
}

/// Changes the tags that a call is about, and gives what they are then.
async fn edit(
    state: &HttpApiState,
    call: &Call,
    mut change: impl FnMut(&mut Tags),
) -> Result<Tags, AwsError> {
    let mut now = Tags::new();
    let mut done = |tags: &mut Tags| {
        change(tags);
        now.clone_from(tags);
    };
    match named(call)? {
        Named::Api(id) => {
            let edit = state.apis.edit_rest(id, |api| {
                done(&mut api.tags);
                Ok(())
            });
            edit.await?;
        }
        Named::Stage(id, name) => {
            let edit = state.apis.edit_rest(id, |api| {
                let stage = api.stages.iter_mut().find(|stage| stage.stage_name == name);
                let missing = || HttpApiError::NotFound("Invalid stage identifier specified".to_owned());
                done(&mut stage.ok_or_else(missing)?.tags);
                Ok(())
            });
            edit.await?;
        }
        Named::Key(id) => {
            let edit = state.apis.edit_key(id, |key| {
                done(&mut key.tags);
                Ok(())
            });
            edit.await?;
        }
        Named::Plan(id) => {
            let edit = state.apis.edit_plan(id, |plan| {
                done(&mut plan.tags);
                Ok(())
            });
            edit.await?;
        }
    }
    Ok(now)
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let tags = match named(&call)? {
        Named::Api(id) => state.apis.rest(id)?.tags.clone(),
        Named::Stage(id, name) => {
            state.apis.rest(id)?.stage(name).map(|own| own.tags.clone()).unwrap_or_default()
        }
        Named::Key(id) => state.apis.key(id)?.tags.clone(),
        Named::Plan(id) => state.apis.plan(id)?.tags.clone(),
    };
    json_response(StatusCode::OK, &json!({ "tags": tags }))
}

pub(super) async fn tag(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    edit(&state, &call, |tags| tags.extend(given.tags.clone())).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn untag(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let keys: Vec<&str> = call.context.query.all("tagKeys").collect();
    edit(&state, &call, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
