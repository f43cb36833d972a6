//! Calls of HTTP endpoints: those that subscribed to topics, and those of API destinations.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};

use crate::https::{self, HttpsClient};

/// The most of an answer that is read, so that the connection can be used again.
const ANSWER_BYTES: usize = 64 * 1024;

/// The client for endpoints. Connections are kept for a while.
#[derive(Debug)]
pub(crate) struct HttpClient {
    client: HttpsClient,
}

/// What an endpoint answered.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Empty where it is longer than anybody reads.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Connection(String),
    /// It took too long.
    #[error("no answer within {} seconds", .0.as_secs())]
    Late(Duration),
}

impl HttpClient {
    pub(crate) fn new() -> Self {
        Self { client: HttpsClient::default() }
    }

    /// Makes a call that may take so long.
    pub(crate) async fn call(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<HttpAnswer, NoAnswer> {
        let call = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| NoAnswer::Connection(https::chain(&error)))?;
            let (parts, body) = answer.into_parts();
            // An answer that is too long costs the connection.
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok(HttpAnswer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(deadline, call).await.unwrap_or(Err(NoAnswer::Late(deadline)))
    }
}
