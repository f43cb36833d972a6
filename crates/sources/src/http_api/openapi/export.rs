//! OpenAPI documents out of REST APIs: the other way of [`super::rest`], which reads what this writes.
//!
//! Source: API Gateway developer guide, "Export a REST API from API Gateway" and "OpenAPI extensions for API Gateway"
//! (2026-11).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::security::AUTHORIZER;
use super::{ANY, INTEGRATION};
use crate::http_api::rest::{Method, Resource, RestApi, RestAuthorizer, RestDefinition};

/// The name of the scheme of API keys.
const KEY: &str = "api_key";
/// The name of the scheme of signed requests.
const SIGNED: &str = "sigv4";

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenAPI 3.0.
    Openapi,
    /// OpenAPI 2.0.
    Swagger,
}

/// Which extensions of API Gateway a document has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// What is behind the operations.
    pub integrations: bool,
    /// Who decides who may call.
    pub authorizers: bool,
    /// Validators, answers of the API's own, binary types, the source of keys.
    pub gateway: bool,
}

/// The document of what a stage serves, at the URL of its host.
#[must_use]
pub fn exported(
    api: &RestApi,
    definition: &RestDefinition,
    stage: &str,
    host: &str,
    form: Form,
    extensions: Extensions,
) -> Value {
    let mut document = Map::new();
    let mut info =
        json!({ "title": api.name, "version": api.version.clone().unwrap_or_else(|| "1.0".to_owned()) });
    if let Some(description) = &api.description {
        info["description"] = description.as_str().into();
    }
    match form {
        Form::Openapi => {
            document.insert("openapi".to_owned(), "3.0.1".into());
            let variables = json!({ "basePath": { "default": stage } });
            document.insert(
                "servers".to_owned(),
                json!([{ "url": format!("https://{host}/{{basePath}}"), "variables": variables }]),
            );
        }
        Form::Swagger => {
            document.insert("swagger".to_owned(), "2.0".into());
            document.insert("host".to_owned(), host.into());
            document.insert("basePath".to_owned(), format!("/{stage}").into());
            document.insert("schemes".to_owned(), json!(["https"]));
        }
    }
    document.insert("info".to_owned(), info);
    let writer = Writer { definition, form, extensions };
    let paths = definition.resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    let paths: Map<String, Value> = paths.map(|own| (own.path.clone(), writer.path(own))).collect();
    document.insert("paths".to_owned(), paths.into());
    let (schemas, schemes) = (writer.schemas(), writer.schemes());
    match form {
        Form::Openapi => {
            let parts = [("schemas", schemas), ("securitySchemes", schemes)];
            let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
            let parts: Map<_, _> = parts.map(|(name, part)| (name.to_owned(), part.into())).collect();
            document.insert("components".to_owned(), parts.into());
        }
        Form::Swagger => {
            for (name, part) in [("securityDefinitions", schemes), ("definitions", schemas)] {
                if !part.is_empty() {
                    document.insert(name.to_owned(), part.into());
                }
            }
        }
    }
    if extensions.gateway {
        writer.add_gateway(api, &mut document);
    }
    Value::Object(document)
}

struct Writer<'a> {
    definition: &'a RestDefinition,
    form: Form,
    extensions: Extensions,
}

impl Writer<'_> {
    fn path(&self, resource: &Resource) -> Value {
        let operation = |(name, method): (&String, &Method)| {
            let name = if name == "ANY" { ANY.to_owned() } else { name.to_ascii_lowercase() };
            (name, self.operation(method))
        };
        resource.resource_methods.iter().map(operation).collect::<Map<_, _>>().into()
    }

    fn operation(&self, method: &Method) -> Value {
        let mut operation = Map::new();
        if let Some(name) = method.others.get("operationName") {
            operation.insert("operationId".to_owned(), name.clone());
        }
        let mut parameters: Vec<Value> = method
            .request_parameters
            .iter()
            .filter_map(|(name, needed)| self.parameter(name, *needed))
            .collect();
        let models = &method.request_models;
        match self.form {
            Form::Openapi if !models.is_empty() => {
                let content = models
                    .iter()
                    .map(|(kind, name)| (kind.clone(), json!({ "schema": self.referred(name) })));
                let content: Map<_, _> = content.collect();
                operation.insert("requestBody".to_owned(), json!({ "content": content, "required": true }));
            }
            Form::Swagger => {
                if let Some((_, name)) = models.first_key_value() {
                    operation
                        .insert("consumes".to_owned(), models.keys().cloned().collect::<Vec<_>>().into());
                    let schema = self.referred(name);
                    parameters
                        .push(json!({ "in": "body", "name": name, "required": true, "schema": schema }));
                }
            }
            Form::Openapi => {}
        }
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), parameters.into());
        }
        let responses =
            method.method_responses.iter().map(|(code, own)| (code.clone(), self.response(code, own)));
        operation.insert("responses".to_owned(), responses.collect::<Map<_, _>>().into());
        self.add_security(method, &mut operation);
        if self.extensions.gateway
            && let Some(id) = &method.request_validator_id
            && let Some(validator) = self.definition.validators.iter().find(|own| own.id == *id)
        {
            let name = validator.name.as_str().into();
            operation.insert("x-amazon-apigateway-request-validator".to_owned(), name);
        }
        if self.extensions.integrations
            && let Some(integration) = &method.method_integration
        {
            operation.insert(INTEGRATION.to_owned(), integration_of(&json_of(integration)));
        }
        operation.into()
    }

    fn parameter(&self, name: &str, needed: bool) -> Option<Value> {
        let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
        let place = if place == "querystring" { "query" } else { place };
        let mut parameter = json!({ "name": name, "in": place, "required": needed || place == "path" });
        match self.form {
            Form::Openapi => parameter["schema"] = json!({ "type": "string" }),
            Form::Swagger => parameter["type"] = "string".into(),
        }
        Some(parameter)
    }

    fn referred(&self, model: &str) -> Value {
        let place = if self.form == Form::Openapi { "components/schemas" } else { "definitions" };
        json!({ "$ref": format!("#/{place}/{model}") })
    }

    fn response(&self, code: &str, own: &Value) -> Value {
        let mut response = json!({ "description": format!("{code} response") });
        let names = own["responseParameters"].as_object().into_iter().flatten();
        let headers = names.filter_map(|(name, _)| name.strip_prefix("method.response.header."));
        let headers: Map<String, Value> = headers
            .map(|name| {
                let header = match self.form {
                    Form::Openapi => json!({ "schema": { "type": "string" } }),
                    Form::Swagger => json!({ "type": "string" }),
                };
                (name.to_owned(), header)
            })
            .collect();
        if !headers.is_empty() {
            response["headers"] = headers.into();
        }
        let models = own["responseModels"].as_object().into_iter().flatten();
        let models = models.filter_map(|(kind, name)| Some((kind.clone(), self.referred(name.as_str()?))));
        match self.form {
            Form::Openapi => {
                let content: Map<_, _> =
                    models.map(|(kind, schema)| (kind, json!({ "schema": schema }))).collect();
                response["content"] = content.into();
            }
            Form::Swagger => {
                if let Some((_, schema)) = models.into_iter().next() {
                    response["schema"] = schema;
                }
            }
        }
        response
    }

    fn add_security(&self, method: &Method, operation: &mut Map<String, Value>) {
        let mut security = Vec::new();
        match (method.authorization_type.as_str(), &method.authorizer_id) {
            ("AWS_IAM", _) => security.push(json!({ SIGNED: [] })),
            ("CUSTOM" | "COGNITO_USER_POOLS", Some(id)) => {
                if let Some(authorizer) = self.definition.authorizer(id) {
                    let scopes = method.authorization_scopes.clone().unwrap_or_default();
                    security.push(json!({ authorizer.name.as_str(): scopes }));
                }
            }
            _ => {}
        }
        if method.api_key_required {
            security.push(json!({ KEY: [] }));
        }
        if !security.is_empty() {
            operation.insert("security".to_owned(), security.into());
        }
    }

    fn schemas(&self) -> Map<String, Value> {
        let schema =
            |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!({ "type": "object" }));
        self.definition.models.iter().map(|model| (model.name.clone(), schema(&model.schema))).collect()
    }

    fn schemes(&self) -> Map<String, Value> {
        let mut schemes: Map<_, _> =
            self.definition.authorizers.iter().map(|own| (own.name.clone(), self.scheme(own))).collect();
        let methods = || self.definition.resources.iter().flat_map(|own| own.resource_methods.values());
        if methods().any(|method| method.api_key_required) {
            schemes.insert(KEY.to_owned(), json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }));
        }
        if methods().any(|method| method.authorization_type == "AWS_IAM") {
            let scheme = json!({
                "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
            });
            schemes.insert(SIGNED.to_owned(), scheme);
        }
        schemes
    }

    fn scheme(&self, authorizer: &RestAuthorizer) -> Value {
        let source = authorizer.identity_source.as_deref().unwrap_or_default();
        let header = source.strip_prefix("method.request.header.").filter(|name| !name.contains(','));
        let kind = if authorizer.kind == "COGNITO_USER_POOLS" { "cognito_user_pools" } else { "custom" };
        let mut scheme = json!({
            "type": "apiKey", "name": header.unwrap_or("Unused"), "in": "header", "x-amazon-apigateway-authtype": kind,
        });
        if self.extensions.authorizers {
            let mut own = json_of(authorizer);
            own.retain(|name, _| !["id", "name"].contains(&name.as_str()));
            own.insert("type".to_owned(), authorizer.kind.to_ascii_lowercase().into());
            scheme[AUTHORIZER] = own.into();
        }
        scheme
    }

    fn add_gateway(&self, api: &RestApi, document: &mut Map<String, Value>) {
        let mut add = |name: &str, value: Value| {
            let empty =
                value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                document.insert(format!("x-amazon-apigateway-{name}"), value);
            }
        };
        let validators = self.definition.validators.iter().map(|own| {
            let settings = json!({
                "validateRequestBody": own.validate_request_body,
                "validateRequestParameters": own.validate_request_parameters,
            });
            (own.name.clone(), settings)
        });
        add("request-validators", validators.collect::<Map<_, _>>().into());
        let answers = self.definition.gateway_responses.iter();
        add(
            "gateway-responses",
            answers.map(|(kind, own)| (kind.clone(), json_of(own).into())).collect::<Map<_, _>>().into(),
        );
        add("binary-media-types", api.binary_media_types.clone().into());
        if api.api_key_source != "HEADER" {
            add("api-key-source", api.api_key_source.as_str().into());
        }
    }
}

/// An integration as the extension has it: answers by the pattern that selects them.
fn integration_of(integration: &Map<String, Value>) -> Value {
    let mut own = integration.clone();
    if let Some(kind) = own.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase) {
        own.insert("type".to_owned(), kind.into());
    }
    if let Some(behavior) =
        own.get("passthroughBehavior").and_then(Value::as_str).map(str::to_ascii_lowercase)
    {
        own.insert("passthroughBehavior".to_owned(), behavior.into());
    }
    own.retain(|name, _| !["cacheKeyParameters", "cacheNamespace"].contains(&name.as_str()));
    if let Some(Value::Object(answers)) = own.remove("integrationResponses") {
        let answers = answers.into_iter().map(|(_, mut answer)| {
            let pattern = answer.as_object_mut().and_then(|own| own.remove("selectionPattern"));
            let pattern = pattern.and_then(|pattern| pattern.as_str().map(str::to_owned));
            (pattern.filter(|pattern| !pattern.is_empty()).unwrap_or_else(|| "default".to_owned()), answer)
        });
        own.insert("responses".to_owned(), answers.collect::<Map<_, _>>().into());
    }
    own.into()
}

/// What something is in JSON.
pub(super) fn json_of(value: &impl Serialize) -> Map<String, Value> {
    serde_json::to_value(value).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_api::openapi::rest_api;

    #[test]
    fn what_is_written_reads_as_the_same_api() {
        let source = json!({
            "openapi": "3.0.1",
            "info": { "title": "shop", "version": "2" },
            "x-amazon-apigateway-binary-media-types": ["image/*"],
            "x-amazon-apigateway-request-validators": { "all": { "validateRequestBody": true, "validateRequestParameters": true } },
            "components": {
                "schemas": { "Item": { "type": "object", "required": ["name"] } },
                "securitySchemes": {
                    "api_key": { "type": "apiKey", "name": "x-api-key", "in": "header" },
                    "who": { "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
                             "x-amazon-apigateway-authorizer": { "type": "token", "authorizerUri": "arn:f" } },
                },
            },
            "paths": { "/items/{id}": {
                "post": {
                    "security": [{ "who": [] }, { "api_key": [] }],
                    "x-amazon-apigateway-request-validator": "all",
                    "parameters": [{ "name": "q", "in": "query", "required": true, "schema": { "type": "string" } }],
                    "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Item" } } } },
                    "responses": { "200": { "description": "made" } },
                    "x-amazon-apigateway-integration": { "type": "mock", "requestTemplates": { "application/json": "{}" },
                        "responses": { "default": { "statusCode": "200" }, "4..": { "statusCode": "400" } } },
                },
                "x-amazon-apigateway-any-method": { "x-amazon-apigateway-integration": { "type": "http_proxy", "httpMethod": "ANY", "uri": "http://h/" } },
            } },
        });
        let extensions = Extensions { integrations: true, authorizers: true, gateway: true };
        let of = |api: &RestApi, form| exported(api, &api.definition, "prod", "x.example", form, extensions);
        let first = rest_api(&source).unwrap();
        for form in [Form::Openapi, Form::Swagger] {
            let written = of(&first, form);
            assert_eq!(of(&rest_api(&written).unwrap(), form), written, "{form:?}");
            assert_eq!(
                written["paths"]["/items/{id}"]["post"][INTEGRATION]["responses"]["4.."]["statusCode"],
                "400"
            );
            assert_eq!(
                written["paths"]["/items/{id}"]["post"]["security"],
                json!([{ "who": [] }, { "api_key": [] }])
            );
        }
        let bare =
            exported(&first, &first.definition, "prod", "x.example", Form::Openapi, Extensions::default());
        assert!(
            !bare.to_string().contains("amazon-apigateway-integration")
                && bare["servers"][0]["url"] == "https://x.example/{basePath}"
        );
    }
}
