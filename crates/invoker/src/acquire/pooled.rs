//! One instance, as its pool sees it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::{Clock, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::log_stream::LogStream;
use crate::port::Instance;

/// How long an instance is used at most: its key for the control API ends a day later, and cannot be renewed while it
/// runs.
pub const LONGEST_LIFE: Duration = Duration::from_secs(6 * 24 * 60 * 60);

const NOT_PAGED_OUT: u32 = u32::MAX;

/// When an instance has become too old. By the clock on the wall, because that is what its key is checked by.
pub(crate) struct Age {
    clock: Arc<dyn Clock>,
    ends: Timestamp,
}

impl Age {
    /// Of an instance that starts now.
    pub(crate) fn begin(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: clock.clone(), ends: clock.now().plus(LONGEST_LIFE) }
    }

    fn left(&self) -> Duration {
        self.ends.since(self.clock.now())
    }
}

/// One instance, with what the pool knows of it.
pub(crate) struct Pooled {
    pub(crate) instance: Arc<dyn Instance>,
    pub(crate) logs: Arc<LogStream>,
    pub(crate) provisioned: bool,
    age: Age,
    /// How long its start took.
    cost: Duration,
    /// What the clock of [`reclaim`](super::reclaim) showed when it was last used, as the bits of the number.
    worth_clock: AtomicU64,
    /// How long its first event waited for it, and why; taken by that event, which reports it.
    startup: Mutex<Option<Startup>>,
    /// The events that run in it. Changed under the lock of its pool.
    events: AtomicU32,
    /// Since when it is idle; nothing while it is not.
    idle_since: Mutex<Option<Instant>>,
    /// Whether it is frozen. Held while freezing or thawing, so that the two never overlap.
    frozen: tokio::sync::Mutex<bool>,
    /// Its keeper sleeps until a time that idleness must not pass unnoticed, so need not be woken.
    pub(crate) keeper_armed: AtomicBool,
    /// Wakes its keeper.
    pub(crate) idle_again: Notify,
    /// Ended or about to be: never to be handed out again.
    pub(crate) gone: CancellationToken,
    /// Its end has begun, which it does once.
    ended: AtomicBool,
    /// The most memory that it was seen to have used, in MiB.
    peak_mib: AtomicU32,
    /// What it held in memory when the rest had been moved to swap, in MiB; [`NOT_PAGED_OUT`] since it was used.
    left_mib: AtomicU32,
}

/// What the first event of an instance had to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Startup {
    /// Its initialisation, whether the event waited for the whole of it or not.
    Init(Duration),
    /// One whose version is initialised ahead of need: only what the event did wait.
    Restore(Duration),
}

/// An instance that has just been started.
pub(crate) struct Started {
    pub(crate) instance: Arc<dyn Instance>,
    pub(crate) logs: Arc<LogStream>,
    pub(crate) provisioned: bool,
    pub(crate) age: Age,
    /// How long that took.
    pub(crate) took: Duration,
    /// What its first event reports.
    pub(crate) startup: Option<Startup>,
}

impl Pooled {
    pub(crate) fn new(started: Started) -> Arc<Self> {
        let Started { instance, logs, provisioned, age, took, startup } = started;
        Arc::new(Self {
            instance,
            logs,
            provisioned,
            age,
            cost: took,
            worth_clock: AtomicU64::new(0),
            startup: Mutex::new(startup),
            events: AtomicU32::new(0),
            idle_since: Mutex::new(Some(Instant::now())),
            frozen: tokio::sync::Mutex::new(false),
            keeper_armed: AtomicBool::new(false),
            idle_again: Notify::new(),
            gone: CancellationToken::new(),
            ended: AtomicBool::new(false),
            peak_mib: AtomicU32::new(0),
            left_mib: AtomicU32::new(NOT_PAGED_OUT),
        })
    }

    /// Why it is to end where it is too old for another event.
    pub(super) fn too_old(&self) -> Option<&'static str> {
        self.age.left().is_zero().then_some("spindown")
    }

    /// How long it may still be used.
    pub(crate) fn life_left(&self) -> Duration {
        self.age.left()
    }

    /// How long its start took.
    pub(super) fn cost(&self) -> Duration {
        self.cost
    }

    /// What the clock of [`reclaim`](super::reclaim) showed when it was last used.
    pub(super) fn worth_clock(&self) -> f64 {
        f64::from_bits(self.worth_clock.load(Relaxed))
    }

    /// What the first event that asks has to report.
    pub(crate) fn take_startup(&self) -> Option<Startup> {
        self.startup.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The most memory that it has used, in MiB, as of now. Reads a file of the kernel, which may be gone with it.
    pub(crate) fn measure_memory(&self) -> u32 {
        let peak = self.instance.max_memory_mib();
        self.peak_mib.fetch_max(peak, Relaxed).max(peak)
    }

    /// The same, as of the last look; zero before the first.
    pub(crate) fn known_memory(&self) -> u32 {
        self.peak_mib.load(Relaxed)
    }

    /// What it takes of the memory of this machine, in MiB: the most that it was seen to have used, or, once it has been
    /// idle for as long as that takes, what it held when all that can go to swap had gone; without swap that is all of it.
    pub(crate) fn held_memory(&self) -> u32 {
        self.known_memory().min(self.left_mib.load(Relaxed))
    }

    /// Moves its memory to swap, where it is still idle as it was `since`.
    pub(super) async fn page_out(&self, since: Instant) {
        if self.idle_since() != Some(since) {
            return;
        }
        let left = self.instance.page_out().await;
        self.left_mib.store(left, Relaxed);
        // Whoever took it meanwhile may have looked before.
        if self.idle_since() != Some(since) {
            self.left_mib.store(NOT_PAGED_OUT, Relaxed);
        }
    }

    /// How many events run in it.
    pub(crate) fn events(&self) -> u32 {
        self.events.load(Relaxed)
    }

    /// One more event runs in it, at this time of the clock of [`reclaim`](super::reclaim); how many do now. Only under
    /// the lock of its pool.
    pub(super) fn enter(&self, worth_clock: f64) -> u32 {
        self.worth_clock.store(worth_clock.to_bits(), Relaxed);
        let events = self.events.fetch_add(1, Relaxed) + 1;
        if events == 1 {
            *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.left_mib.store(NOT_PAGED_OUT, Relaxed);
        }
        events
    }

    /// One fewer. With the last it becomes idle.
    pub(super) fn leave(&self) {
        if self.events.fetch_sub(1, Relaxed) == 1 {
            *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// Since when it is idle.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its end is still to begin; then it has, with this call.
    pub(super) fn begin_end(&self) -> bool {
        !self.ended.swap(true, Relaxed)
    }

    /// Lets it run, where it was frozen. Not cancel safe.
    pub(crate) async fn thaw(&self) {
        let mut frozen = self.frozen.lock().await;
        if *frozen {
            let began = Instant::now();
            self.instance.thaw().await;
            *frozen = false;
            if let Some(Startup::Restore(took)) =
                &mut *self.startup.lock().unwrap_or_else(PoisonError::into_inner)
            {
                *took += began.elapsed();
            }
        }
    }

    /// Freezes it, where it is still idle.
    pub(crate) async fn freeze(&self) {
        let mut frozen = self.frozen.lock().await;
        // Whoever took it in the meantime waits for this lock to thaw it; without this look the freeze would win.
        if !*frozen && self.idle_since().is_some() {
            self.instance.freeze().await;
            *frozen = true;
        }
    }
}
