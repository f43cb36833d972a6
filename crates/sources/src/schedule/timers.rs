//! Timers by key: which is due next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::{Clock, Timestamp};
use tokio::sync::Notify;

/// The longest sleep: bounds what a jump of the machine's clock can cost.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Times that things are due, by key. Kept in memory: their owner sets them again when it starts.
pub struct Timers {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    by_time: BTreeSet<(Timestamp, String)>,
    by_key: HashMap<String, Timestamp>,
}

impl Timers {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default(), changed: Notify::new() }
    }

    /// Sets the timer of a key, or takes it away.
    pub fn set(&self, key: &str, due: Option<Timestamp>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = state.by_key.remove(key) {
            state.by_time.remove(&(before, key.to_owned()));
        }
        if let Some(due) = due {
            state.by_key.insert(key.to_owned(), due);
            state.by_time.insert((due, key.to_owned()));
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for the next key that is due and takes its timer away. One task at a time may wait; safe to cancel.
    pub async fn next(&self) -> String {
        loop {
            let sleep = match self.take() {
                Ok(key) => return key,
                Err(sleep) => sleep,
            };
            match sleep {
                Some(sleep) => {
                    tokio::select! {
                        () = tokio::time::sleep(sleep.min(LONGEST_SLEEP)) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// The first key, where it is due; else how long until then.
    fn take(&self) -> Result<String, Option<Duration>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((due, _)) = state.by_time.first() else { return Err(None) };
        let now = self.clock.now();
        if *due > now {
            return Err(Some(due.since(now)));
        }
        let (_, key) = state.by_time.pop_first().ok_or(None)?;
        state.by_key.remove(&key);
        Ok(key)
    }
}
