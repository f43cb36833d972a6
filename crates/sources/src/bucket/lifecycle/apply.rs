//! Rules applied: buckets are gone through after midnight, every hour, and when their rules change.

use std::time::Duration;

use super::{DAY, Due, LifecycleRule, due};
use crate::bucket::{Bucket, BucketError, Buckets, Object, Remover};

/// How long after midnight buckets are gone through, so that clocks that differ a little agree on the day.
const AFTER_MIDNIGHT: i64 = 1000;

impl Buckets {
    /// Sets the rules of a bucket, and applies them.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`].
    pub async fn set_lifecycle(
        &self,
        name: &str,
        rules: Vec<LifecycleRule>,
        edit: impl Fn(&mut Bucket),
    ) -> Result<(), BucketError> {
        let set = self.configure(name, |bucket| {
            bucket.lifecycle.clone_from(&rules);
            edit(bucket);
            Ok(())
        });
        set.await?;
        self.inner.lifecycle_changed.notify_one();
        Ok(())
    }

    /// Until buckets are gone through again: the next midnight, where that is sooner than `longest`.
    pub(in crate::bucket) fn until_next_look(&self, longest: Duration) -> Duration {
        let now = self.inner.clock.now().millis();
        let midnight = (now.div_euclid(DAY) + 1) * DAY + AFTER_MIDNIGHT;
        Duration::from_millis(u64::try_from(midnight - now).unwrap_or(0)).min(longest)
    }

    /// Removes what the rules of all buckets say.
    pub(in crate::bucket) async fn apply_lifecycles(&self) {
        for bucket in self.buckets() {
            if bucket.lifecycle.iter().any(|rule| rule.enabled)
                && let Err(error) = self.apply_lifecycle(&bucket).await
            {
                tracing::error!(bucket = bucket.name, %error, "lifecycle rules could not be applied; they are tried again");
            }
        }
    }

    async fn apply_lifecycle(&self, bucket: &Bucket) -> Result<(), BucketError> {
        let now = self.inner.clock.now();
        for upload in self.uploads(&bucket.name).await? {
            if bucket.lifecycle.iter().any(|rule| rule.aborts(&upload).is_some_and(|at| at <= now)) {
                self.abort_upload(&bucket.name, &upload).await?;
            }
        }
        let mut after = String::new();
        loop {
            let page = self.versions(&bucket.name, "", &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.object.key);
            let objects: Vec<Object> = page.into_iter().map(|entry| entry.object).collect();
            for versions in objects.chunk_by(|a, b| a.key == b.key) {
                for due in due(&bucket.lifecycle, versions, bucket.versioning, now) {
                    self.make(&bucket.name, due).await?;
                }
            }
        }
    }

    async fn make(&self, bucket: &str, due: Due<'_>) -> Result<(), BucketError> {
        let made = match due {
            Due::Expire(object) => self.expire(bucket, object).await,
            Due::Remove(object) => {
                self.remove(bucket, &object.key, Some(&object.version), Remover::Lifecycle).await.map(drop)
            }
        };
        match made {
            // Another day, when nothing holds it any more.
            Err(BucketError::Locked) => Ok(()),
            made => made,
        }
    }
}
