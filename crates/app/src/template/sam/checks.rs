//! What REST APIs check of requests, and how they answer where they refuse: `Models`, `RequestModel`, `RequestParameters`
//! and `GatewayResponses`.
//!
//! Source: AWS SAM developer guide, "Api" of functions, "RequestModel", "RequestParameter" and "GatewayResponses" (2026-11).

use serde_json::{Map, Value as Json, json};

use super::super::node::Node;
use super::apis::Route;

/// Writes into an operation what is checked of its requests.
pub(super) fn secure(operation: &mut Json, route: &Route) {
    if route.checks {
        operation["x-amazon-apigateway-request-validator"] = "params-only".into();
    }
    if let Some(model) = &route.model {
        let name = model["Model"].as_str().unwrap_or_default();
        operation["requestBody"] = json!({
            "required": is_true(&model["Required"]),
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } },
        });
        if let Some(validator) = validator(model) {
            operation["x-amazon-apigateway-request-validator"] = validator.into();
        }
    }
    let parameters: Vec<Json> =
        route.parameters.iter().flat_map(Json::as_array).flatten().filter_map(parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
}

/// Writes into a document what its operations name, and the responses of the API itself.
pub(super) fn declare(body: &mut Json, own: &Node, routes: &[&Route]) {
    if let Some(Json::Object(models)) = own.get("Models").map(Node::to_json) {
        let schemas = match body.get("swagger") {
            Some(_) => &mut body["definitions"],
            None => &mut body["components"]["schemas"],
        };
        match schemas.as_object_mut() {
            Some(schemas) => schemas.extend(models),
            None => *schemas = Json::Object(models),
        }
    }
    let used = routes.iter().filter_map(|route| route.model.as_ref());
    let validators: Map<String, Json> = used
        .filter_map(|model| {
            let settings = json!({
                "validateRequestBody": is_true(&model["ValidateBody"]),
                "validateRequestParameters": is_true(&model["ValidateParameters"]),
            });
            Some((validator(model)?.to_owned(), settings))
        })
        .collect();
    let mut validators = validators;
    if routes.iter().any(|route| route.checks) {
        let settings = json!({ "validateRequestBody": false, "validateRequestParameters": true });
        validators.insert("params-only".to_owned(), settings);
    }
    if !validators.is_empty() {
        body["x-amazon-apigateway-request-validators"] = validators.into();
    }
    if let Some(Json::Object(responses)) = own.get("GatewayResponses").map(Node::to_json) {
        let responses = responses.into_iter().map(|(name, given)| (name, response(&given)));
        body["x-amazon-apigateway-gateway-responses"] = responses.collect::<Map<_, _>>().into();
    }
}

/// The validator that a model asks for.
fn validator(model: &Json) -> Option<&'static str> {
    match (is_true(&model["ValidateBody"]), is_true(&model["ValidateParameters"])) {
        (true, true) => Some("body-and-params"),
        (true, false) => Some("body-only"),
        (false, true) => Some("params-only"),
        (false, false) => None,
    }
}

fn is_true(given: &Json) -> bool {
    *given == true || *given == "true"
}

/// A parameter: its name alone, or with settings.
fn parameter(given: &Json) -> Option<Json> {
    let (name, settings) = match given {
        Json::String(name) => (name, &Json::Null),
        Json::Object(map) => map.iter().next()?,
        _ => return None,
    };
    let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
    let place = match place {
        "querystring" => "query",
        other => other,
    };
    let required = is_true(&settings["Required"]) || place == "path";
    Some(json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } }))
}

fn response(given: &Json) -> Json {
    let mut parameters = Map::new();
    for (kind, name) in [("Headers", "header"), ("Paths", "path"), ("QueryStrings", "querystring")] {
        for (key, value) in given["ResponseParameters"][kind].as_object().into_iter().flatten() {
            parameters.insert(format!("gatewayresponse.{name}.{key}"), value.clone());
        }
    }
    let mut response = json!({ "responseParameters": parameters });
    for (from, to) in [("StatusCode", "statusCode"), ("ResponseTemplates", "responseTemplates")] {
        if let Some(value) = given.get(from) {
            response[to] = value.clone();
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_a_place() {
        let expected = |place: &str, required: bool| json!({ "name": "a", "in": place, "required": required, "schema": { "type": "string" } });
        assert_eq!(parameter(&json!("method.request.querystring.a")), Some(expected("query", false)));
        let required = json!({ "method.request.header.a": { "Required": true } });
        assert_eq!(parameter(&required), Some(expected("header", true)));
        assert_eq!(parameter(&json!("querystring.a")), None);
    }

    #[test]
    fn responses_of_the_api_are_those_of_its_document() {
        let given = json!({ "StatusCode": 418, "ResponseParameters": { "Headers": { "A": "'*'" } } });
        let expected =
            json!({ "statusCode": 418, "responseParameters": { "gatewayresponse.header.A": "'*'" } });
        assert_eq!(response(&given), expected);
    }
}
