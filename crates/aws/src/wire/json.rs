//! JSON responses.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::body::{Body, empty_body, full_body};
use super::error::AwsError;

/// A response with this status and `value` as JSON. The protocol's own content type replaces `application/json` on
/// the way out where it has another.
///
/// # Errors
/// An internal error where the value cannot be written as JSON.
pub fn json_response(status: StatusCode, value: &impl Serialize) -> Result<Response<Body>, AwsError> {
    let text = serde_json::to_vec(value).map_err(AwsError::internal)?;
    let mut response = Response::new(full_body(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A response with this status and no body.
#[must_use]
pub fn empty_response(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = status;
    response
}
