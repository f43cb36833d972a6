//! Routes, integrations, authorizers and models: lists of documents in an API that are all handled alike.

use ebb_sources::http_api::{Authorizer, Definition, HttpApiError, Integration, Model, Route};
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{HttpApiState, listed, not_found, object, read, shown};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

/// A document in a list of an API.
pub(super) trait Part: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// For people.
    const NAME: &'static str;
    /// What its id is called.
    const ID: &'static str;
    fn id(&self) -> &str;
    fn all(definition: &Definition) -> &Vec<Self>;
    fn all_mut(definition: &mut Definition) -> &mut Vec<Self>;

    /// What the service fills in where nothing was said.
    fn complete(_: &mut Map<String, Value>) {}
}

impl Part for Route {
    const NAME: &'static str = "Route";
    const ID: &'static str = "routeId";
    fn id(&self) -> &str {
        &self.route_id
    }
    fn all(definition: &Definition) -> &Vec<Self> {
        &definition.routes
    }
    fn all_mut(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.routes
    }
}

impl Part for Integration {
    const NAME: &'static str = "Integration";
    const ID: &'static str = "integrationId";
    fn id(&self) -> &str {
        &self.integration_id
    }
    fn all(definition: &Definition) -> &Vec<Self> {
        &definition.integrations
    }
    fn all_mut(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.integrations
    }
    fn complete(given: &mut Map<String, Value>) {
        if given.get("integrationType").and_then(Value::as_str) == Some("AWS_PROXY")
            && !given.contains_key("integrationSubtype")
        {
            given.entry("integrationMethod").or_insert_with(|| "POST".into());
        } else {
            given.entry("payloadFormatVersion").or_insert_with(|| "1.0".into());
        }
        given.entry("timeoutInMillis").or_insert_with(|| 30_000.into());
    }
}

impl Part for Authorizer {
    const NAME: &'static str = "Authorizer";
    const ID: &'static str = "authorizerId";
    fn id(&self) -> &str {
        &self.authorizer_id
    }
    fn all(definition: &Definition) -> &Vec<Self> {
        &definition.authorizers
    }
    fn all_mut(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.authorizers
    }
}

impl Part for Model {
    const NAME: &'static str = "Model";
    const ID: &'static str = "modelId";
    fn id(&self) -> &str {
        &self.model_id
    }
    fn all(definition: &Definition) -> &Vec<Self> {
        &definition.models
    }
    fn all_mut(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.models
    }
}

fn missing<T: Part>(id: &str) -> String {
    format!("Invalid {} identifier specified {id}", T::NAME)
}

pub(super) async fn create<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    T::complete(&mut given);
    given.insert(T::ID.to_owned(), ebb_sources::http_api::fresh_id(7).into());
    let made: T = read(given)?;
    let add = |api: &mut ebb_sources::http_api::HttpApi| {
        T::all_mut(&mut api.definition).push(made.clone());
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), add).await?;
    json_response(StatusCode::CREATED, &shown(&made)?)
}

pub(super) async fn list<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let all = T::all(&api.definition).iter().map(shown).collect::<Result<_, _>>()?;
    listed(&call, all, T::ID)
}

pub(super) async fn get<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let id = call.path.get("id");
    let part = T::all(&api.definition)
        .iter()
        .find(|part| part.id() == id)
        .ok_or_else(|| not_found(missing::<T>(id)))?;
    json_response(StatusCode::OK, &shown(part)?)
}

pub(super) async fn update<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given = object(&call)?;
    let id = call.path.get("id");
    let api = state
        .apis
        .edit(call.path.get("apiId"), |api| {
            let part = T::all_mut(&mut api.definition).iter_mut().find(|part| part.id() == id);
            let part = part.ok_or_else(|| HttpApiError::NotFound(missing::<T>(id)))?;
            *part = merged(part, &given)?;
            Ok(())
        })
        .await?;
    let part = T::all(&api.definition)
        .iter()
        .find(|part| part.id() == id)
        .ok_or_else(|| not_found(missing::<T>(id)))?;
    json_response(StatusCode::OK, &shown(part)?)
}

/// The document with the members that a request gives.
pub(super) fn merged<T: Serialize + DeserializeOwned>(
    part: &T,
    given: &Map<String, Value>,
) -> Result<T, HttpApiError> {
    let invalid = |error: serde_json::Error| HttpApiError::Invalid(error.to_string());
    let mut document = serde_json::to_value(part).map_err(invalid)?;
    for (name, value) in given {
        document[name.as_str()] = value.clone();
    }
    serde_json::from_value(document).map_err(invalid)
}

pub(super) async fn delete<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("id");
    state
        .apis
        .edit(call.path.get("apiId"), |api| {
            let all = T::all_mut(&mut api.definition);
            let before = all.len();
            all.retain(|part| part.id() != id);
            if all.len() == before {
                return Err(HttpApiError::NotFound(missing::<T>(id)));
            }
            api.definition.answers.retain(|answer| answer.parent != id);
            Ok(())
        })
        .await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

/// Takes away a parameter that requests of a route must have.
pub(super) async fn delete_request_parameter(
    state: HttpApiState,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let (id, key) = (call.path.get("id"), call.path.get("key"));
    let change = |api: &mut ebb_sources::http_api::HttpApi| {
        let route = api.definition.routes.iter_mut().find(|route| route.route_id == id);
        let route = route.ok_or_else(|| HttpApiError::NotFound(missing::<Route>(id)))?;
        let parameters = route.others.get_mut("requestParameters").and_then(Value::as_object_mut);
        let removed = parameters.and_then(|parameters| parameters.remove(key));
        let said = || HttpApiError::NotFound(format!("Invalid request parameter key specified {key}"));
        removed.map(drop).ok_or_else(said)
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
