//! Payload format 1.0: from what a function returned to a response.
//!
//! Source: API Gateway developer guide, "Lambda proxy integrations in API Gateway", section "Output format", and
//! "Configure binary media types" (2026-11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::inference::{Answer, InvalidAnswer, header_text, is_ours, parse_status, read_headers_of};

/// When a body that says it is base64 is decoded, and what an answer without a content type gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding<'a> {
    /// Always: HTTP APIs.
    pub(crate) always: bool,
    /// Otherwise where the request's `accept` or the answer's content type is one of these.
    pub(crate) binary_types: &'a [String],
    /// The request's `accept`.
    pub(crate) accept: Option<&'a str>,
    /// The content type of answers that say none.
    pub(crate) default_type: &'static str,
}

const MEMBERS: [&str; 5] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// Reads `{"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}`.
pub(crate) fn proxy_answer(payload: &[u8], decoding: &Decoding<'_>) -> Result<Answer, InvalidAnswer> {
    let wrong = |what: &str| InvalidAnswer(what.to_owned());
    let answer: Map<String, Value> = serde_json::from_slice(payload)
        .map_err(|error| InvalidAnswer::part("it is no JSON object", error))?;
    if let Some(other) =
        answer.keys().find(|name| !MEMBERS.contains(&name.as_str()) && name.as_str() != "cookies")
    {
        return Err(wrong(&format!("it has the member {other:?}, which no response has")));
    }
    let status = match answer.get("statusCode") {
        Some(Value::Null) | None if decoding.always => return Err(wrong("statusCode is missing")),
        Some(Value::Null) | None => http::StatusCode::OK,
        Some(status) => parse_status(&status.to_string())?,
    };
    let mut headers = HeaderMap::new();
    if let Some(Value::Object(single)) = answer.get("headers") {
        read_headers_of(&mut headers, single.clone())?;
    } else if !matches!(answer.get("headers"), None | Some(Value::Null)) {
        return Err(wrong("headers is no object"));
    }
    match answer.get("multiValueHeaders") {
        Some(Value::Object(multi)) => multi_headers(&mut headers, multi)?,
        None | Some(Value::Null) => {}
        Some(_) => return Err(wrong("multiValueHeaders is no object")),
    }
    let text = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(wrong("body is no string")),
    };
    let encoded = matches!(answer.get("isBase64Encoded"), Some(Value::Bool(true)));
    let body = if encoded && decoding.applies(&headers) {
        STANDARD.decode(text).map(Bytes::from).map_err(|error| InvalidAnswer::part("body", error))?
    } else {
        Bytes::copy_from_slice(text.as_bytes())
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(decoding.default_type));
    Ok(Answer { status, headers, body })
}

/// Lists of values; they win over the single values of the same name.
fn multi_headers(into: &mut HeaderMap, multi: &Map<String, Value>) -> Result<(), InvalidAnswer> {
    for (name, values) in multi {
        let parsed = HeaderName::try_from(name).map_err(|error| InvalidAnswer::part(name, error))?;
        if is_ours(&parsed) || values.is_null() {
            continue;
        }
        let Value::Array(values) = values else {
            return Err(InvalidAnswer(format!("multiValueHeaders.{name} is no list")));
        };
        into.remove(&parsed);
        for value in values {
            let text =
                header_text(value).ok_or_else(|| InvalidAnswer(format!("multiValueHeaders.{name}")))?;
            let Some(text) = text else { continue };
            let value = HeaderValue::try_from(text).map_err(|error| InvalidAnswer::part(name, error))?;
            into.append(&parsed, value);
        }
    }
    Ok(())
}

impl Decoding<'_> {
    fn applies(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let accepted = self.accept.map(|accept| accept.split(',').next().unwrap_or_default());
        self.always || [own, accepted].into_iter().flatten().any(|kind| is_binary(self.binary_types, kind))
    }
}

/// Whether a content type is one of those that are bytes.
pub(crate) fn is_binary(types: &[String], kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    types.iter().any(|own| own == "*/*" || own.eq_ignore_ascii_case(essence))
}
