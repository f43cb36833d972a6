//! The Runtime API: `next`, `response`, `error`, `init/error`.

use base64::Engine as _;
use bytes::Bytes;
use ebb_invoker::Event;
use ebb_model::limits::{RESPONSE_SLACK_BYTES, SYNC_PAYLOAD_BYTES};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::oneshot;

use super::Api;
use super::answers::{Body, accepted, error, refused, too_large, truncated, with_bytes};
use crate::core::{Answer, Part, Verdict};
use crate::lifecycle::{EventName, Lifecycle, Refused};

const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// How large a buffered answer may be before it is refused while it is received. Larger ones are counted, not kept.
const BUFFERED_LIMIT: usize = SYNC_PAYLOAD_BYTES + RESPONSE_SLACK_BYTES;

/// What stopped a body from being read to its end.
enum Unread {
    Truncated,
    TooLarge(u64),
}

impl Api {
    pub(super) async fn invocation_next(&self) -> Response<Body> {
        match self.core.runtime_next().await {
            Ok(event) => event_response(&event),
            Err(why) => refused(&why),
        }
    }

    pub(super) async fn invocation_response(&self, id: &str, request: Request<Incoming>) -> Response<Body> {
        let mode = request.headers().get(RESPONSE_MODE).map(HeaderValue::as_bytes);
        let streaming = mode == Some(b"streaming");
        let answer = match self.core.answer(&EventName::RequestId(id), false) {
            Ok(answer) => answer,
            Err(why) => return refuse(request, &why).await,
        };
        if mode.is_some() && !streaming {
            let object = error_object("Runtime.InvalidResponseModeHeader", "Invalid function response mode");
            fail(&answer, object).await;
            error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
        } else if streaming {
            stream(request, &answer).await
        } else {
            buffer(request, &answer).await
        }
    }

    pub(super) async fn invocation_error(&self, id: &str, request: Request<Incoming>) -> Response<Body> {
        let answer = match self.core.answer(&EventName::RequestId(id), true) {
            Ok(answer) => answer,
            Err(why) => return refuse(request, &why).await,
        };
        let kind = error_type(request.headers());
        let (object, response) = match read(request.into_body()).await {
            Ok(body) => (reported(&body, &kind), accepted()),
            Err(Unread::Truncated) => (error_object("Runtime.TruncatedResponse", ""), truncated()),
            Err(Unread::TooLarge(size)) => {
                let message = format!("Error payload size ({size} bytes) exceeds the maximum allowed");
                (error_object("Function.ResponseSizeTooLarge", &message), too_large())
            }
        };
        fail(&answer, object).await;
        response
    }

    pub(super) async fn init_error(&self, request: Request<Incoming>) -> Response<Body> {
        let kind = error_type(request.headers());
        let body = match read(request.into_body()).await {
            Ok(body) => body,
            Err(Unread::Truncated) => return truncated(),
            Err(Unread::TooLarge(_)) => return too_large(),
        };
        match self.core.change(Lifecycle::runtime_init_error) {
            Ok(()) => {
                self.core.init_failed(reported(&body, &kind));
                accepted()
            }
            Err(why) => refused(&why),
        }
    }
}

/// The answer to `next`.
fn event_response(event: &Event) -> Response<Body> {
    let mut response = with_bytes(200, event.payload.clone());
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        // A value that no header can hold is left out: its text came from outside.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("lambda-runtime-aws-request-id", &event.id.to_string());
    set("lambda-runtime-deadline-ms", &event.deadline.millis().to_string());
    set("lambda-runtime-invoked-function-arn", &event.arn.to_string());
    set("lambda-runtime-trace-id", &event.trace.0);
    for (name, value) in [
        ("lambda-runtime-client-context", &event.client_context),
        ("lambda-runtime-cognito-identity", &event.cognito_identity),
    ] {
        if let Some(value) = value {
            set(name, value);
        }
    }
    response
}

async fn buffer(request: Request<Incoming>, answer: &Answer) -> Response<Body> {
    match read(request.into_body()).await {
        // Nobody takes less than what is read here at most, so there is no verdict to wait for.
        Ok(body) => {
            answer.send(Part::Whole(body)).await;
            answer.send(Part::End(None)).await;
            accepted()
        }
        Err(Unread::TooLarge(size)) => {
            answer.send(Part::TooLarge(size)).await;
            end(answer).await;
            too_large()
        }
        Err(Unread::Truncated) => {
            fail(answer, error_object("Runtime.TruncatedResponse", "")).await;
            truncated()
        }
    }
}

async fn stream(request: Request<Incoming>, answer: &Answer) -> Response<Body> {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = request.into_body();
    answer.send(Part::Head(content_type)).await;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            fail(answer, error_object("Runtime.TruncatedResponse", "")).await;
            return truncated();
        };
        match frame.into_data() {
            Ok(data) => {
                answer.send(Part::Chunk(data)).await;
            }
            Err(frame) => {
                if let Some(object) = frame.trailers_ref().and_then(trailing_error) {
                    fail(answer, object).await;
                    return accepted();
                }
            }
        }
    }
    end(answer).await
}

/// Says that the answer is whole, and waits for what became of it.
async fn end(answer: &Answer) -> Response<Body> {
    let (verdict, decided) = oneshot::channel();
    answer.send(Part::End(Some(verdict))).await;
    match decided.await {
        Ok(Verdict::TooLarge) => too_large(),
        Ok(Verdict::Accepted) | Err(_) => accepted(),
    }
}

async fn fail(answer: &Answer, object: Bytes) {
    answer.send(Part::Failed(object)).await;
}

/// Reads what was sent before it refuses it: a connection with an unread body is closed under the client's next request.
async fn refuse(request: Request<Incoming>, why: &Refused) -> Response<Body> {
    // However the body ends, the refusal is the answer.
    let _ = read(request.into_body()).await;
    refused(why)
}

/// Reads a body whole, up to what a buffered answer may be.
async fn read(mut body: Incoming) -> Result<Bytes, Unread> {
    let mut collected = bytes::BytesMut::new();
    let mut size = 0u64;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Truncated)?.into_data() else { continue };
        size += data.len() as u64;
        if size <= BUFFERED_LIMIT as u64 {
            collected.extend_from_slice(&data);
        } else {
            collected.clear();
        }
    }
    if size > BUFFERED_LIMIT as u64 { Err(Unread::TooLarge(size)) } else { Ok(collected.freeze()) }
}

/// The type in an error's header, or the one for errors without a type.
fn error_type(headers: &HeaderMap) -> String {
    let given = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).filter(|kind| !kind.is_empty());
    given.unwrap_or("Runtime.Unknown").to_owned()
}

/// The error object that a runtime reported; one with its type where the body is no JSON.
fn reported(body: &Bytes, kind: &str) -> Bytes {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        return body.clone();
    }
    error_object(kind, &String::from_utf8_lossy(body))
}

/// The error that a streamed answer ended in.
fn trailing_error(trailers: &HeaderMap) -> Option<Bytes> {
    trailers.get(ERROR_TYPE)?;
    let kind = error_type(trailers);
    let body = trailers.get(ERROR_BODY).map(HeaderValue::as_bytes).unwrap_or_default();
    let body = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_else(|_| body.to_vec());
    Some(reported(&body.into(), &kind))
}

fn error_object(kind: &str, message: &str) -> Bytes {
    json!({ "errorType": kind, "errorMessage": message }).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_reports_is_passed_on_where_it_is_json() {
        let check = |body: &'static str, expected: &str| {
            assert_eq!(reported(&Bytes::from_static(body.as_bytes()), "Runtime.Bad"), expected);
        };
        check(r#"{"errorType":"X"}"#, r#"{"errorType":"X"}"#);
        check("", r#"{"errorMessage":"","errorType":"Runtime.Bad"}"#);
        check("oops", r#"{"errorMessage":"oops","errorType":"Runtime.Bad"}"#);
    }

    #[test]
    fn an_error_in_trailers_is_decoded() {
        let mut trailers = HeaderMap::new();
        assert_eq!(trailing_error(&trailers), None);
        trailers.insert(ERROR_TYPE, HeaderValue::from_static("Function.Late"));
        trailers.insert(ERROR_BODY, HeaderValue::from_static("eyJhIjoxfQ=="));
        assert_eq!(trailing_error(&trailers), Some(Bytes::from_static(br#"{"a":1}"#)));
    }
}
