//! Messages of queues: sent, received for a time, deleted.
//!
//! A message that is received is invisible for a time and comes back when nobody deleted it by then: it is handed out at
//! least once. What a queue is called and how it behaves is its owner's; bodies are bytes.

mod change;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Clock, Timestamp};

pub(crate) use change::MessageChange;

use crate::StoreError;
use crate::database::{Answer, Arg, Database, Job, Row, reading};

/// How often other nodes' messages are looked for, where they share the database.
const SHARED_POLL: Duration = Duration::from_millis(200);
/// The pause after the database could not be asked.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// All messages of all queues. Cheap to clone.
#[derive(Clone)]
pub struct Messages {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its owner's name for it; what a duplicate is answered with.
    pub name: String,
    /// The bytes.
    pub body: Bytes,
    /// Not to be received before.
    pub visible: Timestamp,
    /// The group within which order holds, in FIFO queues.
    pub group: Option<String>,
    /// What tells that it was sent already, and until when that is remembered.
    pub token: Option<(String, Timestamp)>,
}

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// Its place among all messages: grows.
    pub id: i64,
    /// The name of the message that was sent before with the same token: this one was not kept.
    pub duplicate_of: Option<String>,
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Its place among all messages.
    pub id: i64,
    /// The bytes.
    pub body: Bytes,
    /// How often it was received, this time included. With the id it is the receipt.
    pub receives: i64,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was first received.
    pub first_received: Timestamp,
    /// Where a dead letter comes from, as it was given.
    pub source: Option<String>,
    /// Until when the attempt is remembered that it was given to first, where that has a name.
    pub attempt_until: Option<Timestamp>,
}

/// A receipt: proof that a message was received, until it is received again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The message.
    pub id: i64,
    /// Which time it was received.
    pub receives: i64,
}

/// How messages are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receive {
    /// From this queue.
    pub queue: String,
    /// At most so many.
    pub limit: u32,
    /// How long they are invisible then.
    pub invisible: Duration,
    /// Whether the order within groups holds: none of a group is given while one before it is invisible.
    pub fifo: bool,
    /// What was sent before is deleted instead.
    pub not_before: Timestamp,
    /// What was received so often already goes elsewhere instead.
    pub dead_letters: Option<DeadLetters>,
    /// No more bytes of bodies than this: what does not fit stays.
    pub max_bytes: Option<usize>,
    /// Names this attempt: while all that it was given is still held, a second one is given the same.
    pub attempt: Option<Attempt>,
}

/// The name of an attempt to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Unique among the attempts at the queue.
    pub id: String,
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// How often a message may be received.
    pub max_receives: i64,
    /// The queue that it goes to then.
    pub queue: String,
    /// What its `source` is there.
    pub source: String,
    /// Whether it is kept there for as long as what is sent now, not as what was sent when it was.
    pub begins_anew: bool,
}

/// How long a receipt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptValidity {
    /// While the message is invisible, and nobody has received it again.
    WhileHeld,
    /// As long as there is the message, also where somebody has received it again.
    WhileThere,
}

/// What came of the use of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptUse {
    /// What was asked for was done.
    Done,
    /// The message is there, and the receipt does not hold it any more.
    NotInFlight,
    /// There is no such message, or the receipt was never given.
    Gone,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Messages that may be received.
    pub visible: u64,
    /// Messages that someone holds.
    pub in_flight: u64,
    /// Messages whose time has not come.
    pub delayed: u64,
}

impl Messages {
    pub(crate) fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Sends messages; durable when it returns. Concurrent calls share one transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`] (none was sent, unless it says that it is in doubt), [`StoreError::Closed`].
    pub async fn send(&self, queue: &str, messages: Vec<NewMessage>) -> Result<Vec<SentMessage>, StoreError> {
        let change = MessageChange::Send { queue: queue.to_owned(), messages };
        match self.change(change).await? {
            Answer::Sent(sent) => Ok(sent),
            _ => Ok(Vec::new()),
        }
    }

    /// Receives messages that are visible now.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn receive(&self, receive: Receive) -> Result<Vec<ReceivedMessage>, StoreError> {
        // Most looks find nothing, and a look is cheaper than a change. An attempt may be given what is not visible.
        let now = self.clock.now();
        let look = receive.attempt.is_none();
        if look && self.next_visible(&receive.queue, receive.fifo).await?.is_none_or(|at| at > now) {
            return Ok(Vec::new());
        }
        match self.change(MessageChange::Receive(receive)).await? {
            Answer::Received(received) => Ok(received),
            _ => Ok(Vec::new()),
        }
    }

    /// Deletes messages, as far as their receipts count; tells for each what came of it.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn delete(
        &self,
        queue: &str,
        receipts: Vec<Receipt>,
        valid: ReceiptValidity,
    ) -> Result<Vec<ReceiptUse>, StoreError> {
        let change = MessageChange::Delete { queue: queue.to_owned(), receipts, valid };
        Ok(receipt_uses(self.change(change).await?.numbers()))
    }

    /// Sets how long from now each message stays invisible, as far as their receipts count.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn set_visibility(
        &self,
        queue: &str,
        changes: Vec<(Receipt, Duration)>,
        valid: ReceiptValidity,
    ) -> Result<Vec<ReceiptUse>, StoreError> {
        let change = MessageChange::SetVisibility { queue: queue.to_owned(), changes, valid };
        Ok(receipt_uses(self.change(change).await?.numbers()))
    }

    /// Moves up to `limit` visible messages to another queue; gives how many were moved. `source` picks those dead
    /// letters that come from there.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn move_some(
        &self,
        from: &str,
        to: &str,
        source: Option<&str>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let change = MessageChange::Move {
            from: from.to_owned(),
            to: to.to_owned(),
            source: source.map(str::to_owned),
            limit,
        };
        let moved = self.change(change).await?.numbers();
        Ok(moved.first().copied().and_then(|moved| u64::try_from(moved).ok()).unwrap_or(0))
    }

    /// Where the visible dead letters of a queue come from.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn sources(&self, queue: &str) -> Result<Vec<Option<String>>, StoreError> {
        let action = "look where dead letters come from";
        let sql = "SELECT COALESCE(source, ''), COUNT(*) FROM messages WHERE queue = $1 GROUP BY source";
        let rows = self.database.rows(action, sql, &[Arg::Text(queue)]).await?;
        let source = |row: &Row| row.text(0).map(|source| Some(source).filter(|source| !source.is_empty()));
        rows.iter().map(source).collect::<Result<_, _>>().map_err(reading(action))
    }

    /// Deletes all messages of a queue, and what it remembers of them.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn purge(&self, queue: &str) -> Result<(), StoreError> {
        self.change(MessageChange::Purge { queue: queue.to_owned() }).await.map(drop)
    }

    /// Deletes up to `limit` messages of a queue that were sent before `before`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn expire(&self, queue: &str, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let change = MessageChange::Expire { queue: queue.to_owned(), before, limit };
        let deleted = self.change(change).await?.numbers();
        Ok(deleted.first().copied().and_then(|deleted| u64::try_from(deleted).ok()).unwrap_or(0))
    }

    /// How full a queue is. Reads the whole queue's index.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn depth(&self, queue: &str) -> Result<QueueDepth, StoreError> {
        let action = "measure a queue";
        let args = [Arg::Text(queue), Arg::Int(self.clock.now().millis())];
        let rows = self.database.rows(action, DEPTH, &args).await?;
        rows.first().map_or_else(|| Ok(QueueDepth::default()), depth).map_err(reading(action))
    }

    /// Returns when a message may be received from the queue; `fifo` is as in [`Receive`]. Safe to cancel.
    ///
    /// Returns at once where one may be received already, so nothing is missed between a receive and this.
    pub async fn wait(&self, queue: &str, fifo: bool) {
        let bell = self.database.wakes().bell(&bell_name(queue));
        loop {
            // Listen before looking, so that what is sent in between rings.
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            let next = match self.next_visible(queue, fifo).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(queue, %error, "cannot look for messages");
                    tokio::time::sleep(ERROR_PAUSE).await;
                    return;
                }
            };
            let until_next = next.map(|at| at.since(self.clock.now()));
            if until_next == Some(Duration::ZERO) {
                return;
            }
            let shared = self.database.is_shared().then_some(SHARED_POLL);
            let sleep = [until_next, shared].into_iter().flatten().min();
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => {}
            }
        }
    }

    /// When a receive may next be given something; in the past where it may be now.
    ///
    /// What a held group keeps back becomes free when the visibility of something changes: where nothing is free now,
    /// the next moment at which that can happen is the answer.
    async fn next_visible(&self, queue: &str, fifo: bool) -> Result<Option<Timestamp>, StoreError> {
        let action = "look for messages";
        let now = self.clock.now().millis();
        let rows = if fifo {
            let args = [Arg::Text(queue), Arg::Int(now)];
            self.database.rows(action, NEXT_IN_ORDER, &args).await?
        } else {
            self.database.rows(action, NEXT, &[Arg::Text(queue)]).await?
        };
        let visible = rows.first().map_or(Ok(None), |row| row.maybe_int(0)).map_err(reading(action))?;
        Ok(visible.map(Timestamp))
    }

    async fn change(&self, change: MessageChange) -> Result<Answer, StoreError> {
        self.database.change(Job::Messages(change, self.clock.now())).await
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").finish_non_exhaustive()
    }
}

/// The bell that rings for a queue of messages.
pub(crate) fn bell_name(queue: &str) -> String {
    format!("messages {queue}")
}

const NEXT: &str = "SELECT MIN(visible) FROM messages WHERE queue = $1";
// The same rule as `CANDIDATES_IN_ORDER`.
const NEXT_IN_ORDER: &str = "SELECT COALESCE(
    (SELECT visible FROM messages AS m WHERE queue = $1 AND grp IS NOT NULL AND visible <= $2
        AND NOT EXISTS (SELECT 1 FROM messages AS held WHERE held.queue = m.queue AND held.grp = m.grp
            AND held.visible > $2 AND held.id < m.id)
        ORDER BY id LIMIT 1),
    (SELECT MIN(visible) FROM messages WHERE queue = $1 AND visible > $2))";

const DEPTH: &str = "SELECT COUNT(*) FILTER (WHERE visible <= $2),
        COUNT(*) FILTER (WHERE visible > $2 AND receives > 0),
        COUNT(*) FILTER (WHERE visible > $2 AND receives = 0)
    FROM messages WHERE queue = $1";

fn receipt_uses(numbers: Vec<i64>) -> Vec<ReceiptUse> {
    let read = |number| match number {
        0 => ReceiptUse::Gone,
        1 => ReceiptUse::NotInFlight,
        _ => ReceiptUse::Done,
    };
    numbers.into_iter().map(read).collect()
}

fn depth(row: &Row) -> Result<QueueDepth, sqlx::Error> {
    let count = |column| row.int(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(QueueDepth { visible: count(0)?, in_flight: count(1)?, delayed: count(2)? })
}

#[cfg(test)]
mod tests;
