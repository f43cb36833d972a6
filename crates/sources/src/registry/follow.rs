//! Several servers on one database: each takes over what the others configure.

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_store::{Change, Changes, Store, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often other servers' changes are looked for.
const POLL: Duration = Duration::from_millis(250);
/// The pause after the database could not be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// What takes over changes of other servers: a service, for its own kinds of documents.
pub trait Follow: Send + Sync + 'static {
    /// Takes over one change; of other kinds, and of its own making, it does nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the document cannot be read.
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>>;
}

/// What another server changed: the document before and after.
pub struct Followed<T> {
    /// What was there, as far as this server knew.
    pub before: Option<Arc<T>>,
    /// What is there now.
    pub after: Option<Arc<T>>,
}

/// Looks for changes of other servers until it is stopped.
pub struct Follower {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts to look for changes after `from`, where others can make any. `from` must have been read before the
    /// services were opened. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(store: &Store, from: i64, services: Vec<Arc<dyn Follow>>) -> Self {
        let stop = CancellationToken::new();
        if !store.is_shared() {
            return Self { stop, task: None };
        }
        let (stopped, store) = (stop.clone(), store.clone());
        let task = tokio::spawn(async move {
            let _ = stopped.run_until_cancelled(look(store, from, services)).await;
        });
        Self { stop, task: Some(task) }
    }

    /// Looks no more.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "following other servers ended badly");
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("looks", &self.task.is_some()).finish_non_exhaustive()
    }
}

async fn look(store: Store, mut from: i64, services: Vec<Arc<dyn Follow>>) {
    loop {
        tokio::time::sleep(POLL).await;
        match take_over(&store, from, &services).await {
            Ok(last) => from = last,
            Err(error) => {
                tracing::error!(%error, "changes of other servers could not be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes over what changed after `from`; gives where to go on.
pub(crate) async fn take_over(
    store: &Store,
    mut from: i64,
    services: &[Arc<dyn Follow>],
) -> Result<i64, StoreError> {
    let changes = match store.records().changes_since(from).await? {
        Changes::Since(changes) => changes,
        Changes::Forgotten => {
            let message = "this server fell too far behind the others; restart it".to_owned();
            return Err(StoreError::Failed { action: "follow other servers", message });
        }
    };
    for change in changes {
        let sequence = change.sequence;
        for service in services {
            if let Err(error) = service.follow(change.clone()).await {
                // One document that cannot be read must not hide all that come after it.
                tracing::error!(kind = change.kind, key = change.key, %error, "a change is not taken over");
            }
        }
        from = sequence;
    }
    Ok(from)
}
