//! Log events on disk: one file a day, an index in memory, retention that drops files.
//!
//! Every event belongs to a *stream* of a *group*. [`LogStore::append`] is for hot paths: it pushes into a bounded
//! buffer and never blocks on the disk; a writer thread moves the buffer into the file of the day a few times a
//! second, or at once when somebody reads. [`LogStore::put`] returns only once the kernel has the events, so that they
//! survive the end of this process. Neither waits for the disk itself: logs are not state that ebb promises to keep
//! through a power cut. Groups and their settings are: changes to them are synced.
//!
//! Files, all in `logs/`: `groups.journal` (what exists), `YYYY-MM-DD.log` (blocks of events, each framed with its
//! length and checksum) and `YYYY-MM-DD.index` (a copy of the index of a day, so that opening need not read the day
//! again). A torn frame at the end of a file is cut off at opening.

mod block;
mod buffer;
mod day;
mod frame;
mod groups;
mod journal;
mod read;
mod retention;
mod settings;
mod watch;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use ebb_model::{Clock, Timestamp};

pub use groups::{GroupInfo, StreamInfo};
pub use read::{Direction, Position, ReadPage, ReadRequest, StoredEvent, StreamChoice};

pub use watch::Written;
use writer::{Shared, WriterThread};

/// One log event, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// When it happened.
    pub timestamp: Timestamp,
    /// The text.
    pub message: String,
}

/// Why the logs could not do something.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is such a group, or such a stream, already.
    #[error("{0} exists already")]
    Exists(Subject),
    /// There is no such group, or no such stream in it.
    #[error("{0} does not exist")]
    Missing(Subject),
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The logs are closed.
    #[error("the logs are closed")]
    Closed,
}

impl From<LogError> for crate::StoreError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Io { action, path, source } => Self::Io { action, path, source },
            LogError::Closed => Self::Closed,
            LogError::Exists(_) | LogError::Missing(_) => {
                Self::Failed { action: "use the logs", message: error.to_string() }
            }
        }
    }
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A group.
    Group,
    /// A stream.
    Stream,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Group => "log group",
            Self::Stream => "log stream",
        })
    }
}

/// A handle to the logs; cheap to clone.
#[derive(Debug, Clone)]
pub struct LogStore {
    thread: Arc<WriterThread>,
}

impl LogStore {
    /// Opens the logs in `folder`, making it where it is not there, and starts the writer thread. Blocks: it reads the
    /// indexes, and whatever of the files they do not cover.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        let shared = Shared::open(folder, clock)?;
        Ok(Self { thread: Arc::new(WriterThread::start(Arc::new(shared))) })
    }

    /// Writes one event; makes group and stream where they are missing. Never blocks on the disk.
    ///
    /// The buffer holds 16 MiB. Events that come faster than the disk takes them are dropped; how many is written into
    /// their stream once there is room, and counted in [`LogStore::dropped`].
    pub fn append(&self, group: &Arc<str>, stream: &Arc<str>, event: LogEvent) {
        self.shared().buffer.push(group, stream, event);
    }

    /// Events that were dropped since the start, because the buffer was full or the disk refused them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared().buffer.dropped()
    }

    /// Writes events to a stream that exists. When it returns, the kernel has them.
    ///
    /// # Errors
    /// [`LogError::Missing`] for a group or stream that is not there, [`LogError::Io`].
    pub async fn put(&self, group: &str, stream: &str, events: Vec<LogEvent>) -> Result<(), LogError> {
        let (group, stream) = (group.to_owned(), stream.to_owned());
        self.blocking(move |shared| shared.put(&group, &stream, &events)).await
    }

    /// Writes what is buffered; when it returns, the kernel has it.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn flush(&self) -> Result<(), LogError> {
        self.blocking(Shared::flush).await
    }

    /// Reads events of a group in the order of their time, those included that were appended just before. `keep` says
    /// which messages are wanted; it runs on a thread that may block.
    ///
    /// # Errors
    /// [`LogError::Missing`] for a group, or a stream named one by one, that is not there; [`LogError::Io`].
    pub async fn read(
        &self,
        request: ReadRequest,
        keep: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<ReadPage, LogError> {
        self.blocking(move |shared| shared.read(&request, &keep)).await
    }

    /// Tells the events of the groups that are wanted, from now on and as they are written. Counts once. `wanted` is asked
    /// at every write: it must be quick.
    pub fn watch(
        &self,
        wanted: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> tokio::sync::mpsc::Receiver<Written> {
        self.shared().watch.begin(Box::new(wanted))
    }

    /// Drops what retention no longer covers. The writer thread does so by itself every ten minutes.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn sweep(&self) -> Result<(), LogError> {
        self.blocking(Shared::sweep).await
    }

    /// Writes what is buffered, ends the writer thread and saves the index. Later appends are dropped and counted.
    pub async fn close(&self) {
        let thread = Arc::clone(&self.thread);
        if tokio::task::spawn_blocking(move || thread.stop()).await.is_err() {
            tracing::error!("the log writer could not be stopped");
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.thread.shared()
    }

    /// Runs file work on the pool for blocking work.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let shared = Arc::clone(self.shared());
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(|_| LogError::Closed)?
    }
}

/// Adds what was tried to an error of the file system.
fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Io { action, path, source }
}

#[cfg(test)]
mod tests;
