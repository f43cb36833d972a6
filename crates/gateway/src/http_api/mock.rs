//! Integrations of REST APIs that answer by themselves (`MOCK`), as preflights are answered.
//!
//! Source: API Gateway developer guide, "Mock integrations" (2026-11). Templates that are plain text are sent as they
//! are; those in the template language are not built.

use bytes::Bytes;
use ebb_sources::http_api::{RestIntegration, RestIntegrationResponse};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::call::ApiCall;
use super::refusal::ApiRefusal;
use crate::answer::AnswerBody;

/// The content type of a request that names none, and of an answer.
const JSON: &str = "application/json";

/// Answers a request: its template names the status, which selects the answer.
pub(super) fn answer(
    call: &ApiCall<'_>,
    integration: &RestIntegration,
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let kind = call.header("content-type").unwrap_or(JSON);
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    let body = String::from_utf8_lossy(&call.body);
    let status = status_of(plain(template(integration, kind, &body)?)?).ok_or(ApiRefusal::NotCallable)?;
    let selected = select(integration, &status).ok_or(ApiRefusal::NotCallable)?;
    respond(selected)
}

/// What becomes of a body: the template for its type, or the body itself where it may pass.
fn template<'a>(integration: &'a RestIntegration, kind: &str, body: &'a str) -> Result<&'a str, ApiRefusal> {
    let templates = &integration.request_templates;
    match (templates.get(kind), integration.passthrough_behavior.as_str()) {
        (Some(template), _) => Ok(template),
        (None, "NEVER") => Err(ApiRefusal::UnsupportedType),
        (None, "WHEN_NO_TEMPLATES") if !templates.is_empty() => Err(ApiRefusal::UnsupportedType),
        (None, _) => Ok(body),
    }
}

/// The status that a request's template names.
fn status_of(template: &str) -> Option<String> {
    let named: Value = serde_json::from_str(template).ok()?;
    match named.get("statusCode")? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The answer whose pattern is the status, else the one without a pattern.
fn select<'a>(integration: &'a RestIntegration, status: &str) -> Option<&'a RestIntegrationResponse> {
    let with = |pattern: &str| {
        let mut all = integration.integration_responses.values();
        all.find(|one| one.selection_pattern.as_deref().unwrap_or_default() == pattern)
    };
    with(status).or_else(|| with(""))
}

fn respond(selected: &RestIntegrationResponse) -> Result<Response<AnswerBody>, ApiRefusal> {
    let template = selected.response_templates.get(JSON).and_then(Option::as_deref).unwrap_or_default();
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(JSON))]);
    for (to, from) in &selected.response_parameters {
        let Some(name) = to.strip_prefix("method.response.header.") else { continue };
        let literal = from.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let literal =
            literal.ok_or_else(|| ApiRefusal::NotBuilt(format!("the response parameter {from}")))?;
        let name = HeaderName::try_from(name).map_err(|_| ApiRefusal::NotCallable)?;
        headers.insert(name, HeaderValue::try_from(literal).map_err(|_| ApiRefusal::NotCallable)?);
    }
    let status = if selected.status_code.is_empty() { "200" } else { &selected.status_code };
    let status = StatusCode::from_bytes(status.as_bytes()).map_err(|_| ApiRefusal::NotCallable)?;
    let mut response = Response::new(AnswerBody::whole(Bytes::from(plain(template)?.to_owned())));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A template that is plain text.
fn plain(template: &str) -> Result<&str, ApiRefusal> {
    match template.contains(['$', '#']) {
        true => Err(ApiRefusal::NotBuilt("templates in the template language".to_owned())),
        false => Ok(template),
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
    use serde_json::json;

    use super::*;

    fn integration(response: &Value) -> RestIntegration {
        let other = json!({ "statusCode": "204", "selectionPattern": "204" });
        let all = json!({ "type": "MOCK", "integrationResponses": { "200": response, "204": other } });
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn the_status_of_the_template_selects_the_answer() {
        assert_eq!(status_of("{\n \"statusCode\" : 200\n}\n").as_deref(), Some("200"));
        assert_eq!(status_of("{\"statusCode\": \"204\"}").as_deref(), Some("204"));
        assert_eq!(status_of("{}"), None);
        let mock = integration(&json!({ "statusCode": "200" }));
        for (status, selected) in [("200", "200"), ("204", "204"), ("500", "200")] {
            assert_eq!(select(&mock, status).unwrap().status_code, selected);
        }
    }

    #[test]
    fn bodies_pass_as_they_may() {
        let with = |passthrough: &str, templates: Value| -> RestIntegration {
            let all =
                json!({ "type": "MOCK", "requestTemplates": templates, "passthroughBehavior": passthrough });
            serde_json::from_value(all).unwrap()
        };
        let own = json!({ "application/json": "own" });
        for (passthrough, templates, kind, expected) in [
            ("WHEN_NO_MATCH", &own, JSON, Ok("own")),
            ("WHEN_NO_MATCH", &own, "text/plain", Ok("body")),
            ("WHEN_NO_TEMPLATES", &own, "text/plain", Err(ApiRefusal::UnsupportedType)),
            ("WHEN_NO_TEMPLATES", &json!({}), "text/plain", Ok("body")),
            ("NEVER", &json!({}), JSON, Err(ApiRefusal::UnsupportedType)),
        ] {
            let mock = with(passthrough, templates.clone());
            assert_eq!(template(&mock, kind, "body"), expected, "{passthrough} {kind}");
        }
    }

    #[test]
    fn an_answer_has_the_headers_of_its_parameters() {
        let parameters = json!({ "method.response.header.Access-Control-Allow-Origin": "'*'" });
        let mock = integration(&json!({ "statusCode": "200", "responseParameters": parameters }));
        let response = respond(select(&mock, "200").unwrap()).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let language =
            json!({ "statusCode": "200", "responseTemplates": { "application/json": "$context" } });
        let mock = integration(&language);
        let refused = respond(select(&mock, "200").unwrap()).unwrap_err();
        assert!(matches!(refused, ApiRefusal::NotBuilt(_)));
    }
}
