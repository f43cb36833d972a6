//! REST APIs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::security::{self, Access};
use super::{Operation, integration, invalid, operations, referred, text};
use crate::http_api::document::Model;
use crate::http_api::rest::{Method, RequestValidator, RestApi, RestAuthorizer};
use crate::http_api::{HttpApiError, fresh_id};

/// The REST API that a document describes, without stages.
///
/// # Errors
/// [`HttpApiError::Invalid`] for what makes no sense.
pub fn rest_api(document: &Value) -> Result<RestApi, HttpApiError> {
    let info = &document["info"];
    let mut api = RestApi::new(info["title"].as_str().unwrap_or_default());
    (api.description, api.version) = (text(info, "description"), text(info, "version"));
    let binary = document["x-amazon-apigateway-binary-media-types"].as_array().into_iter().flatten();
    api.binary_media_types = binary.filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(source) = text(document, "x-amazon-apigateway-api-key-source") {
        api.api_key_source = source.to_ascii_uppercase();
    }
    if let Some(responses) = document.get("x-amazon-apigateway-gateway-responses") {
        api.definition.gateway_responses = gateway_responses(responses)?;
    }
    api.definition.models = models(document);
    api.definition.validators = validators(document)?;
    let mut ids = Authorizers::new();
    for (name, scheme) in security::schemes(document) {
        if let Some(authorizer) = authorizer(name, scheme)? {
            ids.insert(name.clone(), authorizer.id.clone());
            api.definition.authorizers.push(authorizer);
        }
    }
    for operation in operations(document) {
        let method = method(document, &operation, &mut api, &ids)?;
        let resource = api.definition.resource_at(operation.path);
        resource.resource_methods.insert(operation.method, method);
    }
    Ok(api)
}

/// The ids of authorizers, by the names of their schemes.
type Authorizers = BTreeMap<String, String>;

fn method(
    document: &Value,
    operation: &Operation<'_>,
    api: &mut RestApi,
    ids: &Authorizers,
) -> Result<Method, HttpApiError> {
    let own = operation.value;
    let mut given = json!({
        "httpMethod": operation.method,
        "apiKeyRequired": security::needs_key(document, own),
        "requestParameters": parameters(document, operation),
        "requestModels": body_models(document, operation, api),
    });
    match security::access(document, own) {
        Access::Open => {}
        Access::Signed => given["authorizationType"] = "AWS_IAM".into(),
        Access::Scheme { name, scopes } => {
            let id = ids.get(name).ok_or_else(|| {
                invalid(format!(
                    "{} {} names the security scheme {name}, which is no authorizer",
                    operation.method, operation.path
                ))
            })?;
            let cognito = api.definition.authorizer(id).is_some_and(|own| own.kind == "COGNITO_USER_POOLS");
            given["authorizationType"] = if cognito { "COGNITO_USER_POOLS" } else { "CUSTOM" }.into();
            given["authorizerId"] = id.as_str().into();
            if !scopes.is_empty() {
                given["authorizationScopes"] = json!(scopes);
            }
        }
    }
    let validator = "x-amazon-apigateway-request-validator";
    if let Some(name) = own.get(validator).or_else(|| document.get(validator)).and_then(Value::as_str) {
        let found = api.definition.validators.iter().find(|own| own.name == name);
        given["requestValidatorId"] = found.map_or(Value::Null, |own| own.id.as_str().into());
    }
    if let Some(name) = text(own, "operationId") {
        given["operationName"] = name.into();
    }
    let responses = own.get("responses").and_then(Value::as_object).into_iter().flatten();
    let responses: Map<String, Value> =
        responses.map(|(code, _)| (code.clone(), json!({ "statusCode": code }))).collect();
    given["methodResponses"] = Value::Object(responses);
    if let Some(mut integration) = integration(document, operation) {
        if let Some(responses) = integration.remove("responses") {
            integration.insert("integrationResponses".to_owned(), answers(&responses));
        }
        given["methodIntegration"] = Value::Object(integration);
    }
    serde_json::from_value(given).map_err(invalid)
}

/// The answers of an integration, by status: OpenAPI has them by selection pattern.
fn answers(responses: &Value) -> Value {
    let given = responses.as_object().into_iter().flatten();
    given
        .map(|(pattern, response)| {
            let code = match &response["statusCode"] {
                Value::String(code) => code.clone(),
                Value::Number(code) => code.to_string(),
                _ => "200".to_owned(),
            };
            let mut own = response.clone();
            own["statusCode"] = code.as_str().into();
            if pattern != "default" {
                own["selectionPattern"] = pattern.as_str().into();
            }
            (code, own)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The parameters of an operation and of its path, and whether they are needed.
fn parameters(document: &Value, operation: &Operation<'_>) -> Value {
    let list = |value: &'_ Value| value["parameters"].as_array().cloned().unwrap_or_default();
    let all = list(operation.shared).into_iter().chain(list(operation.value));
    all.filter_map(|parameter| {
        let parameter = referred(document, &parameter).clone();
        let place = match parameter["in"].as_str()? {
            "query" => "querystring",
            place @ ("header" | "path") => place,
            _ => return None,
        };
        let needed = parameter["required"] == true;
        Some((format!("method.request.{place}.{}", parameter["name"].as_str()?), Value::Bool(needed)))
    })
    .collect::<Map<_, _>>()
    .into()
}

/// The models of an operation's bodies, by content type. Schemas that have no name become models of their own.
fn body_models(document: &Value, operation: &Operation<'_>, api: &mut RestApi) -> Value {
    let mut schemas: Vec<(String, Value)> = Vec::new();
    let body = referred(document, &operation.value["requestBody"]);
    for (kind, content) in body["content"].as_object().into_iter().flatten() {
        schemas.extend(content.get("schema").map(|schema| (kind.clone(), schema.clone())));
    }
    let parameters = operation.value["parameters"].as_array().into_iter().flatten();
    for schema in parameters.filter(|own| own["in"] == "body").filter_map(|own| own.get("schema")) {
        let kinds =
            operation.value.get("consumes").or_else(|| document.get("consumes")).and_then(Value::as_array);
        let kinds: Vec<&str> = kinds.into_iter().flatten().filter_map(Value::as_str).collect();
        let kinds = if kinds.is_empty() { vec!["application/json"] } else { kinds };
        schemas.extend(kinds.into_iter().map(|kind| (kind.to_owned(), schema.clone())));
    }
    let mut models = Map::new();
    for (kind, schema) in schemas {
        let name = match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => name.to_owned(),
            None => {
                let name = format!("Model{}", api.definition.models.len() + 1);
                api.definition.models.push(model(&name, &schema));
                name
            }
        };
        models.insert(kind, name.into());
    }
    Value::Object(models)
}

fn models(document: &Value) -> Vec<Model> {
    let all = document.pointer("/components/schemas").or_else(|| document.get("definitions"));
    let all = all.and_then(Value::as_object).into_iter().flatten();
    all.map(|(name, schema)| model(name, schema)).collect()
}

fn model(name: &str, schema: &Value) -> Model {
    Model {
        model_id: fresh_id(6),
        name: name.to_owned(),
        schema: schema.to_string(),
        content_type: "application/json".to_owned(),
        description: text(schema, "description"),
    }
}

fn validators(document: &Value) -> Result<Vec<RequestValidator>, HttpApiError> {
    let all = document["x-amazon-apigateway-request-validators"].as_object().into_iter().flatten();
    all.map(|(name, own)| {
        let mut validator: RequestValidator = serde_json::from_value(own.clone()).map_err(invalid)?;
        (validator.id, validator.name) = (fresh_id(6), name.clone());
        Ok(validator)
    })
    .collect()
}

fn gateway_responses(
    responses: &Value,
) -> Result<BTreeMap<String, crate::http_api::GatewayResponse>, HttpApiError> {
    let all = responses.as_object().into_iter().flatten();
    all.map(|(kind, own)| {
        let mut own = own.clone();
        if let Some(code) = own.get("statusCode").filter(|code| code.is_number()).map(ToString::to_string) {
            own["statusCode"] = code.into();
        }
        Ok((kind.clone(), serde_json::from_value(own).map_err(invalid)?))
    })
    .collect()
}

fn authorizer(name: &str, scheme: &Value) -> Result<Option<RestAuthorizer>, HttpApiError> {
    let Some(own) = scheme.get(security::AUTHORIZER) else { return Ok(None) };
    let mut given = own.as_object().cloned().unwrap_or_default();
    let kind = given.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    if kind != "REQUEST" && !given.contains_key("identitySource") {
        let header = scheme["name"].as_str().unwrap_or("Authorization");
        given.insert("identitySource".to_owned(), format!("method.request.header.{header}").into());
    }
    given.insert("type".to_owned(), kind.into());
    given.insert("id".to_owned(), fresh_id(6).into());
    given.insert("name".to_owned(), name.into());
    serde_json::from_value(Value::Object(given)).map(Some).map_err(invalid)
}
