//! Answers of REST APIs in place of those that they make themselves.
//!
//! Source: API Gateway developer guide, "Gateway responses for REST APIs in API Gateway" and "Gateway response types"
//! (2026-11). Templates fill variables in and know nothing else.

use bytes::Bytes;
use ebb_sources::http_api::{GatewayResponse, RestDefinition};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::call::{ApiCall, Routed};
use super::refusal::{ApiRefusal, Style};
use super::variables;
use crate::answer::AnswerBody;

/// The answer to a request that was refused, as the API wants it.
pub(crate) fn answer(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    definition: &RestDefinition,
    refusal: ApiRefusal,
) -> Response<AnswerBody> {
    let (kind, _) = refusal.kind();
    let status = refusal.status(Style::Rest);
    let Some(own) = chosen(definition, kind, status) else { return refusal.into_response(Style::Rest) };
    let message = refusal.message(Style::Rest).unwrap_or_default().into_owned();
    let variable = |name: &str| match name {
        "context.error.message" => Some(message.clone()),
        "context.error.messageString" => Some(serde_json::Value::from(message.as_str()).to_string()),
        "context.error.responseType" => Some(kind.to_owned()),
        "context.error.validationErrorString" => Some(match &refusal {
            ApiRefusal::BadBody(why) => why.clone(),
            _ => message.clone(),
        }),
        other => variables::value(call, routed, other),
    };
    let mut response = refusal.clone().into_response(Style::Rest);
    if let Some(code) = own.status_code.as_ref().and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok())
    {
        *response.status_mut() = code;
    }
    let accepted = call.header("accept").and_then(|accept| own.response_templates.get_key_value(accept));
    let template = accepted
        .or_else(|| own.response_templates.get_key_value("application/json"))
        .or_else(|| own.response_templates.first_key_value());
    if let Some((kind, template)) = template {
        *response.body_mut() = AnswerBody::whole(Bytes::from(filled(template, &variable)));
        if let Ok(kind) = HeaderValue::try_from(kind) {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
    }
    for (to, from) in &own.response_parameters {
        let Some(name) = to.strip_prefix("gatewayresponse.header.") else { continue };
        let literal = from.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let value = literal.map(str::to_owned).or_else(|| variable(from));
        let header =
            HeaderName::try_from(name).ok().zip(value.and_then(|text| HeaderValue::try_from(text).ok()));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The response for a type, else that for its class.
fn chosen<'a>(definition: &'a RestDefinition, kind: &str, status: StatusCode) -> Option<&'a GatewayResponse> {
    let class = if status.is_client_error() { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let all = &definition.gateway_responses;
    all.get(kind).or_else(|| all.get(class))
}

/// A template with its variables: `$context.error.message`, `$stageVariables.name`.
fn filled(template: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braces = after.starts_with('{');
        let name_at = &after[usize::from(braces)..];
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let length = name_at.find(|c| !legal(c)).unwrap_or(name_at.len());
        let name = name_at[..length].trim_end_matches('.');
        let after_name = &name_at[name.len()..];
        match (name.contains('.'), braces, after_name.strip_prefix('}')) {
            (true, false, _) => {
                out.push_str(&variable(name).unwrap_or_default());
                rest = after_name;
            }
            (true, true, Some(after_brace)) => {
                out.push_str(&variable(name).unwrap_or_default());
                rest = after_brace;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fill_variables_in() {
        let variable = |name: &str| match name {
            "context.error.messageString" => Some("\"no\"".to_owned()),
            "context.requestId" => Some("id".to_owned()),
            _ => None,
        };
        for (template, expected) in [
            (r#"{"message":$context.error.messageString}"#, r#"{"message":"no"}"#),
            ("$context.requestId.", "id."),
            ("${context.requestId}x", "idx"),
            ("5 $ and $word and ${open", "5 $ and $word and ${open"),
            ("[$stageVariables.none]", "[]"),
        ] {
            assert_eq!(filled(template, &variable), expected);
        }
    }

    #[test]
    fn the_type_wins_over_its_class() {
        let mut definition = RestDefinition::default();
        let of =
            |code: &str| GatewayResponse { status_code: Some(code.to_owned()), ..GatewayResponse::default() };
        definition.gateway_responses.insert("DEFAULT_4XX".to_owned(), of("418"));
        definition.gateway_responses.insert("THROTTLED".to_owned(), of("503"));
        for (kind, status, expected) in [
            ("THROTTLED", StatusCode::TOO_MANY_REQUESTS, Some("503")),
            ("UNAUTHORIZED", StatusCode::UNAUTHORIZED, Some("418")),
            ("INTEGRATION_TIMEOUT", StatusCode::GATEWAY_TIMEOUT, None),
        ] {
            let own = chosen(&definition, kind, status).and_then(|own| own.status_code.as_deref());
            assert_eq!(own, expected, "{kind}");
        }
    }
}
