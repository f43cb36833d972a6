//! Integrations of REST APIs that map requests and answers (`AWS` for functions, `HTTP`, `MOCK`).
//!
//! Source: API Gateway developer guide, "Set up Lambda custom integrations", "Mock integrations", "Set up HTTP custom
//! integrations" and "Integration responses" (2026-11).

use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use ebb_sources::http_api::{RestIntegration, RestIntegrationResponse};
use serde_json::{Map, Value};

use super::call::{ApiCall, Routed};
use super::function::{self, FunctionCall};
use super::refusal::ApiRefusal;
use super::template::{self, Overrides, World};
use super::variables;
use crate::edge::Edge;
use crate::payload::{Answer, decode_query, shown};

/// The content type of a request that names none, and of an answer.
const JSON: &str = "application/json";

/// What is behind the integration answered.
pub(crate) struct Backend {
    /// What answers are selected by: a status, or the message of a function's error; nothing where it went well.
    pub(crate) selector: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What templates of a request see.
struct Mapped<'a> {
    call: &'a ApiCall<'a>,
    routed: &'a Routed<'a>,
    body: &'a [u8],
}

impl World for Mapped<'_> {
    fn body(&self) -> &[u8] {
        self.body
    }

    fn parameters(&self) -> Value {
        let text = |(name, value): (String, String)| (name, Value::String(value));
        let path: Map<String, Value> = self.routed.parameters.iter().cloned().map(text).collect();
        let query =
            self.call.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query: Map<String, Value> = query
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| text((decode_query(name), decode_query(value))))
            .collect();
        let (headers, head) = (&self.call.parts.headers, self.call.parts.extensions.get());
        let header =
            |name: &HeaderName| Some(text((shown(name, head), variables::header(headers, name.as_str())?)));
        let header: Map<String, Value> = headers.keys().filter_map(header).collect();
        serde_json::json!({ "path": path, "querystring": query, "header": header })
    }

    fn context(&self, path: &str) -> Option<String> {
        variables::value(self.call, self.routed, &format!("context.{path}"))
    }

    fn stage_variables(&self) -> Value {
        serde_json::json!(self.routed.variables)
    }
}

fn rendered(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (text, body): (&str, &[u8]),
    overrides: &mut Overrides,
) -> Result<Bytes, ApiRefusal> {
    let world = Mapped { call, routed, body };
    let written = template::parse(text).and_then(|nodes| template::render(&nodes, &world, overrides));
    written.map(Bytes::from).map_err(|error| {
        tracing::warn!(request_id = %call.id, %error, "a mapping template failed");
        ApiRefusal::NotCallable
    })
}

/// The body that goes on: what the template for its type makes of it, or the body itself where it may pass.
pub(crate) fn request(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    integration: &RestIntegration,
    overrides: &mut Overrides,
) -> Result<Bytes, ApiRefusal> {
    let kind = call.header(CONTENT_TYPE.as_str()).unwrap_or(JSON);
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    match chosen(integration, kind)? {
        Some(template) => rendered(call, routed, (template, &call.body[..]), overrides),
        None => Ok(call.body.clone()),
    }
}

/// The template for a content type; nothing where the body passes as it is.
fn chosen<'a>(integration: &'a RestIntegration, kind: &str) -> Result<Option<&'a str>, ApiRefusal> {
    let templates = &integration.request_templates;
    match (templates.get(kind), integration.passthrough_behavior.as_str()) {
        (Some(template), _) => Ok(Some(template)),
        (None, "NEVER") => Err(ApiRefusal::UnsupportedType),
        (None, "WHEN_NO_TEMPLATES") if !templates.is_empty() => Err(ApiRefusal::UnsupportedType),
        (None, _) => Ok(None),
    }
}

/// Answers by itself: the status in what the template wrote selects the answer.
pub(crate) fn mock(body: &Bytes) -> Result<Backend, ApiRefusal> {
    let status = status_of(body).ok_or(ApiRefusal::NotCallable)?;
    Ok(Backend { selector: Some(status), headers: HeaderMap::new(), body: Bytes::new() })
}

fn status_of(body: &[u8]) -> Option<String> {
    let named: Value = serde_json::from_slice(body).ok()?;
    match named.get("statusCode")? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Calls a function with what the template wrote.
pub(crate) async fn lambda(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    integration: &RestIntegration,
    (source, body): (&str, Bytes),
) -> Result<Backend, ApiRefusal> {
    let uri = integration.uri.as_deref().unwrap_or_default();
    let event = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    if serde_json::from_slice::<serde::de::IgnoredAny>(&event).is_err() {
        tracing::info!(request_id = %call.id, "what goes to a function is no JSON");
        return Err(ApiRefusal::NotCallable);
    }
    let function = FunctionCall {
        uri,
        variables: routed.variables,
        api_id: routed.api_id,
        source,
        by_role: integration.credentials.is_some(),
        timeout: Duration::from_millis(integration.timeout_in_millis.into()),
    };
    let kind = integration.request_parameters.get("integration.request.header.X-Amz-Invocation-Type");
    if kind.is_some_and(|kind| kind == "'Event'") {
        function::accept(edge, call, &function, event).await?;
        return Ok(Backend { selector: None, headers: HeaderMap::new(), body: Bytes::new() });
    }
    Ok(match function::run(edge, call, &function, event).await? {
        Ok(body) => Backend { selector: None, headers: HeaderMap::new(), body },
        Err(failure) => {
            let error: Value = serde_json::from_slice(&failure.payload).unwrap_or(Value::Null);
            let message = error["errorMessage"].as_str().unwrap_or_default().to_owned();
            Backend { selector: Some(message), headers: HeaderMap::new(), body: failure.payload }
        }
    })
}

/// The answer that an integration has for what is behind it.
pub(crate) fn response(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    integration: &RestIntegration,
    backend: &Backend,
    mut overrides: Overrides,
) -> Result<Answer, ApiRefusal> {
    let own = select(integration, backend.selector.as_deref()).ok_or(ApiRefusal::NotCallable)?;
    let accepted = call.header("accept").and_then(|accept| own.response_templates.get_key_value(accept));
    let template = accepted.or_else(|| own.response_templates.get_key_value(JSON));
    let sent = backend.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(JSON);
    let (kind, body) = match template {
        Some((kind, Some(template))) if !template.is_empty() => {
            (kind.as_str(), rendered(call, routed, (template.as_str(), &backend.body[..]), &mut overrides)?)
        }
        _ => (sent, backend.body.clone()),
    };
    let mut headers = HeaderMap::new();
    set(&mut headers, CONTENT_TYPE.as_str(), kind);
    for (to, from) in &own.response_parameters {
        let Some(name) = to.strip_prefix("method.response.header.") else { continue };
        if let Some(value) = parameter(call, routed, backend, from) {
            set(&mut headers, name, &value);
        }
    }
    let status = if own.status_code.is_empty() { "200" } else { &own.status_code };
    let mut status = StatusCode::from_bytes(status.as_bytes()).map_err(|_| ApiRefusal::NotCallable)?;
    if let Some(changed) = overrides.get("responseOverride") {
        let code = changed.get("status").and_then(variables::text);
        status = code.and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok()).unwrap_or(status);
        for (name, value) in changed.get("header").and_then(Value::as_object).into_iter().flatten() {
            set(&mut headers, name, &variables::text(value).unwrap_or_default());
        }
    }
    Ok(Answer { status, headers, body })
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
    if let Some((name, value)) = header {
        headers.insert(name, value);
    }
}

/// The value of a parameter of an answer.
fn parameter(call: &ApiCall<'_>, routed: &Routed<'_>, backend: &Backend, from: &str) -> Option<String> {
    if let Some(literal) = from.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Some(literal.to_owned());
    }
    match from.strip_prefix("integration.response.") {
        Some(part) => match part.split_once('.').unwrap_or((part, "")) {
            ("header" | "multivalueheader", name) => variables::header(&backend.headers, name),
            ("body", path) => variables::body(&backend.body, path),
            _ => None,
        },
        None => variables::value(call, routed, from),
    }
}

/// The answer whose pattern fits, else the one without a pattern.
fn select<'a>(
    integration: &'a RestIntegration,
    selector: Option<&str>,
) -> Option<&'a RestIntegrationResponse> {
    let all = || integration.integration_responses.values();
    let pattern = |own: &RestIntegrationResponse| own.selection_pattern.clone().filter(|own| !own.is_empty());
    let fits = |own: &&RestIntegrationResponse| {
        let (Some(pattern), Some(selector)) = (pattern(own), selector) else { return false };
        let whole = regex_lite::Regex::new(&format!("(?s)^(?:{pattern})$"));
        whole.is_ok_and(|whole| whole.is_match(selector))
    };
    all().find(fits).or_else(|| all().find(|own| pattern(own).is_none()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn integration(rest: &Value) -> RestIntegration {
        let mut all = json!({ "type": "MOCK" });
        for (name, value) in rest.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn answers_are_selected_by_their_patterns() {
        let own = integration(&json!({ "integrationResponses": {
            "200": { "statusCode": "200" },
            "404": { "statusCode": "404", "selectionPattern": "404" },
            "400": { "statusCode": "400", "selectionPattern": ".*Bad.*" },
        } }));
        for (selector, expected) in [
            (None, "200"),
            (Some("404"), "404"),
            (Some("4040"), "200"),
            (Some("very Bad\nthing"), "400"),
            (Some(""), "200"),
        ] {
            assert_eq!(select(&own, selector).unwrap().status_code, expected, "{selector:?}");
        }
        let none = integration(
            &json!({ "integrationResponses": { "404": { "statusCode": "404", "selectionPattern": "404" } } }),
        );
        assert!(select(&none, None).is_none());
    }

    #[test]
    fn a_mock_answers_with_the_status_that_its_template_names() {
        for (body, expected) in [
            ("{\"statusCode\": 200}", Some("200")),
            ("{\"statusCode\": \"204\"}", Some("204")),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(status_of(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn bodies_pass_as_they_may() {
        let own = json!({ "application/json": "own" });
        for (passthrough, templates, kind, expected) in [
            ("WHEN_NO_MATCH", &own, JSON, Ok(Some("own"))),
            ("WHEN_NO_MATCH", &own, "text/plain", Ok(None)),
            ("WHEN_NO_TEMPLATES", &own, "text/plain", Err(ApiRefusal::UnsupportedType)),
            ("WHEN_NO_TEMPLATES", &json!({}), "text/plain", Ok(None)),
            ("NEVER", &json!({}), JSON, Err(ApiRefusal::UnsupportedType)),
        ] {
            let mapped =
                integration(&json!({ "requestTemplates": templates, "passthroughBehavior": passthrough }));
            assert_eq!(chosen(&mapped, kind), expected, "{passthrough} {kind}");
        }
    }
}
