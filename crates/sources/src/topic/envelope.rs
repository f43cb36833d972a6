//! What subscribers get: a message wrapped in JSON and signed, or the event of a function.
//!
//! Source: Amazon SNS developer guide, "Parsing Amazon SNS message formats" and "Verifying the signatures of Amazon SNS
//! messages"; AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications" (2026-11).

use std::collections::BTreeMap;

use ebb_model::{RequestId, Timestamp};
use serde_json::{Map, Value, json};

use super::message::Accepted;
use super::signing::SignatureVersion;
use super::{Subscription, Topic, TopicError, Topics};

/// A message that stands by itself.
pub(super) struct Body {
    pub(super) id: String,
    pub(super) text: String,
}

/// What a message with a link that confirms is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfirmationKind {
    /// A subscription that was asked for.
    Subscription,
    /// The end of one: the link brings it back.
    Unsubscribe,
}

impl ConfirmationKind {
    /// As messages and headers have it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "SubscriptionConfirmation",
            Self::Unsubscribe => "UnsubscribeConfirmation",
        }
    }
}

/// A signature, with what it takes to check it.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    version: SignatureVersion,
    signature: String,
    certificate_url: String,
}

/// The seals of one message: one for each text that it has.
#[derive(Debug, Default)]
pub(super) struct Seals(BTreeMap<String, Seal>);

impl Topics {
    /// Signs a text as its topic says.
    async fn seal(&self, topic: &Topic, text: String) -> Result<Seal, TopicError> {
        let version = SignatureVersion::of(topic.attribute("SignatureVersion"));
        let key = self.inner.signer.ready().await?;
        let certificate_url = format!("{}/{}", self.inner.url, key.file());
        let signature = key.sign(text, version).await?;
        Ok(Seal { version, signature, certificate_url })
    }

    /// Signs the text of a message that a subscriber gets, unless it was signed for another already.
    pub(super) async fn seal_message(
        &self,
        topic: &Topic,
        message: &Accepted,
        text: &str,
        seals: &mut Seals,
    ) -> Result<Seal, TopicError> {
        if let Some(seal) = seals.0.get(text) {
            return Ok(seal.clone());
        }
        let (arn, at) = (self.arn(&topic.name), stamp(message.at));
        let subject = message.subject.as_deref();
        let mut lines = vec![("Message", text), ("MessageId", &message.id)];
        lines.extend(subject.map(|subject| ("Subject", subject)));
        lines.extend([("Timestamp", at.as_str()), ("TopicArn", &arn), ("Type", "Notification")]);
        let seal = self.seal(topic, canonical(&lines)).await?;
        seals.0.insert(text.to_owned(), seal.clone());
        Ok(seal)
    }

    /// A message in its envelope. FIFO topics tell its place instead of signing it.
    pub(super) fn envelope(
        &self,
        subscription: &Subscription,
        message: &Accepted,
        seal: Option<&Seal>,
    ) -> String {
        let mut envelope = json!({
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": self.arn(&subscription.topic),
            "Message": message.text_for(subscription.protocol),
            "Timestamp": stamp(message.at),
            "UnsubscribeURL": self.unsubscribe_url(subscription),
        });
        let mut put = |name: &str, value: Value| envelope[name] = value;
        if let Some(subject) = &message.subject {
            put("Subject", subject.as_str().into());
        }
        if let Some(sequence) = &message.sequence {
            put("SequenceNumber", sequence.as_str().into());
        }
        if message.replayed {
            put("Replayed", true.into());
        }
        if let Some(seal) = seal {
            put("SignatureVersion", seal.version.as_str().into());
            put("Signature", seal.signature.as_str().into());
            put("SigningCertURL", seal.certificate_url.as_str().into());
        }
        if !message.attributes.is_empty() {
            put("MessageAttributes", shown_attributes(message));
        }
        envelope.to_string()
    }

    /// The event of a function.
    pub(super) fn function_event(
        &self,
        subscription: &Subscription,
        message: &Accepted,
        seal: Option<&Seal>,
    ) -> String {
        let mut sns = json!({
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": self.arn(&subscription.topic),
            "Subject": message.subject,
            "Message": message.text_for(subscription.protocol),
            "Timestamp": stamp(message.at),
            "UnsubscribeUrl": self.unsubscribe_url(subscription),
            "MessageAttributes": shown_attributes(message),
        });
        if let Some(seal) = seal {
            sns["SignatureVersion"] = seal.version.as_str().into();
            sns["Signature"] = seal.signature.as_str().into();
            sns["SigningCertUrl"] = seal.certificate_url.as_str().into();
        }
        let record = json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": self.subscription_arn(subscription),
            "Sns": sns,
        });
        json!({ "Records": [record] }).to_string()
    }

    /// The message that asks an endpoint to confirm.
    pub(super) async fn confirmation(
        &self,
        subscription: &Subscription,
        kind: ConfirmationKind,
        now: Timestamp,
    ) -> Result<Body, TopicError> {
        let topic = self.inner.topics.get(&subscription.topic).ok_or_else(TopicError::no_topic)?;
        let (id, arn, at) = (RequestId::random().to_string(), self.arn(&topic.name), stamp(now));
        let token = subscription.token.as_deref().unwrap_or_default();
        let text = match kind {
            ConfirmationKind::Subscription => format!(
                "You have chosen to subscribe to the topic {arn}.\nTo confirm the subscription, visit the SubscribeURL \
                 included in this message."
            ),
            ConfirmationKind::Unsubscribe => format!(
                "You have chosen to deactivate subscription {}.\nTo cancel this operation and restore the subscription, \
                 visit the SubscribeURL included in this message.",
                self.subscription_arn(subscription)
            ),
        };
        let url = format!("{}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}", self.inner.url);
        let kind = kind.as_str();
        let lines = [
            ("Message", text.as_str()),
            ("MessageId", &id),
            ("SubscribeURL", &url),
            ("Timestamp", &at),
            ("Token", token),
            ("TopicArn", &arn),
            ("Type", kind),
        ];
        let seal = self.seal(&topic, canonical(&lines)).await?;
        let body = json!({
            "Type": kind,
            "MessageId": id,
            "Token": token,
            "TopicArn": arn,
            "Message": text,
            "SubscribeURL": url,
            "Timestamp": at,
            "SignatureVersion": seal.version.as_str(),
            "Signature": seal.signature,
            "SigningCertURL": seal.certificate_url,
        });
        Ok(Body { id, text: body.to_string() })
    }

    fn unsubscribe_url(&self, subscription: &Subscription) -> String {
        // An ARN has no character that a query must not have, and the service leaves it as it is.
        let arn = self.subscription_arn(subscription);
        format!("{}/?Action=Unsubscribe&SubscriptionArn={arn}", self.inner.url)
    }
}

/// A time, to the millisecond.
fn stamp(at: Timestamp) -> String {
    at.to_rfc3339()
}

/// What is signed: name and value of each, a line each.
fn canonical(lines: &[(&str, &str)]) -> String {
    lines.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect()
}

fn shown_attributes(message: &Accepted) -> Value {
    let shown = message.attributes.iter().map(|(name, attribute)| {
        (name.clone(), json!({ "Type": attribute.data_type, "Value": attribute.value }))
    });
    Value::Object(shown.collect::<Map<_, _>>())
}
