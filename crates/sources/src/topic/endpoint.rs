//! Deliveries to HTTP endpoints.
//!
//! Source: Amazon SNS developer guide, "Parsing HTTP/S message headers" and "Amazon SNS message delivery retries"
//! (2026-11).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE as TYPE_HEADER, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::envelope::ConfirmationKind;
use super::{Subscription, Topics};
use crate::delivery::{Again, Delivery, Undelivered};
use crate::http_client::NoAnswer;

/// What bodies are unless the request policy says otherwise.
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
/// How long an endpoint may take to answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// What headers say of a message: kept with its delivery.
pub(super) fn about(kind: &str, id: &str, raw: bool) -> Value {
    json!({ "type": kind, "id": id, "raw": raw })
}

impl Topics {
    /// How long a delivery has to wait, where the throttle policy of its subscription lets no more pass for now.
    /// Source: Amazon SNS developer guide, "Creating an Amazon SNS delivery policy", `maxReceivesPerSecond` (2026-11).
    pub(super) fn admit_to_endpoint(&self, delivery: &Delivery) -> Option<Duration> {
        let subscription = self.subscription(&delivery.target).ok()?;
        let topic = self.inner.topics.get(&subscription.topic)?;
        let per_second = self.delivery_policy(&topic, &subscription).max_receives_per_second?;
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
        self.inner.rates.wait(&delivery.target, per_second, self.inner.clock.now())
    }

    /// Calls the endpoint of the subscription that a delivery names.
    pub(super) async fn call_endpoint(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let about = delivery.message.extra.as_ref().unwrap_or(&Value::Null);
        let subscription = if about["type"] == ConfirmationKind::Unsubscribe.as_str() {
            self.ended_subscription(&delivery.target)
        } else {
            self.subscription(&delivery.target).ok()
        };
        let Some(subscription) = subscription else {
            // Nobody waits for it any more.
            return Ok(());
        };
        let request = self
            .request(&subscription, delivery)
            .map_err(|error| Undelivered::refused("INVALID_PARAMETER", error))?;
        let endpoint = &subscription.endpoint;
        match self.inner.endpoints.call(request, DEADLINE).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status;
                let message = format!("{endpoint} answered {status}");
                // The endpoint says that it is the message: sending it again would not help.
                let permanent = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
                let again = if permanent || status.is_redirection() { Again::Never } else { Again::ByPolicy };
                Err(Undelivered { code: status.as_u16().to_string(), message, again })
            }
            Err(error) => {
                let code = if matches!(error, NoAnswer::Late(_)) { "TIMEOUT" } else { "CONNECTION_FAILURE" };
                Err(Undelivered::for_now(code, format!("{endpoint}: {error}")))
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
        if text("type") != ConfirmationKind::Subscription.as_str() {
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
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip,deflate"));
        Ok(request)
    }
}
