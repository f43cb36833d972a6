//! JSON responses.

use ebb_model::Timestamp;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::{Value, json};

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

/// A time in a body of the JSON protocols: seconds since the epoch, with a fraction.
#[must_use]
pub fn epoch_seconds(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age of the world are exact")]
    let seconds = at.millis() as f64 / 1000.0;
    json!(seconds)
}

/// The other way round.
#[must_use]
pub fn from_epoch_seconds(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and no time is that far away")]
    let millis = (seconds * 1000.0).round() as i64;
    Timestamp(millis)
}

/// Reads a list, of which a form has nothing but the name where it is empty: for `deserialize_with`.
///
/// # Errors
/// Those of the elements.
pub fn form_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Array(elements) => elements
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(D::Error::custom),
        _ => Ok(Vec::new()),
    }
}
