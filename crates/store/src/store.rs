//! Opening and closing all of it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ebb_model::{Clock, SystemClock};

use crate::database::Database;
use crate::folder::DataFolder;
use crate::logs::LogStore;
use crate::trail::Trail;
use crate::{Blobs, Bodies, Messages, Packages, Records, StateFolders, StoreError, WorkQueue};

/// Where state is kept.
#[derive(Clone)]
pub struct StoreConfig {
    /// The data folder.
    pub data: PathBuf,
    /// A PostgreSQL URL (`postgres://user@host/name`); SQLite in the data folder where absent.
    pub database: Option<String>,
    /// An object store URL (`file:///folder` or `memory:`); `blobs/` in the data folder where absent.
    pub blobs: Option<String>,
}

impl fmt::Debug for StoreConfig {
    /// URLs may hold passwords, so they are shown by their scheme only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("data", &self.data)
            .field("database", &self.database.as_deref().map(scheme))
            .field("blobs", &self.blobs.as_deref().map(scheme))
            .finish()
    }
}

/// What of a URL may be shown.
pub(crate) fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("not a URL", |(scheme, _)| scheme)
}

/// A handle to all durable state; cheap to clone. The data folder stays locked until it is closed or the last clone is
/// gone.
#[derive(Debug, Clone)]
pub struct Store {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    database: Arc<Database>,
    records: Records,
    blobs: Blobs,
    bodies: Bodies,
    packages: Packages,
    state: StateFolders,
    work: WorkQueue,
    messages: Messages,
    logs: LogStore,
    trail: Trail,
}

impl Store {
    /// Opens (and where needed makes and migrates) the store. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Held`] where another process has the data folder; [`StoreError::Unsupported`] for a URL that
    /// names something else than is built; [`StoreError::Io`], [`StoreError::Database`], [`StoreError::BlobStore`].
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open_with_clock(config, Arc::new(SystemClock)).await
    }

    /// As [`Store::open`], with a clock that says when work is due.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with_clock(config: &StoreConfig, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (data, now) = (config.data.clone(), clock.now());
        let folder = blocking("hold the data folder", move || DataFolder::hold(&data, now)).await?;
        let folder = Arc::new(folder);
        let (path, url) = (folder.path().join("blobs"), config.blobs.clone());
        let blobs = blocking("open the blob store", move || Blobs::open(&path, url.as_deref())).await?;
        let (path, from) = (folder.path().join("packages"), blobs.clone());
        let packages = blocking("open the package folder", move || Packages::open(&path, from)).await?;
        let path = folder.path().join("state");
        let state = blocking("open the folders of functions", move || StateFolders::open(path)).await?;
        let (path, time) = (folder.path().join("logs"), Arc::clone(&clock));
        let logs = blocking("open the logs", move || Ok(LogStore::open(path, time)?)).await?;
        let (path, time) = (folder.path().join("trail"), Arc::clone(&clock));
        let trail = blocking("open the trail of events", move || Ok(Trail::open(path, time)?)).await?;
        trail.bound().await?;
        let database = Arc::new(Database::open(folder, config.database.as_deref()).await?);
        let records = Records::new(Arc::clone(&database));
        let work = WorkQueue::new(Arc::clone(&database), Arc::clone(&clock));
        let messages = Messages::new(Arc::clone(&database), clock);
        work.recover().await?;
        Ok(Self {
            parts: Arc::new(Parts {
                database,
                records,
                bodies: blobs.bodies(),
                blobs,
                packages,
                state,
                work,
                messages,
                logs,
                trail,
            }),
        })
    }

    /// Whether other servers may change the same database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.parts.database.is_shared()
    }

    /// What is configured.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.parts.records
    }

    /// Immutable bytes by their SHA-256.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.parts.blobs
    }

    /// Bytes of any length under names of their own.
    #[must_use]
    pub fn bodies(&self) -> &Bodies {
        &self.parts.bodies
    }

    /// Code packages, checked and unpacked.
    #[must_use]
    pub fn packages(&self) -> &Packages {
        &self.parts.packages
    }

    /// What functions keep that have state of their own.
    #[must_use]
    pub fn state(&self) -> &StateFolders {
        &self.parts.state
    }

    /// The durable work queue.
    #[must_use]
    pub fn work(&self) -> &WorkQueue {
        &self.parts.work
    }

    /// Messages of queues.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.parts.messages
    }

    /// What functions print.
    #[must_use]
    pub fn logs(&self) -> &LogStore {
        &self.parts.logs
    }

    /// What happened to each event.
    #[must_use]
    pub fn trail(&self) -> &Trail {
        &self.parts.trail
    }

    /// Writes what waits and closes. What is asked afterwards gets [`StoreError::Closed`].
    pub async fn close(&self) {
        self.parts.trail.close().await;
        self.parts.logs.close().await;
        self.parts.database.close().await;
    }
}

/// Runs what touches files away from the threads that serve requests.
async fn blocking<T: Send + 'static>(
    action: &'static str,
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| StoreError::Failed { action, message: error.to_string() })?
}

#[cfg(test)]
mod tests;
