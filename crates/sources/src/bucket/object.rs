//! Objects as they are kept: one record for the current version of a key, one for each older one.

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BucketError, ObjectLock};

/// The kind of the records of current versions, by `BUCKET/KEY`. Names of buckets have no slash.
pub(super) const OBJECT: &str = "object";
/// The kind of the records of older versions, by `BUCKET/KEY`, a separator, and a number that falls with age.
pub(super) const VERSION: &str = "object-version";
/// Between a key and the number of a version.
const SEPARATOR: char = '\u{1}';
/// The longest key, in bytes. Source: S3 user guide, "Naming Amazon S3 objects" (2026-11).
const KEY_BYTES: usize = 1024;
/// The version of what was written while none were kept.
pub(super) const NULL_VERSION: &str = "null";

/// A version of an object, or a delete marker. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its version; `null` where none were kept.
    pub version: String,
    /// Where it stands among the versions of its key: the newer, the greater.
    pub order: u64,
    /// Whether it only says that the object was deleted.
    pub marker: bool,
    /// When it was written.
    pub modified: Timestamp,
    /// The entity tag, without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// The bodies that its bytes are in, one after the other.
    pub parts: Vec<ObjectPart>,
    /// Whether it was uploaded in parts.
    pub multipart: bool,
    /// What is told with it.
    pub headers: Headers,
    /// Metadata of users.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Checksums by the names of their algorithms, as they were given or computed.
    pub checksums: BTreeMap<String, String>,
    /// Further settings, by kind, as whoever set them wrote them.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// What holds it.
    #[serde(default)]
    pub lock: ObjectLock,
}

/// A piece of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectPart {
    /// The name of the body in the store.
    pub body: String,
    /// Bytes.
    pub size: u64,
    /// Its number among the parts of an upload; nought where it was not one.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub number: u32,
    /// Its checksums by the names of their algorithms, where it was a part of an upload.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checksums: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_nought(number: &u32) -> bool {
    *number == 0
}

/// Headers that are kept with an object, by their names in lower case (`content-type`, `cache-control`, …).
pub type Headers = BTreeMap<String, String>;

impl Object {
    pub(super) fn is_null_version(&self) -> bool {
        self.version == NULL_VERSION
    }
}

/// The key of the record of a current version.
pub(super) fn object_key(bucket: &str, key: &str) -> Result<String, BucketError> {
    if key.is_empty() || key.contains('\0') {
        return Err(BucketError::Invalid("The key is not valid.".to_owned()));
    }
    if key.len() > KEY_BYTES { Err(BucketError::KeyTooLong) } else { Ok(format!("{bucket}/{key}")) }
}

/// The key of the record of an older version: the newest comes first.
pub(super) fn version_key(bucket: &str, object: &Object) -> String {
    format!("{bucket}/{}{SEPARATOR}{:016x}", object.key, u64::MAX - object.order)
}

/// The range of the records of the older versions of a key.
pub(super) fn versions_range(bucket: &str, key: &str) -> (String, String) {
    (format!("{bucket}/{key}{SEPARATOR}"), format!("{bucket}/{key}{SEPARATOR}g"))
}

/// The range of all records of a bucket: `0` comes after the slash.
pub(super) fn bucket_range(bucket: &str) -> (String, String) {
    (format!("{bucket}/"), format!("{bucket}0"))
}
