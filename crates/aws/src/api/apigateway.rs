//! API Gateway, first version (REST APIs): REST-JSON; shapes are those of the public model
//! (`apigateway/2015-07-09/service-2.json`, 2026-11). It shares its signing name, and so its table, with the second
//! version: [`apigatewayv2::api`](super::apigatewayv2::api) is both.

mod apis;
mod deployments;
mod export;
mod keys;
mod methods;
mod parts;
mod patch;
mod plans;
mod resources;
mod tags;
mod trials;

use ebb_model::Timestamp;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value};

use super::apigatewayv2::{HttpApiState, unbuilt};
use crate::wire::{ApiBuilder, AwsError, Body, Call, PageRequest, epoch_seconds, json_response};

/// The longest page, and the one where none is asked.
const PAGE: usize = 500;
const DEFAULT_PAGE: usize = 25;

const METHOD: &str = "/restapis/{api}/resources/{resource}/methods/{method}";

/// Adds the operations of REST APIs.
pub(super) fn operations(builder: ApiBuilder<HttpApiState>) -> ApiBuilder<HttpApiState> {
    let builder = builder
        .route(Method::POST, "/restapis", "CreateRestApi", apis::create)
        .route(Method::POST, "/restapis?mode=import", "ImportRestApi", apis::import)
        .route(Method::GET, "/restapis", "GetRestApis", apis::list)
        .route(Method::GET, "/restapis/{api}", "GetRestApi", apis::get)
        .route(Method::PUT, "/restapis/{api}", "PutRestApi", apis::put)
        .route(Method::PATCH, "/restapis/{api}", "UpdateRestApi", apis::update)
        .route(Method::DELETE, "/restapis/{api}", "DeleteRestApi", apis::delete)
        .route(Method::GET, "/account", "GetAccount", apis::account)
        .route(Method::GET, "/restapis/{api}/resources", "GetResources", resources::list)
        .route(Method::GET, "/restapis/{api}/resources/{resource}", "GetResource", resources::get)
        .route(Method::POST, "/restapis/{api}/resources/{parent}", "CreateResource", resources::create)
        .route(Method::PATCH, "/restapis/{api}/resources/{resource}", "UpdateResource", resources::update)
        .route(Method::DELETE, "/restapis/{api}/resources/{resource}", "DeleteResource", resources::delete);
    let builder = method_operations(builder);
    let builder = builder
        .route(Method::POST, "/restapis/{api}/deployments", "CreateDeployment", deployments::create)
        .route(Method::GET, "/restapis/{api}/deployments", "GetDeployments", deployments::list)
        .route(Method::GET, "/restapis/{api}/deployments/{id}", "GetDeployment", deployments::get)
        .route(Method::PATCH, "/restapis/{api}/deployments/{id}", "UpdateDeployment", deployments::update)
        .route(Method::DELETE, "/restapis/{api}/deployments/{id}", "DeleteDeployment", deployments::delete)
        .route(Method::POST, "/restapis/{api}/stages", "CreateStage", deployments::create_stage)
        .route(Method::GET, "/restapis/{api}/stages", "GetStages", deployments::list_stages)
        .route(Method::GET, "/restapis/{api}/stages/{stage}", "GetStage", deployments::get_stage)
        .route(Method::PATCH, "/restapis/{api}/stages/{stage}", "UpdateStage", deployments::update_stage)
        .route(Method::DELETE, "/restapis/{api}/stages/{stage}", "DeleteStage", deployments::delete_stage)
        .route(
            Method::DELETE,
            "/restapis/{api}/stages/{stage}/cache/authorizers",
            "FlushStageAuthorizersCache",
            deployments::flush_authorizers,
        )
        .route(
            Method::DELETE,
            "/restapis/{api}/stages/{stage}/cache/data",
            "FlushStageCache",
            deployments::flush_answers,
        )
        .route(Method::GET, "/restapis/{api}/stages/{stage}/exports/{type}", "GetExport", export::get);
    let builder = part_operations(builder);
    let builder = unbuilt::V1
        .iter()
        .fold(builder, |builder, (method, path, name)| builder.unbuilt(method.clone(), path, name));
    plan_operations(builder)
        .route(Method::GET, "/tags/{arn+}", "GetTags", tags::list)
        .route(Method::PUT, "/tags/{arn+}", "TagResource", tags::tag)
        .route(Method::DELETE, "/tags/{arn+}", "UntagResource", tags::untag)
}

fn method_operations(builder: ApiBuilder<HttpApiState>) -> ApiBuilder<HttpApiState> {
    const INTEGRATION: &str = "/restapis/{api}/resources/{resource}/methods/{method}/integration";
    const ANSWER: &str = "/restapis/{api}/resources/{resource}/methods/{method}/responses/{code}";
    const INTEGRATION_ANSWER: &str =
        "/restapis/{api}/resources/{resource}/methods/{method}/integration/responses/{code}";
    builder
        .route(Method::PUT, METHOD, "PutMethod", methods::put)
        .route(Method::GET, METHOD, "GetMethod", methods::get)
        .route(Method::PATCH, METHOD, "UpdateMethod", methods::update)
        .route(Method::DELETE, METHOD, "DeleteMethod", methods::delete)
        .route(Method::POST, METHOD, "TestInvokeMethod", trials::method)
        .route(Method::PUT, ANSWER, "PutMethodResponse", methods::put_answer)
        .route(Method::GET, ANSWER, "GetMethodResponse", methods::get_answer)
        .route(Method::PATCH, ANSWER, "UpdateMethodResponse", methods::update_answer)
        .route(Method::DELETE, ANSWER, "DeleteMethodResponse", methods::delete_answer)
        .route(Method::PUT, INTEGRATION, "PutIntegration", methods::put_integration)
        .route(Method::GET, INTEGRATION, "GetIntegration", methods::get_integration)
        .route(Method::PATCH, INTEGRATION, "UpdateIntegration", methods::update_integration)
        .route(Method::DELETE, INTEGRATION, "DeleteIntegration", methods::delete_integration)
        .route(Method::PUT, INTEGRATION_ANSWER, "PutIntegrationResponse", methods::put_integration_answer)
        .route(Method::GET, INTEGRATION_ANSWER, "GetIntegrationResponse", methods::get_integration_answer)
        .route(
            Method::PATCH,
            INTEGRATION_ANSWER,
            "UpdateIntegrationResponse",
            methods::update_integration_answer,
        )
        .route(
            Method::DELETE,
            INTEGRATION_ANSWER,
            "DeleteIntegrationResponse",
            methods::delete_integration_answer,
        )
}

fn part_operations(builder: ApiBuilder<HttpApiState>) -> ApiBuilder<HttpApiState> {
    use ebb_sources::http_api::{Model, RequestValidator, RestAuthorizer};
    use parts::{create, delete, get, list, update};
    builder
        .route(Method::POST, "/restapis/{api}/authorizers", "CreateAuthorizer", create::<RestAuthorizer>)
        .route(Method::GET, "/restapis/{api}/authorizers", "GetAuthorizers", list::<RestAuthorizer>)
        .route(Method::GET, "/restapis/{api}/authorizers/{id}", "GetAuthorizer", get::<RestAuthorizer>)
        .route(
            Method::PATCH,
            "/restapis/{api}/authorizers/{id}",
            "UpdateAuthorizer",
            update::<RestAuthorizer>,
        )
        .route(
            Method::DELETE,
            "/restapis/{api}/authorizers/{id}",
            "DeleteAuthorizer",
            delete::<RestAuthorizer>,
        )
        .route(Method::POST, "/restapis/{api}/authorizers/{id}", "TestInvokeAuthorizer", trials::authorizer)
        .route(Method::POST, "/restapis/{api}/models", "CreateModel", create::<Model>)
        .route(Method::GET, "/restapis/{api}/models", "GetModels", list::<Model>)
        .route(Method::GET, "/restapis/{api}/models/{id}", "GetModel", get::<Model>)
        .route(Method::PATCH, "/restapis/{api}/models/{id}", "UpdateModel", update::<Model>)
        .route(Method::DELETE, "/restapis/{api}/models/{id}", "DeleteModel", delete::<Model>)
        .route(
            Method::POST,
            "/restapis/{api}/requestvalidators",
            "CreateRequestValidator",
            create::<RequestValidator>,
        )
        .route(
            Method::GET,
            "/restapis/{api}/requestvalidators",
            "GetRequestValidators",
            list::<RequestValidator>,
        )
        .route(
            Method::GET,
            "/restapis/{api}/requestvalidators/{id}",
            "GetRequestValidator",
            get::<RequestValidator>,
        )
        .route(
            Method::PATCH,
            "/restapis/{api}/requestvalidators/{id}",
            "UpdateRequestValidator",
            update::<RequestValidator>,
        )
        .route(
            Method::DELETE,
            "/restapis/{api}/requestvalidators/{id}",
            "DeleteRequestValidator",
            delete::<RequestValidator>,
        )
        .route(Method::GET, "/restapis/{api}/gatewayresponses", "GetGatewayResponses", parts::list_answers)
        .route(Method::GET, "/restapis/{api}/gatewayresponses/{id}", "GetGatewayResponse", parts::get_answer)
        .route(Method::PUT, "/restapis/{api}/gatewayresponses/{id}", "PutGatewayResponse", parts::put_answer)
        .route(
            Method::PATCH,
            "/restapis/{api}/gatewayresponses/{id}",
            "UpdateGatewayResponse",
            parts::update_answer,
        )
        .route(
            Method::DELETE,
            "/restapis/{api}/gatewayresponses/{id}",
            "DeleteGatewayResponse",
            parts::delete_answer,
        )
}

fn plan_operations(builder: ApiBuilder<HttpApiState>) -> ApiBuilder<HttpApiState> {
    builder
        .route(Method::POST, "/apikeys", "CreateApiKey", keys::create)
        .route(Method::GET, "/apikeys", "GetApiKeys", keys::list)
        .route(Method::GET, "/apikeys/{key}", "GetApiKey", keys::get)
        .route(Method::PATCH, "/apikeys/{key}", "UpdateApiKey", keys::update)
        .route(Method::DELETE, "/apikeys/{key}", "DeleteApiKey", keys::delete)
        .route(Method::POST, "/usageplans", "CreateUsagePlan", plans::create)
        .route(Method::GET, "/usageplans", "GetUsagePlans", plans::list)
        .route(Method::GET, "/usageplans/{plan}", "GetUsagePlan", plans::get)
        .route(Method::PATCH, "/usageplans/{plan}", "UpdateUsagePlan", plans::update)
        .route(Method::DELETE, "/usageplans/{plan}", "DeleteUsagePlan", plans::delete)
        .route(Method::POST, "/usageplans/{plan}/keys", "CreateUsagePlanKey", plans::add_key)
        .route(Method::GET, "/usageplans/{plan}/keys", "GetUsagePlanKeys", plans::list_keys)
        .route(Method::GET, "/usageplans/{plan}/keys/{key}", "GetUsagePlanKey", plans::get_key)
        .route(Method::DELETE, "/usageplans/{plan}/keys/{key}", "DeleteUsagePlanKey", plans::remove_key)
        .route(Method::GET, "/usageplans/{plan}/usage", "GetUsage", plans::usage)
}

/// Renames the domain's times to those of the model, and makes them its numbers.
fn with_times(mut object: Map<String, Value>) -> Map<String, Value> {
    for (own, name) in [("created", "createdDate"), ("modified", "lastUpdatedDate")] {
        if let Some(millis) = object.remove(own).and_then(|value| value.as_i64()) {
            object.insert(name.to_owned(), epoch_seconds(Timestamp(millis)));
        }
    }
    object
}

/// The page of a list that the query asks for.
fn listed(call: &Call, items: Vec<Map<String, Value>>, key: &str) -> Result<Response<Body>, AwsError> {
    let query = &call.context.query;
    let size = query.get("limit").map_or(Ok(DEFAULT_PAGE), str::parse).unwrap_or(DEFAULT_PAGE).clamp(1, PAGE);
    let page = PageRequest::new(query.get("position"), size)
        .map_err(|_| super::apigatewayv2::bad_request("Invalid position specified"))?;
    let mut items = items;
    items.sort_by_key(|item| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned());
    let (items, next) =
        page.cut(items, |item| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned());
    let mut answer = Map::new();
    answer.insert("item".to_owned(), items.into_iter().map(Value::Object).collect());
    answer.extend(next.map(|next| ("position".to_owned(), next.into())));
    json_response(StatusCode::OK, &answer)
}
