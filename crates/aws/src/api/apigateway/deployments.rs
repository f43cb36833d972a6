//! Deployments and the stages that serve them.

use ebb_sources::http_api::{HttpApiError, RestApi, RestDeployment, RestStage, fresh_id};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, not_found, object, read, shown};
use super::patch::{self, Operation};
use super::{listed, with_times};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

pub(super) const NO_STAGE: &str = "Invalid stage identifier specified";
const NO_DEPLOYMENT: &str = "Invalid Deployment identifier specified";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewDeployment {
    stage_name: Option<String>,
    stage_description: Option<String>,
    description: Option<String>,
    #[serde(default)]
    variables: Option<std::collections::BTreeMap<String, String>>,
}

fn invalid(text: &str) -> HttpApiError {
    HttpApiError::Invalid(text.to_owned())
}

/// Whether there is something to deploy.
fn check(api: &RestApi) -> Result<(), HttpApiError> {
    let mut methods =
        api.definition.resources.iter().flat_map(|own| own.resource_methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(invalid("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(invalid("No integration defined for method"));
    }
    Ok(())
}

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given: NewDeployment = call.json()?;
    let (id, now) = (fresh_id(6), state.apis.now());
    let deploy = |api: &mut RestApi| {
        check(api)?;
        api.deployments.push(RestDeployment {
            id: id.clone(),
            description: given.description.clone(),
            created: now,
            definition: api.definition.clone(),
        });
        let Some(name) = given.stage_name.as_ref().filter(|name| !name.is_empty()) else { return Ok(()) };
        match api.stages.iter_mut().find(|stage| stage.stage_name == *name) {
            Some(stage) => {
                (stage.deployment_id, stage.modified) = (id.clone(), now);
                if let Some(variables) = &given.variables {
                    stage.variables.clone_from(variables);
                }
            }
            None => {
                let mut stage = new_stage(json!({ "stageName": name, "deploymentId": id }))?;
                stage.description.clone_from(&given.stage_description);
                stage.variables = given.variables.clone().unwrap_or_default();
                api.stages.push(stage);
            }
        }
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), deploy).await?;
    json_response(StatusCode::CREATED, &show(found(&api, &id)?)?)
}

fn new_stage(given: Value) -> Result<RestStage, HttpApiError> {
    serde_json::from_value(given).map_err(|error| HttpApiError::Invalid(error.to_string()))
}

fn found<'a>(api: &'a RestApi, id: &str) -> Result<&'a RestDeployment, AwsError> {
    api.deployments.iter().find(|own| own.id == id).ok_or_else(|| not_found(NO_DEPLOYMENT))
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    listed(&call, api.deployments.iter().map(show).collect::<Result<_, _>>()?, "id")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    json_response(StatusCode::OK, &show(found(&api, call.path.get("id"))?)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let id = call.path.get("id");
    let change = |api: &mut RestApi| {
        let own = api.deployments.iter_mut().find(|own| own.id == id);
        let own = own.ok_or_else(|| HttpApiError::NotFound(NO_DEPLOYMENT.to_owned()))?;
        own.description = patch::patched(own, &operations, &[])?.description;
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &show(found(&api, id)?)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("id");
    let remove = |api: &mut RestApi| {
        if api.stages.iter().any(|stage| stage.deployment_id == id) {
            return Err(invalid("Active stages pointing to this deployment must be moved or deleted"));
        }
        let before = api.deployments.len();
        api.deployments.retain(|own| own.id != id);
        match api.deployments.len() == before {
            true => Err(HttpApiError::NotFound(NO_DEPLOYMENT.to_owned())),
            false => Ok(()),
        }
    };
    state.apis.edit_rest(call.path.get("api"), remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

fn show(deployment: &RestDeployment) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(deployment)?);
    object.remove("definition");
    Ok(object)
}

pub(super) async fn create_stage(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    for own in ["created", "modified", "methodSettings"] {
        given.remove(own);
    }
    let made: RestStage = read(given)?;
    let name = made.stage_name.clone();
    let add = |api: &mut RestApi| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(legal) {
            return Err(invalid("Stage name only allows a-zA-Z0-9_-"));
        }
        if api.stage(&name).is_some() {
            return Err(HttpApiError::Conflict("Stage already exists".to_owned()));
        }
        if !api.deployments.iter().any(|own| own.id == made.deployment_id) {
            return Err(HttpApiError::NotFound(NO_DEPLOYMENT.to_owned()));
        }
        api.stages.push(made.clone());
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), add).await?;
    json_response(StatusCode::CREATED, &show_stage(named(&api, &name)?)?)
}

fn named<'a>(api: &'a RestApi, name: &str) -> Result<&'a RestStage, AwsError> {
    api.stage(name).ok_or_else(|| not_found(NO_STAGE))
}

pub(super) async fn list_stages(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let wanted = call.context.query.get("deploymentId");
    let stages = api.stages.iter().filter(|stage| wanted.is_none_or(|id| stage.deployment_id == id));
    let stages: Vec<_> = stages.map(show_stage).collect::<Result<_, _>>()?;
    json_response(StatusCode::OK, &json!({ "item": stages }))
}

pub(super) async fn get_stage(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    json_response(StatusCode::OK, &show_stage(named(&api, call.path.get("stage"))?)?)
}

/// An operation on the settings of methods, as on the member of the document that it is about: their paths are
/// `/RESOURCE/METHOD/GROUP/SETTING`.
fn of_setting(operation: &Operation) -> Option<Operation> {
    let path = operation.raw_path();
    let [resource, method, group, setting] = path[..] else {
        return match path[..] {
            [resource, method] if operation.removes() && (resource.starts_with("~1") || resource == "*") => {
                Some(operation.at(format!("/methodSettings/{}", escaped(&format!("{resource}/{method}")))))
            }
            _ => None,
        };
    };
    let member = match (group, setting) {
        ("throttling", "rateLimit") => "throttlingRateLimit",
        ("throttling", "burstLimit") => "throttlingBurstLimit",
        ("logging", "loglevel") => "loggingLevel",
        ("logging", "dataTrace") => "dataTraceEnabled",
        ("metrics", "enabled") => "metricsEnabled",
        ("caching", "enabled") => "cachingEnabled",
        ("caching", "ttlInSeconds") => "cacheTtlInSeconds",
        ("caching", "dataEncrypted") => "cacheDataEncrypted",
        ("caching", "requireAuthorizationForCacheControl") => "requireAuthorizationForCacheControl",
        ("caching", "unauthorizedCacheControlHeaderStrategy") => "unauthorizedCacheControlHeaderStrategy",
        _ => return None,
    };
    let key = escaped(&format!("{resource}/{method}"));
    Some(operation.at(format!("/methodSettings/{key}/{member}")))
}

fn escaped(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

pub(super) async fn update_stage(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given = patch::operations(&call)?;
    let operations: Vec<Operation> =
        given.into_iter().map(|operation| of_setting(&operation).unwrap_or(operation)).collect();
    let (name, now) = (call.path.get("stage"), state.apis.now());
    let change = |api: &mut RestApi| {
        let deployments: Vec<String> = api.deployments.iter().map(|own| own.id.clone()).collect();
        let stage = api.stages.iter_mut().find(|stage| stage.stage_name == name);
        let stage = stage.ok_or_else(|| HttpApiError::NotFound(NO_STAGE.to_owned()))?;
        let changed = patch::patched(stage, &operations, &[])?;
        if !deployments.contains(&changed.deployment_id) {
            return Err(HttpApiError::NotFound(NO_DEPLOYMENT.to_owned()));
        }
        *stage = RestStage { stage_name: name.to_owned(), created: stage.created, modified: now, ..changed };
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &show_stage(named(&api, name)?)?)
}

pub(super) async fn delete_stage(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let name = call.path.get("stage");
    let id = call.path.get("api");
    if state
        .apis
        .plans()
        .iter()
        .any(|plan| plan.api_stages.iter().any(|own| own.api_id == id && own.stage == name))
    {
        return Err(super::super::apigatewayv2::bad_request(
            "Cannot delete stage that is part of a usage plan: remove it there first",
        ));
    }
    let remove = |api: &mut RestApi| {
        let before = api.stages.len();
        api.stages.retain(|stage| stage.stage_name != name);
        match api.stages.len() == before {
            true => Err(HttpApiError::NotFound(NO_STAGE.to_owned())),
            false => Ok(()),
        }
    };
    state.apis.edit_rest(id, remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

/// Has requests ask authorizers again, whatever they said before.
pub(super) async fn flush_authorizers(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let stage = named(&api, call.path.get("stage"))?;
    state.edge_port.forget_verdicts(&api.id, &stage.stage_name);
    Ok(empty_response(StatusCode::ACCEPTED))
}

/// Answers are not kept: there is nothing to forget.
pub(super) async fn flush_answers(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    named(&api, call.path.get("stage"))?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

fn show_stage(stage: &RestStage) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(stage)?);
    for (name, default) in [
        ("cacheClusterEnabled", Value::Bool(false)),
        ("cacheClusterStatus", "NOT_AVAILABLE".into()),
        ("tracingEnabled", Value::Bool(false)),
    ] {
        object.entry(name).or_insert(default);
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_methods_are_members_of_the_stage() {
        let patched_with = |operation: Value| {
            let operation: Operation = serde_json::from_value(operation).unwrap();
            let stage = new_stage(json!({ "stageName": "s", "deploymentId": "d" })).unwrap();
            patch::patched(&stage, &[of_setting(&operation).unwrap_or(operation)], &[]).unwrap()
        };
        let replace = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
        for (path, value, key, expected) in [
            ("/*/*/throttling/rateLimit", "2.5", "*/*", json!({ "throttlingRateLimit": 2.5 })),
            (
                "/~1pets~1{id}/GET/throttling/burstLimit",
                "3",
                "~1pets~1{id}/GET",
                json!({ "throttlingBurstLimit": 3 }),
            ),
            ("/*/*/metrics/enabled", "true", "*/*", json!({ "metricsEnabled": true })),
            ("/*/*/logging/loglevel", "INFO", "*/*", json!({ "loggingLevel": "INFO" })),
        ] {
            let stage = patched_with(replace(path, value));
            assert_eq!(stage.method_settings[key], expected, "{path}");
        }
        assert_eq!(patched_with(replace("/variables/a", "1")).variables["a"], "1");
        assert_eq!(patched_with(replace("/description", "x")).description.as_deref(), Some("x"));
    }
}
