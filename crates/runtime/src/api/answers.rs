//! The answers of the HTTP APIs inside an instance.

use bytes::Bytes;
use ebb_model::limits::{RESPONSE_SLACK_BYTES, SYNC_PAYLOAD_BYTES};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::lifecycle::Refused;

pub(super) type Body = Full<Bytes>;

/// An answer with this JSON.
pub(super) fn with_json(status: u16, body: &Value) -> Response<Body> {
    with_bytes(status, body.to_string().into())
}

/// An answer with this JSON text.
pub(super) fn with_bytes(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body is this text.
pub(super) fn text(body: &'static str) -> Response<Body> {
    Response::new(Full::new(Bytes::from_static(body.as_bytes())))
}

/// The request was taken.
pub(super) fn accepted() -> Response<Body> {
    with_json(202, &json!({ "status": "OK" }))
}

/// An error object.
pub(super) fn error(status: u16, kind: &str, message: &str) -> Response<Body> {
    with_json(status, &json!({ "errorMessage": message, "errorType": kind }))
}

/// The answer was larger than it may be.
pub(super) fn too_large() -> Response<Body> {
    let limit = SYNC_PAYLOAD_BYTES + RESPONSE_SLACK_BYTES;
    error(413, "RequestEntityTooLarge", &format!("Exceeded maximum allowed payload size ({limit} bytes)."))
}

/// The body ended before its end.
pub(super) fn truncated() -> Response<Body> {
    error(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

/// The request does not fit the state.
pub(super) fn refused(refused: &Refused) -> Response<Body> {
    let (status, kind) = match refused {
        Refused::InvalidRequestId => (400, "InvalidRequestID"),
        Refused::RuntimeTransition { .. } => (403, "InvalidStateTransition"),
        Refused::ExtensionTransition { .. } | Refused::NameTaken => (403, "Extension.InvalidExtensionState"),
        Refused::UnknownExtension(_) => (403, "Extension.UnknownExtensionIdentifier"),
        Refused::RegistrationClosed => (403, "Extension.RegistrationClosed"),
        Refused::TooManyExtensions => (403, "Extension.TooManyExtensions"),
        Refused::InvalidEvent { .. } => (403, "Extension.InvalidEventType"),
    };
    error(status, kind, &refused.to_string())
}
