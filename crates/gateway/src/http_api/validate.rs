//! What REST APIs check of a request before it goes on.
//!
//! Source: API Gateway developer guide, "Request validation for REST APIs in API Gateway" (2026-11).

use ebb_sources::http_api::{Method, RestDefinition};
use serde_json::Value;

use super::call::{ApiCall, Routed};
use super::refusal::ApiRefusal;
use super::schema;
use super::variables;

/// The type of bodies that say none.
const JSON: &str = "application/json";

/// Checks a request as its method asks.
pub(crate) fn request(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (definition, method): (&RestDefinition, &Method),
) -> Result<(), ApiRefusal> {
    let Some(validator) = definition.validator(method) else { return Ok(()) };
    if validator.validate_request_parameters {
        let missing = missing(method, &|name| variables::value(call, routed, name));
        if !missing.is_empty() {
            return Err(ApiRefusal::BadParameters(missing));
        }
    }
    if validator.validate_request_body {
        let wrong = wrong_body(definition, method, call.header("content-type"), &call.body);
        return wrong.map_or(Ok(()), |why| Err(ApiRefusal::BadBody(why)));
    }
    Ok(())
}

/// The names of parameters that must be there and are not, or are blank.
fn missing(method: &Method, value: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let needed = method.request_parameters.iter().filter(|(_, needed)| **needed);
    needed
        .filter(|(name, _)| value(name).is_none_or(|value| value.trim().is_empty()))
        .map(|(name, _)| name.splitn(4, '.').nth(3).unwrap_or(name).to_owned())
        .collect()
}

/// What is wrong with a body that is not what the model for its type says; types without a model are not checked.
fn wrong_body(
    definition: &RestDefinition,
    method: &Method,
    kind: Option<&str>,
    body: &[u8],
) -> Option<String> {
    let kind = kind.unwrap_or(JSON).split(';').next().unwrap_or_default().trim();
    let named = method.request_models.iter().find(|(own, _)| own.eq_ignore_ascii_case(kind));
    let name = named.map(|(_, name)| name).or_else(|| method.request_models.get("$default"))?;
    // These two are there without being made, and take everything.
    let built_in = matches!(name.as_str(), "Empty" | "Error");
    let Some(schema) = model(definition, name) else {
        return (!built_in).then(|| format!("there is no model {name}"));
    };
    let value = match serde_json::from_slice::<Value>(body) {
        Ok(value) => value,
        Err(error) => return Some(format!("[{error}]")),
    };
    // `https://apigateway.amazonaws.com/restapis/ID/models/NAME`, and what imported documents write.
    let resolve = |reference: &str| model(definition, reference.rsplit('/').next().unwrap_or_default());
    (!schema::is_valid(&schema, &value, &resolve)).then(|| schema::explain(&schema, &value, &resolve))
}

fn model(definition: &RestDefinition, name: &str) -> Option<Value> {
    serde_json::from_str(&definition.model(name)?.schema).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_that_are_needed_must_be_there() {
        let method: Method = serde_json::from_value(json!({ "requestParameters": {
            "method.request.querystring.page.size": true, "method.request.header.X-A": true,
            "method.request.querystring.free": false,
        } }))
        .unwrap();
        let blank = |name: &str| (name == "method.request.header.X-A").then(|| " ".to_owned());
        assert_eq!(missing(&method, &blank), ["X-A", "page.size"]);
        assert!(missing(&method, &|_| Some("x".to_owned())).is_empty());
    }

    #[test]
    fn bodies_are_checked_by_the_model_of_their_type() {
        let definition: RestDefinition = serde_json::from_value(json!({ "models": [
            { "name": "Pet", "schema": r#"{"properties": {"name": {"$ref": "https://apigateway.amazonaws.com/restapis/x/models/Name"}}, "required": ["name"]}"# },
            { "name": "Name", "schema": r#"{"type": "string"}"# },
        ] }))
        .unwrap();
        let method: Method = serde_json::from_value(
            json!({ "requestModels": { "application/json": "Pet", "text/empty": "Empty" } }),
        )
        .unwrap();
        for (kind, body, expected) in [
            (None, r#"{"name": "rex"}"#, true),
            (Some("application/json; charset=utf-8"), r#"{"name": "rex"}"#, true),
            (Some("application/JSON"), r#"{"name": 1}"#, false),
            (None, "{}", false),
            (None, "", false),
            (None, "no json", false),
            (Some("text/plain"), "no json", true),
            (Some("text/empty"), "no json", true),
        ] {
            let valid = wrong_body(&definition, &method, kind, body.as_bytes()).is_none();
            assert_eq!(valid, expected, "{kind:?} {body}");
        }
    }
}
