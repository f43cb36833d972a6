//! Deliveries to HTTP endpoints.
//!
//! Source: Amazon SNS developer guide, "Parsing HTTP/S message headers" and "Amazon SNS message delivery retries"
//! (2026-11).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE as TYPE_HEADER, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Value, json};

use super::{Subscription, Topics};
use crate::delivery::{Delivery, Undelivered};

/// What bodies are unless the request policy says otherwise.
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
/// How long an endpoint may take to answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// The most of an answer that is read, so that the connection can be used again.
const ANSWER_BYTES: usize = 64 * 1024;

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The client for all endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    client: HttpClient,
}

/// What headers say of a message: kept with its delivery.
pub(super) fn about(kind: &str, id: &str, raw: bool) -> Value {
    json!({ "type": kind, "id": id, "raw": raw })
}

impl Endpoints {
    pub(super) fn new() -> Self {
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

    async fn call(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let answer = self.client.request(request).await.map_err(|error| chain(&error))?;
        let status = answer.status();
        // What it says is nobody's business; an answer that is too long costs the connection.
        let _ = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        Ok(status)
    }
}

impl Topics {
    /// Calls the endpoint of the subscription that a delivery names.
    pub(super) async fn call_endpoint(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let Ok(subscription) = self.subscription(&delivery.target) else {
            // Nobody waits for it any more.
            return Ok(());
        };
        let request = self
            .request(&subscription, delivery)
            .map_err(|error| Undelivered::refused("INVALID_PARAMETER", error))?;
        let endpoint = &subscription.endpoint;
        match tokio::time::timeout(DEADLINE, self.inner.endpoints.call(request)).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => {
                let message = format!("{endpoint} answered {status}");
                // The endpoint says that it is the message: sending it again would not help.
                let permanent = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
                let may_retry = !permanent && !status.is_redirection();
                Err(Undelivered { code: status.as_u16().to_string(), message, may_retry })
            }
            Ok(Err(error)) => Err(Undelivered::for_now("CONNECTION_FAILURE", format!("{endpoint}: {error}"))),
            Err(_) => {
                let message = format!("{endpoint} did not answer within {} seconds", DEADLINE.as_secs());
                Err(Undelivered::for_now("TIMEOUT", message))
            }
        }
    }

    fn request(
        &self,
        subscription: &Subscription,
        delivery: &Delivery,
    ) -> Result<Request<Full<Bytes>>, String> {
        let about = delivery.message.extra.as_ref().unwrap_or(&Value::Null);
        let text = |name: &str| about[name].as_str().unwrap_or_default();
        let topic = self.inner.topics.get(&subscription.topic);
        let content_type = topic
            .and_then(|topic| self.delivery_policy(&topic, subscription).content_type)
            .unwrap_or_else(|| CONTENT_TYPE.to_owned());
        let body = Full::new(Bytes::copy_from_slice(delivery.message.body.as_bytes()));
        let mut request = Request::post(subscription.endpoint.as_str())
            .body(body)
            .map_err(|error| format!("{}: {error}", subscription.endpoint))?;
        let mut headers = vec![
            ("x-amz-sns-message-type", text("type").to_owned()),
            ("x-amz-sns-message-id", text("id").to_owned()),
            ("x-amz-sns-topic-arn", self.arn(&subscription.topic)),
        ];
        if text("type") == "Notification" {
            headers.push(("x-amz-sns-subscription-arn", delivery.target.clone()));
        }
        if about["raw"] == true {
            headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
        }
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        for (name, text) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value(&text)?);
        }
        request.headers_mut().insert(TYPE_HEADER, value(&content_type)?);
        let agent = HeaderValue::from_static("Amazon Simple Notification Service Agent");
        request.headers_mut().insert(USER_AGENT, agent);
        Ok(request)
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
