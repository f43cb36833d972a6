//! Queues: messages are kept until somebody who received them deletes them.
//!
//! Source: Amazon SQS developer guide and API reference (2026-11). `send.rs` and `receive.rs` are the ways of a message,
//! `queues.rs` and `attributes.rs` what is configured, `moves.rs` brings dead letters back.

mod attributes;
mod error;
mod message;
mod moves;
mod policy;
mod queues;
mod receipt;
mod receive;
mod send;
mod target;

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region, Timestamp};
use ebb_store::{Change, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::registry::{Follow, Registry};

pub use attributes::{Attributes, Redrive};
pub use error::QueueError;
pub use message::{MessageAttribute, QueueMessage, StoredMessage, attributes_md5, md5_hex};
pub use moves::{MoveTask, MoveTaskState};
pub use queues::Queue;
pub use receipt::ReceiptHandle;
pub use receive::{ReceiveRequest, Received};
pub use send::{Batch, Sent};
pub use target::QueueTarget;

/// How often messages are looked for that were kept for long enough.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// Messages that are deleted at one time.
const SWEPT: u32 = 1000;

/// What the queues are opened with.
pub struct QueueParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region in their ARNs.
    pub region: Region,
}

/// The queues. Cheap to clone.
#[derive(Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    queues: Registry<Queue>,
    moves: Registry<MoveTask>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Queues {
    /// Reads what is configured, and goes on with what the last server did not end. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: QueueParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            queues: Registry::open(parts.store.clone(), "queue").await?,
            moves: Registry::open(parts.store.clone(), "queue-move").await?,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store: parts.store,
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
        });
        let queues = Self { inner };
        queues.spawn(|queues| async move { queues.sweep().await });
        queues.resume_moves();
        Ok(queues)
    }

    /// Ends what runs by itself; the next server goes on with it.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn spawn<F>(&self, run: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, run) = (self.inner.stop.clone(), run(self.clone()));
        self.inner.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(run).await;
        });
    }

    /// Deletes what was kept for as long as its queue keeps messages, until the server stops.
    async fn sweep(&self) {
        loop {
            for queue in self.inner.queues.all().values() {
                let before = self.kept_since(queue);
                let messages = self.inner.store.messages();
                loop {
                    match messages.expire(&queue.uid, before, SWEPT).await {
                        Ok(deleted) if deleted == u64::from(SWEPT) => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::error!(queue = queue.name, %error, "old messages stay for now");
                            break;
                        }
                    }
                }
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// What was sent before this is too old for the queue.
    fn kept_since(&self, queue: &Queue) -> Timestamp {
        let kept = i64::from(queue.attributes.retention_seconds()) * 1000;
        Timestamp(self.inner.clock.now().millis() - kept)
    }
}

impl Follow for Queues {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.queues.follow(change.clone()).await?;
            self.inner.moves.follow(change).await.map(drop)
        })
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues").field("queues", &self.inner.queues.all().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
