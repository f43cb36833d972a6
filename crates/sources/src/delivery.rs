//! A message on its way to a target: durable, tried again, and given up in the end.
//!
//! Whoever has something to deliver (a topic, the event bus, a schedule, a bucket, an invocation's destination) makes a
//! [`Delivery`], turns it into work and commits that with its own change, so that what is accepted is delivered at least
//! once. The worker hands it to the [`Target`] of its ARN's service. What is refused, or fails until its retries are
//! used up, goes to its dead-letter queue, where it has one.

mod function;
mod log_group;
mod rate;
mod retry;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_model::{RequestId, ServiceCaller, Timestamp};
use ebb_store::NewWork;
use serde::{Deserialize, Serialize};

pub use function::FunctionTarget;
pub use log_group::LogGroupTarget;
pub(crate) use rate::RateLimits;
pub use retry::RetryPolicy;
pub use worker::{Deliveries, DeliveryParts};

/// The queue in the store.
const QUEUE: &str = "delivery";
/// How long an answer waits for deliveries to queues, topics, buses and log groups of this server. Whoever asks a queue
/// right after publishing finds the message, as long as there is not much to do.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// A message on its way to a target.
///
/// Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The same for every attempt.
    pub id: RequestId,
    /// The ARN of what gets it.
    pub target: String,
    /// What it gets.
    pub message: Message,
    /// Who sends it.
    pub from: Sender,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// The pause before each retry in seconds, where it is not the policy's own.
    #[serde(default)]
    pub waits: Option<Vec<u32>>,
    /// Where it goes when it is given up.
    #[serde(default)]
    pub dead_letter: Option<DeadLetter>,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Attempts that failed so far.
    #[serde(default)]
    pub failures: u32,
    /// The id of the event that led to it, where that has one.
    #[serde(default)]
    pub cause: Option<String>,
}

/// What a target gets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// The text: the event of a function, the body of a message.
    pub body: String,
    /// Message attributes, for targets that have them.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// The subject, for topics.
    #[serde(default)]
    pub subject: Option<String>,
    /// The message group, for FIFO queues and topics.
    #[serde(default)]
    pub group: Option<String>,
    /// The deduplication id, for FIFO queues and topics.
    #[serde(default)]
    pub deduplication: Option<String>,
    /// What only one kind of target understands, as that kind documents it.
    #[serde(default)]
    pub extra: Option<serde_json::Value>,
    /// The trace that it belongs to, as `X-Amzn-Trace-Id` has it.
    #[serde(default)]
    pub trace: Option<String>,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, with an optional custom label after a dot; `String.Array` for topics.
    pub data_type: String,
    /// The text, or the bytes in base64 for `Binary`.
    pub value: String,
}

/// Who sends a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sender {
    /// A service on behalf of a resource: the target's policy must allow it.
    Service(ServiceCaller),
    /// What the account's owner configured with a role of the account.
    Owner,
}

/// Where a delivery goes that is given up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The ARN of the queue.
    pub arn: String,
    /// Attributes that are added to the message, together with why it was given up (`ERROR_CODE`, `ERROR_MESSAGE`,
    /// `EXHAUSTED_RETRY_CONDITION`, `RETRY_ATTEMPTS`); nothing is added where absent.
    pub explained: Option<BTreeMap<String, String>>,
    /// The body there, where it is not what the target got.
    #[serde(default)]
    pub body: Option<String>,
    /// How the attributes are called that say why it was given up.
    #[serde(default)]
    pub names: ReasonNames,
}

/// How a dead letter's attributes are called that say why it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReasonNames {
    /// `ERROR_CODE`, `ERROR_MESSAGE`, and how it was tried: the event bus and schedules.
    #[default]
    Bus,
    /// `ErrorCode` and `ErrorMessage`: topics.
    Topic,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Undelivered {
    /// As in `NO_PERMISSIONS`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether and when it is tried again.
    pub again: Again,
}

/// Whether a delivery that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is not: it would fail once more.
    Never,
    /// As its retry policy says.
    ByPolicy,
    /// As its retry policy says, but not before this has passed.
    NotBefore(Duration),
}

/// What can be delivered to: the resources of one service.
pub trait Target: Send + Sync + 'static {
    /// Makes one attempt; durable when it succeeds. Dropping the future may leave it made.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>>;

    /// Whether a service may deliver to this for a resource; what does not tell beforehand lets it try.
    ///
    /// # Errors
    /// As of an attempt: there is no such target, or its policy does not let the service.
    fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let _ = (target, caller);
        Ok(())
    }

    /// How long a delivery has to wait, where its target takes no more for now; nothing where an attempt may be made,
    /// which then counts towards what the target takes.
    fn admit(&self, delivery: &Delivery) -> Option<Duration> {
        let _ = delivery;
        None
    }
}

/// The targets, by the service in their ARNs.
#[derive(Clone, Default)]
pub struct Targets {
    by_service: HashMap<&'static str, Arc<dyn Target>>,
}

impl Delivery {
    /// A delivery that is due at once, with no dead-letter queue.
    #[must_use]
    pub fn new(target: String, message: Message, from: Sender, accepted: Timestamp) -> Self {
        let (id, retry) = (RequestId::random(), RetryPolicy::default());
        Self {
            id,
            target,
            message,
            from,
            retry,
            waits: None,
            dead_letter: None,
            accepted,
            failures: 0,
            cause: None,
        }
    }

    /// As work for the store, to be tried not before `due`.
    #[must_use]
    pub fn into_work(self, due: Timestamp) -> NewWork {
        let watched = self.is_near().then(|| self.id.to_string());
        NewWork { queue: QUEUE, body: self.to_bytes(), due, watched }
    }

    /// The dead letter of a delivery that was refused, where it has somewhere to go.
    #[must_use]
    pub fn given_up(self, error: &Undelivered, now: Timestamp) -> Option<NewWork> {
        worker::dead_letter(self, error, None, now)
    }

    fn to_bytes(&self) -> bytes::Bytes {
        serde_json::to_vec(self).expect("texts and numbers always serialise").into()
    }

    /// Whether the target is kept by this server, so that an attempt takes next to no time: no function and no endpoint.
    fn is_near(&self) -> bool {
        match service_of(&self.target) {
            "sqs" | "logs" => true,
            // The ARN of a subscription, which is what calls an endpoint, has a part more.
            "sns" => self.target.split(':').count() == 6,
            "events" => self.target.contains(":event-bus/"),
            _ => false,
        }
    }
}

/// The service in an ARN.
fn service_of(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}

fn unsupported(target: &str) -> Undelivered {
    Undelivered::refused("UNSUPPORTED_TARGET", format!("ebb does not deliver to the service of {target}"))
}

impl Undelivered {
    /// The target says no, and will again.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), again: Again::Never }
    }

    /// It may work later.
    pub fn for_now(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), again: Again::ByPolicy }
    }

    /// Whether a later attempt may succeed.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.again != Again::Never
    }
}

impl Targets {
    /// Adds the resources of a service.
    #[must_use]
    pub fn with(mut self, service: &'static str, target: Arc<dyn Target>) -> Self {
        self.by_service.insert(service, target);
        self
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// Those of the target; a service that ebb does not have refuses.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        match self.by_service.get(service_of(&delivery.target)) {
            Some(target) => target.deliver(delivery).await,
            None => Err(unsupported(&delivery.target)),
        }
    }

    /// As [`Target::lets`].
    ///
    /// # Errors
    /// Those of the target; a service that ebb does not have refuses.
    pub fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        match self.by_service.get(service_of(target)) {
            Some(one) => one.lets(target, caller),
            None => Err(unsupported(target)),
        }
    }
}

impl Targets {
    /// As [`Target::admit`].
    fn admit(&self, delivery: &Delivery) -> Option<Duration> {
        self.by_service.get(service_of(&delivery.target)).and_then(|target| target.admit(delivery))
    }
}

impl std::fmt::Debug for Targets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_service.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
