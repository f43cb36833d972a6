//! What runs by itself: bytes that no object has any more are removed, and objects whose time is over.

use std::time::Duration;

use ebb_model::Timestamp;
use ebb_store::NewWork;

use super::{Buckets, ObjectPart};

/// The queue of bytes that no object has.
const GARBAGE: &str = "bucket-garbage";
/// How long they are kept: who began to read them reads on.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// Items that are removed at one time.
const BATCH: u32 = 64;
/// How long a claim holds.
const LEASE: Duration = Duration::from_secs(60);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often buckets are gone through.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How long an upload may take; the service has no limit, and says to set one.
const UPLOAD_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The work that removes bytes, to be committed with what makes them garbage.
pub(super) fn garbage(parts: &[ObjectPart], now: Timestamp) -> Option<NewWork> {
    if parts.is_empty() {
        return None;
    }
    let body = serde_json::to_vec(parts).expect("texts and numbers always serialise").into();
    Some(NewWork { queue: GARBAGE, body, due: now.plus(KEPT), watched: None })
}

impl Buckets {
    /// Removes bytes that no object has, until the server stops.
    pub(super) async fn collect_garbage(&self) {
        let work = self.inner.store.work();
        loop {
            match work.claim(GARBAGE, BATCH, LEASE).await {
                Ok(claimed) if claimed.is_empty() => work.wait(GARBAGE).await,
                Ok(claimed) => {
                    for item in claimed {
                        let parts: Vec<ObjectPart> = serde_json::from_slice(&item.body).unwrap_or_default();
                        self.discard(parts).await;
                        if let Err(error) = work.complete(&item).await {
                            tracing::warn!(%error, "bytes that are removed are removed again later");
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "bytes that no object has could not be looked for");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// Gives up uploads that nobody ended, and applies the rules of buckets, until the server stops.
    pub(super) async fn sweep(&self) {
        loop {
            for bucket in self.buckets() {
                let uploads = self.uploads(&bucket.name).await.unwrap_or_default();
                let now = self.inner.clock.now();
                for upload in uploads.iter().filter(|upload| now.since(upload.begun) > UPLOAD_KEPT) {
                    if let Err(error) = self.abort_upload(&bucket.name, upload).await {
                        tracing::error!(bucket = bucket.name, %error, "an old upload stays for now");
                    }
                }
            }
            self.apply_lifecycles().await;
            let pause = self.until_next_look(SWEEP);
            // Rules that change are applied at once.
            let _ = tokio::time::timeout(pause, self.inner.lifecycle_changed.notified()).await;
        }
    }
}
