//! APIs themselves.

use ebb_sources::http_api::{
    DEFAULT_STAGE, HttpApi, Integration, Protocol, Route, Stage, exported_http, http_api,
};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{HttpApiState, bad_request, listed, not_found, object, read, shown, with_times};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

/// Members that stand in the document as they were given.
const OTHERS: [&str; 2] = ["disableSchemaValidation", "ipAddressType"];

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    let target = given.remove("target");
    let route_key = given.remove("routeKey");
    let credentials = given.remove("credentialsArn");
    let mut api = document(given)?;
    if api.protocol_type == Protocol::WebSocket && !api.route_selection_expression.contains("$request.body") {
        return Err(bad_request(
            "RouteSelectionExpression must be set for a WEBSOCKET API, as in $request.body.action",
        ));
    }
    match (target, route_key) {
        (Some(target), route_key) => quick_create(&mut api, &target, route_key, credentials.as_ref())?,
        (None, Some(_)) => return Err(bad_request("RouteKey is only allowed with Target")),
        (None, None) => {}
    }
    let api = state.apis.create(api).await?;
    json_response(StatusCode::CREATED, &show(&state, &api)?)
}

/// A route, an integration and a stage made with the API.
fn quick_create(
    api: &mut HttpApi,
    target: &Value,
    route_key: Option<Value>,
    credentials: Option<&Value>,
) -> Result<(), AwsError> {
    let text = target.as_str().unwrap_or_default();
    let function = text.starts_with("arn:");
    let integration: Integration = read_value(json!({
        "integrationId": ebb_sources::http_api::fresh_id(7),
        "integrationType": if function { "AWS_PROXY" } else { "HTTP_PROXY" },
        "integrationMethod": if function { Value::Null } else { "ANY".into() },
        "integrationUri": text,
        "payloadFormatVersion": if function { "2.0" } else { "1.0" },
        "credentialsArn": credentials,
        "apiGatewayManaged": true,
    }))?;
    let route: Route = read_value(json!({
        "routeKey": route_key.unwrap_or_else(|| "$default".into()),
        "target": format!("integrations/{}", integration.integration_id),
        "apiGatewayManaged": true,
    }))?;
    let stage: Stage =
        read_value(json!({ "stageName": DEFAULT_STAGE, "autoDeploy": true, "apiGatewayManaged": true }))?;
    api.definition.integrations.push(integration);
    api.definition.routes.push(route);
    api.stages.push(stage);
    Ok(())
}

fn read_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, AwsError> {
    serde_json::from_value(value).map_err(|error| bad_request(error.to_string()))
}

/// A document out of what a request gives.
fn document(mut given: Map<String, Value>) -> Result<HttpApi, AwsError> {
    let others: Map<String, Value> = OTHERS.iter().filter_map(|name| given.remove_entry(*name)).collect();
    for own in ["apiId", "created", "app", "definition", "stages", "deployments", "others"] {
        given.remove(own);
    }
    given.insert("others".to_owned(), Value::Object(others));
    read(given)
}

/// The OpenAPI document in a request.
fn imported(state: &HttpApiState, call: &Call) -> Result<HttpApi, AwsError> {
    let given = object(call)?;
    let text = given.get("body").and_then(Value::as_str).unwrap_or_default();
    Ok(http_api(&state.document(text.as_bytes())?)?)
}

pub(super) async fn import(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.create(imported(&state, &call)?).await?;
    json_response(StatusCode::CREATED, &show(&state, &api)?)
}

pub(super) async fn reimport(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let new = imported(&state, &call)?;
    let put = |api: &mut HttpApi| {
        api.definition.clone_from(&new.definition);
        api.name.clone_from(&new.name);
        api.description.clone_from(&new.description);
        api.version.clone_from(&new.version);
        api.cors_configuration.clone_from(&new.cors_configuration);
        Ok(())
    };
    let api = state.apis.edit(call.path.get("apiId"), put).await?;
    json_response(StatusCode::CREATED, &show(&state, &api)?)
}

/// The document of a stage, or of the API as it is edited; in JSON, which is YAML too.
pub(super) async fn export(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let (api, query) = (state.apis.http(call.path.get("apiId"))?, &call.context.query);
    if api.protocol_type == Protocol::WebSocket {
        return Err(bad_request("Export of WebSocket APIs is not supported"));
    }
    if call.path.get("specification") != "OAS30" {
        return Err(bad_request("Only the specification OAS30 is supported"));
    }
    let definition = match query.get("stageName") {
        None => &api.definition,
        Some(name) => {
            let stage =
                api.stage(name).ok_or_else(|| not_found(format!("Invalid stage name specified {name}")))?;
            api.served(stage).ok_or_else(|| not_found("The stage has no deployment"))?
        }
    };
    let host = format!("{}.execute-api.{}.{}", api.api_id, state.apis.region(), state.edge.domain);
    let extensions = query.get("includeExtensions") != Some("false");
    json_response(StatusCode::OK, &exported_http(&api, definition, &host, extensions))
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let apis = state.apis.all_http().iter().map(|api| show(&state, api)).collect::<Result<_, _>>()?;
    listed(&call, apis, "apiId")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    json_response(StatusCode::OK, &show(&state, &api)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("apiId");
    let before = state.apis.http(id)?;
    let given = object(&call)?;
    let api = state
        .apis
        .edit(id, |api| {
            let mut merged = match serde_json::to_value(&*api) {
                Ok(Value::Object(merged)) => merged,
                _ => Map::new(),
            };
            let mut others = before.others.clone();
            for (name, value) in &given {
                if OTHERS.contains(&name.as_str()) {
                    others.insert(name.clone(), value.clone());
                } else {
                    merged.insert(name.clone(), value.clone());
                }
            }
            let changed: HttpApi = serde_json::from_value(Value::Object(merged))
                .map_err(|error| ebb_sources::http_api::HttpApiError::Invalid(error.to_string()))?;
            *api = HttpApi {
                api_id: api.api_id.clone(),
                protocol_type: api.protocol_type,
                created: api.created,
                app: api.app.clone(),
                definition: api.definition.clone(),
                stages: api.stages.clone(),
                deployments: api.deployments.clone(),
                others,
                ..changed
            };
            Ok(())
        })
        .await?;
    json_response(StatusCode::OK, &show(&state, &api)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    state.apis.delete(&api.api_id).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn delete_cors(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let change = |api: &mut HttpApi| {
        api.cors_configuration = None;
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

fn show(state: &HttpApiState, api: &HttpApi) -> Result<Map<String, Value>, AwsError> {
    let mut object = with_times(shown(api)?);
    for own in ["definition", "stages", "deployments", "others", "app"] {
        object.remove(own);
    }
    object.entry("ipAddressType").or_insert_with(|| "ipv4".into());
    object.extend(api.others.clone());
    let (scheme, edge) = match api.protocol_type {
        Protocol::Http => (state.edge.scheme, &state.edge),
        Protocol::WebSocket => (if state.edge.scheme == "https" { "wss" } else { "ws" }, &state.edge),
    };
    let host = format!("{}.execute-api.{}.{}", api.api_id, state.apis.region(), edge.domain);
    object.insert("apiEndpoint".to_owned(), format!("{scheme}://{host}:{}", edge.port).into());
    Ok(object)
}
