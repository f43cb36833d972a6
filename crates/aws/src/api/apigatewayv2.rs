//! API Gateway, second version (HTTP and WebSocket APIs): REST-JSON; shapes are those of the public model
//! (`apigatewayv2/2018-11-29/service-2.json`, 2026-11). What an API is and does is in `ebb-sources` and `ebb-gateway`.

mod apis;
mod parts;
mod responses;
mod stages;
mod tags;
pub(super) mod unbuilt;

use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_sources::http_api::{
    Authorizer, HttpApiError, HttpApis, Identified, Integration, Model, RestApi, Route, TrialRequest,
};
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value};

use self::responses::{OfIntegration, OfRoute};
use super::lambda::EdgeAddress;
use crate::wire::{Api, ApiBuilder, AwsError, Body, Call, PageRequest, json_response};

/// The longest page, and the one where none is asked.
const PAGE: usize = 500;

/// What the operations work on.
#[derive(Clone)]
pub struct HttpApiState {
    /// The APIs.
    pub apis: HttpApis,
    /// Where they answer.
    pub edge: EdgeAddress,
    /// Reads a document that is in YAML, or in JSON; says for people why it cannot.
    pub read_document: fn(&str) -> Result<Value, String>,
    /// What answers requests.
    pub edge_port: Arc<dyn EdgePort>,
}

/// What calls about APIs need of the edge that serves them. The binary wires it. Trials are of what an API is defined to
/// do, deployed or not.
pub trait EdgePort: Send + Sync + 'static {
    /// The answer of a method of a resource; nothing where there is no such method.
    fn method(
        &self,
        api: Arc<RestApi>,
        resource: String,
        trial: TrialRequest,
    ) -> Boxed<'_, Option<Response<bytes::Bytes>>>;

    /// What the function of an authoriser says, or the status that a client would get.
    fn authorizer(
        &self,
        api: Arc<RestApi>,
        id: String,
        trial: TrialRequest,
    ) -> Boxed<'_, Result<Identified, StatusCode>>;

    /// Forgets what authorizers said for a stage.
    fn forget_verdicts(&self, api: &str, stage: &str);
}

impl HttpApiState {
    /// The OpenAPI document in a text.
    pub(super) fn document(&self, text: &[u8]) -> Result<Value, AwsError> {
        let text = std::str::from_utf8(text).map_err(|error| bad_request(error.to_string()))?;
        (self.read_document)(text).map_err(|why| bad_request(format!("Unable to parse the body: {why}")))
    }
}

/// The operations of both versions of API Gateway, which share a signing name.
#[must_use]
pub fn api(state: HttpApiState) -> Api {
    let builder = Api::rest_json("apigateway", "InternalServerErrorException", state);
    let builder = super::apigateway::operations(builder)
        .route(Method::POST, "/v2/apis", "CreateApi", apis::create)
        .route(Method::GET, "/v2/apis", "GetApis", apis::list)
        .route(Method::GET, "/v2/apis/{apiId}", "GetApi", apis::get)
        .route(Method::PATCH, "/v2/apis/{apiId}", "UpdateApi", apis::update)
        .route(Method::DELETE, "/v2/apis/{apiId}", "DeleteApi", apis::delete)
        .route(Method::DELETE, "/v2/apis/{apiId}/cors", "DeleteCorsConfiguration", apis::delete_cors)
        .route(Method::POST, "/v2/apis/{apiId}/routes", "CreateRoute", parts::create::<Route>)
        .route(Method::GET, "/v2/apis/{apiId}/routes", "GetRoutes", parts::list::<Route>)
        .route(Method::GET, "/v2/apis/{apiId}/routes/{id}", "GetRoute", parts::get::<Route>)
        .route(Method::PATCH, "/v2/apis/{apiId}/routes/{id}", "UpdateRoute", parts::update::<Route>)
        .route(Method::DELETE, "/v2/apis/{apiId}/routes/{id}", "DeleteRoute", parts::delete::<Route>)
        .route(
            Method::POST,
            "/v2/apis/{apiId}/integrations",
            "CreateIntegration",
            parts::create::<Integration>,
        )
        .route(Method::GET, "/v2/apis/{apiId}/integrations", "GetIntegrations", parts::list::<Integration>)
        .route(Method::GET, "/v2/apis/{apiId}/integrations/{id}", "GetIntegration", parts::get::<Integration>)
        .route(
            Method::PATCH,
            "/v2/apis/{apiId}/integrations/{id}",
            "UpdateIntegration",
            parts::update::<Integration>,
        )
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/integrations/{id}",
            "DeleteIntegration",
            parts::delete::<Integration>,
        )
        .route(Method::POST, "/v2/apis/{apiId}/authorizers", "CreateAuthorizer", parts::create::<Authorizer>)
        .route(Method::GET, "/v2/apis/{apiId}/authorizers", "GetAuthorizers", parts::list::<Authorizer>)
        .route(Method::GET, "/v2/apis/{apiId}/authorizers/{id}", "GetAuthorizer", parts::get::<Authorizer>)
        .route(
            Method::PATCH,
            "/v2/apis/{apiId}/authorizers/{id}",
            "UpdateAuthorizer",
            parts::update::<Authorizer>,
        )
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/authorizers/{id}",
            "DeleteAuthorizer",
            parts::delete::<Authorizer>,
        )
        .route(Method::POST, "/v2/apis/{apiId}/models", "CreateModel", parts::create::<Model>)
        .route(Method::GET, "/v2/apis/{apiId}/models", "GetModels", parts::list::<Model>)
        .route(Method::GET, "/v2/apis/{apiId}/models/{id}", "GetModel", parts::get::<Model>)
        .route(Method::PATCH, "/v2/apis/{apiId}/models/{id}", "UpdateModel", parts::update::<Model>)
        .route(Method::DELETE, "/v2/apis/{apiId}/models/{id}", "DeleteModel", parts::delete::<Model>)
        .route(Method::POST, "/v2/apis/{apiId}/stages", "CreateStage", stages::create)
        .route(Method::GET, "/v2/apis/{apiId}/stages", "GetStages", stages::list)
        .route(Method::GET, "/v2/apis/{apiId}/stages/{stageName}", "GetStage", stages::get)
        .route(Method::PATCH, "/v2/apis/{apiId}/stages/{stageName}", "UpdateStage", stages::update)
        .route(Method::DELETE, "/v2/apis/{apiId}/stages/{stageName}", "DeleteStage", stages::delete)
        .route(Method::POST, "/v2/apis/{apiId}/deployments", "CreateDeployment", stages::deploy)
        .route(Method::GET, "/v2/apis/{apiId}/deployments", "GetDeployments", stages::list_deployments)
        .route(Method::GET, "/v2/apis/{apiId}/deployments/{id}", "GetDeployment", stages::get_deployment)
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/deployments/{id}",
            "DeleteDeployment",
            stages::delete_deployment,
        )
        .route(Method::GET, "/v2/tags/{arn+}", "GetTags", tags::list)
        .route(Method::POST, "/v2/tags/{arn+}", "TagResource", tags::tag)
        .route(Method::DELETE, "/v2/tags/{arn+}", "UntagResource", tags::untag)
        .route(Method::PUT, "/v2/apis", "ImportApi", apis::import)
        .route(Method::PUT, "/v2/apis/{apiId}", "ReimportApi", apis::reimport)
        .route(Method::GET, "/v2/apis/{apiId}/exports/{specification}", "ExportApi", apis::export)
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/stages/{stageName}/accesslogsettings",
            "DeleteAccessLogSettings",
            stages::delete_access_log,
        )
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/stages/{stageName}/routesettings/{routeKey}",
            "DeleteRouteSettings",
            stages::delete_route_settings,
        )
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/stages/{stageName}/cache/authorizers",
            "ResetAuthorizersCache",
            stages::reset_authorizers,
        )
        .route(
            Method::DELETE,
            "/v2/apis/{apiId}/routes/{id}/requestparameters/{key}",
            "DeleteRouteRequestParameter",
            parts::delete_request_parameter,
        );
    let builder = unbuilt::V2
        .iter()
        .fold(builder, |builder, (method, path, name)| builder.unbuilt(method.clone(), path, name));
    answers(builder).build()
}

/// The operations on answers of routes and integrations.
fn answers(builder: ApiBuilder<HttpApiState>) -> ApiBuilder<HttpApiState> {
    const ROUTE: &str = "/v2/apis/{apiId}/routes/{parent}/routeresponses";
    const ROUTE_ONE: &str = "/v2/apis/{apiId}/routes/{parent}/routeresponses/{id}";
    const INTEGRATION: &str = "/v2/apis/{apiId}/integrations/{parent}/integrationresponses";
    const INTEGRATION_ONE: &str = "/v2/apis/{apiId}/integrations/{parent}/integrationresponses/{id}";
    builder
        .route(Method::POST, ROUTE, "CreateRouteResponse", responses::create::<OfRoute>)
        .route(Method::GET, ROUTE, "GetRouteResponses", responses::list::<OfRoute>)
        .route(Method::GET, ROUTE_ONE, "GetRouteResponse", responses::get::<OfRoute>)
        .route(Method::PATCH, ROUTE_ONE, "UpdateRouteResponse", responses::update::<OfRoute>)
        .route(Method::DELETE, ROUTE_ONE, "DeleteRouteResponse", responses::delete::<OfRoute>)
        .route(Method::POST, INTEGRATION, "CreateIntegrationResponse", responses::create::<OfIntegration>)
        .route(Method::GET, INTEGRATION, "GetIntegrationResponses", responses::list::<OfIntegration>)
        .route(Method::GET, INTEGRATION_ONE, "GetIntegrationResponse", responses::get::<OfIntegration>)
        .route(
            Method::PATCH,
            INTEGRATION_ONE,
            "UpdateIntegrationResponse",
            responses::update::<OfIntegration>,
        )
        .route(
            Method::DELETE,
            INTEGRATION_ONE,
            "DeleteIntegrationResponse",
            responses::delete::<OfIntegration>,
        )
}

impl From<HttpApiError> for AwsError {
    fn from(error: HttpApiError) -> Self {
        let message = error.to_string();
        match error {
            HttpApiError::NotFound(_) => not_found(message),
            HttpApiError::Conflict(_) => Self::new("ConflictException", StatusCode::CONFLICT, message),
            HttpApiError::Invalid(_) => bad_request(message),
            HttpApiError::Store(error) => Self::internal(error),
        }
    }
}

pub(super) fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::client("BadRequestException", message)
}

pub(super) fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::new("NotFoundException", StatusCode::NOT_FOUND, message)
}

/// The body as an object, with null for absent.
pub(super) fn object(call: &Call) -> Result<Map<String, Value>, AwsError> {
    let mut object: Map<String, Value> = call.json()?;
    object.retain(|_, value| !value.is_null());
    Ok(object)
}

/// Reads a document of the domain out of an object.
pub(super) fn read<T: serde::de::DeserializeOwned>(object: Map<String, Value>) -> Result<T, AwsError> {
    serde_json::from_value(Value::Object(object))
        .map_err(|error| bad_request(format!("Invalid request input: {error}")))
}

/// A document of the domain as an object.
pub(super) fn shown(document: &impl serde::Serialize) -> Result<Map<String, Value>, AwsError> {
    match serde_json::to_value(document).map_err(AwsError::internal)? {
        Value::Object(object) => Ok(object),
        _ => Err(AwsError::internal("a document is an object")),
    }
}

/// Renames the domain's times to those of the model.
fn with_times(mut object: Map<String, Value>) -> Map<String, Value> {
    for (own, name) in [("created", "createdDate"), ("modified", "lastUpdatedDate")] {
        if let Some(millis) = object.remove(own).and_then(|value| value.as_i64()) {
            object.insert(name.to_owned(), ebb_model::Timestamp(millis).to_rfc3339().into());
        }
    }
    object
}

/// The page of a list that the query asks for.
fn listed(call: &Call, items: Vec<Map<String, Value>>, key: &str) -> Result<Response<Body>, AwsError> {
    let query = &call.context.query;
    let size =
        query.get("maxResults").map_or(Ok(PAGE), str::parse).ok().filter(|size| (1..=PAGE).contains(size));
    let size = size.ok_or_else(|| bad_request("maxResults must be a number from 1 to 500"))?;
    let page =
        PageRequest::new(query.get("nextToken"), size).map_err(|_| bad_request("Invalid nextToken"))?;
    let (items, next) =
        page.cut(items, |item| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned());
    let mut answer = Map::new();
    answer.insert("items".to_owned(), items.into_iter().map(Value::Object).collect());
    answer.extend(next.map(|next| ("nextToken".to_owned(), next.into())));
    json_response(StatusCode::OK, &answer)
}
