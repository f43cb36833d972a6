//! An instance in the hands of one invocation.

use std::sync::Arc;

use super::pool::Pool;
use super::pooled::Pooled;
use super::start::FailedInit;
use crate::error::InvokeError;

/// What a waiting invocation gets.
pub(crate) enum Handed {
    /// An instance.
    Ready(Lease),
    /// The instance that was started for it did not become ready.
    FailedInit(FailedInit),
    /// None can be started.
    Failed(InvokeError),
}

/// A place in an instance, in use by one invocation. Dropping it unused gives it back; dropping it in the middle of an
/// event ends the instance, where no others share it.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    held: Option<Arc<Pooled>>,
    in_event: bool,
    settling: bool,
}

impl Lease {
    pub(super) fn new(pool: Arc<Pool>, pooled: Arc<Pooled>) -> Self {
        Self { pool, held: Some(pooled), in_event: false, settling: false }
    }

    /// The instance.
    pub(crate) fn pooled(&self) -> &Arc<Pooled> {
        self.held.as_ref().expect("a lease holds its instance until it is given up, which consumes it")
    }

    /// From here on, dropping the lease ends the instance.
    pub(crate) fn begin_event(&mut self) {
        self.in_event = true;
    }

    /// The instance takes no more events, and ends with the last that runs in it.
    pub(crate) fn retire(&self) {
        self.pooled().gone.cancel();
    }

    /// The event was answered: the instance will soon be free.
    pub(crate) fn begin_settling(&mut self) {
        if !std::mem::replace(&mut self.settling, true) {
            self.pool.settling(true);
        }
    }

    /// Gives the instance back, ready for its next event.
    pub(crate) fn release(mut self) {
        self.end_settling();
        if let Some(pooled) = self.defuse() {
            self.pool.give_back(pooled);
        }
    }

    /// Ends the instance.
    pub(crate) fn discard(mut self, reason: &'static str) {
        self.end_settling();
        if let Some(pooled) = self.defuse() {
            self.pool.end(pooled, reason);
        }
    }

    fn end_settling(&mut self) {
        if std::mem::replace(&mut self.settling, false) {
            self.pool.settling(false);
        }
    }

    /// Takes the instance out, so that dropping the lease does nothing.
    pub(super) fn defuse(&mut self) -> Option<Arc<Pooled>> {
        self.held.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end_settling();
        match self.held.take() {
            Some(pooled) if self.in_event && !self.pool.is_shared() => self.pool.end(pooled, "failure"),
            Some(pooled) => self.pool.give_back(pooled),
            None => {}
        }
    }
}
