//! All durable state: records, blobs, code packages, the work queue and logs.
//!
//! **Purpose.** What has been acknowledged is here and survives `kill -9` and a power cut at any instant. This is the
//! only crate with SQL, and rows never leave it.
//!
//! **Never.** It knows nothing of functions, AWS or HTTP: bodies are bytes whose meaning belongs to whoever wrote
//! them. It starts no work and retries nothing that its caller might not want twice.
//!
//! **Entry point.** [`Store::open`] takes the data folder for this process and gives one handle to all parts:
//! [`Records`] (documents with revisions, changed in transactions), [`WorkQueue`] (items claimed for a time),
//! [`Messages`] (of queues, received for a time),
//! [`Blobs`] (bytes by SHA-256), [`Packages`] (zips, checked and unpacked), [`StateFolders`] (which functions write) and
//! [`logs`].
//!
//! **On disk.** In the data folder, mode 0700:
//!
//! | name | what |
//! | --- | --- |
//! | `ebb.lock` | locked while a server runs; says which (process id, start time) |
//! | `ebb.db`, `-wal`, `-shm` | records and work in SQLite, write-ahead log, synced at each commit; absent with PostgreSQL |
//! | `blobs/bodies/ab/…` | bodies of objects, likewise |
//! | `blobs/ab/abcdef…` | blobs; each is written beside its place, synced and renamed |
//! | `packages/<boot>/<digest>/` | packages unpacked, read-only: a cache, made anew after the machine restarted |
//! | `logs/` | log events, a file a day |
//! | `state/FUNCTION/` | what a function keeps that has state of its own; its program writes it |
//!
//! **Threading.** Everything is `Send + Sync` and cheap to clone. One task owns all database writes and commits them
//! in groups (`database/writer.rs`); reads use a few connections of their own. Zips are read on tokio's blocking
//! threads, a few at a time.
//!
//! **Start reading** at [`Store`], then `database/writer.rs`, `records.rs`, `work.rs`, and `packages/plan.rs` for what
//! makes a zip unsafe.

mod blobs;
mod bodies;
mod database;
mod error;
mod folder;
pub mod logs;
mod messages;
mod packages;
mod records;
mod state;
mod store;
#[cfg(test)]
mod testing;
pub mod trail;
mod work;

pub use blobs::Blobs;
pub use bodies::{Bodies, BodyWriter};
pub use error::{Fault, StoreError};
pub use messages::{
    Attempt, DeadLetters, Messages, NewMessage, QueueDepth, Receipt, ReceiptUse, ReceiptValidity, Receive,
    ReceivedMessage, SentMessage,
};
pub use packages::{PackageError, PackageInfo, Packages};
pub use records::{Change, Changes, Expect, Record, Records, Write};
pub use state::{StateFolder, StateFolders};
pub use store::{Store, StoreConfig};
pub use work::{Depth, NewWork, Pass, Watch, Work, WorkQueue};
