//! What expressions of an API stand for: parts of the request, stage variables, and the context.
//!
//! Source: API Gateway developer guide, "Transform API requests and responses for HTTP APIs", "Context variables for
//! data transformations" and "Parameter mapping source" (2026-11). HTTP APIs write `$request.header.name`, REST APIs
//! `method.request.header.name`; they mean the same.

use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;

use super::call::{ApiCall, Routed};
use crate::payload::{decode_query, protocol};

/// The value of an expression over the request; nothing where there is none.
pub(crate) fn value(call: &ApiCall<'_>, routed: &Routed<'_>, expression: &str) -> Option<String> {
    let expression = expression.strip_prefix('$').unwrap_or(expression);
    // REST APIs and WebSocket APIs say whose request it is.
    let whose = expression.strip_prefix("method.").or_else(|| expression.strip_prefix("route."));
    let expression = whose.unwrap_or(expression);
    let (kind, rest) = expression.split_once('.').unwrap_or((expression, ""));
    match kind {
        "stageVariables" => routed.variables.get(rest).cloned(),
        "context" => context(call, routed, rest),
        "request" => request(call, routed, rest),
        _ => None,
    }
}

fn request(call: &ApiCall<'_>, routed: &Routed<'_>, part: &str) -> Option<String> {
    let (kind, name) = part.split_once('.').unwrap_or((part, ""));
    match kind {
        "header" | "multivalueheader" => header(&call.parts.headers, name),
        "querystring" | "multivaluequerystring" => query(call.parts.uri.query().unwrap_or_default(), name),
        "path" if name.is_empty() => Some(call.found.path.clone()),
        "path" => routed.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()),
        "body" => body(&call.body, name),
        _ => None,
    }
}

/// All values of a header, joined by commas.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// All values of a query parameter, decoded and joined by commas.
fn query(query: &str, name: &str) -> Option<String> {
    let values: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(own, _)| decode_query(own) == name)
        .map(|(_, value)| decode_query(value))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// A part of a body that is JSON, as text; the whole body where `path` is empty.
pub(crate) fn body(body: &[u8], path: &str) -> Option<String> {
    if path.is_empty() {
        return String::from_utf8(body.to_vec()).ok();
    }
    let document: Value = serde_json::from_slice(body).ok()?;
    text(member(&document, path)?)
}

/// The member at `a.b[0].c`.
fn member<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = document;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = match step.strip_suffix(']') {
            Some(index) => match index.trim_matches(['\'', '"']) {
                name if name.len() != index.len() => at.get(name)?,
                number => at.get(number.parse::<usize>().ok()?)?,
            },
            None => at.get(step)?,
        };
    }
    Some(at)
}

/// A value as text: strings as they are, everything else as JSON.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn context(call: &ApiCall<'_>, routed: &Routed<'_>, name: &str) -> Option<String> {
    if let Some(path) = name.strip_prefix("authorizer.") {
        return routed.authorizer?.variable(path);
    }
    let agent = || call.header(USER_AGENT.as_str()).map(str::to_owned);
    let (method, path) = routed.key.split_once(' ').unwrap_or((routed.key, routed.key));
    Some(match name {
        "accountId" => call.account.clone(),
        "apiId" => routed.api_id.to_owned(),
        "domainName" => call.found.domain.clone(),
        "domainPrefix" => call.found.domain.split('.').next().unwrap_or_default().to_owned(),
        "requestId" | "extendedRequestId" => call.id.to_string(),
        "httpMethod" => call.parts.method.to_string(),
        "path" => call.client_path(),
        "protocol" => protocol(call.parts.version).to_owned(),
        "requestTime" => call.now.format("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch" => call.now.millis().to_string(),
        "routeKey" => routed.key.to_owned(),
        "resourcePath" => path.to_owned(),
        "stage" => routed.stage.to_owned(),
        "identity.sourceIp" => call.connection.peer.ip().to_canonical().to_string(),
        "identity.userAgent" => agent()?,
        "identity.apiKey" => call.header("x-api-key")?.to_owned(),
        "identity.caller" | "identity.user" => routed.caller?.user_id.clone(),
        "identity.userArn" => routed.caller?.arn.clone(),
        "identity.accountId" => routed.caller?.account.to_string(),
        "identity.accessKey" => routed.caller?.access_key.clone(),
        "integration.method" => method.to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_bodies_are_found_by_their_paths() {
        let document = br#"{"a": {"b": [1, {"c": "x"}]}, "n": null, "odd name": true}"#;
        for (path, expected) in [
            ("a.b[1].c", Some("x")),
            ("a.b[0]", Some("1")),
            ("a.b", Some(r#"[1,{"c":"x"}]"#)),
            ("['odd name']", Some("true")),
            ("n", None),
            ("a.z", None),
            ("a.b[9]", None),
        ] {
            assert_eq!(body(document, path).as_deref(), expected, "{path}");
        }
        assert_eq!(body(b"no json", "").as_deref(), Some("no json"));
        assert_eq!(body(b"no json", "a"), None);
    }

    #[test]
    fn several_values_are_joined_and_query_names_decoded() {
        assert_eq!(query("a=1&b=2&a=3%204&%61=5", "a").as_deref(), Some("1,3 4,5"));
        assert_eq!(query("a&b", "a").as_deref(), Some(""));
        assert_eq!(query("b=1", "a"), None);
    }
}
