//! FIFO topics: a line for each, in which messages wait in the order of their groups.
//!
//! A message is durable when it stands in the line. One worker for each topic takes messages out and delivers them one
//! after the other, so that each queue gets those of a group in order. What a queue refuses goes to its dead letters;
//! what cannot be delivered for now holds its group up. A message that is delivered a second time, after a crash, is
//! told as a duplicate by the FIFO queues behind. Source: Amazon SNS developer guide, "Message ordering and
//! deduplication with Amazon SNS FIFO topics" (2026-11).

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{Digest, Timestamp};
use ebb_store::{NewMessage, Receipt, ReceiptValidity, Receive, ReceivedMessage};

use super::message::{Accepted, Published};
use super::{Topic, TopicError, Topics};
use crate::delivery::{Delivery, PATIENCE, Targets};

/// How long a topic knows what was published.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// How long a message is taken for: longer than its deliveries take.
const TAKEN: Duration = Duration::from_secs(120);
/// Messages taken at one time.
const BATCH: u32 = 10;
/// The pause before what could not be delivered is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a worker looks whether its topic is still there.
const LOOK: Duration = Duration::from_secs(60);

impl Topics {
    /// Starts to deliver what FIFO topics accept. Must be called within a tokio runtime, once.
    pub fn start_fifo(&self, targets: Targets) {
        // Set by the one caller.
        let _ = self.inner.targets.set(targets);
        for topic in self.inner.topics.all().values().filter(|topic| topic.is_fifo()) {
            self.work_for(topic);
        }
    }

    /// The deduplication id that holds for a message, where its topic has them.
    pub(super) fn deduplication(&self, topic: &Topic, message: &Accepted) -> Option<String> {
        let own = || Digest::of(message.text.as_bytes()).to_string();
        topic.is_fifo().then(|| message.deduplication.clone().unwrap_or_else(own))
    }

    /// Puts messages into the line of their topic; those that were published before stay out.
    pub(super) async fn line_up(
        &self,
        topic: &Topic,
        messages: Vec<Accepted>,
    ) -> Result<Vec<Published>, TopicError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let by_group = topic.attribute("FifoThroughputScope") == Some("MessageGroup");
        let new = |message: &Accepted| {
            let id = self.deduplication(topic, message).unwrap_or_default();
            let group = message.group.clone().unwrap_or_default();
            let token = if by_group { format!("{group}\u{1}{id}") } else { id };
            NewMessage {
                name: message.id.clone(),
                body: serde_json::to_vec(message).expect("texts always serialise").into(),
                visible: message.at,
                group: Some(group),
                token: Some((token, message.at.plus(REMEMBERED))),
            }
        };
        let new = messages.iter().map(new).collect();
        let watch = self.inner.store.work().watch(messages.iter().map(|message| message.id.clone()));
        let sent = self.inner.store.messages().send(&topic.uid, new).await?;
        if sent.iter().any(|sent| sent.duplicate_of.is_none()) {
            watch.attempted(PATIENCE).await;
        }
        let published = messages.into_iter().zip(sent).map(|(message, sent)| Published {
            id: sent.duplicate_of.unwrap_or(message.id),
            sequence: Some(sequence(sent.id)),
        });
        Ok(published.collect())
    }

    /// Delivers what stands in the line of a topic, until the topic is removed or the server stops.
    pub(super) fn work_for(&self, topic: &Arc<Topic>) {
        let Some(targets) = self.inner.targets.get().cloned() else { return };
        let (name, uid) = (topic.name.clone(), topic.uid.clone());
        self.spawn(|topics| async move {
            loop {
                let Some(topic) = topics.inner.topics.get(&name).filter(|topic| topic.uid == uid) else {
                    return;
                };
                // Before it is looked, so that no replay is missed that is wanted meanwhile.
                let mut wanted = std::pin::pin!(topics.inner.replay_wanted.notified());
                wanted.as_mut().enable();
                let pause = match topics.work_off(&topic, &targets).await {
                    Ok(true) => LOOK,
                    Ok(false) => PAUSE,
                    Err(error) => {
                        tracing::error!(topic = topic.name, %error, "a FIFO topic could not be read; it is tried again");
                        tokio::time::sleep(PAUSE).await;
                        PAUSE
                    }
                };
                tokio::select! {
                    () = wanted => {}
                    _ = tokio::time::timeout(pause, topics.inner.store.messages().wait(&uid, true)) => {}
                }
            }
        });
    }

    /// Delivers what can be taken now, and what is to be replayed; says whether all replays are done.
    async fn work_off(&self, topic: &Topic, targets: &Targets) -> Result<bool, TopicError> {
        self.sweep_archive(topic).await?;
        let replayed = self.make_replays(topic, targets).await?;
        let messages = self.inner.store.messages();
        let receive = Receive {
            queue: topic.uid.clone(),
            limit: BATCH,
            max_bytes: None,
            attempt: None,
            invisible: TAKEN,
            fifo: true,
            not_before: Timestamp(0),
            dead_letters: None,
        };
        let mut held_up: Vec<Option<String>> = Vec::new();
        for taken in messages.receive(receive).await? {
            let receipt = Receipt { id: taken.id, receives: taken.receives };
            let group = group(&taken);
            // What follows in a group that is held up waits for what goes before.
            let delivered = !held_up.contains(&group) && self.deliver_one(topic, &taken, targets).await?;
            if delivered {
                messages.delete(&topic.uid, vec![receipt], ReceiptValidity::WhileThere).await?;
            } else {
                held_up.push(group);
                let pause = vec![(receipt, PAUSE)];
                messages.set_visibility(&topic.uid, pause, ReceiptValidity::WhileHeld).await?;
            }
        }
        Ok(replayed)
    }

    /// Delivers a message to all who want it; says whether it is done with.
    async fn deliver_one(
        &self,
        topic: &Topic,
        taken: &ReceivedMessage,
        targets: &Targets,
    ) -> Result<bool, TopicError> {
        let mut message: Accepted = match serde_json::from_slice(&taken.body) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(topic = topic.name, %error, "a message cannot be read and is dropped");
                return Ok(true);
            }
        };
        message.sequence = Some(sequence(taken.id));
        let mut is_done = true;
        for delivery in self.deliveries(topic, &message).await? {
            is_done = self.attempt(delivery, targets).await?;
            if !is_done {
                break;
            }
        }
        self.inner.store.work().attempted(&message.id);
        if !is_done {
            return Ok(false);
        }
        self.archive(topic, &message, &sequence(taken.id)).await?;
        Ok(true)
    }

    /// Makes one delivery; says whether it is done with.
    pub(super) async fn attempt(&self, delivery: Delivery, targets: &Targets) -> Result<bool, TopicError> {
        let Err(error) = targets.deliver(&delivery).await else { return Ok(true) };
        if error.may_retry() {
            tracing::warn!(target = delivery.target, %error, "a delivery holds its group up and is tried again");
            return Ok(false);
        }
        tracing::warn!(id = %delivery.id, target = delivery.target, %error, "a delivery is given up");
        if let Some(letter) = delivery.given_up(&error, self.inner.clock.now()) {
            self.inner.store.work().enqueue(vec![letter]).await?;
        }
        Ok(true)
    }
}

fn group(taken: &ReceivedMessage) -> Option<String> {
    serde_json::from_slice::<Accepted>(&taken.body).ok().and_then(|message| message.group)
}

/// The place of a message in a FIFO topic: 20 digits that grow.
fn sequence(id: i64) -> String {
    format!("{:020}", 10_000_000_000_000_000_000_u128 + u128::try_from(id).unwrap_or(0))
}
