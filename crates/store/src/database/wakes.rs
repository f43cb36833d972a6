//! Who waits for work in which queue, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// One bell for each queue that somebody has waited for.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    // A short critical section without an await: a plain mutex. The names are few, so the map does not grow.
    bells: Mutex<HashMap<&'static str, Arc<Notify>>>,
}

impl Wakes {
    /// The bell of a queue.
    pub(crate) fn bell(&self, queue: &'static str) -> Arc<Notify> {
        Arc::clone(self.bells.lock().unwrap_or_else(PoisonError::into_inner).entry(queue).or_default())
    }

    /// Wakes everyone who waits for this queue.
    pub(crate) fn ring(&self, queue: &str) {
        if let Some(bell) = self.bells.lock().unwrap_or_else(PoisonError::into_inner).get(queue) {
            bell.notify_waiters();
        }
    }
}
