//! How an app is kept.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ebb_store::{Expect, Record, Store, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::AppError;
use crate::plan::Plan;

/// The kind of the records.
const KIND: &str = "app";

/// An app in the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AppRecord {
    /// What is deployed; nothing while the first deploy runs.
    pub(super) plan: Option<Plan>,
    /// What a deploy that has not ended is to make.
    #[serde(default)]
    pub(super) pending: Option<Plan>,
    /// When `plan` was deployed, in milliseconds since the epoch.
    pub(super) deployed: i64,
    /// Deploys so far.
    pub(super) generation: u64,
    /// The random keys that were made for it, by variable.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, String>,
    /// ARNs of what was made for its triggers.
    #[serde(default)]
    pub(super) made: BTreeSet<String>,
}

/// All apps: name, record, revision.
pub(super) async fn load(store: &Store) -> Result<Vec<(String, AppRecord, i64)>, AppError> {
    let records = store.records().load(KIND).await?;
    records.into_iter().map(read).collect()
}

fn read(record: Record) -> Result<(String, AppRecord, i64), AppError> {
    let parsed = serde_json::from_slice(&record.body).map_err(|error| {
        AppError::Internal(format!("the record of app {} makes no sense: {error}", record.key))
    })?;
    Ok((record.key, parsed, record.revision))
}

/// Writes an app; durable when it returns. Gives the new revision.
pub(super) async fn save(
    store: &Store,
    name: &str,
    app: &AppRecord,
    expect: Expect,
) -> Result<i64, AppError> {
    let body = serde_json::to_vec(app).map_err(|error| AppError::Internal(format!("app {name}: {error}")))?;
    let write = Write::Put { kind: KIND, key: name.to_owned(), body: Bytes::from(body), expect };
    let revisions = store.records().commit(vec![write]).await?;
    Ok(revisions.first().copied().unwrap_or_default())
}

/// Removes an app.
pub(super) async fn delete(store: &Store, name: &str) -> Result<(), StoreError> {
    let write = Write::Delete { kind: KIND, key: name.to_owned(), expect: Expect::Anything };
    store.records().commit(vec![write]).await.map(|_| ())
}
