//! The bounded buffer between hot paths and the writer thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::LogEvent;

/// What the buffer may hold, in bytes of messages and bookkeeping.
const CAPACITY: usize = 16 * 1024 * 1024;
/// What each event costs beside its text.
const EVENT_OVERHEAD: usize = 64;
/// How long the writer lets events gather.
const GATHER: Duration = Duration::from_millis(50);
/// A buffer this full is written without waiting longer.
const EAGER: usize = CAPACITY / 8;

/// A stream by the names of group and stream.
pub(super) type StreamKey = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Buffer {
    pending: Mutex<Pending>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    events: Vec<(StreamKey, LogEvent)>,
    bytes: usize,
    /// Events dropped since the last batch, by stream; as many streams as were full at once.
    dropped: HashMap<StreamKey, u64>,
    closed: bool,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<(StreamKey, LogEvent)>,
    pub(super) dropped: HashMap<StreamKey, u64>,
}

impl Buffer {
    pub(super) fn push(&self, group: &Arc<str>, stream: &Arc<str>, event: LogEvent) {
        let key = (Arc::clone(group), Arc::clone(stream));
        let bytes = event.message.len() + EVENT_OVERHEAD;
        let mut pending = self.lock();
        if pending.closed {
            self.count_dropped(1);
            return;
        }
        if pending.bytes + bytes > CAPACITY {
            *pending.dropped.entry(key).or_default() += 1;
            self.count_dropped(1);
            return;
        }
        let before = pending.bytes;
        pending.bytes += bytes;
        pending.events.push((key, event));
        let wake = before == 0 || (before < EAGER && pending.bytes >= EAGER);
        drop(pending);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Batch {
        let mut pending = self.lock();
        pending.bytes = 0;
        Batch { events: std::mem::take(&mut pending.events), dropped: std::mem::take(&mut pending.dropped) }
    }

    /// Waits until there is a batch worth writing, the buffer is closed, or `idle` has passed. Gives whether it is
    /// closed.
    pub(super) fn wait(&self, idle: Duration) -> bool {
        let idle_until = Instant::now() + idle;
        let mut pending = self.lock();
        while pending.events.is_empty() && !pending.closed {
            let left = idle_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            pending = self.wait_for(pending, left);
        }
        let gathered = Instant::now() + GATHER;
        while pending.bytes < EAGER && !pending.closed {
            let left = gathered.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            pending = self.wait_for(pending, left);
        }
        pending.closed
    }

    /// Takes nothing more, and wakes the writer.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn count_dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn wait_for<'a>(&'a self, pending: MutexGuard<'a, Pending>, time: Duration) -> MutexGuard<'a, Pending> {
        self.changed.wait_timeout(pending, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Every change under this lock is complete before anything could panic, so a poisoned lock is still sound.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
