//! What can go wrong with state, told apart by what the caller does about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ebb_model::Digest;

/// Why state could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer changed the record first.
    #[error("{kind} {key} was changed by another request")]
    Conflict {
        /// The kind of the record.
        kind: &'static str,
        /// Its key.
        key: String,
    },
    /// The claim ran out and the work was claimed anew, or it was settled already.
    #[error("work {id} is no longer held by this claim")]
    LeaseLost {
        /// The id of the work.
        id: i64,
    },
    /// The data folder belongs to another running server.
    #[error("data folder {} is in use by {holder}", folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// Who holds it, as it wrote down itself: process id and start time.
        holder: String,
    },
    /// The configuration asks for a kind of store that this build does not have.
    #[error("{what} {value:?} is not supported; supported: {supported}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// The value in the configuration, without credentials.
        value: String,
        /// What there is.
        supported: &'static str,
    },
    /// The store was closed, or is closing.
    #[error("the store is closed")]
    Closed,
    /// The database refused or failed.
    #[error("{action}: the database failed")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// The connection broke while committing: the change may or may not have been made.
        in_doubt: bool,
        /// What the database said. Shared, since one failed transaction fails all that took part.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The object store refused or failed.
    #[error("{action}: the blob store failed")]
    BlobStore {
        /// What was attempted.
        action: &'static str,
        /// What the object store said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A stored blob no longer hashes to its name.
    #[error("blob {0} is damaged")]
    DamagedBlob(Digest),
    /// A file operation failed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("{action}: {message}")]
    Failed {
        /// What was attempted.
        action: &'static str,
        /// What went wrong.
        message: String,
    },
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Of whoever asked: it lost a race, or asked for what is not there.
    Caller,
    /// Of the machine, the database or ebb itself.
    Platform,
}

impl StoreError {
    /// Whose fault this is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } | Self::LeaseLost { .. } => Fault::Caller,
            Self::Held { .. }
            | Self::Unsupported { .. }
            | Self::Closed
            | Self::Database { .. }
            | Self::BlobStore { .. }
            | Self::DamagedBlob(_)
            | Self::Io { .. }
            | Self::Failed { .. } => Fault::Platform,
        }
    }

    /// Whether the same call may be made again without the risk of doing it twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        match self {
            Self::Database { in_doubt, .. } => !in_doubt,
            Self::BlobStore { .. } | Self::Io { .. } => true,
            Self::Conflict { .. }
            | Self::LeaseLost { .. }
            | Self::Held { .. }
            | Self::Unsupported { .. }
            | Self::Closed
            | Self::DamagedBlob(_)
            | Self::Failed { .. } => false,
        }
    }

    /// A database error from before anything was committed.
    pub(crate) fn database(action: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Database { action, in_doubt: false, source: Arc::new(source) }
    }

    /// For `map_err`: an I/O error with what was attempted on what.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
