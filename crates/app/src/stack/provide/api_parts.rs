//! The parts of HTTP and REST APIs that templates make one by one.

mod http;
mod plans;
mod rest;

use ebb_sources::http_api::{Answer, Authorizer, Integration, Model, RestApi, Route, fresh_id};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::super::Inner;
use super::super::record::MadeResource;
use super::http_api::{camel, camel_name, gone};
use super::{Made, Message, Properties, Wanted, said};

/// The properties of a resource as members of a document. Of those in `deep`, the members' names are changed too.
fn members(own: &Properties<'_>, deep: &[&str]) -> Map<String, Json> {
    let one = |name: &String| {
        let value = own.get(name)?;
        let value = if deep.contains(&name.as_str()) { camel(value) } else { value.clone() };
        Some((camel_name(name), value))
    };
    own.keys().filter_map(one).collect()
}

/// Reads a document; scalars may be written as texts.
fn read<T: DeserializeOwned>(mut given: Map<String, Json>) -> Result<T, Message> {
    for (name, value) in &mut given {
        let Some(text) = value.as_str() else { continue };
        let number =
            ["timeoutInMillis", "authorizerResultTtlInSeconds", "limit", "offset"].contains(&name.as_str());
        match text {
            "true" | "false" => *value = Json::Bool(text == "true"),
            _ if number => *value = text.parse::<u64>().map_or_else(|_| value.clone(), Json::from),
            _ => {}
        }
    }
    serde_json::from_value(Json::Object(given)).map_err(said)
}

/// Makes a part; nothing where the type is none of these.
pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Option<Result<Made, Message>> {
    put(inner, wanted, None).await
}

/// Changes a part; nothing where the type is none of these.
pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Option<Result<Made, Message>> {
    put(inner, wanted, Some(before)).await
}

async fn put(
    inner: &Inner,
    wanted: &Wanted<'_>,
    before: Option<&MadeResource>,
) -> Option<Result<Made, Message>> {
    let id = || before.map_or_else(|| fresh_id(6), |before| before.physical.clone());
    Some(match (wanted.kind, before) {
        ("AWS::ApiGatewayV2::Route", _) => http::put_http::<Route>(inner, wanted, before, "RouteId").await,
        ("AWS::ApiGatewayV2::Integration", _) => {
            http::put_http::<Integration>(inner, wanted, before, "IntegrationId").await
        }
        ("AWS::ApiGatewayV2::Authorizer", _) => {
            http::put_http::<Authorizer>(inner, wanted, before, "AuthorizerId").await
        }
        ("AWS::ApiGatewayV2::Model", _) => http::put_http::<Model>(inner, wanted, before, "ModelId").await,
        ("AWS::ApiGatewayV2::RouteResponse", _) => {
            http::put_http::<Answer>(inner, wanted, before, "RouteResponseId").await
        }
        ("AWS::ApiGatewayV2::IntegrationResponse", _) => {
            http::put_http::<Answer>(inner, wanted, before, "IntegrationResponseId").await
        }
        ("AWS::ApiGatewayV2::Deployment", _) => http::create_http_deployment(inner, wanted).await,
        ("AWS::ApiGateway::Resource", _) => rest::create_resource(inner, wanted).await,
        ("AWS::ApiGateway::Method", _) => rest::put_method(inner, wanted).await,
        ("AWS::ApiGateway::Authorizer", _) => rest::put_rest_authorizer(inner, wanted, id()).await,
        ("AWS::ApiGateway::RequestValidator", _) => rest::put_validator(inner, wanted, id()).await,
        ("AWS::ApiGateway::Model", _) => rest::put_rest_model(inner, wanted).await,
        ("AWS::ApiGateway::GatewayResponse", _) => rest::put_gateway_response(inner, wanted).await,
        ("AWS::ApiGateway::ApiKey", None) => plans::create_key(inner, wanted).await,
        ("AWS::ApiGateway::ApiKey", Some(before)) => plans::update_key(inner, before, wanted).await,
        ("AWS::ApiGateway::UsagePlan", None) => plans::create_plan(inner, wanted).await,
        ("AWS::ApiGateway::UsagePlan", Some(before)) => plans::update_plan(inner, before, wanted).await,
        ("AWS::ApiGateway::UsagePlanKey", _) => plans::add_plan_key(inner, wanted).await,
        _ => return None,
    })
}

/// Deletes a part; nothing where the type is none of these.
pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Option<Result<(), Message>> {
    let own = Properties::of(&made.properties);
    let id = made.physical.as_str();
    Some(match made.kind.as_str() {
        "AWS::ApiGatewayV2::Route" => http::delete_http::<Route>(inner, made).await,
        "AWS::ApiGatewayV2::Integration" => http::delete_http::<Integration>(inner, made).await,
        "AWS::ApiGatewayV2::Authorizer" => http::delete_http::<Authorizer>(inner, made).await,
        "AWS::ApiGatewayV2::Model" => http::delete_http::<Model>(inner, made).await,
        "AWS::ApiGatewayV2::RouteResponse" | "AWS::ApiGatewayV2::IntegrationResponse" => {
            http::delete_http::<Answer>(inner, made).await
        }
        "AWS::ApiGatewayV2::Deployment" => http::delete_http_deployment(inner, made).await,
        "AWS::ApiGateway::Resource" => {
            rest::delete_rest(inner, made, |api| api.definition.resources.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::Method" => {
            let (resource, name) = (own.text("ResourceId"), own.text("HttpMethod").unwrap_or_default());
            let remove = |api: &mut RestApi| {
                let found =
                    api.definition.resources.iter_mut().find(|own| Some(&own.id) == resource.as_ref());
                found.map(|own| own.resource_methods.remove(&name));
            };
            rest::delete_rest(inner, made, remove).await
        }
        "AWS::ApiGateway::Authorizer" => {
            rest::delete_rest(inner, made, |api| api.definition.authorizers.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::RequestValidator" => {
            rest::delete_rest(inner, made, |api| api.definition.validators.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::Model" => {
            rest::delete_rest(inner, made, |api| api.definition.models.retain(|own| own.name != id)).await
        }
        "AWS::ApiGateway::GatewayResponse" => {
            let kind = own.text("ResponseType").unwrap_or_default();
            let remove = |api: &mut RestApi| {
                api.definition.gateway_responses.remove(&kind);
            };
            rest::delete_rest(inner, made, remove).await
        }
        "AWS::ApiGateway::ApiKey" => gone(inner.services.http_apis.delete_key(id).await),
        "AWS::ApiGateway::UsagePlan" => gone(inner.services.http_apis.delete_plan(id).await),
        "AWS::ApiGateway::UsagePlanKey" => plans::remove_plan_key(inner, made).await,
        _ => return None,
    })
}
