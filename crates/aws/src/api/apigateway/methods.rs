//! Methods, what is behind them, and what both answer.

use ebb_sources::http_api::{HttpApiError, Method, RestApi, RestIntegration, RestIntegrationResponse};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, object, read, shown};
use super::patch;
use super::resources::missing;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

fn no_method() -> HttpApiError {
    HttpApiError::NotFound("Invalid Method identifier specified".to_owned())
}

fn no_integration() -> HttpApiError {
    HttpApiError::NotFound("No integration defined for method".to_owned())
}

fn no_answer() -> HttpApiError {
    HttpApiError::NotFound("Invalid Response status code specified".to_owned())
}

/// Changes the method that a call names; gives what the change gave.
async fn edit<T: Clone>(
    state: &HttpApiState,
    call: &Call,
    mut change: impl FnMut(&mut Method) -> Result<T, HttpApiError>,
) -> Result<T, AwsError> {
    let mut result = None;
    let edited = state.apis.edit_rest(call.path.get("api"), |api: &mut RestApi| {
        let id = call.path.get("resource");
        let resource = api.definition.resources.iter_mut().find(|own| own.id == id).ok_or_else(missing)?;
        let method = resource.resource_methods.get_mut(call.path.get("method")).ok_or_else(no_method)?;
        result = Some(change(method)?);
        Ok(())
    });
    edited.await?;
    result.ok_or_else(|| AwsError::internal("a change that was made gives something"))
}

/// The method that a call names.
fn found(state: &HttpApiState, call: &Call) -> Result<Method, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let resource = api.definition.resource(call.path.get("resource")).ok_or_else(missing)?;
    let method = resource.resource_methods.get(call.path.get("method")).cloned();
    Ok(method.ok_or_else(no_method)?)
}

pub(super) async fn put(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    let name = call.path.get("method");
    given.insert("httpMethod".to_owned(), name.into());
    let method: Method = read(given)?;
    let add = |api: &mut RestApi| {
        let known = ["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"];
        if !known.contains(&method.authorization_type.as_str()) {
            return Err(HttpApiError::Invalid("Invalid authorization type specified".to_owned()));
        }
        if matches!(method.authorization_type.as_str(), "CUSTOM" | "COGNITO_USER_POOLS")
            && method.authorizer_id.as_deref().and_then(|id| api.definition.authorizer(id)).is_none()
        {
            return Err(HttpApiError::Invalid(
                "Authorizer ID must be specified for authorization type CUSTOM or COGNITO_USER_POOLS"
                    .to_owned(),
            ));
        }
        let id = call.path.get("resource");
        let resource = api.definition.resources.iter_mut().find(|own| own.id == id).ok_or_else(missing)?;
        if resource.resource_methods.contains_key(name) {
            return Err(HttpApiError::Conflict("Method already exists for this resource".to_owned()));
        }
        resource.resource_methods.insert(name.to_owned(), method.clone());
        Ok(())
    };
    state.apis.edit_rest(call.path.get("api"), add).await?;
    json_response(StatusCode::CREATED, &shown(&method)?)
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &shown(&found(&state, &call)?)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let method = edit(&state, &call, |method| {
        *method = patch::patched(method, &operations, &["requestParameters"])?;
        Ok(method.clone())
    });
    json_response(StatusCode::OK, &shown(&method.await?)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let remove = |api: &mut RestApi| {
        let id = call.path.get("resource");
        let resource = api.definition.resources.iter_mut().find(|own| own.id == id).ok_or_else(missing)?;
        resource.resource_methods.remove(call.path.get("method")).map(drop).ok_or_else(no_method)
    };
    state.apis.edit_rest(call.path.get("api"), remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn put_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    let code = call.path.get("code");
    given.insert("statusCode".to_owned(), code.into());
    let answer = Value::Object(given);
    let add = |method: &mut Method| {
        if method.method_responses.contains_key(code) {
            return Err(HttpApiError::Conflict("Response already exists for this resource".to_owned()));
        }
        method.method_responses.insert(code.to_owned(), answer.clone());
        Ok(())
    };
    edit(&state, &call, add).await?;
    json_response(StatusCode::CREATED, &answer)
}

pub(super) async fn get_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let method = found(&state, &call)?;
    json_response(StatusCode::OK, method.method_responses.get(call.path.get("code")).ok_or_else(no_answer)?)
}

pub(super) async fn update_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let answer = edit(&state, &call, |method| {
        let answer = method.method_responses.get_mut(call.path.get("code")).ok_or_else(no_answer)?;
        *answer = patch::patched(answer, &operations, &["responseParameters"])?;
        Ok(answer.clone())
    });
    json_response(StatusCode::CREATED, &answer.await?)
}

pub(super) async fn delete_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let remove = |method: &mut Method| {
        method.method_responses.remove(call.path.get("code")).map(drop).ok_or_else(no_answer)
    };
    edit(&state, &call, remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

fn integration(method: &mut Method) -> Result<&mut RestIntegration, HttpApiError> {
    method.method_integration.as_mut().ok_or_else(no_integration)
}

pub(super) async fn put_integration(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    given.entry("cacheNamespace").or_insert_with(|| call.path.get("resource").into());
    given.entry("cacheKeyParameters").or_insert_with(|| json!([]));
    let made: RestIntegration = read(given)?;
    let put = edit(&state, &call, |method| {
        let kind = made.kind.as_str();
        if kind != "MOCK" && made.uri.as_deref().unwrap_or_default().is_empty() {
            return Err(HttpApiError::Invalid("Integration URI must be specified".to_owned()));
        }
        if kind.starts_with("AWS") && made.http_method.is_none() {
            return Err(HttpApiError::Invalid(
                "Enumeration value for HttpMethod must be non-empty".to_owned(),
            ));
        }
        // What was said of its answers stays.
        let answers =
            method.method_integration.take().map(|own| own.integration_responses).unwrap_or_default();
        let made = RestIntegration { integration_responses: answers, ..made.clone() };
        method.method_integration = Some(made.clone());
        Ok(made)
    });
    json_response(StatusCode::CREATED, &shown(&put.await?)?)
}

pub(super) async fn get_integration(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut method = found(&state, &call)?;
    json_response(StatusCode::OK, &shown(integration(&mut method)?)?)
}

pub(super) async fn update_integration(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let changed = edit(&state, &call, |method| {
        let own = integration(method)?;
        *own = patch::patched(own, &operations, &[])?;
        Ok(own.clone())
    });
    json_response(StatusCode::OK, &shown(&changed.await?)?)
}

pub(super) async fn delete_integration(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let remove = |method: &mut Method| method.method_integration.take().map(drop).ok_or_else(no_integration);
    edit(&state, &call, remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn put_integration_answer(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let mut given: Map<String, Value> = object(&call)?;
    let code = call.path.get("code");
    given.insert("statusCode".to_owned(), code.into());
    let answer: RestIntegrationResponse = read(given)?;
    let add = |method: &mut Method| {
        if !method.method_responses.contains_key(code) {
            return Err(HttpApiError::NotFound("Invalid Response status code specified".to_owned()));
        }
        integration(method)?.integration_responses.insert(code.to_owned(), answer.clone());
        Ok(())
    };
    edit(&state, &call, add).await?;
    json_response(StatusCode::CREATED, &shown(&answer)?)
}

pub(super) async fn get_integration_answer(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let mut method = found(&state, &call)?;
    let answer =
        integration(&mut method)?.integration_responses.get(call.path.get("code")).ok_or_else(no_answer)?;
    json_response(StatusCode::OK, &shown(answer)?)
}

pub(super) async fn update_integration_answer(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let answer = edit(&state, &call, |method| {
        let own = &mut integration(method)?.integration_responses;
        let answer = own.get_mut(call.path.get("code")).ok_or_else(no_answer)?;
        *answer = patch::patched(answer, &operations, &[])?;
        Ok(answer.clone())
    });
    json_response(StatusCode::OK, &shown(&answer.await?)?)
}

pub(super) async fn delete_integration_answer(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let remove = |method: &mut Method| {
        let own = &mut integration(method)?.integration_responses;
        own.remove(call.path.get("code")).map(drop).ok_or_else(no_answer)
    };
    edit(&state, &call, remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
