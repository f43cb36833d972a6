//! API keys.

use ebb_sources::http_api::{ApiKey, HttpApiError};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::super::apigatewayv2::{HttpApiState, object, read, shown};
use super::patch;
use super::{listed, with_times};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    given.remove("generateDistinctId");
    // Stages are given in two parts and shown as one.
    let stages = given.remove("stageKeys");
    let stage = |own: &Value| Some(format!("{}/{}", own["restApiId"].as_str()?, own["stageName"].as_str()?));
    let mut key: ApiKey = read(given)?;
    key.stage_keys =
        stages.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(stage).collect();
    let key = state.apis.create_key(key).await?;
    json_response(StatusCode::CREATED, &show(&key, true)?)
}

fn includes(call: &Call, name: &str) -> bool {
    call.context.query.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let query = &call.context.query;
    let values = includes(&call, "includeValues");
    let keys = state.apis.keys();
    let wanted = keys
        .iter()
        .filter(|key| query.get("name").is_none_or(|name| key.name.starts_with(name)))
        .filter(|key| query.get("customerId").is_none_or(|own| key.customer_id.as_deref() == Some(own)));
    let shown = wanted.map(|key| show(key, values)).collect::<Result<_, _>>()?;
    listed(&call, shown, "id")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let key = state.apis.key(call.path.get("key"))?;
    json_response(StatusCode::OK, &show(&key, includes(&call, "includeValue"))?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let change = |key: &mut ApiKey| {
        let changed: ApiKey = patch::patched(key, &operations, &[])?;
        if (&changed.id, &changed.value) != (&key.id, &key.value) {
            return Err(HttpApiError::Invalid("The id and the value of a key cannot be changed".to_owned()));
        }
        *key = changed;
        Ok(())
    };
    let key = state.apis.edit_key(call.path.get("key"), change).await?;
    json_response(StatusCode::OK, &show(&key, false)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    state.apis.delete_key(call.path.get("key")).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

fn show(key: &ApiKey, with_value: bool) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(key)?);
    if !with_value {
        object.remove("value");
    }
    Ok(object)
}
