//! Buckets: objects under keys, with versions, uploads in parts, and events of what happens to them.
//!
//! Source: Amazon S3 user guide and API reference (2026-11). `objects.rs` and `uploads.rs` write, `read.rs` and
//! `listing.rs` read, `notify.rs` tells others, `lifecycle.rs` and `lock.rs` say what goes by itself and what stays; what
//! is configured is in `buckets.rs`.
//!
//! The bytes of an object are written and synced first; then one commit makes its record, and with it the deliveries
//! that follow. So nobody sees half an object, and none is lost or goes untold once it was acknowledged.

mod buckets;
mod code;
mod error;
mod lifecycle;
mod listing;
mod lock;
mod notify;
mod object;
mod objects;
mod read;
mod sweep;
mod uploads;

use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region};
use ebb_store::{Change, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::Targets;
use crate::registry::{Follow, Registry};

pub use buckets::{Bucket, REGION, Versioning};
pub use error::BucketError;
pub use lifecycle::{Expiration, LifecycleFilter, LifecycleRule, NoncurrentExpiration, expiry};
pub use listing::{Listing, ListingRequest, VersionEntry};
pub use lock::{DefaultRetention, ObjectLock, Retention, RetentionMode};
pub use notify::{Notification, NotificationTarget};
pub use object::{Headers, Object, ObjectPart};
pub use objects::{Condition, Deleted, NewObject, Remover, Written};
pub use uploads::{CompletedPart, LEAST_PART, Part, Upload};

/// What the buckets are opened with.
pub struct BucketParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region that they are in.
    pub region: Region,
}

/// The buckets. Cheap to clone.
#[derive(Clone)]
pub struct Buckets {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    buckets: Registry<Bucket>,
    /// Rules of a bucket were set: they are applied at once.
    lifecycle_changed: Notify,
    /// What notifications are delivered to; set once the server knows.
    targets: OnceLock<Targets>,
    turns: Turns,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Whose turn it is to write a key that many write at once; keys share a few locks.
struct Turns([tokio::sync::Mutex<()>; 32]);

impl Turns {
    async fn of(&self, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = std::hash::DefaultHasher::new();
        key.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % 32).unwrap_or_default();
        self.0[place].lock().await
    }
}

impl Buckets {
    /// Reads what is configured. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: BucketParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            buckets: Registry::open(parts.store.clone(), "bucket").await?,
            lifecycle_changed: Notify::new(),
            targets: OnceLock::new(),
            turns: Turns(std::array::from_fn(|_| tokio::sync::Mutex::default())),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store: parts.store,
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
        });
        let buckets = Self { inner };
        buckets.spawn(|buckets| async move { buckets.collect_garbage().await });
        buckets.spawn(|buckets| async move { buckets.sweep().await });
        Ok(buckets)
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
}

impl Follow for Buckets {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move { self.inner.buckets.follow(change).await.map(drop) })
    }
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets").field("buckets", &self.inner.buckets.all().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
