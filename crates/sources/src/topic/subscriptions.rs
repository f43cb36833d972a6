//! Subscriptions: made, confirmed, changed, listed and removed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ebb_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::archive::Replay;
use super::envelope::ConfirmationKind;
use super::filter::{Filter, Scope};
use super::message::Accepted;
use super::subscription_attributes::{check, has, normal};
use super::{Topic, TopicError, Topics};
use crate::delivery::{Delivery, Message, Sender};
use crate::registry::Documents;

/// How long a confirmation may take. Source: SNS API reference, `ConfirmSubscription`.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// How a subscriber is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A queue.
    Sqs,
    /// A function.
    Lambda,
    /// A web server.
    Http,
    /// A web server, with TLS.
    Https,
    /// A mailbox: ebb sends no mail, so it is never confirmed.
    Email,
    /// The same, with messages as JSON.
    EmailJson,
}

impl Protocol {
    /// As requests have it.
    ///
    /// # Errors
    /// [`TopicError::Unsupported`] for those of the service that ebb does not have, else [`TopicError::Invalid`].
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        Ok(match text {
            "sqs" => Self::Sqs,
            "lambda" => Self::Lambda,
            "http" => Self::Http,
            "https" => Self::Https,
            "email" => Self::Email,
            "email-json" => Self::EmailJson,
            "sms" | "application" | "firehose" => {
                return Err(TopicError::Unsupported(format!(
                    "Protocol {text}: ebb delivers to sqs, lambda, http and https, not to {text}"
                )));
            }
            other => {
                return Err(TopicError::invalid(format!(
                    "Amazon SNS does not support this protocol string: {other}"
                )));
            }
        })
    }

    /// As answers have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Lambda => "lambda",
            Self::Http => "http",
            Self::Https => "https",
            Self::Email => "email",
            Self::EmailJson => "email-json",
        }
    }

    pub(super) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether the one who subscribes is known to speak for the endpoint: it is of this server.
    fn confirms_itself(self) -> bool {
        matches!(self, Self::Sqs | Self::Lambda)
    }
}

/// A subscription. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// The name of its topic.
    pub topic: String,
    /// Unique in its topic.
    pub id: String,
    /// How the subscriber is reached.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: String,
    /// What was set, as it was given.
    pub attributes: BTreeMap<String, String>,
    /// The ARN of who subscribed.
    pub principal: String,
    /// What confirms it; absent where nobody had to.
    pub token: Option<String>,
    /// Whether it was confirmed.
    pub confirmed: bool,
    /// Whether it was confirmed by a signed request: or where nobody had to.
    pub authenticated: bool,
    /// Whether only a signed request may end it.
    pub authenticate_unsubscribe: bool,
    /// When it was made.
    pub created: Timestamp,
    /// The replay that it asked for last.
    #[serde(default)]
    pub(super) replay: Option<Replay>,
    #[serde(skip)]
    filter: Compiled,
}

/// The filter policy, read when it is first asked.
#[derive(Debug, Default)]
struct Compiled(OnceLock<Option<Filter>>);

impl Clone for Compiled {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A subscription to be made.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// How the subscriber is reached.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: String,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// The ARN of who subscribes.
    pub principal: String,
}

impl Subscription {
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.topic, self.id)
    }

    /// Whether it waits for its confirmation.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.confirmed
    }

    /// Whether messages go out as they came in.
    pub(super) fn is_raw(&self) -> bool {
        self.attribute("RawMessageDelivery") == Some("true")
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it wants a message.
    pub(super) fn wants(&self, message: &Accepted) -> bool {
        let read = || {
            let scope = Scope::read(self.attribute("FilterPolicyScope"));
            Filter::parse(self.attribute("FilterPolicy")?, scope).ok()
        };
        let filter = self.filter.0.get_or_init(read);
        filter.as_ref().is_none_or(|filter| filter.wants(message, message.text_for(self.protocol)))
    }
}

impl Topics {
    /// Subscribes; gives the one that is there with the same endpoint and attributes.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`], [`TopicError::FilterPolicyLimit`].
    pub async fn subscribe(
        &self,
        topic_arn: &str,
        new: NewSubscription,
    ) -> Result<Arc<Subscription>, TopicError> {
        let topic = self.topic(topic_arn)?;
        check_endpoint(&topic, &new)?;
        check(&topic, (new.protocol, &new.endpoint), &new.attributes, &self.inner.region)
            .map_err(TopicError::among_attributes)?;
        let new = NewSubscription { attributes: normal(new.attributes), ..new };
        let all = self.inner.subscriptions.all();
        let same = of_topic(&all, &topic.name)
            .find(|one| one.protocol == new.protocol && one.endpoint == new.endpoint);
        if let Some(same) = same {
            if !new.attributes.iter().all(|(name, value)| has(same, name, value)) {
                let reason = "Attributes Reason: Subscription already exists with different attributes";
                return Err(TopicError::invalid(reason));
            }
            if same.is_pending() {
                self.ask_to_confirm(same).await?;
            }
            return Ok(same.clone());
        }
        let confirmed = new.protocol.confirms_itself();
        let mut attributes = new.attributes;
        attributes.retain(|_, value| !value.is_empty());
        let replay = attributes.get("ReplayPolicy").filter(|policy| policy.trim() != "{}");
        let replay = replay.map(|policy| Replay::read(policy)).transpose()?;
        let subscription = Subscription {
            topic: topic.name.clone(),
            id: RequestId::random().to_string(),
            protocol: new.protocol,
            endpoint: new.endpoint,
            attributes,
            principal: new.principal,
            token: (!confirmed).then(token),
            confirmed,
            authenticated: confirmed,
            authenticate_unsubscribe: false,
            created: self.inner.clock.now(),
            replay,
            filter: Compiled::default(),
        };
        let key = subscription.key();
        let made =
            self.inner.subscriptions.edit(&key, |_| Ok::<_, TopicError>(Some(subscription.clone()))).await?;
        let made = made.ok_or_else(TopicError::no_subscription)?;
        if !confirmed {
            self.ask_to_confirm(&made).await?;
        }
        if made.replay.is_some() {
            self.inner.replay_wanted.notify_waiters();
        }
        Ok(made)
    }

    /// Checks what does not depend on how a subscriber is reached: that the topic is there, and the filter policy.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`].
    pub fn check_filter(
        &self,
        topic_arn: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), TopicError> {
        self.topic(topic_arn)?;
        let Some(policy) = attributes.get("FilterPolicy").filter(|policy| !policy.is_empty()) else {
            return Ok(());
        };
        let scope = Scope::read(attributes.get("FilterPolicyScope").map(String::as_str));
        Filter::parse(policy, scope).map(drop).map_err(TopicError::among_attributes)
    }

    /// Sends the message that asks for a confirmation.
    async fn ask_to_confirm(&self, subscription: &Subscription) -> Result<(), TopicError> {
        if !subscription.protocol.is_http() {
            tracing::warn!(
                endpoint = subscription.endpoint,
                "ebb sends no mail: the subscription of this mailbox stays pending"
            );
            return Ok(());
        }
        self.send_confirmation(subscription, ConfirmationKind::Subscription).await
    }

    /// Sends an endpoint a message with a link that confirms.
    pub(super) async fn send_confirmation(
        &self,
        subscription: &Subscription,
        kind: ConfirmationKind,
    ) -> Result<(), TopicError> {
        let now = self.inner.clock.now();
        let body = self.confirmation(subscription, kind, now).await?;
        let topic = self.inner.topics.get(&subscription.topic).ok_or_else(TopicError::no_topic)?;
        let message = Message {
            body: body.text,
            extra: Some(super::endpoint::about(kind.as_str(), &body.id, false)),
            ..Message::default()
        };
        let from = Sender::Service(self.caller(&topic));
        let delivery = Delivery {
            waits: Some(self.waits(&topic, subscription)),
            ..Delivery::new(self.subscription_arn(subscription), message, from, now)
        };
        self.inner.store.work().enqueue(vec![delivery.into_work(now)]).await?;
        Ok(())
    }

    /// Confirms a subscription, as whoever has its token may. `signed` says whether the request was; only then may it
    /// ask that ending the subscription needs a signature too.
    ///
    /// # Errors
    /// [`TopicError::Token`], [`TopicError::Invalid`] for a token of no subscription of the topic.
    pub async fn confirm(
        &self,
        topic_arn: &str,
        token: &str,
        signed: bool,
        authenticate_unsubscribe: bool,
    ) -> Result<Arc<Subscription>, TopicError> {
        if !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TopicError::Token);
        }
        self.name_in(topic_arn)?;
        let all = self.inner.subscriptions.all();
        // The token tells which it is; that the topic is another does not matter (recorded 2025).
        let Some(asked) = all.values().find(|one| one.token.as_deref() == Some(token)) else {
            return self.restore(token).await;
        };
        if asked.is_pending() && self.inner.clock.now().since(asked.created) > TOKEN_LIFE {
            return Err(TopicError::invalid("Token Reason: the token has expired"));
        }
        let key = asked.key();
        let confirmed = self.inner.subscriptions.edit(&key, |before| {
            let mut subscription = before.cloned().ok_or_else(TopicError::no_subscription)?;
            if subscription.is_pending() {
                subscription.confirmed = true;
                subscription.authenticated = signed;
                subscription.authenticate_unsubscribe = signed && authenticate_unsubscribe;
            }
            Ok::<_, TopicError>(Some(subscription))
        });
        confirmed.await?.ok_or_else(TopicError::no_subscription)
    }

    /// The subscription of this ARN.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`] where it is no such ARN.
    pub fn subscription(&self, arn: &str) -> Result<Arc<Subscription>, TopicError> {
        let key = self.subscription_key(arn)?;
        self.inner.subscriptions.get(&key).ok_or_else(TopicError::no_subscription)
    }

    pub(super) fn subscription_key(&self, arn: &str) -> Result<String, TopicError> {
        let count = arn.split(':').count();
        if count < 6 {
            let reason = format!("SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}");
            return Err(TopicError::invalid(reason));
        }
        match arn.rsplit_once(':') {
            Some((topic, id)) if count == 7 && topic.starts_with("arn:aws:sns:") => {
                Ok(format!("{}:{id}", self.name_in(topic)?))
            }
            _ => Err(TopicError::invalid("SubscriptionId")),
        }
    }

    /// The ARN of a subscription.
    #[must_use]
    pub fn subscription_arn(&self, subscription: &Subscription) -> String {
        format!("{}:{}", self.arn(&subscription.topic), subscription.id)
    }

    /// All subscriptions, or those of one topic.
    ///
    /// # Errors
    /// [`TopicError::NotFound`].
    pub fn subscriptions(&self, topic_arn: Option<&str>) -> Result<Vec<Arc<Subscription>>, TopicError> {
        let all = self.inner.subscriptions.all();
        match topic_arn {
            None => Ok(all.values().cloned().collect()),
            Some(arn) => Ok(of_topic(&all, &self.topic(arn)?.name).cloned().collect()),
        }
    }
}

/// The subscriptions of a topic.
pub(super) fn of_topic<'a>(
    all: &'a Documents<Subscription>,
    topic: &str,
) -> impl Iterator<Item = &'a Arc<Subscription>> + use<'a> {
    // Names have no colon, and the next character is a semicolon.
    all.range(format!("{topic}:")..format!("{topic};")).map(|(_, subscription)| subscription)
}

fn check_endpoint(topic: &Topic, new: &NewSubscription) -> Result<(), TopicError> {
    let endpoint = new.endpoint.as_str();
    let is_arn_of =
        |service: &str| endpoint.starts_with("arn:") && endpoint.split(':').nth(2) == Some(service);
    if topic.is_fifo() && new.protocol != Protocol::Sqs {
        let reason =
            format!("Invalid protocol type: {}. FIFO topics deliver to queues only", new.protocol.as_str());
        return Err(TopicError::invalid(reason));
    }
    let reason = match new.protocol {
        Protocol::Sqs if !is_arn_of("sqs") => "SQS endpoint ARN",
        Protocol::Sqs if endpoint.ends_with(".fifo") && !topic.is_fifo() => {
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        }
        Protocol::Lambda if !is_arn_of("lambda") => "Lambda endpoint ARN",
        Protocol::Http if !endpoint.starts_with("http://") => "Endpoint must match the specified protocol",
        Protocol::Https if !endpoint.starts_with("https://") => "Endpoint must match the specified protocol",
        Protocol::Email | Protocol::EmailJson if !endpoint.contains('@') => "Email address",
        Protocol::Http | Protocol::Https if endpoint.parse::<http::Uri>().is_err() => {
            "Unparseable endpoint URL"
        }
        _ => return Ok(()),
    };
    Err(TopicError::invalid(reason))
}

/// What nobody can guess.
pub(super) fn token() -> String {
    let part = || RequestId::random().to_string().replace('-', "");
    format!("{}{}{}{}", part(), part(), part(), part())
}
