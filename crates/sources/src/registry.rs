//! What is configured of a service: typed documents of one kind, durable in the store and whole in memory.
//!
//! Reads never ask the database. A change is committed, then published, then answered. Where several servers share the
//! database, a change that another made first is read and the edit is made again on top of it.

mod follow;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ebb_store::{Change, Expect, NewWork, Record, Store, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

#[cfg(test)]
pub(crate) use follow::take_over;
pub use follow::{Follow, Followed, Follower};

/// How often an edit is made again on top of what another server wrote meanwhile.
const CONFLICT_RETRIES: u32 = 5;

/// All documents of a kind, by key.
pub type Documents<T> = BTreeMap<String, Arc<T>>;

/// Documents of type `T`. One task at a time changes them.
pub struct Registry<T> {
    kind: &'static str,
    store: Store,
    published: ArcSwap<Documents<T>>,
    /// The revision of each document, which a write expects; held while one is made.
    revisions: Mutex<BTreeMap<String, i64>>,
}

impl<T: Serialize + DeserializeOwned + PartialEq> Registry<T> {
    /// Reads all documents of the kind.
    ///
    /// # Errors
    /// [`StoreError`], also where a document cannot be read.
    pub async fn open(store: Store, kind: &'static str) -> Result<Self, StoreError> {
        let mut documents = Documents::new();
        let mut revisions = BTreeMap::new();
        for record in store.records().load(kind).await? {
            documents.insert(record.key.clone(), Arc::new(decode(kind, &record.key, &record.body)?));
            revisions.insert(record.key, record.revision);
        }
        let published = ArcSwap::from_pointee(documents);
        Ok(Self { kind, store, published, revisions: Mutex::new(revisions) })
    }

    /// All documents, as they are now.
    pub fn all(&self) -> Arc<Documents<T>> {
        self.published.load_full()
    }

    /// One document.
    pub fn get(&self, key: &str) -> Option<Arc<T>> {
        self.published.load().get(key).cloned()
    }

    /// Makes, changes or removes a document: `edit` is given what is there and gives what shall be there. It may be
    /// called several times. Durable when this returns; gives what is there now.
    ///
    /// # Errors
    /// Those of `edit`, and [`StoreError`].
    pub async fn edit<E: From<StoreError>>(
        &self,
        key: &str,
        mut edit: impl FnMut(Option<&T>) -> Result<Option<T>, E>,
    ) -> Result<Option<Arc<T>>, E> {
        self.edit_with(key, |before| Ok((edit(before)?, Vec::new()))).await
    }

    /// As [`Registry::edit`], with work that follows from the change and is added with it, or not at all.
    ///
    /// # Errors
    /// As [`Registry::edit`].
    pub async fn edit_with<E: From<StoreError>>(
        &self,
        key: &str,
        mut edit: impl FnMut(Option<&T>) -> Result<(Option<T>, Vec<NewWork>), E>,
    ) -> Result<Option<Arc<T>>, E> {
        let mut revisions = self.revisions.lock().await;
        let mut attempts = 0;
        loop {
            let before = self.get(key);
            let (after, work) = edit(before.as_deref())?;
            if before.as_deref() == after.as_ref() && work.is_empty() {
                return Ok(before);
            }
            let expect = revisions.get(key).map_or(Expect::Absent, |revision| Expect::Revision(*revision));
            let write = self.write(key, after.as_ref(), expect)?;
            let written = self.store.work().enqueue_with(vec![write], work).await;
            match written {
                Ok(numbers) => {
                    let revision = after.is_some().then(|| numbers.first().copied().unwrap_or_default());
                    return Ok(self.publish(&mut revisions, key, revision.zip(after.map(Arc::new))));
                }
                Err(StoreError::Conflict { .. }) if attempts < CONFLICT_RETRIES => {
                    attempts += 1;
                    let record = self.store.records().get(self.kind, key).await?;
                    self.take_over(&mut revisions, key, record)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes over what another server changed; gives nothing where it is of another kind, or known already.
    ///
    /// # Errors
    /// [`StoreError`] where the document cannot be read.
    pub async fn follow(&self, change: Change) -> Result<Option<Followed<T>>, StoreError> {
        if change.kind != self.kind {
            return Ok(None);
        }
        let mut revisions = self.revisions.lock().await;
        if revisions.get(&change.key).is_some_and(|own| *own >= change.revision) {
            return Ok(None);
        }
        let before = self.get(&change.key);
        let record =
            change.body.map(|body| Record { key: change.key.clone(), revision: change.revision, body });
        self.take_over(&mut revisions, &change.key, record)?;
        Ok(Some(Followed { before, after: self.get(&change.key) }))
    }

    fn take_over(
        &self,
        revisions: &mut BTreeMap<String, i64>,
        key: &str,
        record: Option<Record>,
    ) -> Result<(), StoreError> {
        let document = match record {
            Some(record) => Some((record.revision, Arc::new(decode(self.kind, key, &record.body)?))),
            None => None,
        };
        self.publish(revisions, key, document);
        Ok(())
    }

    fn publish(
        &self,
        revisions: &mut BTreeMap<String, i64>,
        key: &str,
        document: Option<(i64, Arc<T>)>,
    ) -> Option<Arc<T>> {
        let mut documents = Documents::clone(&self.published.load());
        let now = match document {
            Some((revision, document)) => {
                revisions.insert(key.to_owned(), revision);
                documents.insert(key.to_owned(), document.clone());
                Some(document)
            }
            None => {
                revisions.remove(key);
                documents.remove(key);
                None
            }
        };
        self.published.store(Arc::new(documents));
        now
    }

    fn write(&self, key: &str, document: Option<&T>, expect: Expect) -> Result<Write, StoreError> {
        let (kind, key) = (self.kind, key.to_owned());
        let Some(document) = document else { return Ok(Write::Delete { kind, key, expect }) };
        let body = serde_json::to_vec(document)
            .map_err(|error| StoreError::Failed { action: "write a document", message: error.to_string() })?;
        Ok(Write::Put { kind, key, body: body.into(), expect })
    }
}

fn decode<T: DeserializeOwned>(kind: &'static str, key: &str, body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body).map_err(|error| StoreError::Failed {
        action: "read a document",
        message: format!("{kind} {key}: {error}"),
    })
}

#[cfg(test)]
mod tests;
