//! Room for events that are delivered at one time, shared so that a slow function with many events leaves room for
//! every other.
//!
//! An event that finds no room is put back until about its turn: as many run before it as are put back already, each for
//! about as long as the last ones took. So each is looked at about once, and none waits long after there is room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::FunctionName;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Events delivered at one time.
const SLOTS: u32 = 256;
/// How long an event takes, as long as none has ended.
const UNKNOWN_PACE: Duration = Duration::from_millis(50);
/// The shortest and the longest time that an event is put back for: a guess may be wrong.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(30);

/// Who has how much of the room.
#[derive(Default)]
pub(crate) struct Lanes {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: u32,
    by_function: HashMap<FunctionName, Lane>,
}

/// The events of one function.
#[derive(Default)]
struct Lane {
    running: u32,
    /// How long its last events took, the newest counting most.
    pace: Option<Duration>,
    /// When the turn comes of the event that was put back last.
    turn: Option<Instant>,
}

/// Room for one event; given back when dropped.
pub(crate) struct Slot {
    lanes: Arc<Lanes>,
    function: FunctionName,
    since: Instant,
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
    ///
    /// # Errors
    /// Where there is none: how long the event is to be put back for.
    pub(crate) fn enter(
        self: &Arc<Self>,
        function: &FunctionName,
        reserved: Option<u32>,
    ) -> Result<Slot, Duration> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // A function whose reservation is zero is let in, to be given up at once.
        let most = SLOTS.saturating_sub(taken.all).min(reserved.unwrap_or(u32::MAX).max(1));
        let lane = taken.by_function.entry(function.clone()).or_default();
        let since = Instant::now();
        if lane.running >= most {
            return Err(lane.put_back(since));
        }
        lane.running += 1;
        taken.all += 1;
        Ok(Slot { lanes: self.clone(), function: function.clone(), since })
    }

    fn leave(&self, function: &FunctionName, took: Duration) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(lane) = taken.by_function.get_mut(function) {
            lane.running -= 1;
            lane.pace = Some(lane.pace.map_or(took, |pace| (pace * 3 + took) / 4));
            if lane.running == 0 && lane.turn.is_none_or(|turn| turn <= Instant::now()) {
                taken.by_function.remove(function);
            }
        }
        drop(taken);
        self.freed.notify_one();
    }
}

impl Lane {
    fn put_back(&mut self, now: Instant) -> Duration {
        let step = self.pace.unwrap_or(UNKNOWN_PACE) / self.running.max(1);
        let turn = self.turn.map_or(now, |turn| turn.max(now)) + step;
        self.turn = Some(turn.min(now + LONGEST));
        (turn - now).clamp(SHORTEST, LONGEST)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.lanes.leave(&self.function, self.since.elapsed());
    }
}

#[cfg(test)]
mod tests;
