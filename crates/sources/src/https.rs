//! The client for HTTP endpoints of others: subscribers of topics, what stands behind HTTP APIs, issuers of tokens.
//!
//! HTTPS trusts what this machine trusts. Deadlines and limits are those of the caller.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};

type Pooled = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client with a pool of connections of its own. It reads the certificates of this machine, which takes some
/// milliseconds, when it is first used, so that a server that calls nobody starts without.
#[derive(Debug, Default)]
pub struct HttpsClient {
    pooled: OnceLock<Pooled>,
}

impl HttpsClient {
    /// Sends a request; the answer's body is still to be read.
    pub fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        self.pooled.get_or_init(pooled).request(request)
    }
}

fn pooled() -> Pooled {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the protocol versions that are the default");
    let tls = tls.with_root_certificates(roots()).with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_timer(TokioTimer::new())
        .build(connector)
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
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
