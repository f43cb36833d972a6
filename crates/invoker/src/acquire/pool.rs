//! The instances of one version: which are idle, who waits for one, how many are on their way.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ebb_model::{FunctionArn, FunctionVersion};
use tokio::sync::{Notify, oneshot};
use tokio_util::task::TaskTracker;

use super::lease::{Handed, Lease};
use super::pooled::Pooled;
use crate::metering::FunctionMeter;
use crate::provisioned::Provisioning;

/// On-demand instances of one version that are on their way at one time. In a burst beyond that, the next start when one
/// has ended, as far as instances that became free meanwhile leave anybody waiting.
const STARTS_AT_ONCE: usize = 64;

/// The instances of one version of one function.
pub(crate) struct Pool {
    pub(crate) version: Arc<FunctionVersion>,
    /// Without qualifier.
    pub(crate) arn: FunctionArn,
    pub(crate) meter: Arc<FunctionMeter>,
    /// Where instances that end are waited for.
    tasks: TaskTracker,
    /// Wakes whoever keeps provisioned instances.
    provisioned_changed: Arc<Notify>,
    /// Wakes those that wait when an instance ended: there is room for another.
    pub(super) ended: Notify,
    /// How the starts of provisioned instances stand.
    pub(crate) provisioning: Mutex<Provisioning>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Ready for an event; the last is taken first, so that the rest can grow old and go.
    idle: Vec<Arc<Pooled>>,
    /// Invocations that wait, the oldest first.
    waiting: VecDeque<oneshot::Sender<Handed>>,
    /// On-demand instances on their way.
    starting: usize,
    /// Answered, but not yet ready for the next event.
    settling: usize,
    /// All that exist, idle or not.
    live: Vec<Arc<Pooled>>,
    /// How many provisioned instances there are to be.
    provisioned_target: u32,
    /// Its version is gone or was replaced: what is running ends, nothing is kept.
    retired: bool,
}

impl Pool {
    pub(crate) fn new(
        version: Arc<FunctionVersion>,
        arn: FunctionArn,
        meter: Arc<FunctionMeter>,
        tasks: TaskTracker,
        provisioned_changed: Arc<Notify>,
    ) -> Arc<Self> {
        Arc::new(Self {
            version,
            arn,
            meter,
            tasks,
            provisioned_changed,
            ended: Notify::new(),
            provisioning: Mutex::default(),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for a few moves of pointers, never across an await; a panic inside leaves the lists whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle instance that was used last.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        let taken = self.lock().idle.pop();
        let pooled = taken?;
        pooled.set_idle(false);
        if pooled.gone.is_cancelled() {
            // It ended while it was idle, and its keeper found it gone from the idle ones.
            self.end(pooled, "failure");
            return self.take();
        }
        if pooled.outlived() {
            self.end(pooled, "spindown");
            return self.take();
        }
        Some(Lease::new(self.clone(), pooled))
    }

    /// Queues for an instance. The receiver may be dropped at any time; what it was handed goes back.
    pub(crate) fn enqueue(self: &Arc<Self>) -> oneshot::Receiver<Handed> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        state.waiting.push_back(sender);
        // One may have become idle since `take` found none: it goes to the oldest that waits.
        let idle = state.idle.pop();
        drop(state);
        if let Some(pooled) = idle {
            pooled.set_idle(false);
            self.offer(pooled, false);
        }
        receiver
    }

    /// Whether enough instances are about to be free for all that wait.
    pub(crate) fn settling_soon(&self) -> bool {
        let state = self.lock();
        state.settling >= state.waiting.len() && state.settling > 0
    }

    /// Counts a start, where those on their way are fewer than those that wait and than may be at one time, and those
    /// that exist fewer than `most`.
    pub(crate) fn begin_start(&self, most: u32) -> bool {
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        let needed = state.starting < state.waiting.len().min(STARTS_AT_ONCE)
            && state.live.len() + state.starting < most as usize;
        state.starting += usize::from(needed);
        needed
    }

    /// A counted start ended without an instance; the oldest that waits hears of it.
    pub(crate) fn start_failed(&self, handed: Handed) {
        let mut handed = handed;
        let mut state = self.lock();
        state.starting = state.starting.saturating_sub(1);
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(handed) {
                Ok(()) => return,
                Err(unsent) => handed = unsent,
            }
        }
    }

    /// A counted start ended with an instance.
    pub(crate) fn start_succeeded(self: &Arc<Self>, pooled: Arc<Pooled>) {
        {
            let mut state = self.lock();
            state.starting = state.starting.saturating_sub(1);
            state.live.push(pooled.clone());
        }
        self.offer(pooled, true);
    }

    /// An instance that was started to be kept is ready.
    pub(crate) fn add_provisioned(self: &Arc<Self>, pooled: Arc<Pooled>) {
        self.lock().live.push(pooled.clone());
        self.offer(pooled, true);
    }

    /// An instance that was started for one event alone is ready, and in use.
    pub(crate) fn add_leased(self: &Arc<Self>, pooled: Arc<Pooled>) -> Lease {
        self.lock().live.push(pooled.clone());
        Lease::new(self.clone(), pooled)
    }

    /// Gives an instance to whoever waits, else lets it idle; ends it where it is not wanted any more.
    pub(super) fn offer(self: &Arc<Self>, pooled: Arc<Pooled>, unused: bool) {
        let mut state = self.lock();
        if pooled.gone.is_cancelled() {
            drop(state);
            self.end(pooled, "failure");
            return;
        }
        if pooled.outlived() {
            drop(state);
            self.end(pooled, "spindown");
            return;
        }
        let mut lease = Lease::new(self.clone(), pooled);
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(Handed::Ready(lease)) {
                Ok(()) => return,
                // Taken apart here: dropping it would come back to this function, under its lock.
                Err(Handed::Ready(unsent)) => lease = unsent,
                Err(Handed::FailedInit(_) | Handed::Failed(_)) => return,
            }
        }
        let Some(pooled) = lease.defuse() else { return };
        let surplus = pooled.provisioned && state.provisioned() > state.provisioned_target;
        if state.retired || surplus {
            drop(state);
            self.end(pooled, "spindown");
            return;
        }
        pooled.set_idle(true);
        if unused {
            // Below the used ones: its caller was served by another, and the used ones are the warmer.
            state.idle.insert(0, pooled.clone());
        } else {
            state.idle.push(pooled.clone());
        }
        drop(state);
        if !pooled.keeper_armed.load(Relaxed) {
            pooled.idle_again.notify_one();
        }
    }

    /// Takes an instance out of the idle ones, where it still is one.
    pub(crate) fn withdraw(&self, pooled: &Arc<Pooled>) -> bool {
        let mut state = self.lock();
        let place = state.idle.iter().position(|idle| Arc::ptr_eq(idle, pooled));
        place.map(|index| state.idle.remove(index)).is_some()
    }

    /// Ends an instance in a task of its own.
    pub(crate) fn end(self: &Arc<Self>, pooled: Arc<Pooled>, reason: &'static str) {
        pooled.gone.cancel();
        if !pooled.begin_end() {
            return;
        }
        self.forget(&pooled);
        self.tasks.spawn(async move {
            // A frozen process can neither say goodbye nor be told to.
            pooled.thaw().await;
            pooled.instance.shutdown(reason).await;
        });
    }

    /// Removes an instance that ended from the lists.
    fn forget(&self, pooled: &Arc<Pooled>) {
        let mut state = self.lock();
        state.idle.retain(|other| !Arc::ptr_eq(other, pooled));
        state.live.retain(|other| !Arc::ptr_eq(other, pooled));
        drop(state);
        self.ended.notify_waiters();
        if pooled.provisioned {
            self.provisioned_changed.notify_one();
        }
    }

    /// Ends what is idle, and everything else as soon as it has nothing to do.
    pub(crate) fn retire(self: &Arc<Self>) {
        let idle = {
            let mut state = self.lock();
            state.retired = true;
            std::mem::take(&mut state.idle)
        };
        for pooled in idle {
            self.end(pooled, "spindown");
        }
    }

    /// Sets how many provisioned instances there are to be, and ends idle ones that are too many. The count of those
    /// that are missing.
    pub(crate) fn set_provisioned(self: &Arc<Self>, target: u32) -> u32 {
        let (surplus, missing) = {
            let mut state = self.lock();
            state.provisioned_target = target;
            let excess = state.provisioned().saturating_sub(target) as usize;
            let surplus: Vec<_> =
                state.idle.iter().filter(|pooled| pooled.provisioned).take(excess).cloned().collect();
            state.idle.retain(|idle| !surplus.iter().any(|other| Arc::ptr_eq(idle, other)));
            (surplus, target.saturating_sub(state.provisioned()))
        };
        for pooled in surplus {
            self.end(pooled, "spindown");
        }
        missing
    }

    /// How many provisioned instances there are.
    pub(crate) fn provisioned(&self) -> u32 {
        self.lock().provisioned()
    }

    /// Every instance that exists.
    pub(crate) fn live(&self) -> Vec<Arc<Pooled>> {
        self.lock().live.clone()
    }

    /// Counts instances that have answered and are about to be free.
    pub(super) fn settling(&self, one_more: bool) {
        let mut state = self.lock();
        state.settling = if one_more { state.settling + 1 } else { state.settling.saturating_sub(1) };
    }
}

impl State {
    fn provisioned(&self) -> u32 {
        u32::try_from(self.live.iter().filter(|pooled| pooled.provisioned).count()).unwrap_or(u32::MAX)
    }
}
