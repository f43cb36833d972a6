//! All durable state: records, blobs, code packages, the work queue and logs. The only SQL in ebb.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Digest, Timestamp};

pub mod logs;

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The data folder.
    pub data: PathBuf,
    /// A PostgreSQL URL; SQLite in the data folder where absent.
    pub database: Option<String>,
    /// An object store URL; `blobs/` in the data folder where absent.
    pub blobs: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer changed the record first.
    #[error("{kind} {key} was changed by another request")]
    Conflict { kind: &'static str, key: String },
    #[error("{action}: {message}")]
    Failed { action: &'static str, message: String },
}

/// A handle to all durable state; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens (and where needed makes and migrates) the store. Refuses a data folder that another process holds.
    pub async fn open(_config: &StoreConfig) -> Result<Self, StoreError> {
        unimplemented!()
    }
    pub fn records(&self) -> &Records {
        unimplemented!()
    }
    pub fn blobs(&self) -> &Blobs {
        unimplemented!()
    }
    pub fn packages(&self) -> &Packages {
        unimplemented!()
    }
    pub fn work(&self) -> &WorkQueue {
        unimplemented!()
    }
    pub fn logs(&self) -> &logs::LogStore {
        unimplemented!()
    }
    /// Writes what waits and closes.
    pub async fn close(&self) {
        unimplemented!()
    }
}

/// Everything that is configured (as opposed to what flows): documents by kind and key, changed in transactions.
#[derive(Debug, Clone)]
pub struct Records {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    /// Grows by one with each write of this key.
    pub revision: i64,
    pub body: Bytes,
}

/// What must hold for a write to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Anything,
    Absent,
    Revision(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Put { kind: &'static str, key: String, body: Bytes, expect: Expect },
    Delete { kind: &'static str, key: String, expect: Expect },
}

impl Records {
    /// All records of a kind, by key.
    pub async fn load(&self, _kind: &'static str) -> Result<Vec<Record>, StoreError> {
        unimplemented!()
    }
    pub async fn get(&self, _kind: &'static str, _key: &str) -> Result<Option<Record>, StoreError> {
        unimplemented!()
    }
    /// Makes all the writes or none; durable when it returns. Gives the new revision of each (0 for a delete).
    pub async fn commit(&self, _writes: Vec<Write>) -> Result<Vec<i64>, StoreError> {
        unimplemented!()
    }
}

/// Immutable bytes by their SHA-256.
#[derive(Debug, Clone)]
pub struct Blobs {}

impl Blobs {
    /// Durable when it returns.
    pub async fn put(&self, _bytes: Bytes) -> Result<Digest, StoreError> {
        unimplemented!()
    }
    pub async fn get(&self, _digest: Digest) -> Result<Option<Bytes>, StoreError> {
        unimplemented!()
    }
    pub async fn delete(&self, _digest: Digest) -> Result<(), StoreError> {
        unimplemented!()
    }
}

/// Zip packages, checked, and unpacked on this machine.
#[derive(Debug, Clone)]
pub struct Packages {}

#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, or an unsafe one; the text says which entry and why.
    #[error("{0}")]
    Invalid(String),
    #[error("Unzipped size must be smaller than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("package {0} is not in the blob store")]
    Missing(Digest),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{action}: {message}")]
    Failed { action: &'static str, message: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageInfo {
    pub unzipped_bytes: u64,
    pub entries: u64,
}

impl Packages {
    /// Reads the zip's directory and every entry against the limits, without writing anything.
    pub async fn inspect(&self, _zip: Bytes) -> Result<PackageInfo, PackageError> {
        unimplemented!()
    }
    /// The folder that holds the package unpacked; made on first use, shared by all instances, never changed.
    pub async fn unpacked(&self, _digest: Digest) -> Result<PathBuf, PackageError> {
        unimplemented!()
    }
}

/// The durable work queue that asynchronous events, retries, timers and workflow steps share.
#[derive(Debug, Clone)]
pub struct WorkQueue {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWork {
    pub queue: &'static str,
    pub body: Bytes,
    /// Not before.
    pub due: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub id: i64,
    pub body: Bytes,
    /// Claims so far, this one included.
    pub attempts: u32,
    pub enqueued: Timestamp,
    /// Proof of the claim: an expired one can no longer settle the work.
    pub lease: i64,
}

impl WorkQueue {
    /// Durable when it returns; concurrent calls share one transaction.
    pub async fn enqueue(&self, _work: Vec<NewWork>) -> Result<Vec<i64>, StoreError> {
        unimplemented!()
    }
    /// Takes up to `limit` due items for `lease`; what is not settled by then comes back.
    pub async fn claim(&self, _queue: &'static str, _limit: u32, _lease: Duration) -> Result<Vec<Work>, StoreError> {
        unimplemented!()
    }
    pub async fn complete(&self, _work: &Work) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Gives it back, to be claimed again not before `due`, with a new body where given.
    pub async fn retry(&self, _work: &Work, _due: Timestamp, _body: Option<Bytes>) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Returns when something may be due in `queue`: new work, or the time of waiting work.
    pub async fn wait(&self, _queue: &'static str) {
        unimplemented!()
    }
}
