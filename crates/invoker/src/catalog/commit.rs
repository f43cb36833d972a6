//! How anything changes: lock, edit a copy, commit, publish.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ebb_model::{Function, FunctionName, FunctionVersion, LayerName, LayerVersion, Version};
use ebb_store::{Expect, Record, Store, StoreError, Write};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::{MutexGuard, OwnedMutexGuard};

use super::{Catalog, CatalogError, Layer, NotFound, Snapshot};

/// A function without its published versions, by name.
const FUNCTION: &str = "function";
/// A published version of a function, by `NAME/NUMBER`.
const VERSION: &str = "function-version";
/// What is remembered of deleted functions, by name: version numbers are never given twice.
const NUMBERS: &str = "function-numbers";
/// A layer, by name: what outlives its versions.
const LAYER: &str = "layer";
/// A version of a layer, by `NAME/NUMBER`.
const LAYER_VERSION: &str = "layer-version";

/// How often a change is made again on top of what another node wrote meanwhile.
const CONFLICT_RETRIES: u32 = 3;

/// Revisions of the records behind functions and layers, by kind and key: what a write expects.
#[derive(Default)]
pub(super) struct Revisions(Mutex<HashMap<(&'static str, String), i64>>);

impl Revisions {
    fn get(&self, kind: &'static str, key: &str) -> Expect {
        let revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.get(&(kind, key.to_owned())).map_or(Expect::Absent, |revision| Expect::Revision(*revision))
    }

    fn set(&self, kind: &'static str, key: &str, revision: Option<i64>) {
        let mut revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match revision {
            Some(revision) => revisions.insert((kind, key.to_owned()), revision),
            None => revisions.remove(&(kind, key.to_owned())),
        };
    }
}

/// Locks by name. Names share locks by chance, which costs a wait and nothing else.
pub(super) struct Locks {
    named: Vec<Arc<tokio::sync::Mutex<()>>>,
    hasher: RandomState,
    /// Held by changes that are checked against the sum of an account; taken before a named one.
    account: tokio::sync::Mutex<()>,
}

impl Default for Locks {
    fn default() -> Self {
        Self {
            named: (0..64).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
            account: tokio::sync::Mutex::new(()),
        }
    }
}

impl Locks {
    async fn named(&self, kind: &'static str, name: &str) -> OwnedMutexGuard<()> {
        let index = usize::try_from(self.hasher.hash_one((kind, name)) % 64).unwrap_or(0);
        self.named[index].clone().lock_owned().await
    }

    pub(super) async fn account(&self) -> MutexGuard<'_, ()> {
        self.account.lock().await
    }
}

/// What an edit of a copy did.
pub(super) enum Edited<T> {
    /// It has to be committed.
    Changed(T),
    /// Nothing to commit.
    Same(T),
}

#[derive(Serialize, Deserialize)]
struct Numbers {
    next: u64,
}

/// Reads everything that is deployed.
pub(super) async fn load(store: &Store) -> Result<(Snapshot, Revisions), CatalogError> {
    let revisions = Revisions::default();
    let mut snapshot = Snapshot::default();
    let mut versions: HashMap<FunctionName, BTreeMap<u64, Arc<FunctionVersion>>> = HashMap::new();
    for record in store.records().load(VERSION).await? {
        let version: FunctionVersion = decode(VERSION, &record)?;
        if let Version::Published(number) = version.version {
            versions.entry(version.name.clone()).or_default().insert(number, Arc::new(version));
        }
    }
    for record in store.records().load(FUNCTION).await? {
        let mut function: Function = decode(FUNCTION, &record)?;
        function.versions = versions.remove(&function.name).unwrap_or_default();
        revisions.set(FUNCTION, &record.key, Some(record.revision));
        let name = function.name.clone();
        snapshot.set_function(&name, Some(Arc::new(function)));
    }
    for layer in load_layers(store, &revisions).await? {
        snapshot.set_layer(Arc::new(layer));
    }
    Ok((snapshot, revisions))
}

async fn load_layers(store: &Store, revisions: &Revisions) -> Result<Vec<Layer>, CatalogError> {
    let mut layers: BTreeMap<String, Layer> = BTreeMap::new();
    for record in store.records().load(LAYER).await? {
        let numbers: Numbers = decode(LAYER, &record)?;
        let name = LayerName::parse(&record.key).map_err(|error| corrupt(LAYER, &record.key, error))?;
        revisions.set(LAYER, &record.key, Some(record.revision));
        layers.insert(record.key, Layer { name, versions: BTreeMap::new(), next_version: numbers.next });
    }
    for record in store.records().load(LAYER_VERSION).await? {
        let version: LayerVersion = decode(LAYER_VERSION, &record)?;
        if let Some(layer) = layers.get_mut(version.arn.layer.name.as_str()) {
            layer.versions.insert(version.arn.version, Arc::new(version));
        }
    }
    Ok(layers.into_values().collect())
}

fn decode<T: DeserializeOwned>(kind: &'static str, record: &Record) -> Result<T, CatalogError> {
    serde_json::from_slice(&record.body).map_err(|error| corrupt(kind, &record.key, error))
}

fn corrupt(kind: &'static str, key: &str, error: impl std::fmt::Display) -> CatalogError {
    StoreError::Failed { action: "read a record of the catalog", message: format!("{kind} {key}: {error}") }
        .into()
}

fn encode<T: Serialize>(value: &T) -> Result<Bytes, CatalogError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
        StoreError::Failed { action: "write a record of the catalog", message: error.to_string() }.into()
    })
}

impl Catalog {
    /// Changes a function: `edit` gets a copy, may be called more than once, and must have no effect of its own.
    /// Versions that it adds to, takes from or replaces in the copy are written with it.
    ///
    /// Cancel safe: a change that has begun to be written is written and published even if the caller goes away.
    pub(super) async fn change<T>(
        &self,
        name: &FunctionName,
        edit: impl Fn(&mut Function) -> Result<Edited<T>, CatalogError>,
    ) -> Result<(Arc<Function>, T), CatalogError> {
        let mut lock = self.inner.locks.named(FUNCTION, name.as_str()).await;
        for _ in 0..CONFLICT_RETRIES {
            let before = self.function(name)?;
            let mut after = Function::clone(&before);
            let value = match edit(&mut after)? {
                Edited::Same(value) => return Ok((before, value)),
                Edited::Changed(value) => value,
            };
            let after = Arc::new(after);
            let (same_lock, written) = self.write(lock, Some(before), after.clone()).await?;
            lock = same_lock;
            match written {
                Err(CatalogError::Store(StoreError::Conflict { .. })) => self.reload(name).await?,
                Err(error) => return Err(error),
                Ok(()) => return Ok((after, value)),
            }
        }
        Err(CatalogError::Conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            self.arn(name, None)
        )))
    }

    /// Adds a function that must not exist yet. `make` gets the first version number that its name may use.
    pub(super) async fn add(
        &self,
        name: &FunctionName,
        make: impl FnOnce(u64) -> Function,
    ) -> Result<Arc<Function>, CatalogError> {
        let exists = || CatalogError::Conflict(format!("Function already exist: {name}"));
        let lock = self.inner.locks.named(FUNCTION, name.as_str()).await;
        if self.snapshot().functions.contains_key(name) {
            return Err(exists());
        }
        let first = match self.inner.store.records().get(NUMBERS, name.as_str()).await? {
            Some(record) => decode::<Numbers>(NUMBERS, &record)?.next,
            None => 1,
        };
        let function = Arc::new(make(first));
        let (_lock, written) = self.write(lock, None, function.clone()).await?;
        match written {
            Err(CatalogError::Store(StoreError::Conflict { .. })) => {
                self.reload(name).await?;
                Err(exists())
            }
            Err(error) => Err(error),
            Ok(()) => Ok(function),
        }
    }

    /// Commits and publishes, come what may of the caller; gives the lock back.
    async fn write(
        &self,
        lock: OwnedMutexGuard<()>,
        before: Option<Arc<Function>>,
        after: Arc<Function>,
    ) -> Result<(OwnedMutexGuard<()>, Result<(), CatalogError>), CatalogError> {
        let catalog = self.clone();
        let work = async move {
            let result = catalog.commit_function(before.as_deref(), &after).await;
            if result.is_ok() {
                let name = after.name.clone();
                catalog.publish(|snapshot| snapshot.set_function(&name, Some(after)));
            }
            (lock, result)
        };
        self.inner.preparations.see_through(work).await
    }

    /// Takes a function out, with its versions and everything that hangs on it.
    pub(super) async fn remove(&self, name: &FunctionName) -> Result<(), CatalogError> {
        let lock = self.inner.locks.named(FUNCTION, name.as_str()).await;
        let (catalog, name) = (self.clone(), name.clone());
        let work = async move {
            let _lock = lock;
            catalog.commit_removal(&name).await?;
            catalog.publish(|snapshot| snapshot.set_function(&name, None));
            let (folders, of) = (catalog.inner.store.state().clone(), name.to_string());
            let removed = tokio::task::spawn_blocking(move || folders.remove(&of)).await;
            if let Err(error) = removed
                .map_err(|error| error.to_string())
                .and_then(|removed| removed.map_err(|error| error.to_string()))
            {
                // The next start of the server tries again.
                tracing::error!(function = %name, error, "the folder of a deleted function could not be deleted");
            }
            Ok(())
        };
        self.inner.preparations.see_through(work).await?
    }

    async fn commit_removal(&self, name: &FunctionName) -> Result<(), CatalogError> {
        let function = self.function(name)?;
        let key = name.as_str().to_owned();
        let mut writes: Vec<Write> = function
            .versions
            .keys()
            .map(|number| Write::Delete {
                kind: VERSION,
                key: version_key(name, *number),
                expect: Expect::Anything,
            })
            .collect();
        if function.next_version > 1 {
            let body = encode(&Numbers { next: function.next_version })?;
            writes.push(Write::Put { kind: NUMBERS, key: key.clone(), body, expect: Expect::Anything });
        }
        writes.push(Write::Delete { kind: FUNCTION, key: key.clone(), expect: Expect::Anything });
        self.inner.store.records().commit(writes).await?;
        self.inner.revisions.set(FUNCTION, &key, None);
        Ok(())
    }

    async fn commit_function(&self, before: Option<&Function>, after: &Function) -> Result<(), CatalogError> {
        let key = after.name.as_str().to_owned();
        let expect = self.inner.revisions.get(FUNCTION, &key);
        let mut writes = vec![Write::Put { kind: FUNCTION, key: key.clone(), body: encode(after)?, expect }];
        for (number, version) in &after.versions {
            let old = before.and_then(|before| before.versions.get(number));
            if !old.is_some_and(|old| Arc::ptr_eq(old, version)) {
                let body = encode(version.as_ref())?;
                let key = version_key(&after.name, *number);
                writes.push(Write::Put { kind: VERSION, key, body, expect: Expect::Anything });
            }
        }
        for number in before.iter().flat_map(|before| before.versions.keys()) {
            if !after.versions.contains_key(number) {
                let key = version_key(&after.name, *number);
                writes.push(Write::Delete { kind: VERSION, key, expect: Expect::Anything });
            }
        }
        let revisions = self.inner.store.records().commit(writes).await?;
        self.inner.revisions.set(FUNCTION, &key, revisions.first().copied());
        Ok(())
    }

    /// Reads again what another node changed.
    async fn reload(&self, name: &FunctionName) -> Result<(), CatalogError> {
        let records = self.inner.store.records();
        let Some(record) = records.get(FUNCTION, name.as_str()).await? else {
            self.inner.revisions.set(FUNCTION, name.as_str(), None);
            self.publish(|snapshot| snapshot.set_function(name, None));
            return Ok(());
        };
        let mut function: Function = decode(FUNCTION, &record)?;
        for number in 1..function.next_version {
            if let Some(record) = records.get(VERSION, &version_key(name, number)).await? {
                function.versions.insert(number, Arc::new(decode(VERSION, &record)?));
            }
        }
        self.inner.revisions.set(FUNCTION, name.as_str(), Some(record.revision));
        self.publish(|snapshot| snapshot.set_function(name, Some(Arc::new(function))));
        Ok(())
    }

    /// Changes a layer, or makes it; as [`Catalog::change`].
    pub(super) async fn change_layer<T>(
        &self,
        name: &LayerName,
        edit: impl FnOnce(&mut Layer) -> Result<Edited<T>, CatalogError>,
    ) -> Result<T, CatalogError> {
        let lock = self.inner.locks.named(LAYER, name.as_str()).await;
        let before = self.snapshot().layers.get(name).cloned();
        let mut after = before.as_deref().cloned().unwrap_or_else(|| Layer {
            name: name.clone(),
            versions: BTreeMap::new(),
            next_version: 1,
        });
        let value = match edit(&mut after)? {
            Edited::Same(value) => return Ok(value),
            Edited::Changed(value) => value,
        };
        let catalog = self.clone();
        let work = async move {
            let _lock = lock;
            catalog.commit_layer(before.as_deref(), &after).await?;
            catalog.publish(|snapshot| snapshot.set_layer(Arc::new(after)));
            Ok(())
        };
        self.inner.preparations.see_through::<Result<(), CatalogError>>(work).await??;
        Ok(value)
    }

    async fn commit_layer(&self, before: Option<&Layer>, after: &Layer) -> Result<(), CatalogError> {
        let key = after.name.as_str().to_owned();
        let expect = self.inner.revisions.get(LAYER, &key);
        let body = encode(&Numbers { next: after.next_version })?;
        let mut writes = vec![Write::Put { kind: LAYER, key: key.clone(), body, expect }];
        let version_key = |number: &u64| format!("{key}/{number}");
        for (number, version) in &after.versions {
            let old = before.and_then(|before| before.versions.get(number));
            if !old.is_some_and(|old| Arc::ptr_eq(old, version)) {
                let body = encode(version.as_ref())?;
                writes.push(Write::Put {
                    kind: LAYER_VERSION,
                    key: version_key(number),
                    body,
                    expect: Expect::Anything,
                });
            }
        }
        for number in before.iter().flat_map(|before| before.versions.keys()) {
            if !after.versions.contains_key(number) {
                writes.push(Write::Delete {
                    kind: LAYER_VERSION,
                    key: version_key(number),
                    expect: Expect::Anything,
                });
            }
        }
        let revisions = self.inner.store.records().commit(writes).await?;
        self.inner.revisions.set(LAYER, &key, revisions.first().copied());
        Ok(())
    }

    /// Shorthand for what does not exist.
    pub(super) fn no_function(&self, name: &FunctionName) -> CatalogError {
        NotFound::Function(self.arn(name, None).to_string()).into()
    }
}

fn version_key(name: &FunctionName, number: u64) -> String {
    format!("{name}/{number}")
}
