//! Seeing work attempted: whoever adds work may wait a moment for its first attempt in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How many wait at one time. Where more work comes than that, nobody is slowed down by waiting.
const WATCHERS: usize = 8;

/// Who waits for which attempts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers {
    by_name: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
}

/// A wait for the first attempt at some work. Made before the work is added, so that no attempt is missed.
#[derive(Debug)]
pub struct Watch {
    watchers: Watchers,
    names: Vec<(String, Arc<Notify>)>,
}

impl Watchers {
    pub(crate) fn watch(&self, names: impl IntoIterator<Item = String>) -> Watch {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watched = Vec::new();
        for name in names {
            if by_name.len() < WATCHERS {
                let bell = Arc::new(Notify::new());
                by_name.insert(name.clone(), bell.clone());
                watched.push((name, bell));
            }
        }
        Watch { watchers: self.clone(), names: watched }
    }

    pub(crate) fn attempted(&self, name: &str) {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = by_name.get(name) {
            bell.notify_one();
        }
    }
}

impl Watch {
    /// Returns when all of it was attempted, or after `patience`. Safe to cancel.
    pub async fn attempted(self, patience: Duration) {
        let all = async {
            for (_, bell) in &self.names {
                bell.notified().await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_name = self.watchers.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, _) in &self.names {
            by_name.remove(name);
        }
    }
}
