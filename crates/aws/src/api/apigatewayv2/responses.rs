//! Answers of routes and of integrations of WebSocket APIs: documents that are kept for clients which make and read them. What
//! a route answers with is told by its `RouteResponseSelectionExpression` alone.

use ebb_sources::http_api::{Answer, AnswerOf, HttpApi, HttpApiError, fresh_id};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::parts::merged;
use super::{HttpApiState, listed, not_found, object, read, shown};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

/// A kind of answers.
pub(super) trait Kind: Send + Sync + 'static {
    const OF: AnswerOf;
    /// What its id is called.
    const ID: &'static str;
    /// For people.
    const NAME: &'static str;
    /// Whether the API has what the answers would be of.
    fn has(api: &HttpApi, parent: &str) -> bool;
}

/// Of routes.
pub(super) struct OfRoute;
/// Of integrations.
pub(super) struct OfIntegration;

impl Kind for OfRoute {
    const OF: AnswerOf = AnswerOf::Route;
    const ID: &'static str = "routeResponseId";
    const NAME: &'static str = "Route";
    fn has(api: &HttpApi, parent: &str) -> bool {
        api.definition.routes.iter().any(|route| route.route_id == parent)
    }
}

impl Kind for OfIntegration {
    const OF: AnswerOf = AnswerOf::Integration;
    const ID: &'static str = "integrationResponseId";
    const NAME: &'static str = "Integration";
    fn has(api: &HttpApi, parent: &str) -> bool {
        api.definition.integrations.iter().any(|integration| integration.integration_id == parent)
    }
}

pub(super) async fn create<K: Kind>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let parent = call.path.get("parent");
    let mut given = object(&call)?;
    for (name, value) in [("id", fresh_id(7).into()), ("parent", Value::from(parent))] {
        given.insert(name.to_owned(), value);
    }
    given.insert("of".to_owned(), shown_of(K::OF)?);
    let made: Answer = read(given)?;
    let add = |api: &mut HttpApi| {
        if !K::has(api, parent) {
            return Err(HttpApiError::NotFound(missing::<K>(parent)));
        }
        api.definition.answers.push(made.clone());
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), add).await?;
    json_response(StatusCode::CREATED, &as_shown::<K>(&made)?)
}

pub(super) async fn list<K: Kind>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let (api, parent) = (state.apis.http(call.path.get("apiId"))?, call.path.get("parent"));
    if !K::has(&api, parent) {
        return Err(not_found(missing::<K>(parent)));
    }
    let own = api.definition.answers.iter().filter(|answer| answer.of == K::OF && answer.parent == parent);
    let all = own.map(as_shown::<K>).collect::<Result<_, _>>()?;
    listed(&call, all, K::ID)
}

pub(super) async fn get<K: Kind>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.http(call.path.get("apiId"))?;
    let found = api.definition.answers.iter().find(|answer| is_meant::<K>(answer, &call));
    let found = found.ok_or_else(|| not_found(missing::<K>(call.path.get("id"))))?;
    json_response(StatusCode::OK, &as_shown::<K>(found)?)
}

pub(super) async fn update<K: Kind>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given = object(&call)?;
    let change = |api: &mut HttpApi| {
        let found = api.definition.answers.iter_mut().find(|answer| is_meant::<K>(answer, &call));
        let found = found.ok_or_else(|| HttpApiError::NotFound(missing::<K>(call.path.get("id"))))?;
        *found = merged(found, &given)?;
        Ok(())
    };
    state.apis.edit(call.path.get("apiId"), change).await?;
    get::<K>(state, call).await
}

pub(super) async fn delete<K: Kind>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let remove = |api: &mut HttpApi| {
        let before = api.definition.answers.len();
        api.definition.answers.retain(|answer| !is_meant::<K>(answer, &call));
        match api.definition.answers.len() < before {
            true => Ok(()),
            false => Err(HttpApiError::NotFound(missing::<K>(call.path.get("id")))),
        }
    };
    state.apis.edit(call.path.get("apiId"), remove).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

fn is_meant<K: Kind>(answer: &Answer, call: &Call) -> bool {
    answer.of == K::OF && answer.parent == call.path.get("parent") && answer.id == call.path.get("id")
}

fn missing<K: Kind>(id: &str) -> String {
    format!("Invalid {} identifier specified {id}", K::NAME)
}

fn shown_of(of: AnswerOf) -> Result<Value, AwsError> {
    serde_json::to_value(of).map_err(AwsError::internal)
}

/// As the service shows it.
fn as_shown<K: Kind>(answer: &Answer) -> Result<Map<String, Value>, AwsError> {
    let mut object = shown(answer)?;
    for own in ["of", "parent"] {
        object.remove(own);
    }
    let id = object.remove("id").unwrap_or_default();
    object.insert(K::ID.to_owned(), id);
    Ok(object)
}
