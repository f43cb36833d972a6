//! Object lock: versions that cannot be removed, until a time or until further notice.
//!
//! Source: S3 user guide, "Locking objects with Object Lock" (2026-11).

use std::sync::Arc;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::lifecycle::DAY;
use super::{BucketError, Buckets, Object};

/// What holds a version. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectLock {
    /// Until when it is kept.
    pub retention: Option<Retention>,
    /// Whether it is kept until further notice, where that was ever said.
    pub legal_hold: Option<bool>,
}

/// Until when a version is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// Until then.
    pub until: Timestamp,
}

/// How strictly a version is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionMode {
    /// Who says so may remove it all the same.
    Governance,
    /// Nobody may.
    Compliance,
}

/// How long the new versions of a bucket are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strictly.
    pub mode: RetentionMode,
    /// For how many days.
    pub days: u32,
}

impl DefaultRetention {
    /// The retention of what is written now.
    pub(super) fn from(self, now: Timestamp) -> Retention {
        Retention { mode: self.mode, until: Timestamp(now.millis() + i64::from(self.days) * DAY) }
    }
}

impl ObjectLock {
    /// Whether a version may be removed.
    ///
    /// # Errors
    /// [`BucketError::Locked`].
    pub(super) fn check(self, bypass_governance: bool, now: Timestamp) -> Result<(), BucketError> {
        let retained = self.retention.is_some_and(|retention| {
            now < retention.until && !(bypass_governance && retention.mode == RetentionMode::Governance)
        });
        if retained || self.legal_hold == Some(true) { Err(BucketError::Locked) } else { Ok(()) }
    }

    /// Sets another retention, or none: compliance is only lengthened, and so is governance but for who may bypass it.
    fn retain(
        &mut self,
        retention: Option<Retention>,
        bypass_governance: bool,
        now: Timestamp,
    ) -> Result<(), BucketError> {
        if let Some(present) = self.retention.filter(|present| now < present.until) {
            let longer = retention.is_some_and(|new| new.mode == present.mode && new.until >= present.until);
            let bypassed = bypass_governance && present.mode == RetentionMode::Governance;
            if !longer && !bypassed {
                return Err(BucketError::Locked);
            }
        }
        self.retention = retention;
        Ok(())
    }
}

impl Buckets {
    /// Sets until when a version is kept; nothing takes that away.
    ///
    /// # Errors
    /// [`BucketError::LockMissing`] where the bucket has no lock, [`BucketError::Locked`] where it may not be shortened;
    /// those of reading it.
    pub async fn set_retention(
        &self,
        (bucket, key, version): (&str, &str, Option<&str>),
        retention: Option<Retention>,
        bypass_governance: bool,
    ) -> Result<Arc<Object>, BucketError> {
        self.check_lockable(bucket)?;
        let now = self.inner.clock.now();
        let edit = |object: &mut Object| object.lock.retain(retention, bypass_governance, now);
        self.annotate(bucket, key, version, edit, None).await
    }

    /// Sets whether a version is kept until further notice.
    ///
    /// # Errors
    /// [`BucketError::LockMissing`] where the bucket has no lock; those of reading it.
    pub async fn set_legal_hold(
        &self,
        (bucket, key, version): (&str, &str, Option<&str>),
        hold: bool,
    ) -> Result<Arc<Object>, BucketError> {
        self.check_lockable(bucket)?;
        let edit = |object: &mut Object| {
            object.lock.legal_hold = Some(hold);
            Ok(())
        };
        self.annotate(bucket, key, version, edit, None).await
    }

    /// Whether the versions of a bucket can be locked.
    ///
    /// # Errors
    /// [`BucketError::LockMissing`], [`BucketError::NoSuchBucket`].
    pub fn check_lockable(&self, bucket: &str) -> Result<(), BucketError> {
        if self.bucket(bucket)?.object_lock { Ok(()) } else { Err(BucketError::LockMissing) }
    }
}

#[cfg(test)]
mod tests {
    use RetentionMode::{Compliance, Governance};

    use super::*;

    fn lock(mode: RetentionMode, until: i64) -> ObjectLock {
        ObjectLock { retention: Some(Retention { mode, until: Timestamp(until) }), legal_hold: None }
    }

    #[test]
    fn what_is_locked_stays() {
        let now = Timestamp(100);
        for (lock, bypass, free) in [
            (ObjectLock::default(), false, true),
            (lock(Governance, 200), false, false),
            (lock(Governance, 200), true, true),
            (lock(Governance, 100), false, true),
            (lock(Compliance, 200), true, false),
            (lock(Compliance, 50), false, true),
            (ObjectLock { legal_hold: Some(true), ..lock(Governance, 50) }, true, false),
            (ObjectLock { legal_hold: Some(false), ..ObjectLock::default() }, false, true),
        ] {
            assert_eq!(lock.check(bypass, now).is_ok(), free, "{lock:?} {bypass}");
        }
    }

    #[test]
    fn a_retention_grows_and_shrinks_only_by_who_may() {
        let now = Timestamp(100);
        let to = |mode, until| Some(Retention { mode, until: Timestamp(until) });
        for (mut present, new, bypass, taken) in [
            (ObjectLock::default(), to(Governance, 200), false, true),
            (lock(Governance, 200), to(Governance, 300), false, true),
            (lock(Governance, 200), to(Governance, 150), false, false),
            (lock(Governance, 200), to(Governance, 150), true, true),
            (lock(Governance, 200), None, false, false),
            (lock(Governance, 200), None, true, true),
            (lock(Governance, 200), to(Compliance, 200), true, true),
            (lock(Compliance, 200), to(Compliance, 201), false, true),
            (lock(Compliance, 200), to(Compliance, 199), true, false),
            (lock(Compliance, 200), to(Governance, 300), true, false),
            (lock(Compliance, 200), None, true, false),
            (lock(Compliance, 90), None, false, true),
        ] {
            let before = present;
            assert_eq!(present.retain(new, bypass, now).is_ok(), taken, "{before:?} {new:?} {bypass}");
            assert_eq!(present.retention, if taken { new } else { before.retention });
        }
    }
}
