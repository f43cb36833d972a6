//! Buckets: made, listed, configured and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::notify::Notification;
use super::object::{OBJECT, bucket_range};
use super::{BucketError, Buckets, DefaultRetention, LifecycleRule};

/// A bucket. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name, unique.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who hears of what happens.
    pub notifications: Vec<Notification>,
    /// Whether the default event bus hears of everything.
    pub event_bus: bool,
    /// Other configurations, by kind, as whoever set them wrote them.
    pub settings: BTreeMap<String, String>,
    /// When what is in it goes by itself.
    #[serde(default)]
    pub lifecycle: Vec<LifecycleRule>,
    /// Whether versions can be locked.
    #[serde(default)]
    pub object_lock: bool,
    /// How long new versions are kept where nothing else is said.
    #[serde(default)]
    pub default_retention: Option<DefaultRetention>,
}

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did.
    Never,
    /// It does.
    Enabled,
    /// It did once: what is written now takes the place of the version `null`.
    Suspended,
}

/// The setting that says which region a bucket was made in, where that is not the server's.
pub const REGION: &str = "region";

impl Bucket {
    /// The region that it was made in; `default` is the server's.
    #[must_use]
    pub fn region<'a>(&'a self, default: &'a str) -> &'a str {
        self.settings.get(REGION).map_or(default, String::as_str)
    }

    fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created: now,
            versioning: Versioning::Never,
            tags: BTreeMap::new(),
            notifications: Vec::new(),
            event_bus: false,
            settings: BTreeMap::new(),
            lifecycle: Vec::new(),
            object_lock: false,
            default_retention: None,
        }
    }
}

impl Buckets {
    /// Makes a bucket.
    ///
    /// # Errors
    /// [`BucketError::BucketName`], [`BucketError::Exists`].
    pub async fn create(&self, name: &str) -> Result<Arc<Bucket>, BucketError> {
        self.create_with(name, |_| ()).await
    }

    /// Makes a bucket, configured as `configure` says.
    ///
    /// # Errors
    /// As [`Buckets::create`].
    pub async fn create_with(
        &self,
        name: &str,
        configure: impl Fn(&mut Bucket),
    ) -> Result<Arc<Bucket>, BucketError> {
        if !is_bucket_name(name) {
            return Err(BucketError::BucketName);
        }
        let now = self.inner.clock.now();
        let made = self.inner.buckets.edit(name, |before| match before {
            Some(_) => Err(BucketError::Exists),
            None => {
                let mut bucket = Bucket::new(name, now);
                configure(&mut bucket);
                Ok(Some(bucket))
            }
        });
        made.await?.ok_or(BucketError::NoSuchBucket)
    }

    /// A bucket.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`].
    pub fn bucket(&self, name: &str) -> Result<Arc<Bucket>, BucketError> {
        self.inner.buckets.get(name).ok_or(BucketError::NoSuchBucket)
    }

    /// All buckets, by name.
    #[must_use]
    pub fn buckets(&self) -> Vec<Arc<Bucket>> {
        self.inner.buckets.all().values().cloned().collect()
    }

    /// What time it is for the buckets.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The region that the buckets are in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.inner.region.as_str()
    }

    /// Whose the buckets are.
    #[must_use]
    pub fn account(&self) -> &str {
        self.inner.account.as_str()
    }

    /// Changes what is configured of a bucket.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], and those of `edit`.
    pub async fn configure(
        &self,
        name: &str,
        edit: impl Fn(&mut Bucket) -> Result<(), BucketError>,
    ) -> Result<Arc<Bucket>, BucketError> {
        let edited = self.inner.buckets.edit(name, |before| {
            let mut bucket = before.cloned().ok_or(BucketError::NoSuchBucket)?;
            edit(&mut bucket)?;
            Ok::<_, BucketError>(Some(bucket))
        });
        edited.await?.ok_or(BucketError::NoSuchBucket)
    }

    /// Removes a bucket that has no objects, versions or uploads.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::NotEmpty`], [`BucketError::VersionsLeft`].
    pub async fn delete(&self, name: &str) -> Result<(), BucketError> {
        let versioned = self.bucket(name)?.versioning != Versioning::Never;
        let (from, until) = bucket_range(name);
        for kind in [OBJECT, super::object::VERSION] {
            if !self.inner.store.records().range(kind, &from, &until, 1).await?.is_empty() {
                return Err(if versioned { BucketError::VersionsLeft } else { BucketError::NotEmpty });
            }
        }
        self.abort_all_uploads(name).await?;
        self.inner.buckets.edit(name, |_| Ok::<_, BucketError>(None)).await?;
        Ok(())
    }
}

/// Source: S3 user guide, "General purpose bucket naming rules" (2026-11).
fn is_bucket_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.chars().all(legal)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3"].iter().any(|suffix| name.ends_with(suffix))
}
