//! HTTP APIs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::security::{self, Access};
use super::{integration, invalid, operations, text};
use crate::http_api::document::{Authorizer, HttpApi, Integration, Protocol, Route};
use crate::http_api::{HttpApiError, fresh_id};

/// The HTTP API that a document describes, without stages.
///
/// # Errors
/// [`HttpApiError::Invalid`] for what makes no sense.
pub fn http_api(document: &Value) -> Result<HttpApi, HttpApiError> {
    let info = &document["info"];
    let mut api = HttpApi::new(info["title"].as_str().unwrap_or_default(), Protocol::Http);
    (api.description, api.version) = (text(info, "description"), text(info, "version"));
    if let Some(cors) = document.get("x-amazon-apigateway-cors") {
        api.cors_configuration = Some(serde_json::from_value(cors.clone()).map_err(invalid)?);
    }
    let tagged = document["tags"].as_array().into_iter().flatten();
    api.tags = tagged
        .filter_map(|tag| Some((text(tag, "name")?, text(tag, "x-amazon-apigateway-tag-value")?)))
        .collect();
    let mut authorizers = BTreeMap::new();
    for (name, scheme) in security::schemes(document) {
        if let Some(authorizer) = authorizer(name, scheme)? {
            authorizers.insert(name.clone(), authorizer.authorizer_id.clone());
            api.definition.authorizers.push(authorizer);
        }
    }
    for operation in operations(document) {
        let default = matches!(operation.path, "$default" | "/$default");
        let key =
            if default { "$default".to_owned() } else { format!("{} {}", operation.method, operation.path) };
        let mut route = json!({ "routeKey": key });
        if let Some(given) = integration(document, &operation) {
            let made = integrated(given)?;
            route["target"] = format!("integrations/{}", made.integration_id).into();
            api.definition.integrations.push(made);
        }
        match security::access(document, operation.value) {
            Access::Open => {}
            Access::Signed => route["authorizationType"] = "AWS_IAM".into(),
            Access::Scheme { name, scopes } => {
                let id = authorizers.get(name).ok_or_else(|| {
                    invalid(format!(
                        "the route {key} names the security scheme {name}, which is no authorizer"
                    ))
                })?;
                let kind = api.definition.authorizer(id).map(|own| own.authorizer_type == "JWT");
                route["authorizationType"] = if kind == Some(true) { "JWT" } else { "CUSTOM" }.into();
                route["authorizerId"] = id.as_str().into();
                if !scopes.is_empty() {
                    route["authorizationScopes"] = json!(scopes);
                }
            }
        }
        if let Some(name) = text(operation.value, "operationId") {
            route["operationName"] = name.into();
        }
        let route: Route = serde_json::from_value(route).map_err(invalid)?;
        api.definition.routes.push(route);
    }
    Ok(api)
}

/// An integration under the names that the service has for its members.
fn integrated(mut given: Map<String, Value>) -> Result<Integration, HttpApiError> {
    for (from, to) in [
        ("type", "integrationType"),
        ("uri", "integrationUri"),
        ("httpMethod", "integrationMethod"),
        ("subtype", "integrationSubtype"),
        ("credentials", "credentialsArn"),
    ] {
        if let Some(value) = given.remove(from) {
            given.insert(to.to_owned(), value);
        }
    }
    if let Some(version) = given.get("payloadFormatVersion").filter(|own| own.is_number()) {
        let version = format!("{:.1}", version.as_f64().unwrap_or_default());
        given.insert("payloadFormatVersion".to_owned(), version.into());
    }
    given.entry("integrationType").or_insert_with(|| "AWS_PROXY".into());
    given.entry("payloadFormatVersion").or_insert_with(|| "1.0".into());
    given.insert("integrationId".to_owned(), fresh_id(7).into());
    serde_json::from_value(Value::Object(given)).map_err(invalid)
}

fn authorizer(name: &str, scheme: &Value) -> Result<Option<Authorizer>, HttpApiError> {
    let Some(own) = scheme.get(security::AUTHORIZER) else { return Ok(None) };
    let mut given = own.as_object().cloned().unwrap_or_default();
    let kind = given.remove("type").as_ref().and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    let source = match given.remove("identitySource") {
        Some(Value::String(text)) => text.split(',').map(|part| part.trim().into()).collect(),
        Some(Value::Array(list)) => list,
        _ if kind == "JWT" => vec!["$request.header.Authorization".into()],
        _ => Vec::new(),
    };
    if let Some(role) = given.remove("authorizerCredentials") {
        given.insert("authorizerCredentialsArn".to_owned(), role);
    }
    given.insert("identitySource".to_owned(), Value::Array(source));
    given.insert("authorizerType".to_owned(), kind.into());
    given.insert("authorizerId".to_owned(), fresh_id(6).into());
    given.insert("name".to_owned(), name.into());
    serde_json::from_value(Value::Object(given)).map(Some).map_err(invalid)
}
