//! Stages and deployments.

use ebb_sources::http_api::{Deployment, HttpApi, HttpApiError, Stage, fresh_id};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::parts::merged;
use super::{HttpApiState, listed, not_found, object, read, shown, with_times};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

const NO_STAGE: &str = "Invalid stage identifier specified";
const NO_DEPLOYMENT: &str = "Invalid deployment identifier specified";

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    for own in ["created", "modified"] {
        given.remove(own);
    }
    let made: Stage = read(given)?;
    let name = made.stage_name.clone();
    let add = |api: &mut HttpApi| {
        api.stages.push(made.clone());
        Ok(())
    };
    let api = state.apis.edit(call.path.get("apiId"), add).await?;
    json_response(StatusCode::CREATED, &show(named(&api, &name)?)?)
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let stages = api.stages.iter().map(show).collect::<Result<_, _>>()?;
    listed(&call, stages, "stageName")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    json_response(StatusCode::OK, &show(named(&api, call.path.get("stageName"))?)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given = object(&call)?;
    let name = call.path.get("stageName");
    let now = state.apis.now();
    let change = |api: &mut HttpApi| {
        let stage = api.stages.iter_mut().find(|stage| stage.stage_name == name);
        let stage = stage.ok_or_else(|| HttpApiError::NotFound(format!("{NO_STAGE} {name}")))?;
        *stage = Stage {
            stage_name: name.to_owned(),
            created: stage.created,
            modified: now,
            ..merged(stage, &given)?
        };
        Ok(())
    };
    let api = state.apis.edit(call.path.get("apiId"), change).await?;
    json_response(StatusCode::OK, &show(named(&api, name)?)?)
}

/// Takes away where a stage logs requests.
pub(super) async fn delete_access_log(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    take(&state, &call, |stage| stage.remove("accessLogSettings").map(drop)).await
}

/// Takes away what a stage says of a route.
pub(super) async fn delete_route_settings(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let key = call.path.get("routeKey").to_owned();
    let settings = |stage: &mut Map<String, Value>| {
        stage.get_mut("routeSettings").and_then(Value::as_object_mut)?.remove(&key).map(drop)
    };
    take(&state, &call, settings).await
}

/// Has requests ask authorizers again, whatever they said before.
pub(super) async fn reset_authorizers(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let stage = named(&api, call.path.get("stageName"))?;
    state.edge_port.forget_verdicts(&api.api_id, &stage.stage_name);
    Ok(empty_response(StatusCode::NO_CONTENT))
}

/// Takes something away from a stage; `remove` says whether it was there.
async fn take(
    state: &HttpApiState,
    call: &Call,
    remove: impl Fn(&mut Map<String, Value>) -> Option<()> + Send,
) -> Result<Response<Body>, AwsError> {
    let name = call.path.get("stageName");
    let change = |api: &mut HttpApi| {
        let stage = api.stages.iter_mut().find(|stage| stage.stage_name == name);
        let stage = stage.ok_or_else(|| HttpApiError::NotFound(format!("{NO_STAGE} {name}")))?;
        let invalid = |error: serde_json::Error| HttpApiError::Invalid(error.to_string());
        let mut object = serde_json::to_value(&*stage).map_err(invalid)?;
        let removed = object.as_object_mut().and_then(&remove);
        removed.ok_or_else(|| HttpApiError::NotFound(format!("The stage {name} has no such settings")))?;
        *stage = serde_json::from_value(object).map_err(invalid)?;
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let name = call.path.get("stageName");
    let change = |api: &mut HttpApi| {
        let before = api.stages.len();
        api.stages.retain(|stage| stage.stage_name != name);
        if api.stages.len() == before {
            return Err(HttpApiError::NotFound(format!("{NO_STAGE} {name}")));
        }
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewDeployment {
    description: Option<String>,
    stage_name: Option<String>,
}

pub(super) async fn deploy(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given: NewDeployment = call.json()?;
    let (id, now) = (fresh_id(6), state.apis.now());
    let change = |api: &mut HttpApi| {
        if api.definition.routes.is_empty() {
            return Err(HttpApiError::Invalid(
                "At least one route is required before deploying the Api.".to_owned(),
            ));
        }
        api.deployments.push(Deployment {
            deployment_id: id.clone(),
            description: given.description.clone(),
            auto_deployed: false,
            created: now,
            definition: api.definition.clone(),
        });
        if let Some(name) = &given.stage_name {
            let stage = api.stages.iter_mut().find(|stage| stage.stage_name == *name);
            let stage = stage.ok_or_else(|| HttpApiError::NotFound(format!("{NO_STAGE} {name}")))?;
            stage.deployment_id = Some(id.clone());
        }
        Ok(())
    };
    let api = state.apis.edit(call.path.get("apiId"), change).await?;
    json_response(StatusCode::CREATED, &show_deployment(deployment(&api, &id)?)?)
}

pub(super) async fn list_deployments(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let all = api.deployments.iter().map(show_deployment).collect::<Result<_, _>>()?;
    listed(&call, all, "deploymentId")
}

pub(super) async fn get_deployment(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    json_response(StatusCode::OK, &show_deployment(deployment(&api, call.path.get("id"))?)?)
}

pub(super) async fn delete_deployment(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("id");
    let change = |api: &mut HttpApi| {
        if api.stages.iter().any(|stage| stage.deployment_id.as_deref() == Some(id)) {
            return Err(HttpApiError::Invalid(
                "Active stages pointing to this deployment must be moved or deleted".to_owned(),
            ));
        }
        let before = api.deployments.len();
        api.deployments.retain(|deployment| deployment.deployment_id != id);
        if api.deployments.len() == before {
            return Err(HttpApiError::NotFound(format!("{NO_DEPLOYMENT} {id}")));
        }
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

fn named<'a>(api: &'a HttpApi, name: &str) -> Result<&'a Stage, AwsError> {
    api.stage(name).ok_or_else(|| not_found(format!("{NO_STAGE} {name}")))
}

fn deployment<'a>(api: &'a HttpApi, id: &str) -> Result<&'a Deployment, AwsError> {
    let found = api.deployments.iter().find(|deployment| deployment.deployment_id == id);
    found.ok_or_else(|| not_found(format!("{NO_DEPLOYMENT} {id}")))
}

fn show(stage: &Stage) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(stage)?);
    object.entry("stageVariables").or_insert_with(|| Value::Object(Map::new()));
    Ok(object)
}

fn show_deployment(deployment: &Deployment) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(deployment)?);
    object.remove("definition");
    object.insert("deploymentStatus".to_owned(), "DEPLOYED".into());
    Ok(object)
}
