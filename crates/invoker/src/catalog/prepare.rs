//! Making a version ready to run: its package and layers unpacked here, its runtime had here.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::{Digest, FunctionName, FunctionState, FunctionVersion, RevisionId, UpdateState, Version};
use ebb_store::PackageError;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::commit::Edited;
use super::locate::version_of;
use super::{Catalog, CatalogError, NotFound};
use crate::port::Unprepared;

/// How long [`Catalog::ready`] waits.
const READY_WAIT: Duration = Duration::from_secs(10);
/// How long [`Catalog::prepared`] waits: a large component is compiled in a quarter of a minute, several at a time, on
/// a slow machine.
const PREPARED_WAIT: Duration = Duration::from_secs(300);
/// The reason code of a package that no second look makes better.
const INVALID_PACKAGE: &str = "FunctionError.InvalidEntryPoint";
/// Preparations at one time: unpacking is bound by the processor and the disk.
const AT_ONCE: usize = 4;

/// The tasks that prepare versions.
pub(super) struct Preparations {
    tasks: TaskTracker,
    stop: CancellationToken,
    turns: Arc<Semaphore>,
    /// Functions that have a task now; it looks again before it ends, so one is enough.
    running: Mutex<HashSet<FunctionName>>,
}

impl Default for Preparations {
    fn default() -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            running: Mutex::new(HashSet::new()),
        }
    }
}

impl Preparations {
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Cuts preparations off, as a crash would.
    #[cfg(test)]
    pub(super) fn close_now(&self) {
        self.stop.cancel();
    }

    /// Runs a piece of work to its end even if whoever asked for it goes away.
    pub(super) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let task = self.tasks.spawn(work);
        task.await.map_err(|error| CatalogError::Package(format!("a change was cut off: {error}")))
    }
}

/// Why a version cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It was deleted meanwhile.
    #[error("the version does not exist any more")]
    Gone,
    /// It is still being prepared after the longest wait.
    #[error(
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )]
    Pending,
    /// It could not be prepared.
    #[error(
        "The operation cannot be performed at this time. The function is currently in the following state: Failed ({code}: {reason})"
    )]
    Failed {
        /// The API's reason code.
        code: String,
        /// What went wrong, for people.
        reason: String,
    },
}

/// How a preparation failed.
struct Failure {
    code: &'static str,
    reason: String,
}

impl Catalog {
    /// Waits until a version can run, up to ten seconds; gives it as it is then.
    ///
    /// Lambda refuses to invoke a function that is `Pending`. Preparation here takes milliseconds, so callers wait
    /// instead. A version that failed is tried again once, since what was missing may have been installed.
    /// Cancel safe. At once, and without a lock, for a version that is ready.
    ///
    /// # Errors
    /// [`NotReady`].
    pub async fn ready(&self, version: &Arc<FunctionVersion>) -> Result<Arc<FunctionVersion>, NotReady> {
        self.ready_within(version, READY_WAIT).await
    }

    /// The same for who deploys: waits as long as preparing may take, and does not take what was there before for what
    /// was deployed.
    ///
    /// # Errors
    /// [`NotReady`].
    pub async fn prepared(&self, version: &Arc<FunctionVersion>) -> Result<Arc<FunctionVersion>, NotReady> {
        let ready = self.ready_within(version, PREPARED_WAIT).await?;
        match &ready.update {
            UpdateState::Failed { code, reason } => {
                Err(NotReady::Failed { code: code.clone(), reason: reason.clone() })
            }
            _ => Ok(ready),
        }
    }

    async fn ready_within(
        &self,
        version: &Arc<FunctionVersion>,
        limit: Duration,
    ) -> Result<Arc<FunctionVersion>, NotReady> {
        if is_ready(version) {
            return Ok(version.clone());
        }
        match tokio::time::timeout(limit, self.wait_until_ready(&version.name, version.version)).await {
            Ok(result) => result,
            Err(_) => Err(NotReady::Pending),
        }
    }

    async fn wait_until_ready(
        &self,
        name: &FunctionName,
        version: Version,
    ) -> Result<Arc<FunctionVersion>, NotReady> {
        let mut changes = self.changes();
        let mut tried_again = false;
        loop {
            changes.borrow_and_update();
            let snapshot = self.snapshot();
            let present = snapshot.function(name).and_then(|function| version_of(function, version));
            let present = present.ok_or(NotReady::Gone)?;
            match &present.state {
                FunctionState::Failed { code, reason } if tried_again || code == INVALID_PACKAGE => {
                    return Err(NotReady::Failed { code: code.clone(), reason: reason.clone() });
                }
                FunctionState::Failed { .. } => {
                    tried_again = true;
                    self.try_again(name, version).await;
                    continue;
                }
                FunctionState::Active if is_ready(present) => return Ok(present.clone()),
                FunctionState::Active | FunctionState::Pending => self.prepare(name),
            }
            if changes.changed().await.is_err() {
                return Err(NotReady::Pending);
            }
        }
    }

    /// Puts a failed version back to be prepared.
    async fn try_again(&self, name: &FunctionName, version: Version) {
        let edit = |function: &mut ebb_model::Function| {
            let Some(present) = version_of(function, version).cloned() else {
                return Ok(Edited::Same(()));
            };
            if !matches!(present.state, FunctionState::Failed { .. }) {
                return Ok(Edited::Same(()));
            }
            let mut again = FunctionVersion::clone(&present);
            again.state = FunctionState::Pending;
            replace(function, again);
            Ok(Edited::Changed(()))
        };
        if let Err(error) = self.change(name, edit).await {
            tracing::warn!(function = %name, %error, "a failed function could not be tried again");
        }
        self.prepare(name);
    }

    /// Takes up what an earlier run of the server did not end.
    pub(super) fn resume_preparations(&self) {
        for (name, function) in self.snapshot().functions.iter() {
            let all = std::iter::once(&function.latest).chain(function.versions.values());
            if all.into_iter().any(|version| !is_settled(version)) {
                self.prepare(name);
            }
        }
    }

    /// Starts to prepare what is not ready of a function, unless that runs already.
    pub(super) fn prepare(&self, name: &FunctionName) {
        let preparations = &self.inner.preparations;
        let mut running = preparations.running.lock().unwrap_or_else(PoisonError::into_inner);
        if preparations.stop.is_cancelled() || !running.insert(name.clone()) {
            return;
        }
        drop(running);
        let (catalog, name) = (self.clone(), name.clone());
        let stop = preparations.stop.clone();
        preparations.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(catalog.prepare_all(&name)).await;
            catalog.preparation_ended(&name);
        });
    }

    fn preparation_ended(&self, name: &FunctionName) {
        self.inner.preparations.running.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        // What was changed between the last look and this line had no task started for it.
        let snapshot = self.snapshot();
        let more = snapshot.function(name).is_some_and(|function| next_unsettled(function).is_some());
        if more && !self.inner.preparations.stop.is_cancelled() {
            self.prepare(name);
        }
    }

    async fn prepare_all(&self, name: &FunctionName) {
        let Ok(_turn) = self.inner.preparations.turns.clone().acquire_owned().await else { return };
        loop {
            let snapshot = self.snapshot();
            let Some(version) =
                snapshot.function(name).and_then(|function| next_unsettled(function).cloned())
            else {
                return;
            };
            drop(snapshot);
            let result = self.prepare_one(&version).await;
            if let Err(failure) = &result {
                let (code, reason) = (failure.code, &failure.reason);
                tracing::warn!(function = %name, version = %version.version, code, reason, "a version was not prepared");
            }
            match self.settle_preparation(&version, result).await {
                Ok(()) => {}
                // Deleted meanwhile.
                Err(CatalogError::NotFound(NotFound::Function(_))) => return,
                Err(error) => {
                    // The state stays as it is; the next look at the function tries again.
                    tracing::error!(function = %name, %error, "the state of a function could not be written");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn prepare_one(&self, version: &FunctionVersion) -> Result<(), Failure> {
        let code = self.unpacked(version.code.digest).await?;
        for layer in &version.settings.layers {
            self.unpacked(layer.digest).await?;
        }
        let (runtime, name) = (self.inner.runtime.clone(), version.settings.runtime);
        // It may look for interpreters on the disk.
        let checked = tokio::task::spawn_blocking(move || runtime.check(name)).await;
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(unavailable)) => {
                return Err(Failure { code: "InvalidRuntime", reason: unavailable.to_string() });
            }
            Err(error) => return Err(Failure { code: "InternalError", reason: error.to_string() }),
        }
        self.inner.runtime.prepare(version, code).await.map_err(|unprepared| Failure {
            code: match &unprepared {
                Unprepared::Package(_) => INVALID_PACKAGE,
                Unprepared::Platform(_) => "InternalError",
            },
            reason: unprepared.to_string(),
        })
    }

    async fn unpacked(&self, digest: Digest) -> Result<PathBuf, Failure> {
        self.inner.store.packages().unpacked(digest).await.map_err(|error| Failure {
            code: match &error {
                PackageError::Invalid(_) | PackageError::TooLarge { .. } => "InvalidZipFileException",
                _ => "InternalError",
            },
            reason: error.to_string(),
        })
    }

    async fn settle_preparation(
        &self,
        prepared: &FunctionVersion,
        result: Result<(), Failure>,
    ) -> Result<(), CatalogError> {
        self.change(&prepared.name, |function| {
            let Some(present) = version_of(function, prepared.version).cloned() else {
                return Ok(Edited::Same(()));
            };
            if present.code != prepared.code || present.settings != prepared.settings || is_settled(&present)
            {
                return Ok(Edited::Same(()));
            }
            let mut settled = FunctionVersion::clone(&present);
            settle(&mut settled, &result);
            settled.revision = RevisionId::random();
            replace(function, settled);
            Ok(Edited::Changed(()))
        })
        .await
        .map(|_| ())
    }
}

fn settle(version: &mut FunctionVersion, result: &Result<(), Failure>) {
    let failure = result.as_ref().err().map(|failure| (failure.code.to_owned(), failure.reason.clone()));
    match (&version.state, failure) {
        (FunctionState::Active, None) => version.update = UpdateState::Successful,
        (FunctionState::Active, Some((code, reason))) => {
            version.update = UpdateState::Failed { code, reason }
        }
        (_, None) => {
            version.state = FunctionState::Active;
            version.update = UpdateState::Successful;
        }
        (_, Some((code, reason))) => version.state = FunctionState::Failed { code, reason },
    }
}

fn replace(function: &mut ebb_model::Function, version: FunctionVersion) {
    match version.version {
        Version::Latest => function.latest = Arc::new(version),
        Version::Published(number) => {
            function.versions.insert(number, Arc::new(version));
        }
    }
}

fn next_unsettled(function: &ebb_model::Function) -> Option<&Arc<FunctionVersion>> {
    std::iter::once(&function.latest).chain(function.versions.values()).find(|version| !is_settled(version))
}

/// Whether there is nothing left to prepare, for better or worse.
fn is_settled(version: &FunctionVersion) -> bool {
    match version.state {
        FunctionState::Pending => false,
        FunctionState::Failed { .. } => true,
        FunctionState::Active => !matches!(version.update, UpdateState::InProgress),
    }
}

fn is_ready(version: &FunctionVersion) -> bool {
    matches!(version.state, FunctionState::Active) && !matches!(version.update, UpdateState::InProgress)
}
