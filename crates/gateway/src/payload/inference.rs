//! From what a function returned to a response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::json::compact;
use super::prelude::PreludeReader;

/// A response, as a function describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A function's answer that is no response; the text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's answer is not a valid response: {0}")]
pub(crate) struct InvalidAnswer(pub(crate) String);

impl InvalidAnswer {
    pub(super) fn part(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// What a function returns when it describes the response itself. Fields stay raw so that a wrong type is our error.
#[derive(Deserialize)]
struct Described<'a> {
    #[serde(rename = "statusCode", borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    cookies: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(rename = "isBase64Encoded", borrow)]
    base64: Option<&'a RawValue>,
}

/// Reads a whole answer. With a `statusCode` it describes the response; without one it is the body of a 200, as JSON;
/// where a streaming function was collected, its prelude describes the response.
pub(crate) fn infer(payload: &Bytes) -> Result<Answer, InvalidAnswer> {
    infer_as(payload, "application/json")
}

/// The same, with another content type for answers that describe themselves and say none.
pub(crate) fn infer_as(payload: &Bytes, default_type: &'static str) -> Result<Answer, InvalidAnswer> {
    let first = payload.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(payload)
            .map_err(|e| InvalidAnswer::part("it is not JSON", e))?;
        return Ok(inferred(payload));
    }
    match serde_json::from_slice::<Described<'_>>(payload) {
        Ok(Described { status: Some(status), headers, cookies, body, base64 }) => {
            let mut answer = Answer {
                status: parse_status(status.get())?,
                headers: HeaderMap::new(),
                body: parse_body(body, base64)?,
            };
            read_headers(&mut answer.headers, headers)?;
            read_cookies(&mut answer.headers, cookies)?;
            answer.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(default_type));
            Ok(answer)
        }
        Ok(_) => Ok(inferred(payload)),
        Err(not_json) => collected(payload).ok_or_else(|| InvalidAnswer::part("it is not JSON", not_json)),
    }
}

fn inferred(payload: &Bytes) -> Answer {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Answer { status: StatusCode::OK, headers, body: compact(payload) }
}

/// The answer of a streaming function that was collected whole: its prelude, eight NULs, its body.
fn collected(payload: &Bytes) -> Option<Answer> {
    let mut reader = PreludeReader::default();
    let (prelude, body) = reader.push(payload).ok()??;
    Some(Answer { status: prelude.status, headers: prelude.headers, body })
}

/// A status code: a number from 200 to 599, or a string of one.
pub(super) fn parse_status(raw: &str) -> Result<StatusCode, InvalidAnswer> {
    let digits = raw.trim().trim_matches('"');
    digits
        .parse::<u16>()
        .ok()
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| InvalidAnswer::part("statusCode", raw))
}

fn parse_body(body: Option<&RawValue>, base64: Option<&RawValue>) -> Result<Bytes, InvalidAnswer> {
    let Some(body) = body.map(RawValue::get).filter(|body| *body != "null") else { return Ok(Bytes::new()) };
    let text = if body.starts_with('"') {
        serde_json::from_str::<String>(body).map_err(|e| InvalidAnswer::part("body", e))?.into()
    } else {
        compact(&Bytes::copy_from_slice(body.as_bytes()))
    };
    if base64.is_some_and(|flag| matches!(flag.get(), "true" | "\"true\"")) {
        return STANDARD.decode(&text).map(Bytes::from).map_err(|e| InvalidAnswer::part("body", e));
    }
    Ok(text)
}

/// Reads `{"name": "value"}`; numbers and booleans count as their text, null as absent, a list as its values joined by
/// commas.
pub(super) fn read_headers(into: &mut HeaderMap, raw: Option<&RawValue>) -> Result<(), InvalidAnswer> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(()) };
    let entries: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(raw.get()).map_err(|e| InvalidAnswer::part("headers", e))?;
    read_headers_of(into, entries)
}

pub(super) fn read_headers_of(
    into: &mut HeaderMap,
    entries: serde_json::Map<String, serde_json::Value>,
) -> Result<(), InvalidAnswer> {
    for (name, value) in entries {
        let Some(value) = header_text(&value).ok_or_else(|| InvalidAnswer::part("header", &name))? else {
            continue;
        };
        let parsed = HeaderName::try_from(&name).map_err(|e| InvalidAnswer::part(&name, e))?;
        if is_ours(&parsed) {
            continue;
        }
        let value = HeaderValue::try_from(value).map_err(|e| InvalidAnswer::part(&name, e))?;
        into.append(parsed, value);
    }
    Ok(())
}

/// The text of a header's value: `Some(None)` where it is null, nothing where it cannot be a header.
pub(super) fn header_text(value: &serde_json::Value) -> Option<Option<String>> {
    use serde_json::Value;
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        Value::Number(_) | Value::Bool(_) => Some(Some(value.to_string())),
        Value::Array(values) => {
            let texts: Option<Vec<_>> = values.iter().map(|value| header_text(value).flatten()).collect();
            texts.map(|texts| Some(texts.join(",")))
        }
        Value::Object(_) => None,
    }
}

/// Headers that the connection decides, whatever a function says.
pub(crate) fn is_ours(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "te"
            | "upgrade"
            | "trailer"
            | "content-length"
    )
}

pub(super) fn read_cookies(into: &mut HeaderMap, raw: Option<&RawValue>) -> Result<(), InvalidAnswer> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(()) };
    let cookies: Vec<String> =
        serde_json::from_str(raw.get()).map_err(|e| InvalidAnswer::part("cookies", e))?;
    for cookie in cookies {
        let value = HeaderValue::try_from(cookie).map_err(|e| InvalidAnswer::part("cookies", e))?;
        into.append(SET_COOKIE, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
