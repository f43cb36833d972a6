//! Calls of HTTP endpoints: those that subscribed to topics, and those of API destinations.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// The most of an answer that is read, so that the connection can be used again.
const ANSWER_BYTES: usize = 64 * 1024;

/// The client for endpoints. Connections are kept for a while.
#[derive(Debug)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the protocol versions that are the default");
        let tls = tls.with_root_certificates(roots()).with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// Makes a call that may take so long.
    pub(crate) async fn call(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<HttpAnswer, NoAnswer> {
        let call = async {
            let answer =
                self.client.request(request).await.map_err(|error| NoAnswer::Connection(chain(&error)))?;
            let (parts, body) = answer.into_parts();
            // An answer that is too long costs the connection.
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok(HttpAnswer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(deadline, call).await.unwrap_or(Err(NoAnswer::Late(deadline)))
    }
}

/// The certificates that this machine trusts.
fn roots() -> rustls::RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("this machine has no root certificates: no HTTPS endpoint can be trusted");
    }
    roots
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
