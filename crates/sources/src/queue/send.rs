//! Sending: checked, deduplicated, and durable when it is acknowledged.

use std::collections::HashSet;
use std::time::Duration;

use ebb_model::{Digest, RequestId};
use ebb_store::NewMessage;

use super::{Queue, QueueError, QueueMessage, Queues, StoredMessage, attributes_md5, md5_hex};

/// The most entries of a batch.
const ENTRIES: usize = 10;
/// The most bytes of a batch. Source: SQS developer guide, "Amazon SQS message quotas" (2026-11).
const BATCH_BYTES: usize = 1_048_576;
/// How long a FIFO queue knows what was sent.
pub(super) const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// The digest of its body.
    pub body_md5: String,
    /// The digest of its attributes.
    pub attributes_md5: Option<String>,
    /// The digest of its system attributes.
    pub system_attributes_md5: Option<String>,
    /// Its place in a FIFO queue.
    pub sequence: Option<String>,
}

/// The entries of a batch by their ids, and how each went.
pub type Batch<T> = Vec<(String, Result<T, QueueError>)>;

impl Queues {
    /// Sends one message; durable when it returns.
    ///
    /// # Errors
    /// Those of messages, and [`QueueError::NoSuchQueue`].
    pub async fn send(&self, queue: &Queue, message: QueueMessage, sender: &str) -> Result<Sent, QueueError> {
        let prepared = self.prepare(queue, message, sender)?;
        let sent = self.store_messages(queue, vec![prepared]).await?;
        sent.into_iter().next().ok_or(QueueError::NoSuchQueue)
    }

    /// Sends up to ten messages at once.
    ///
    /// # Errors
    /// Those of batches: then none was sent. What is wrong with single messages is said of each.
    pub async fn send_batch(
        &self,
        queue: &Queue,
        entries: Vec<(String, QueueMessage)>,
        sender: &str,
    ) -> Result<Batch<Sent>, QueueError> {
        check_batch("SendMessageBatchRequestEntry", entries.iter().map(|(id, _)| id.as_str()))?;
        let bytes: usize = entries.iter().map(|(_, message)| message.size()).sum();
        if bytes > BATCH_BYTES {
            return Err(QueueError::BatchTooLarge { limit: BATCH_BYTES, sent: bytes });
        }
        let mut batch = Vec::with_capacity(entries.len());
        let (mut prepared, mut ids) = (Vec::new(), Vec::new());
        if queue.is_fifo() {
            entries
                .iter()
                .try_for_each(|(_, message)| deduplication(queue, message).map(drop))
                .map_err(whole)?;
        }
        for (id, message) in entries {
            match self.prepare(queue, message, sender) {
                Ok(message) => {
                    prepared.push(message);
                    ids.push(id);
                }
                Err(error) => batch.push((id, Err(error))),
            }
        }
        let sent = self.store_messages(queue, prepared).await?;
        batch.extend(ids.into_iter().zip(sent.into_iter().map(Ok)));
        Ok(batch)
    }

    fn prepare(&self, queue: &Queue, message: QueueMessage, sender: &str) -> Result<Prepared, QueueError> {
        message.check()?;
        let limit = queue.attributes.maximum_bytes();
        if message.size() > limit {
            return Err(QueueError::Parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
            )));
        }
        let deduplication = deduplication(queue, &message)?;
        let delay = delay(queue, &message)?;
        let sent = Sent {
            id: RequestId::random().to_string(),
            body_md5: md5_hex(message.body.as_bytes()),
            attributes_md5: attributes_md5(&message.attributes),
            system_attributes_md5: attributes_md5(&message.system_attributes),
            sequence: None,
        };
        let stored = StoredMessage {
            id: sent.id.clone(),
            body: message.body,
            attributes: message.attributes,
            system_attributes: message.system_attributes,
            sender: sender.to_owned(),
            group: message.group,
            deduplication: deduplication.clone(),
        };
        let now = self.inner.clock.now();
        let by_group = queue.attributes.deduplicates_by_group();
        let token = deduplication.map(|id| match (&stored.group, by_group) {
            (Some(group), true) => format!("{group}\u{1}{id}"),
            _ => id,
        });
        let new = NewMessage {
            name: sent.id.clone(),
            body: serde_json::to_vec(&stored).expect("texts always serialise").into(),
            visible: now.plus(Duration::from_secs(delay.into())),
            group: stored.group.filter(|_| queue.is_fifo()),
            token: token.map(|token| (token, now.plus(REMEMBERED))),
        };
        Ok(Prepared { new, sent })
    }

    async fn store_messages(&self, queue: &Queue, prepared: Vec<Prepared>) -> Result<Vec<Sent>, QueueError> {
        if prepared.is_empty() {
            return Ok(Vec::new());
        }
        let (new, sent): (Vec<_>, Vec<_>) = prepared.into_iter().map(|one| (one.new, one.sent)).unzip();
        let stored = self.inner.store.messages().send(&queue.uid, new).await?;
        let settle = |(sent, stored): (Sent, ebb_store::SentMessage)| Sent {
            id: stored.duplicate_of.unwrap_or(sent.id),
            sequence: queue.is_fifo().then(|| sequence(stored.id)),
            ..sent
        };
        Ok(sent.into_iter().zip(stored).map(settle).collect())
    }
}

/// A message that is ready for the store.
struct Prepared {
    new: NewMessage,
    sent: Sent,
}

/// How long a message waits, in seconds. In a FIFO queue only the queue's own delay counts.
fn delay(queue: &Queue, message: &QueueMessage) -> Result<u32, QueueError> {
    match message.delay_seconds.filter(|_| !queue.is_fifo()) {
        None => Ok(queue.attributes.delay_seconds()),
        Some(delay) => u32::try_from(delay).ok().filter(|delay| *delay <= 900).ok_or_else(|| {
            QueueError::Parameter(format!(
                "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            ))
        }),
    }
}

/// The place of a message in a FIFO queue: 20 digits that grow.
pub(super) fn sequence(id: i64) -> String {
    format!("{:020}", 18_849_496_460_467_696_128_u128 + u128::try_from(id).unwrap_or(0))
}

/// Checks what is said of groups and duplicates, and gives the deduplication id that holds.
fn deduplication(queue: &Queue, message: &QueueMessage) -> Result<Option<String>, QueueError> {
    if let Some(group) = &message.group {
        check_id("MessageGroupId", group)?;
    }
    if let Some(id) = &message.deduplication {
        check_id("MessageDeduplicationId", id)?;
    }
    if !queue.is_fifo() {
        return match &message.deduplication {
            Some(id) => Err(QueueError::Parameter(format!(
                "Value {id} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter \
                 that is not valid for this queue type."
            ))),
            None => Ok(None),
        };
    }
    if message.group.is_none() {
        return Err(QueueError::Missing("MessageGroupId".to_owned()));
    }
    if let Some(delay) = message.delay_seconds.filter(|delay| *delay != 0) {
        return Err(QueueError::Parameter(format!(
            "Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not \
             valid for this queue type."
        )));
    }
    match &message.deduplication {
        Some(id) => Ok(Some(id.clone())),
        None if queue.attributes.content_based_deduplication() => {
            Ok(Some(Digest::of(message.body.as_bytes()).to_string()))
        }
        None => Err(QueueError::Parameter(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly"
                .to_owned(),
        )),
    }
}

/// What is wrong with the order or the duplicates of one entry is an invalid parameter of the whole batch
/// (recorded 2025).
fn whole(error: QueueError) -> QueueError {
    match error {
        error @ QueueError::Missing(_) => QueueError::Parameter(error.to_string()),
        error => error,
    }
}

pub(super) fn check_id(name: &str, id: &str) -> Result<(), QueueError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    if (1..=128).contains(&id.len()) && id.chars().all(legal) {
        return Ok(());
    }
    Err(QueueError::Parameter(format!(
        "Value {id} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and punctuation \
         characters. 1 to 128 in length."
    )))
}

/// Checks the ids of the entries of a batch.
pub(super) fn check_batch<'a>(
    what: &'static str,
    ids: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), QueueError> {
    let count = ids.len();
    if count == 0 {
        return Err(QueueError::EmptyBatch(what));
    }
    if count > ENTRIES {
        return Err(QueueError::BatchTooLong(count));
    }
    let mut seen = HashSet::new();
    for id in ids {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(1..=80).contains(&id.len()) || !id.chars().all(legal) {
            return Err(QueueError::BatchId);
        }
        if !seen.insert(id) {
            return Err(QueueError::BatchIdRepeated(id.to_owned()));
        }
    }
    Ok(())
}
