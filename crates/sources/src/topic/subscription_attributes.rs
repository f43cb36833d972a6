//! The attributes of subscriptions: what they may be called and hold, and how the service shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::Region;
use serde_json::{Value, json};

use super::archive::Replay;
use super::delivery_policy::{DEFAULT, DeliveryPolicy};
use super::filter::{Filter, Scope};
use super::subscriptions::of_topic;
use super::{Protocol, Subscription, Topic, TopicError, Topics};

/// The most filter policies of a topic. Source: SNS developer guide, "Filter policy constraints" (2026-11).
const POLICIES: usize = 200;

/// Checks all attributes of a subscription together.
pub(super) fn check(
    topic: &Topic,
    (protocol, endpoint): (Protocol, &str),
    attributes: &BTreeMap<String, String>,
    region: &Region,
) -> Result<(), TopicError> {
    for (name, value) in attributes {
        check_one(topic, (protocol, endpoint), (name, value), region)?;
    }
    let policy = attributes.get("FilterPolicy").filter(|policy| !policy.is_empty());
    if let Some(policy) = policy {
        let scope = Scope::read(attributes.get("FilterPolicyScope").map(String::as_str));
        Filter::parse(policy, scope)?;
    }
    Ok(())
}

fn check_one(
    topic: &Topic,
    (protocol, endpoint): (Protocol, &str),
    (name, value): (&str, &str),
    region: &Region,
) -> Result<(), TopicError> {
    match name {
        "RawMessageDelivery" => match protocol {
            _ if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
                Err(TopicError::invalid(format!("{name}: Invalid value [{value}]. Must be true or false.")))
            }
            Protocol::Lambda | Protocol::Email | Protocol::EmailJson if value == "true" => {
                Err(TopicError::invalid(format!(
                    "RawMessageDelivery: Delivery protocol [{}] does not support raw message delivery.",
                    protocol.as_str()
                )))
            }
            _ => Ok(()),
        },
        "FilterPolicyScope" if !["MessageAttributes", "MessageBody"].contains(&value) => {
            Err(TopicError::invalid(format!(
                "{name}: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            )))
        }
        "FilterPolicyScope" => Ok(()),
        "FilterPolicy" => Ok(()),
        "DeliveryPolicy" if value.is_empty() => Ok(()),
        "DeliveryPolicy" => DeliveryPolicy::of_subscription(value).map(drop).map_err(TopicError::Invalid),
        "RedrivePolicy" if value.is_empty() => Ok(()),
        "RedrivePolicy" => check_redrive(topic, endpoint, value, region),
        "ReplayPolicy" if value.is_empty() || value.trim() == "{}" => Ok(()),
        "ReplayPolicy" if topic.archive_days().is_none() => {
            Err(TopicError::invalid("ReplayPolicy Reason: the topic has no ArchivePolicy"))
        }
        "ReplayPolicy" => Replay::read(value).map(drop),
        // Only delivery streams need it.
        "SubscriptionRoleArn" => Ok(()),
        _ => Err(TopicError::invalid("AttributeName")),
    }
}

/// Attributes as they are kept: the service takes `True` for `true`.
pub(super) fn normal(mut attributes: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(raw) = attributes.get_mut("RawMessageDelivery") {
        *raw = raw.to_ascii_lowercase();
    }
    attributes
}

/// Whether a subscription has what is asked for, where it says nothing by what holds then.
pub(super) fn has(subscription: &Subscription, name: &str, asked: &str) -> bool {
    let default = match name {
        "RawMessageDelivery" => "false",
        "FilterPolicyScope" => "MessageAttributes",
        _ => "",
    };
    subscription.attributes.get(name).map_or(default, String::as_str) == asked
}

fn check_redrive(topic: &Topic, endpoint: &str, text: &str, region: &Region) -> Result<(), TopicError> {
    let invalid = |reason: &str| TopicError::invalid(format!("RedrivePolicy: {reason}"));
    let policy: Value = serde_json::from_str(text).map_err(|_| invalid("failed to parse JSON."))?;
    let queue =
        policy["deadLetterTargetArn"].as_str().ok_or_else(|| invalid("deadLetterTargetArn is missing"))?;
    let parts: Vec<&str> = queue.split(':').collect();
    let ["arn", _, "sqs", of_region, _, name] = parts.as_slice() else {
        return Err(invalid("deadLetterTargetArn is an invalid arn"));
    };
    if *of_region != region.as_str() {
        return Err(invalid("the dead-letter queue must be in the region of the topic"));
    }
    if topic.is_fifo() && endpoint.ends_with(".fifo") && !name.ends_with(".fifo") {
        return Err(invalid("must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."));
    }
    Ok(())
}

impl Topics {
    /// Changes one attribute of a subscription.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`], [`TopicError::FilterPolicyLimit`].
    pub async fn set_subscription_attribute(
        &self,
        arn: &str,
        name: &str,
        value: &str,
    ) -> Result<(), TopicError> {
        let subscription = self.subscription(arn)?;
        let topic = self.inner.topics.get(&subscription.topic).ok_or_else(TopicError::no_topic)?;
        if name == "FilterPolicy" && !value.is_empty() {
            self.check_policies(&subscription)?;
        }
        let edit = |before: Option<&Subscription>| {
            let mut subscription = before.cloned().ok_or_else(TopicError::no_subscription)?;
            subscription.attributes.insert(name.to_owned(), value.to_owned());
            let to = (subscription.protocol, subscription.endpoint.as_str());
            check(&topic, to, &subscription.attributes, &self.inner.region)?;
            subscription.attributes = normal(subscription.attributes);
            let policy = ["FilterPolicy", "ReplayPolicy"].contains(&name);
            let removed = value.is_empty() || (policy && value.trim() == "{}");
            if removed {
                subscription.attributes.remove(name);
            }
            if name == "ReplayPolicy" {
                subscription.replay = if removed { None } else { Some(Replay::read(value)?) };
            }
            Ok::<_, TopicError>(Some(subscription))
        };
        self.inner.subscriptions.edit(&subscription.key(), edit).await?;
        if name == "ReplayPolicy" {
            self.inner.replay_wanted.notify_waiters();
        }
        Ok(())
    }

    fn check_policies(&self, subscription: &Subscription) -> Result<(), TopicError> {
        let all = self.inner.subscriptions.all();
        let others = of_topic(&all, &subscription.topic)
            .filter(|one| one.id != subscription.id && one.attribute("FilterPolicy").is_some());
        if others.count() >= POLICIES {
            let message = format!("Filter policy limit exceeded: a topic has at most {POLICIES}");
            return Err(TopicError::FilterPolicyLimit(message));
        }
        Ok(())
    }

    /// All attributes of a subscription, as the service shows them.
    ///
    /// # Errors
    /// [`TopicError::NotFound`].
    pub fn subscription_attributes(&self, arn: &str) -> Result<BTreeMap<String, String>, TopicError> {
        let subscription = self.subscription(arn)?;
        let mut shown = subscription.attributes.clone();
        // Shown with a policy only.
        shown.remove("FilterPolicyScope");
        let mut show = |name: &str, value: String| shown.insert(name.to_owned(), value);
        let flag = |value: bool| value.to_string();
        show("SubscriptionArn", self.subscription_arn(&subscription));
        show("TopicArn", self.arn(&subscription.topic));
        show("Protocol", subscription.protocol.as_str().to_owned());
        show("Endpoint", subscription.endpoint.clone());
        show("Owner", self.inner.account.to_string());
        show("SubscriptionPrincipal", subscription.principal.clone());
        show("PendingConfirmation", flag(subscription.is_pending()));
        show("ConfirmationWasAuthenticated", flag(subscription.authenticated));
        show("RawMessageDelivery", flag(subscription.is_raw()));
        let scope = subscription.attribute("FilterPolicyScope").unwrap_or("MessageAttributes");
        if subscription.attribute("FilterPolicy").is_some() {
            show("FilterPolicyScope", scope.to_owned());
        }
        if let Some(replay) = &subscription.replay {
            show("ReplayStatus", replay.status().to_owned());
        }
        if let Some(effective) = self.effective_delivery_policy(&subscription) {
            show("EffectiveDeliveryPolicy", effective.to_string());
        }
        Ok(shown)
    }

    /// What holds for a subscription: its own, else that of its topic, which may insist.
    pub(super) fn delivery_policy(&self, topic: &Topic, subscription: &Subscription) -> DeliveryPolicy {
        let of_topic = topic.attribute("DeliveryPolicy").and_then(|text| DeliveryPolicy::of_topic(text).ok());
        let of_topic = of_topic.unwrap_or_default();
        let own = subscription
            .attribute("DeliveryPolicy")
            .filter(|_| !of_topic.disable_overrides)
            .and_then(|text| DeliveryPolicy::of_subscription(text).ok())
            .unwrap_or_default();
        DeliveryPolicy {
            retry: own.retry.or(of_topic.retry),
            disable_overrides: of_topic.disable_overrides,
            max_receives_per_second: own.max_receives_per_second.or(of_topic.max_receives_per_second),
            content_type: own.content_type.or(of_topic.content_type),
        }
    }

    /// The pauses before the retries of a delivery over HTTP.
    pub(super) fn waits(&self, topic: &Topic, subscription: &Subscription) -> Vec<u32> {
        self.delivery_policy(topic, subscription).retry.unwrap_or(DEFAULT).waits()
    }

    fn effective_delivery_policy(&self, subscription: &Arc<Subscription>) -> Option<Value> {
        if !matches!(subscription.protocol, Protocol::Http | Protocol::Https) {
            return None;
        }
        let topic = self.inner.topics.get(&subscription.topic)?;
        let policy = self.delivery_policy(&topic, subscription);
        let content_type = policy.content_type.unwrap_or_else(|| super::endpoint::CONTENT_TYPE.to_owned());
        let throttle = policy.max_receives_per_second.map(|number| json!({ "maxReceivesPerSecond": number }));
        Some(json!({
            "healthyRetryPolicy": policy.retry.unwrap_or(DEFAULT).shown(),
            "sicklyRetryPolicy": Value::Null,
            "throttlePolicy": throttle,
            "requestPolicy": {"headerContentType": content_type},
            "guaranteed": false,
        }))
    }
}
