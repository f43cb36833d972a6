//! From a server's response to the answer of an event.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use ebb_boot::FAILURE_HEADER;
use ebb_invoker::{Ending, ResponseSink, WriteError};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, SET_COOKIE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Value, json};

use super::connections::Broken;
use super::request::is_of_connection;

/// The content type of an answer that begins with status and headers.
/// Source: the Lambda developer guide, "Response streaming".
const PRELUDE_CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";
const DELIMITER: &[u8] = &[0; 8];

/// How a response becomes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Status and headers, then the body as it comes.
    Streamed,
    /// One object with status, headers and body, as functions behind URLs answer.
    Whole,
    /// The body alone; a status that is no success fails the event.
    OfEvent,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WholeAnswer {
    #[serde(flatten)]
    head: Head,
    body: String,
    is_base64_encoded: bool,
}

impl Answer {
    /// Passes a response on to its end; the error is that of the connection.
    pub(super) async fn pass(
        self,
        response: Response<Incoming>,
        sink: &mut ResponseSink,
    ) -> Result<Ending, Broken> {
        let (parts, body) = response.into_parts();
        if let Some(failed) = reported(&parts.headers) {
            return Ok(failed);
        }
        if self == Self::Streamed {
            return stream(&parts, body, sink).await;
        }
        let body = match collect(body).await? {
            Ok(body) => body,
            Err(failed) => return Ok(failed),
        };
        let written = match self {
            Self::Whole => sink.whole(whole(&parts, &body)).await,
            _ if parts.status.is_success() => sink.whole(value(body)).await,
            _ => return Ok(failed(&parts, &body)),
        };
        Ok(ending(written))
    }
}

/// Begins a streamed answer: status and headers.
///
/// # Errors
/// How the event ends where they are too large.
pub(super) async fn begin(parts: &Parts, sink: &mut ResponseSink) -> Result<(), Ending> {
    // Text and numbers: there is nothing in it that JSON could not say.
    let mut prelude = serde_json::to_vec(&head(parts, true)).unwrap_or_default();
    prelude.extend_from_slice(DELIMITER);
    let begun = match sink.head(Some(PRELUDE_CONTENT_TYPE.to_owned())).await {
        Ok(()) => sink.chunk(prelude.into()).await,
        failed => failed,
    };
    begun.map_err(|error| ending(Err(error)))
}

async fn stream(parts: &Parts, mut body: Incoming, sink: &mut ResponseSink) -> Result<Ending, Broken> {
    if let Err(too_large) = begin(parts, sink).await {
        return Ok(too_large);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Broken::new(&error))?;
        if let Some(failed) = frame.trailers_ref().and_then(reported) {
            return Ok(failed);
        }
        let Ok(data) = frame.into_data() else { continue };
        let written = sink.chunk(data).await;
        if written.is_err() {
            return Ok(ending(written));
        }
    }
    Ok(Ending::Answered)
}

/// Reads a response that says nothing but that it has come.
pub(super) async fn drain(response: Response<Incoming>) -> Result<(), Broken> {
    collect(response.into_body()).await.map(drop)
}

/// Reads a body to its end, or to where its server says that it failed; the sink says where it is too large.
async fn collect(mut body: Incoming) -> Result<Result<Bytes, Ending>, Broken> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Broken::new(&error))?;
        if let Some(failed) = frame.trailers_ref().and_then(reported) {
            return Ok(Err(failed));
        }
        if let Ok(data) = frame.into_data() {
            collected.extend_from_slice(&data);
        }
    }
    Ok(Ok(collected.freeze()))
}

/// The failure that a server reports instead of an answer, where these headers or trailers do.
fn reported(headers: &HeaderMap) -> Option<Ending> {
    let object = headers.get(FAILURE_HEADER)?;
    Some(Ending::Failed(Bytes::copy_from_slice(object.as_bytes())))
}

fn ending(written: Result<(), WriteError>) -> Ending {
    match written {
        Ok(()) => Ending::Answered,
        Err(WriteError::TooLarge(size)) => Ending::TooLarge { size },
    }
}

fn head(parts: &Parts, with_length: bool) -> Head {
    let mut headers = BTreeMap::new();
    for name in parts.headers.keys().filter(|name| **name != SET_COOKIE) {
        let length = name == http::header::CONTENT_LENGTH;
        if (length && with_length) || !is_of_connection(name.as_str()) {
            let values: Vec<_> = parts.headers.get_all(name).iter().map(text).collect();
            headers.insert(name.to_string(), values.join(", "));
        }
    }
    let cookies = parts.headers.get_all(SET_COOKIE).iter().map(text).collect();
    Head { status_code: parts.status.as_u16(), headers, cookies }
}

/// A header's value as text: UTF-8, else each byte as the character of that number.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn whole(parts: &Parts, body: &Bytes) -> Bytes {
    let text = std::str::from_utf8(body).ok().filter(|_| is_text(&parts.headers));
    let answer = WholeAnswer {
        head: head(parts, false),
        is_base64_encoded: text.is_none(),
        body: text.map_or_else(|| STANDARD.encode(body), str::to_owned),
    };
    // Text and numbers: there is nothing in it that JSON could not say.
    serde_json::to_vec(&answer).unwrap_or_default().into()
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let coded = headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity");
    let text = ["json", "xml", "javascript", "urlencoded"].iter().any(|part| kind.contains(part));
    !coded && (kind.is_empty() || kind.starts_with("text/") || text)
}

/// The body where it is JSON, else as a JSON text; null where there is none.
fn value(body: Bytes) -> Bytes {
    if body.is_empty() {
        return Bytes::from_static(b"null");
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        Ok(_) => body,
        Err(_) => Value::String(String::from_utf8_lossy(&body).into_owned()).to_string().into(),
    }
}

/// What the error object of an event shows of a response: enough to know it by.
const SHOWN_CHARACTERS: usize = 1024;

fn failed(parts: &Parts, body: &Bytes) -> Ending {
    let body: String = String::from_utf8_lossy(body).chars().take(SHOWN_CHARACTERS).collect();
    let message = format!("the server answered an event with {}: {body}", parts.status);
    let kind = format!("HttpStatus.{}", parts.status.as_u16());
    Ending::Failed(json!({ "errorType": kind, "errorMessage": message }).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(status: u16, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    #[test]
    fn heads_keep_cookies_apart_and_drop_what_is_of_the_connection() {
        let parts = parts(
            201,
            &[
                ("x-a", "1"),
                ("x-a", "2"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("connection", "close"),
                ("content-length", "3"),
            ],
        );
        let check = |with_length, headers: Value| {
            let expected = json!({ "statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"] });
            assert_eq!(serde_json::to_value(head(&parts, with_length)).unwrap(), expected);
        };
        check(true, json!({ "x-a": "1, 2", "content-length": "3" }));
        check(false, json!({ "x-a": "1, 2" }));
    }

    #[test]
    fn whole_answers_are_text_where_they_can_be() {
        let check = |headers: &[(&'static str, &'static str)], body: &'static [u8], expected, coded| {
            let answer: Value =
                serde_json::from_slice(&whole(&parts(200, headers), &Bytes::from_static(body))).unwrap();
            assert_eq!(
                (answer["body"].as_str(), answer["isBase64Encoded"].as_bool()),
                (Some(expected), Some(coded))
            );
        };
        check(&[("content-type", "text/plain")], b"hi", "hi", false);
        check(&[("content-type", "application/json")], b"{}", "{}", false);
        check(&[("content-type", "image/png")], b"hi", "aGk=", true);
        check(&[("content-type", "text/plain"), ("content-encoding", "gzip")], b"hi", "aGk=", true);
        check(&[("content-type", "text/plain")], b"\xff", "/w==", true);
    }

    #[test]
    fn events_are_answered_with_json() {
        let check = |body: &'static str, expected: &str| {
            assert_eq!(value(Bytes::from_static(body.as_bytes())), expected, "{body}");
        };
        check("", "null");
        check("{\"a\":1}", "{\"a\":1}");
        check("OK", "\"OK\"");
    }
}
