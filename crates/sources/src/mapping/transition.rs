//! From what a mapping was to what it shall be: a change is durable first, shown as under way, and then made.
//!
//! A change that the server did not live to end is ended by the next one.

use std::sync::{Arc, PoisonError};

use ebb_invoker::Boxed;
use ebb_store::{Change, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::registry::{Follow, Followed};

use super::{Mapping, MappingError, Mappings, poller};

/// What is under way. Source: Lambda API reference, `EventSourceMappingConfiguration`, `State` (2026-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// It was made and does not poll yet.
    Creating,
    /// It was turned on.
    Enabling,
    /// It was turned off, and the events that it started still run.
    Disabling,
    /// Something else was changed.
    Updating,
    /// It will be gone when the events that it started have ended.
    Deleting,
}

/// What polls for a mapping.
pub(super) struct Running {
    stop: CancellationToken,
    /// The poller and the events that it started.
    tasks: TaskTracker,
}

impl Mapping {
    /// What the mapping does, or is about to do, in the service's words.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.transition {
            Some(Transition::Creating) => "Creating",
            Some(Transition::Enabling) => "Enabling",
            Some(Transition::Disabling) => "Disabling",
            Some(Transition::Updating) => "Updating",
            Some(Transition::Deleting) => "Deleting",
            None if self.enabled => "Enabled",
            None => "Disabled",
        }
    }
}

// Whoever changed a mapping ends its transition; the others only poll as it says.
impl Follow for Mappings {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self.inner.mappings.follow(change).await? {
                Some(Followed { after: Some(mapping), .. }) => drop(self.take_up(&mapping)),
                Some(Followed { before: Some(gone), after: None }) => drop(self.end_poller(&gone.id)),
                _ => {}
            }
            Ok(())
        })
    }
}

impl Mappings {
    /// Makes what a mapping says true, and then says so.
    pub(super) fn settle(&self, mapping: Arc<Mapping>) {
        let gone = mapping.transition == Some(Transition::Deleting);
        let ended = self.take_up(&mapping);
        let Some(transition) = mapping.transition else { return };
        let (mappings, stop) = (self.clone(), self.inner.stop.clone());
        self.inner.tasks.spawn(async move {
            if matches!(transition, Transition::Disabling | Transition::Deleting)
                && let Some(ended) = ended
                && stop.run_until_cancelled(ended.wait()).await.is_none()
            {
                return;
            }
            mappings.settled(&mapping, gone).await;
        });
    }

    /// Polls as a mapping says from now on; gives what still runs as it said before.
    fn take_up(&self, mapping: &Arc<Mapping>) -> Option<TaskTracker> {
        let ended = self.end_poller(&mapping.id);
        if mapping.enabled && mapping.transition != Some(Transition::Deleting) {
            self.poll(mapping);
        }
        ended
    }

    /// Ends the transition, unless another change came meanwhile.
    async fn settled(&self, mapping: &Mapping, gone: bool) {
        let settled = self.inner.mappings.edit(&mapping.id, |now| {
            let Some(now) = now else { return Ok(None) };
            if now.transition != mapping.transition || now.modified != mapping.modified {
                return Ok(Some(now.clone()));
            }
            Ok::<_, MappingError>((!gone).then(|| Mapping { transition: None, ..now.clone() }))
        });
        if let Err(error) = settled.await {
            tracing::warn!(mapping = mapping.id, %error, "a mapping stays in transition until the next start");
        }
    }

    fn poll(&self, mapping: &Arc<Mapping>) {
        let running = Running { stop: self.inner.stop.child_token(), tasks: TaskTracker::new() };
        let poller = poller::Poller::new(self, mapping.clone(), running.stop.clone(), running.tasks.clone());
        self.inner.tasks.spawn(running.tasks.track_future(poller.run()));
        self.inner.pollers.lock().unwrap_or_else(PoisonError::into_inner).insert(mapping.id.clone(), running);
    }

    /// Starts nothing more for a mapping; gives what still runs.
    fn end_poller(&self, id: &str) -> Option<TaskTracker> {
        let running = self.inner.pollers.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        running.stop.cancel();
        running.tasks.close();
        Some(running.tasks)
    }
}
