//! Who waits for work in which queue, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// One bell for each queue that somebody has waited for.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    // A short critical section without an await: a plain mutex. A bell that nobody holds goes when it would ring.
    bells: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Wakes {
    /// The bell of a queue.
    pub(crate) fn bell(&self, queue: &str) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(queue.to_owned()).or_default())
    }

    /// Wakes everyone who waits for this queue.
    pub(crate) fn ring(&self, queue: &str) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(queue) {
            bell.notify_waiters();
            if Arc::strong_count(bell) == 1 {
                bells.remove(queue);
            }
        }
    }
}
