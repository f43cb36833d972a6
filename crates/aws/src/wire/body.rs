//! Bodies of requests and responses.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::sync::mpsc;

use super::error::AwsError;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of every response.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A client that sends nothing for this long is given up.
const IDLE: Duration = Duration::from_secs(30);

/// A body that is whole already.
#[must_use]
pub fn full_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
#[must_use]
pub fn empty_body() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is sent as it arrives. An error item breaks the response off, so that the client sees that it is not
/// whole; the channel's capacity is the backpressure.
#[must_use]
pub fn channel_body(receiver: mpsc::Receiver<Result<Bytes, BodyError>>) -> Body {
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let item = receiver.recv().await?;
        Some((item.map(http_body::Frame::data), receiver))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Reads a request's body to its end.
///
/// # Errors
/// `RequestEntityTooLargeException` (413) over `limit` bytes; `RequestTimeoutException` (408) where the client stalls
/// for 30 seconds; `SerializationException` (400) where the connection breaks off.
pub async fn read_body<B>(body: B, limit: usize) -> Result<Bytes, AwsError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large(limit));
    }
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(IDLE, body.frame()).await {
            Err(_) => return Err(stalled()),
            Ok(None) => break,
            Ok(Some(frame)) => frame.map_err(|error| broken(&error.into()))?,
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if joined.is_empty() && first.is_empty() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(usize::try_from(announced).unwrap_or(0).max(first.len() + data.len()));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn too_large(limit: usize) -> AwsError {
    AwsError::new(
        "RequestEntityTooLargeException",
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("Request must be smaller than {limit} bytes"),
    )
}

fn stalled() -> AwsError {
    let seconds = IDLE.as_secs();
    AwsError::new(
        "RequestTimeoutException",
        StatusCode::REQUEST_TIMEOUT,
        format!("The request body did not arrive: nothing came for {seconds} seconds."),
    )
}

fn broken(error: &BodyError) -> AwsError {
    AwsError::client("SerializationException", format!("The request body could not be read: {error}"))
}
