//! What is deployed: functions, versions, aliases, layers. An immutable snapshot in memory, swapped whole after each
//! committed change; the one place where these are validated and changed.
//!
//! A change takes the lock of its function, edits a copy, commits the copy to the store, publishes the snapshot that
//! holds it, and only then answers: what an answer says is durable, and readers never wait. Reading costs one atomic
//! load and a hash look-up.
//!
//! Creating or updating a function answers before its package is unpacked: its state is `Pending` (or its last update
//! `InProgress`) until a task in the background has unpacked it and asked the runtime port whether the runtime can be
//! had here. Preparation that a crash cut off is taken up again by [`Catalog::open`]. Whoever wants to run a version
//! that is not ready waits in [`Catalog::ready`] instead of refusing.
//!
//! Start reading at `commit.rs` (how anything changes), then `functions.rs`.

mod account;
mod aliases;
mod code;
mod commit;
mod concurrency;
mod create;
mod environment;
mod error;
mod event_invoke;
mod functions;
mod grants;
mod layers;
mod locate;
mod logging;
mod permissions;
mod policies;
mod prepare;
mod settings;
mod snapshot;
mod stored;
mod tags;
#[cfg(test)]
mod tests;
mod urls;
mod versions;
mod violations;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use ebb_model::{
    AccountId, Clock, Function, FunctionArn, FunctionName, Qualifier, Region, RuntimeName, Timestamp,
};
use ebb_store::Store;
use tokio::sync::watch;

use crate::port::Runtime;

pub use account::AccountSettings;
pub use aliases::{AliasChange, NewAlias};
pub use code::{CodeObjectError, CodeObjects, CodeSource};
pub(crate) use concurrency::set_aside;
pub use concurrency::{ProvisionedConcurrency, ProvisionedStatus};
pub use create::NewFunction;
pub use error::{CatalogError, NotFound};
pub use event_invoke::{Destination, EventInvokeChange};
pub use functions::CodeUpdate;
pub use grants::NotGranted;
pub use layers::{LayerContent, NewLayerVersion};
pub use locate::Target;
pub use permissions::NewPermission;
pub use prepare::NotReady;
pub use settings::{LoggingInput, SettingsInput};
pub use snapshot::{Layer, Shards, Snapshot};
pub use stored::{RecursiveLoop, RuntimeManagement};
pub use urls::{UrlChange, UrlConfig};
pub use versions::Publish;
pub use violations::Violations;

/// What a catalog is opened with.
pub struct CatalogConfig {
    /// Where it is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The account whose functions these are.
    pub account: AccountId,
    /// The region that its ARNs name.
    pub region: Region,
    /// Says which runtimes this machine has.
    pub runtime: Arc<dyn Runtime>,
}

/// The handle to what is deployed; cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    runtime: Arc<dyn Runtime>,
    code_objects: ArcSwapOption<Box<dyn CodeObjects>>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is made from the present one, so that no change is lost.
    publishing: Mutex<()>,
    changes: watch::Sender<u64>,
    revisions: commit::Revisions,
    locks: commit::Locks,
    preparations: prepare::Preparations,
    unzipped: code::UnzippedSizes,
    provisioned: concurrency::ProvisionedReports,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("account", &self.inner.account)
            .field("region", &self.inner.region)
            .field("functions", &self.snapshot().functions.len())
            .finish_non_exhaustive()
    }
}

impl Catalog {
    /// Reads everything from the store, and takes up the preparations that the last run did not end.
    ///
    /// # Errors
    /// [`CatalogError::Store`] where the store cannot be read or a record in it makes no sense.
    pub async fn open(config: CatalogConfig) -> Result<Self, CatalogError> {
        let (snapshot, revisions) = commit::load(&config.store).await?;
        // Before any instance has one.
        let names = snapshot.functions.keys().map(FunctionName::as_str).collect();
        config.store.state().keep_only(&names)?;
        let catalog = Self {
            inner: Arc::new(Inner {
                store: config.store,
                clock: config.clock,
                account: config.account,
                region: config.region,
                runtime: config.runtime,
                code_objects: ArcSwapOption::empty(),
                snapshot: ArcSwap::from_pointee(snapshot),
                publishing: Mutex::new(()),
                changes: watch::Sender::new(0),
                revisions,
                locks: commit::Locks::default(),
                preparations: prepare::Preparations::default(),
                unzipped: code::UnzippedSizes::default(),
                provisioned: concurrency::ProvisionedReports::default(),
            }),
        };
        catalog.resume_preparations();
        Ok(catalog)
    }

    /// Says where packages named by bucket and key are read from. Until this is called they are refused.
    pub fn set_code_objects(&self, objects: Box<dyn CodeObjects>) {
        self.inner.code_objects.store(Some(Arc::new(objects)));
    }

    /// Stops preparing. What was not ended is taken up at the next [`Catalog::open`].
    pub async fn close(&self) {
        self.inner.preparations.close().await;
    }

    /// What is deployed now; cheap.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }

    /// Wakes after each change of the snapshot.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// What runs `runtime` on this machine where that is not of the version that it names, for people. May look for
    /// interpreters on the disk: call it where blocking is allowed.
    #[must_use]
    pub fn stand_in(&self, runtime: RuntimeName) -> Option<String> {
        self.inner.runtime.stand_in(runtime)
    }

    /// The account whose functions these are.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.inner.account
    }

    /// The region that its ARNs name.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.inner.region
    }

    /// The ARN of a function here.
    #[must_use]
    pub fn arn(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> FunctionArn {
        FunctionArn {
            region: self.inner.region.clone(),
            account: self.inner.account.clone(),
            name: name.clone(),
            qualifier: qualifier.cloned(),
        }
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Makes a new snapshot from the present one and tells everybody.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        let guard = self.inner.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&self.inner.snapshot.load());
        change(&mut next);
        self.inner.snapshot.store(Arc::new(next));
        drop(guard);
        self.inner.changes.send_modify(|count| *count += 1);
    }

    /// The function of this name.
    ///
    /// # Errors
    /// [`NotFound::Function`] where there is none.
    pub fn function(&self, name: &FunctionName) -> Result<Arc<Function>, CatalogError> {
        self.snapshot()
            .function(name)
            .cloned()
            .ok_or_else(|| NotFound::Function(self.arn(name, None).to_string()).into())
    }
}
