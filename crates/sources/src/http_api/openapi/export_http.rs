//! OpenAPI documents out of HTTP APIs: the other way of [`super::http`], which reads what this writes.
//!
//! Source: API Gateway developer guide, "Export HTTP APIs from API Gateway" and "OpenAPI extensions for API Gateway" (2026-11).

use serde_json::{Map, Value, json};

use super::export::json_of;
use super::security::AUTHORIZER;
use super::{ANY, INTEGRATION};
use crate::http_api::document::{Authorizer, Definition, HttpApi, Integration, Route};

/// The name of the scheme of signed requests.
const SIGNED: &str = "sigv4";

/// The document of an API that serves this definition at a host, with the extensions of API Gateway or without them.
#[must_use]
pub fn exported_http(api: &HttpApi, definition: &Definition, host: &str, extensions: bool) -> Value {
    let version = api.version.clone().unwrap_or_else(|| "1.0".to_owned());
    let mut info = json!({ "title": api.name, "version": version });
    if let Some(description) = &api.description {
        info["description"] = description.as_str().into();
    }
    let mut paths = Map::new();
    for route in &definition.routes {
        let (method, path) = route.route_key.split_once(' ').unwrap_or(("ANY", "/$default"));
        let method = if method == "ANY" { ANY.to_owned() } else { method.to_ascii_lowercase() };
        let operations = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        operations[method] = operation(definition, route, path, extensions);
    }
    let mut document = json!({
        "openapi": "3.0.1", "info": info, "servers": [{ "url": format!("https://{host}") }], "paths": paths,
    });
    let schemes = schemes(definition, extensions);
    if !schemes.is_empty() {
        document["components"] = json!({ "securitySchemes": schemes });
    }
    if !api.tags.is_empty() {
        let tag = |(name, value): (&String, &String)| json!({ "name": name, "x-amazon-apigateway-tag-value": value });
        document["tags"] = api.tags.iter().map(tag).collect();
    }
    if extensions {
        if let Some(cors) = &api.cors_configuration {
            document["x-amazon-apigateway-cors"] = json_of(cors).into();
        }
        document["x-amazon-apigateway-importexport-version"] = "1.0".into();
    }
    document
}

fn operation(definition: &Definition, route: &Route, path: &str, extensions: bool) -> Value {
    let mut operation = json!({ "responses": { "default": { "description": format!("Default response for {}", route.route_key) } } });
    let parameters: Vec<Value> = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name.trim_end_matches('+'), "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(name) = route.others.get("operationName") {
        operation["operationId"] = name.clone();
    }
    let scopes = route.authorization_scopes.clone().unwrap_or_default();
    let authorizer = route.authorizer_id.as_deref().and_then(|id| definition.authorizer(id));
    match (route.authorization_type.as_str(), authorizer) {
        ("AWS_IAM", _) => operation["security"] = json!([{ SIGNED: [] }]),
        ("JWT" | "CUSTOM", Some(authorizer)) => {
            operation["security"] = json!([{ authorizer.name.as_str(): scopes }]);
        }
        _ => {}
    }
    let target = route.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
    let integration = definition.integrations.iter().find(|own| Some(own.integration_id.as_str()) == target);
    if let Some(integration) = integration.filter(|_| extensions) {
        operation[INTEGRATION] = written(integration);
    }
    operation
}

/// An integration as the extension has it.
fn written(integration: &Integration) -> Value {
    let mut own = json_of(integration);
    own.remove("integrationId");
    for (from, to) in [
        ("integrationType", "type"),
        ("integrationUri", "uri"),
        ("integrationMethod", "httpMethod"),
        ("integrationSubtype", "subtype"),
        ("credentialsArn", "credentials"),
    ] {
        if let Some(value) = own.remove(from) {
            own.insert(to.to_owned(), value);
        }
    }
    for name in ["type", "connectionType"] {
        if let Some(text) = own.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase) {
            own.insert(name.to_owned(), text.into());
        }
    }
    own.into()
}

fn schemes(definition: &Definition, extensions: bool) -> Map<String, Value> {
    let of = |own: &Authorizer| (own.name.clone(), scheme(own, extensions));
    let mut schemes: Map<_, _> = definition.authorizers.iter().map(of).collect();
    if definition.routes.iter().any(|route| route.authorization_type == "AWS_IAM") {
        let scheme = json!({
            "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
        });
        schemes.insert(SIGNED.to_owned(), scheme);
    }
    schemes
}

fn scheme(authorizer: &Authorizer, extensions: bool) -> Value {
    let mut own = json_of(authorizer);
    let kind = authorizer.authorizer_type.to_ascii_lowercase();
    let mut scheme = if kind == "jwt" {
        json!({ "type": "oauth2", "flows": {} })
    } else {
        json!({ "type": "apiKey", "name": "Authorization", "in": "header" })
    };
    if extensions {
        own.retain(|name, _| !["authorizerId", "authorizerType", "name"].contains(&name.as_str()));
        if let Some(role) = own.remove("authorizerCredentialsArn") {
            own.insert("authorizerCredentials".to_owned(), role);
        }
        if let Some(Value::Array(sources)) = own.remove("identitySource") {
            let sources: Vec<_> = sources.iter().filter_map(Value::as_str).collect();
            own.insert("identitySource".to_owned(), sources.join(",").into());
        }
        own.insert("type".to_owned(), kind.into());
        scheme[AUTHORIZER] = own.into();
    }
    scheme
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_api::openapi::http_api;

    #[test]
    fn what_is_written_reads_as_the_same_api() {
        let source = json!({
            "openapi": "3.0.1",
            "info": { "title": "shop", "version": "2", "description": "d" },
            "x-amazon-apigateway-cors": { "allowOrigins": ["*"] },
            "components": { "securitySchemes": { "who": { "type": "oauth2", AUTHORIZER: {
                "type": "jwt", "identitySource": "$request.header.Authorization",
                "jwtConfiguration": { "issuer": "https://i.example", "audience": ["a"] } } } } },
            "paths": {
                "/items/{id}": { "get": { "security": [{ "who": ["read"] }], "operationId": "one", INTEGRATION: {
                    "type": "aws_proxy", "httpMethod": "POST", "uri": "arn:f", "payloadFormatVersion": "2.0" } } },
                "/$default": { ANY: { INTEGRATION: { "type": "http_proxy", "httpMethod": "ANY", "uri": "http://h/" } } },
            },
        });
        let first = http_api(&source).unwrap();
        let written = exported_http(&first, &first.definition, "x.example", true);
        let again = http_api(&written).unwrap();
        assert_eq!(exported_http(&again, &again.definition, "x.example", true), written);
        let get = &written["paths"]["/items/{id}"]["get"];
        assert_eq!(get["security"], json!([{ "who": ["read"] }]));
        assert_eq!(
            (&get[INTEGRATION]["uri"], &get["parameters"][0]["name"]),
            (&json!("arn:f"), &json!("id"))
        );
        let bare = exported_http(&first, &first.definition, "x.example", false);
        assert!(
            !bare.to_string().contains("integration") && bare["servers"][0]["url"] == "https://x.example"
        );
    }
}
