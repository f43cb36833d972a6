//! Room for events that are delivered at one time, shared so that a slow function with many events leaves room for
//! every other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::FunctionName;
use tokio::sync::Notify;

/// Events delivered at one time.
const SLOTS: u32 = 256;

/// Who has how much of the room.
#[derive(Default)]
pub(crate) struct Lanes {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: u32,
    by_function: HashMap<FunctionName, u32>,
}

/// Room for one event; given back when dropped.
pub(crate) struct Slot {
    lanes: Arc<Lanes>,
    function: FunctionName,
}

impl Lanes {
    /// How much room there is; waits until there is some.
    pub(crate) async fn room(&self) -> u32 {
        loop {
            let freed = self.freed.notified();
            let room = SLOTS.saturating_sub(self.taken.lock().unwrap_or_else(PoisonError::into_inner).all);
            if room > 0 {
                return room;
            }
            freed.await;
        }
    }

    /// Takes room for an event of `function`: never more than is left for all others after it, so that there is always
    /// some, and no more than its reserved concurrency lets run.
    pub(crate) fn enter(self: &Arc<Self>, function: &FunctionName, reserved: Option<u32>) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_function.get(function).copied().unwrap_or(0);
        // A function whose reservation is zero is let in, to be given up at once.
        let most = SLOTS.saturating_sub(taken.all).min(reserved.unwrap_or(u32::MAX).max(1));
        if own >= most {
            return None;
        }
        taken.all += 1;
        *taken.by_function.entry(function.clone()).or_default() += 1;
        Some(Slot { lanes: self.clone(), function: function.clone() })
    }

    fn leave(&self, function: &FunctionName) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_function.get_mut(function) {
            *own -= 1;
            if *own == 0 {
                taken.by_function.remove(function);
            }
        }
        drop(taken);
        self.freed.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.lanes.leave(&self.function);
    }
}

/// How long an event that found no room is put back for, by the times that it was claimed: longer each time, since
/// every look at it is a write to the store.
pub(crate) fn put_back(claims: u32) -> Duration {
    Duration::from_millis(100 << claims.min(8))
}

#[cfg(test)]
mod tests;
