//! Receiving: what is visible, at once or as soon as there is something; and what follows a receipt.

use std::time::Duration;

use ebb_model::Timestamp;
use ebb_store::{Attempt, DeadLetters, Receipt, ReceiptUse, ReceiptValidity, Receive};
use serde_json::Value;
use tokio::time::Instant;

use super::send::{REMEMBERED, check_batch, check_id, sequence};
use super::{Batch, Queue, QueueError, Queues, ReceiptHandle, StoredMessage};

/// How long a message that was received may be invisible, in seconds, however often that is changed.
/// Source: SQS API reference, `ChangeMessageVisibility` (2026-11).
const LONGEST_VISIBILITY: u32 = 43_200;

/// How messages are asked for.
#[derive(Debug, Clone, Default)]
pub struct ReceiveRequest {
    /// At most so many: 1 to 10; one where absent.
    pub limit: Option<i64>,
    /// How long they are invisible then, in seconds; as the queue says where absent.
    pub visibility_seconds: Option<i64>,
    /// How long to wait for the first, in seconds; as the queue says where absent.
    pub wait_seconds: Option<i64>,
    /// No more bytes of stored messages than this; for receivers within the server.
    pub max_bytes: Option<usize>,
    /// Names the attempt, for FIFO queues: a second one within five minutes is given the same messages, while nothing
    /// became of them.
    pub attempt: Option<String>,
}

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message.
    pub message: StoredMessage,
    /// What deletes it.
    pub receipt: ReceiptHandle,
    /// How often it was received.
    pub receives: i64,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was first received.
    pub first_received: Timestamp,
    /// Its place in a FIFO queue.
    pub sequence: Option<String>,
    /// The ARN of the queue that a dead letter comes from.
    pub source_arn: Option<String>,
}

impl Received {
    /// What the system knows of a message, by the names of the service.
    /// Source: SQS API reference, `ReceiveMessage` (2026-11).
    #[must_use]
    pub fn system_attributes(&self) -> Vec<(String, Value)> {
        let message = &self.message;
        let members = [
            ("SenderId", Some(message.sender.clone())),
            ("SentTimestamp", Some(self.sent.millis().to_string())),
            ("ApproximateReceiveCount", Some(self.receives.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(self.first_received.millis().to_string())),
            ("SequenceNumber", self.sequence.clone()),
            ("MessageGroupId", message.group.clone()),
            ("MessageDeduplicationId", message.deduplication.clone()),
            ("DeadLetterQueueSourceArn", self.source_arn.clone()),
            (
                "AWSTraceHeader",
                message.system_attributes.get("AWSTraceHeader").map(|trace| trace.value.clone()),
            ),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
    }
}

impl Queues {
    /// Receives messages. Safe to cancel: what was taken then comes back when its visibility timeout ends.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] for what is out of range, [`QueueError::Store`].
    pub async fn receive(
        &self,
        queue: &Queue,
        request: &ReceiveRequest,
    ) -> Result<Vec<Received>, QueueError> {
        let limit = request.limit.map_or(Ok(1), |limit| within("MaxNumberOfMessages", limit, 1, 10))?;
        let visibility = match request.visibility_seconds {
            Some(seconds) => within("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)?,
            None => queue.attributes.visibility_seconds(),
        };
        let wait = match request.wait_seconds {
            Some(seconds) => within("WaitTimeSeconds", seconds, 0, 20)?,
            None => queue.attributes.wait_seconds(),
        };
        let attempt = request.attempt.as_deref().filter(|_| queue.is_fifo());
        attempt.map_or(Ok(()), |id| check_id("ReceiveRequestAttemptId", id))?;
        let now = self.inner.clock.now();
        let attempt = attempt.map(|id| Attempt { id: id.to_owned(), until: now.plus(REMEMBERED) });
        let receive = Receive {
            queue: queue.uid.clone(),
            limit,
            invisible: Duration::from_secs(visibility.into()),
            fifo: queue.is_fifo(),
            not_before: self.kept_since(queue),
            dead_letters: self.dead_letters(queue),
            max_bytes: request.max_bytes,
            attempt,
        };
        let deadline = Instant::now() + Duration::from_secs(wait.into());
        loop {
            let received = self.receive_now(queue, &receive).await?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let waiting = self.inner.store.messages().wait(&queue.uid, queue.is_fifo());
            tokio::select! {
                () = waiting => {}
                () = tokio::time::sleep_until(deadline) => {}
                // The client finds another server, or this one when it is back.
                () = self.inner.stop.cancelled() => return Ok(received),
            }
        }
    }

    async fn receive_now(&self, queue: &Queue, receive: &Receive) -> Result<Vec<Received>, QueueError> {
        let received = self.inner.store.messages().receive(receive.clone()).await?;
        let now = self.inner.clock.now();
        let read = |taken: ebb_store::ReceivedMessage| {
            let message = match serde_json::from_slice(&taken.body) {
                Ok(message) => message,
                Err(error) => {
                    tracing::error!(queue = queue.name, id = taken.id, %error, "a message cannot be read");
                    return None;
                }
            };
            // An attempt that is repeated is given the same receipts.
            let remembered = i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX);
            let received = taken.attempt_until.map_or(now, |until| Timestamp(until.millis() - remembered));
            Some(Received {
                message,
                receipt: ReceiptHandle::new(
                    queue,
                    Receipt { id: taken.id, receives: taken.receives },
                    received,
                ),
                receives: taken.receives,
                sent: taken.sent,
                first_received: taken.first_received,
                sequence: queue.is_fifo().then(|| sequence(taken.id)),
                source_arn: taken.source,
            })
        };
        Ok(received.into_iter().filter_map(read).collect())
    }

    /// Waits until there may be something to receive. Safe to cancel.
    pub async fn wait(&self, queue: &Queue) {
        self.inner.store.messages().wait(&queue.uid, queue.is_fifo()).await;
    }

    fn dead_letters(&self, queue: &Queue) -> Option<DeadLetters> {
        let redrive = queue.attributes.redrive()?;
        // Where the other queue is gone, messages stay.
        let target = self.find(&redrive.queue_arn).ok()?;
        Some(DeadLetters {
            max_receives: redrive.max_receives.into(),
            queue: target.uid.clone(),
            source: self.arn(&queue.name),
            begins_anew: queue.is_fifo(),
        })
    }

    /// Deletes a message, in standard queues also one that was received again meanwhile. One that is gone is no error.
    ///
    /// # Errors
    /// [`QueueError::ReceiptHandle`], [`QueueError::ReceiptExpired`] in FIFO queues, [`QueueError::Store`].
    pub async fn delete_message(&self, queue: &Queue, handle: &str) -> Result<(), QueueError> {
        let receipt = ReceiptHandle::read(queue, handle)?;
        let messages = self.inner.store.messages();
        let deleted = messages.delete(&queue.uid, vec![receipt], validity(queue)).await?;
        deleted.first().map_or(Ok(()), |came_of_it| deletion(queue, handle, *came_of_it))
    }

    /// Deletes up to ten messages.
    ///
    /// # Errors
    /// Those of batches.
    pub async fn delete_batch(
        &self,
        queue: &Queue,
        entries: Vec<(String, String)>,
    ) -> Result<Batch<()>, QueueError> {
        check_batch("DeleteMessageBatchRequestEntry", entries.iter().map(|(id, _)| id.as_str()))?;
        let receipts: Vec<Result<Receipt, QueueError>> =
            entries.iter().map(|(_, handle)| ReceiptHandle::read(queue, handle)).collect();
        let right = receipts.iter().filter_map(|receipt| receipt.as_ref().ok().copied()).collect();
        let messages = self.inner.store.messages();
        let mut deleted = messages.delete(&queue.uid, right, validity(queue)).await?.into_iter();
        let settle = |((id, handle), receipt): ((String, String), Result<Receipt, QueueError>)| {
            let result = receipt.and_then(|_| match deleted.next() {
                Some(came_of_it) => deletion(queue, &handle, came_of_it),
                None => Ok(()),
            });
            (id, result)
        };
        Ok(entries.into_iter().zip(receipts).map(settle).collect())
    }

    /// Sets how long from now a message stays invisible, in seconds.
    ///
    /// # Errors
    /// [`QueueError::ReceiptHandle`], [`QueueError::MessageGone`], [`QueueError::NotInFlight`] in FIFO queues,
    /// [`QueueError::Parameter`].
    pub async fn change_visibility(
        &self,
        queue: &Queue,
        handle: &str,
        seconds: i64,
    ) -> Result<(), QueueError> {
        let (receipt, received) = ReceiptHandle::read_with_time(queue, handle)?;
        let seconds = within("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)?;
        let held = received.map_or(0, |received| self.inner.clock.now().since(received).as_secs());
        if held + u64::from(seconds) > u64::from(LONGEST_VISIBILITY) {
            return Err(QueueError::Parameter(format!(
                "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the \
                 message is beyond the limit [{LONGEST_VISIBILITY} seconds]"
            )));
        }
        let changes = vec![(receipt, Duration::from_secs(seconds.into()))];
        let messages = self.inner.store.messages();
        match messages.set_visibility(&queue.uid, changes, validity(queue)).await?.first() {
            Some(ReceiptUse::Done) => Ok(()),
            Some(ReceiptUse::NotInFlight) => Err(QueueError::NotInFlight),
            _ => Err(QueueError::MessageGone(handle.to_owned())),
        }
    }

    /// As [`Queues::change_visibility`], of up to ten messages.
    ///
    /// # Errors
    /// Those of batches.
    pub async fn change_visibility_batch(
        &self,
        queue: &Queue,
        entries: Vec<(String, String, i64)>,
    ) -> Result<Batch<()>, QueueError> {
        check_batch("ChangeMessageVisibilityBatchRequestEntry", entries.iter().map(|(id, ..)| id.as_str()))?;
        let mut batch = Vec::with_capacity(entries.len());
        for (id, handle, seconds) in entries {
            let changed = self.change_visibility(queue, &handle, seconds).await;
            batch.push((id, changed));
        }
        Ok(batch)
    }
}

/// How long a receipt counts. In a standard queue every receipt of a message does (recorded 2025). In a FIFO queue the next of a group follow as soon as a message is visible again, so
/// that its receipt ends then. Source: SQS API reference, `DeleteMessage` (2026-11); recorded 2025.
fn validity(queue: &Queue) -> ReceiptValidity {
    if queue.is_fifo() { ReceiptValidity::WhileHeld } else { ReceiptValidity::WhileThere }
}

fn deletion(queue: &Queue, handle: &str, came_of_it: ReceiptUse) -> Result<(), QueueError> {
    match came_of_it {
        ReceiptUse::NotInFlight if queue.is_fifo() => Err(QueueError::ReceiptExpired(handle.to_owned())),
        _ => Ok(()),
    }
}

fn within(name: &str, value: i64, least: u32, most: u32) -> Result<u32, QueueError> {
    if let Some(right) = u32::try_from(value).ok().filter(|value| (least..=most).contains(value)) {
        return Ok(right);
    }
    // The service words the range of a wait otherwise than the others (recorded 2025).
    let range = match name {
        "WaitTimeSeconds" => format!(">= {least} and <= {most}"),
        _ => format!("between {least} and {most}"),
    };
    Err(QueueError::Parameter(format!(
        "Value {value} for parameter {name} is invalid. Reason: Must be {range}, if provided."
    )))
}
