//! REST APIs themselves.

use ebb_sources::http_api::{HttpApiError, RestApi, rest_api};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, bad_request, object, shown};
use super::patch;
use super::{listed, with_times};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

/// Members that are kept as they were given.
const OTHERS: [&str; 5] =
    ["endpointConfiguration", "minimumCompressionSize", "policy", "securityPolicy", "endpointAccessMode"];
/// Members of the document that are not the API's own.
const INNER: [&str; 5] = ["definition", "stages", "deployments", "others", "app"];

/// Splits the members that are only kept off, and reads the API.
fn document(mut given: Map<String, Value>) -> Result<RestApi, HttpApiError> {
    let others: Map<String, Value> = OTHERS.iter().filter_map(|name| given.remove_entry(*name)).collect();
    for own in INNER.iter().chain(&["id", "created"]) {
        given.remove(*own);
    }
    let new = RestApi::new("");
    let mut api: RestApi = serde_json::from_value(Value::Object(given))
        .map_err(|error| HttpApiError::Invalid(format!("Invalid request input: {error}")))?;
    (api.others, api.definition) = (others, new.definition);
    Ok(api)
}

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    let from = given.remove("cloneFrom");
    let mut api = document(given)?;
    if let Some(from) = from.as_ref().and_then(Value::as_str) {
        api.definition = state.apis.rest(from)?.definition.clone();
    }
    let api = state.apis.create_rest(api).await?;
    json_response(StatusCode::CREATED, &show(&api)?)
}

/// The OpenAPI document in a body.
fn imported(state: &HttpApiState, call: &Call) -> Result<RestApi, AwsError> {
    Ok(rest_api(&state.document(&call.body)?)?)
}

pub(super) async fn import(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.create_rest(imported(&state, &call)?).await?;
    json_response(StatusCode::CREATED, &show(&api)?)
}

pub(super) async fn put(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let new = imported(&state, &call)?;
    let merge = call.context.query.get("mode") != Some("overwrite");
    let put = |api: &mut RestApi| {
        if !merge {
            api.definition = new.definition.clone();
        } else {
            let own = &mut api.definition;
            for resource in &new.definition.resources {
                let methods = resource.resource_methods.clone();
                own.resource_at(&resource.path).resource_methods.extend(methods);
            }
            own.models.retain(|model| new.definition.model(&model.name).is_none());
            own.models.extend(new.definition.models.iter().cloned());
            own.authorizers.extend(new.definition.authorizers.iter().cloned());
            own.validators.extend(new.definition.validators.iter().cloned());
            own.gateway_responses.extend(new.definition.gateway_responses.clone());
        }
        if !new.binary_media_types.is_empty() {
            api.binary_media_types.clone_from(&new.binary_media_types);
        }
        if !new.name.is_empty() {
            api.name.clone_from(&new.name);
        }
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), put).await?;
    json_response(StatusCode::OK, &show(&api)?)
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let apis = state.apis.all_rest().iter().map(|api| show(api)).collect::<Result<_, _>>()?;
    listed(&call, apis, "id")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &show(&*state.apis.rest(call.path.get("api"))?)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let (others, own): (Vec<_>, Vec<_>) = operations
        .into_iter()
        .partition(|operation| operation.path().first().is_some_and(|name| OTHERS.contains(&name.as_str())));
    let change = |api: &mut RestApi| {
        let changed = patch::patched(api, &own, &[])?;
        *api = RestApi {
            name: changed.name,
            description: changed.description,
            version: changed.version,
            binary_media_types: changed.binary_media_types,
            api_key_source: changed.api_key_source,
            disable_execute_api_endpoint: changed.disable_execute_api_endpoint,
            others: patch::patched(&api.others, &others, &[])?,
            ..api.clone()
        };
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &show(&api)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let used = state.apis.plans();
    if used.iter().any(|plan| plan.api_stages.iter().any(|stage| stage.api_id == api.id)) {
        return Err(bad_request(
            "Active stages pointing to this API are in usage plans: remove them there before deleting the API",
        ));
    }
    state.apis.delete(&api.id).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

pub(super) async fn account(_: HttpApiState, _: Call) -> Result<Response<Body>, AwsError> {
    let throttle = json!({ "burstLimit": 5000, "rateLimit": 10_000.0 });
    json_response(
        StatusCode::OK,
        &json!({ "throttleSettings": throttle, "features": ["UsagePlans"], "apiKeyVersion": "4" }),
    )
}

fn show(api: &RestApi) -> Result<Map<String, Value>, AwsError> {
    let root = api.definition.resources.iter().find(|resource| resource.path == "/");
    let mut object = with_times(shown(api)?);
    for own in INNER {
        object.remove(own);
    }
    if api.binary_media_types.is_empty() {
        object.remove("binaryMediaTypes");
    }
    object.extend(api.others.clone());
    object
        .entry("endpointConfiguration")
        .or_insert_with(|| json!({ "types": ["EDGE"], "ipAddressType": "ipv4" }));
    object.insert("rootResourceId".to_owned(), root.map(|root| root.id.clone()).into());
    Ok(object)
}
