//! The links in messages, which anyone may follow: to confirm, to unsubscribe, and to check a signature.
//!
//! Source: Amazon SNS developer guide, "Fanout Amazon SNS notifications to HTTPS endpoints" (2026-11).

use ebb_model::RequestId;
use ebb_sources::topic::{TopicError, Topics};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response};

use super::shapes::SHAPES;
use crate::wire::{AwsError, Body, Protocol, QueryString, escape_xml, full_body, xml_response};

/// Answers what the links in messages lead to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TopicLinks {
    topics: Topics,
}

impl TopicLinks {
    /// Those of these topics.
    #[must_use]
    pub fn new(topics: Topics) -> Self {
        Self { topics }
    }

    /// Whether a request follows such a link: unsigned, and in the form of one.
    #[must_use]
    pub fn wants(&self, parts: &Parts) -> bool {
        let query = parts.uri.query().unwrap_or_default();
        parts.method == Method::GET
            && !parts.headers.contains_key(http::header::AUTHORIZATION)
            && !query.contains("X-Amz-Signature=")
            && (certificate(parts).is_some() || (parts.uri.path() == "/" && operation(parts).is_some()))
    }

    /// Answers it; never fails.
    pub async fn handle(&self, parts: &Parts) -> Response<Body> {
        let request_id = RequestId::random();
        let answer = match certificate(parts) {
            Some(file) => self.certificate(file),
            None => self.act(parts, request_id).await,
        };
        answer.unwrap_or_else(|error| {
            let protocol = Protocol::Query { namespace: SHAPES.namespace };
            AwsError::from(error).into_response(protocol, "InternalError", request_id)
        })
    }

    fn certificate(&self, file: &str) -> Result<Response<Body>, TopicError> {
        let none = || TopicError::NotFound(format!("{file} is no certificate of this server"));
        let mut response = Response::new(full_body(self.topics.certificate(file).ok_or_else(none)?));
        let pem = HeaderValue::from_static("application/x-pem-file");
        response.headers_mut().insert(CONTENT_TYPE, pem);
        Ok(response)
    }

    async fn act(&self, parts: &Parts, request_id: RequestId) -> Result<Response<Body>, TopicError> {
        let query = QueryString::parse(parts.uri.query().unwrap_or_default());
        let text = |name: &str| query.get(name).unwrap_or_default();
        let (operation, result) = if operation(parts) == Some("Unsubscribe") {
            self.topics.unsubscribe(text("SubscriptionArn"), false).await?;
            ("Unsubscribe", String::new())
        } else {
            let confirmed = self.topics.confirm(text("TopicArn"), text("Token"), false, false).await?;
            let arn = self.topics.subscription_arn(&confirmed);
            ("ConfirmSubscription", format!("<SubscriptionArn>{}</SubscriptionArn>", escape_xml(&arn)))
        };
        Ok(xml_response(operation, SHAPES.namespace, &result, request_id))
    }
}

fn certificate(parts: &Parts) -> Option<&str> {
    let file = parts.uri.path().strip_prefix('/')?;
    (file.starts_with("SimpleNotificationService-") && file.ends_with(".pem")).then_some(file)
}

fn operation(parts: &Parts) -> Option<&'static str> {
    let query = QueryString::parse(parts.uri.query().unwrap_or_default());
    match query.get("Action")? {
        "ConfirmSubscription" => Some("ConfirmSubscription"),
        "Unsubscribe" => Some("Unsubscribe"),
        _ => None,
    }
}
