//! Publishing: checked, durable when it is acknowledged, and passed on to whoever subscribed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ebb_model::RequestId;
use ebb_store::NewWork;

use super::archive::Replay;
use super::envelope::Seals;
use super::message::{Accepted, BYTES, Published, TopicMessage};
use super::subscriptions::of_topic;
use super::{Protocol, Subscription, Topic, TopicError, Topics, endpoint};
use crate::delivery::{DeadLetter, Delivery, Message, PATIENCE, ReasonNames, Sender};

/// The most entries of a batch.
const ENTRIES: usize = 10;

/// The entries of a batch by their ids, and what became of each.
pub type Batch = Vec<(String, Published)>;

impl Topics {
    /// Publishes one message; durable when it returns.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`], [`TopicError::Value`].
    pub async fn publish(&self, topic_arn: &str, message: TopicMessage) -> Result<Published, TopicError> {
        let topic = self.topic(topic_arn)?;
        self.check_denied(&topic)?;
        let accepted = self.accept(&topic, message)?;
        let published = self.pass_on(&topic, vec![accepted]).await?;
        published.into_iter().next().ok_or_else(TopicError::no_topic)
    }

    /// Publishes up to ten messages at once.
    ///
    /// # Errors
    /// Those of batches and of messages: then none was published.
    pub async fn publish_batch(
        &self,
        topic_arn: &str,
        entries: Vec<(String, TopicMessage)>,
    ) -> Result<Batch, TopicError> {
        let topic = self.topic(topic_arn)?;
        self.check_denied(&topic)?;
        check_batch(&entries)?;
        let (ids, messages): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        // The service refuses all for what is wrong with one (recorded 2025).
        let accepted = messages
            .into_iter()
            .map(|message| self.accept(&topic, message))
            .collect::<Result<Vec<_>, TopicError>>()?;
        let published = self.pass_on(&topic, accepted).await?;
        Ok(ids.into_iter().zip(published).collect())
    }

    pub(super) fn accept(&self, topic: &Topic, message: TopicMessage) -> Result<Accepted, TopicError> {
        message.accept(topic, RequestId::random().to_string(), self.inner.clock.now())
    }

    /// Makes messages durable: as the deliveries that they lead to, or in the line of a FIFO topic.
    pub(super) async fn pass_on(
        &self,
        topic: &Topic,
        messages: Vec<Accepted>,
    ) -> Result<Vec<Published>, TopicError> {
        if topic.is_fifo() {
            return self.line_up(topic, messages).await;
        }
        let mut work = Vec::new();
        for message in &messages {
            for delivery in self.deliveries(topic, message).await? {
                work.push(self.due_now(delivery));
            }
        }
        self.inner.store.work().enqueue_and_watch(Vec::new(), work, PATIENCE).await?;
        Ok(messages.into_iter().map(|message| Published { id: message.id, sequence: None }).collect())
    }

    fn due_now(&self, delivery: Delivery) -> NewWork {
        let now = self.inner.clock.now();
        delivery.into_work(now)
    }

    /// One delivery for each subscription that wants the message.
    pub(super) async fn deliveries(
        &self,
        topic: &Topic,
        message: &Accepted,
    ) -> Result<Vec<Delivery>, TopicError> {
        let all = self.inner.subscriptions.all();
        let wanting: Vec<&Arc<Subscription>> = of_topic(&all, &topic.name)
            .filter(|subscription| !subscription.is_pending() && subscription.wants(message))
            // Who is caught up by a replay gets it by that.
            .filter(|subscription| !subscription.replay.as_ref().is_some_and(Replay::holds_back))
            .collect();
        let mut seals = Seals::default();
        let mut deliveries = Vec::with_capacity(wanting.len());
        for subscription in wanting {
            deliveries.push(self.delivery(topic, subscription, message, &mut seals).await?);
        }
        Ok(deliveries)
    }

    pub(super) async fn delivery(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        message: &Accepted,
        seals: &mut Seals,
    ) -> Result<Delivery, TopicError> {
        let text = message.text_for(subscription.protocol);
        let raw = subscription.is_raw();
        let seal = if topic.is_fifo() || raw {
            None
        } else {
            Some(self.seal_message(topic, message, text, seals).await?)
        };
        let envelope =
            if raw { text.to_owned() } else { self.envelope(subscription, message, seal.as_ref()) };
        let mut waits = None;
        let (target, body, extra) = match subscription.protocol {
            Protocol::Sqs => (subscription.endpoint.clone(), envelope.clone(), None),
            Protocol::Lambda => {
                let event = self.function_event(subscription, message, seal.as_ref());
                (subscription.endpoint.clone(), event, None)
            }
            Protocol::Http | Protocol::Https | Protocol::Email | Protocol::EmailJson => {
                waits = Some(self.waits(topic, subscription));
                let about = endpoint::about("Notification", &message.id, raw);
                (self.subscription_arn(subscription), envelope.clone(), Some(about))
            }
        };
        let attributes = if raw { message.attributes.clone() } else { BTreeMap::new() };
        let out = Message {
            body,
            attributes,
            group: message.group.clone(),
            deduplication: self.deduplication(topic, message),
            extra,
            trace: message.trace.clone(),
            ..Message::default()
        };
        let from = Sender::Service(self.caller(topic));
        let mut delivery = Delivery::new(target, out, from, message.at);
        delivery.waits = waits;
        delivery.cause = Some(message.id.clone());
        delivery.dead_letter = dead_letter(subscription, delivery.id, envelope);
        Ok(delivery)
    }
}

/// Where what cannot be delivered goes: as a queue would have got it, with what explains it.
fn dead_letter(subscription: &Subscription, id: RequestId, body: String) -> Option<DeadLetter> {
    let policy: serde_json::Value = serde_json::from_str(subscription.attribute("RedrivePolicy")?).ok()?;
    let arn = policy["deadLetterTargetArn"].as_str()?.to_owned();
    // What queues and functions did not take is explained nowhere (recorded 2025).
    let explained =
        subscription.protocol.is_http().then(|| BTreeMap::from([("RequestID".to_owned(), id.to_string())]));
    Some(DeadLetter { arn, explained, body: Some(body), names: ReasonNames::Topic })
}

fn check_batch(entries: &[(String, TopicMessage)]) -> Result<(), TopicError> {
    if entries.is_empty() {
        return Err(TopicError::EmptyBatch);
    }
    if entries.len() > ENTRIES {
        return Err(TopicError::BatchTooMany);
    }
    let mut seen = HashSet::new();
    for (id, _) in entries {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.len() > 80 {
            return Err(TopicError::BatchIdTooLong(id.clone()));
        }
        if id.is_empty() || !id.chars().all(legal) {
            return Err(TopicError::BatchId(id.clone()));
        }
        if !seen.insert(id) {
            return Err(TopicError::BatchIdRepeated);
        }
    }
    if entries.iter().map(|(_, message)| message.size()).sum::<usize>() > BYTES {
        return Err(TopicError::BatchTooLong);
    }
    Ok(())
}
