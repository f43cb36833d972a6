//! The instances of one version: which are idle, who waits for one, how many are on their way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ebb_model::{FunctionArn, FunctionVersion};
use tokio::sync::{Notify, oneshot};
use tokio_util::task::TaskTracker;

use super::lease::{Handed, Lease};
use super::pooled::Pooled;
use super::reclaim::WorthClock;
use crate::metering::FunctionMeter;
use crate::provisioned::Provisioning;

/// On-demand instances of one version that are on their way at one time. In a burst beyond that, the next start when one
/// has ended, as far as instances that became free meanwhile leave anybody waiting.
const STARTS_AT_ONCE: usize = 64;

/// What an instance of a version of which there was none is taken to need, where it may have more, in MiB: the least that a
/// function can have.
const UNKNOWN_MIB: u32 = 128;

/// How long the events may go on that run in the only instance of a version that was replaced.
const LAST_EVENTS_TIME: Duration = Duration::from_secs(5);

/// The instances of one version of one function.
pub(crate) struct Pool {
    pub(crate) version: Arc<FunctionVersion>,
    /// Without qualifier.
    pub(crate) arn: FunctionArn,
    pub(crate) meter: Arc<FunctionMeter>,
    links: Links,
    /// How often an instance was taken since there was none.
    uses: AtomicU64,
    /// How long the last start took, in nanoseconds.
    start_took: AtomicU64,
    /// The most memory that one of its instances was seen to have used, in MiB; 0 before the first.
    peak_mib: AtomicU32,
    /// Wakes those that wait when an instance ended: there is room for another.
    pub(super) ended: Notify,
    /// How the starts of provisioned instances stand.
    pub(crate) provisioning: Mutex<Provisioning>,
    state: Mutex<State>,
}

/// What all pools share.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Where instances that end are waited for.
    pub(crate) tasks: TaskTracker,
    /// Wakes whoever keeps provisioned instances.
    pub(crate) provisioned_changed: Arc<Notify>,
    pub(crate) worth_clock: Arc<WorthClock>,
}

#[derive(Default)]
struct State {
    /// With room for another event; the last is taken first, so that the rest can grow old and go.
    free: Vec<Arc<Pooled>>,
    /// Invocations that wait, the oldest first.
    waiting: VecDeque<oneshot::Sender<Handed>>,
    /// On-demand instances on their way.
    starting: usize,
    /// Answered, but not yet ready for the next event.
    settling: usize,
    /// All that exist, free or not.
    live: Vec<Arc<Pooled>>,
    /// How many provisioned instances there are to be.
    provisioned_target: u32,
    /// One more than are in use is to be started soon.
    spare_asked: bool,
    /// No instance became ready since the last that did not.
    failing: bool,
    /// Its version is gone or was replaced: what is running ends, nothing is kept.
    retired: bool,
}

impl Pool {
    pub(crate) fn new(
        version: Arc<FunctionVersion>,
        arn: FunctionArn,
        meter: Arc<FunctionMeter>,
        links: Links,
    ) -> Arc<Self> {
        Arc::new(Self {
            version,
            arn,
            meter,
            links,
            uses: AtomicU64::new(0),
            start_took: AtomicU64::new(0),
            peak_mib: AtomicU32::new(0),
            ended: Notify::new(),
            provisioning: Mutex::default(),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for a few moves of pointers, never across an await; a panic inside leaves the lists whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its instances take several events at a time.
    pub(crate) fn is_shared(&self) -> bool {
        self.capacity() > 1
    }

    /// How many events an instance takes at a time.
    fn capacity(&self) -> u32 {
        self.version.settings.concurrency()
    }

    /// How often an instance was taken since there was none.
    pub(super) fn uses(&self) -> u64 {
        self.uses.load(Relaxed)
    }

    /// One more event runs in an instance; how many do now. Only under the lock.
    fn enter(&self, pooled: &Pooled) -> u32 {
        self.uses.fetch_add(1, Relaxed);
        pooled.enter(self.links.worth_clock.now())
    }

    /// A place in the instance that was used last.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        let mut state = self.lock();
        let pooled = state.free.last()?.clone();
        // It may have ended while it was idle, its keeper on the way to find it gone from the free ones.
        let reason = if pooled.gone.is_cancelled() { Some("failure") } else { pooled.too_old() };
        if let Some(reason) = reason {
            state.free.pop();
            let unused = pooled.events() == 0;
            drop(state);
            if unused {
                self.end(pooled, reason);
            }
            return self.take();
        }
        if self.enter(&pooled) == self.capacity() {
            state.free.pop();
        }
        drop(state);
        Some(Lease::new(self.clone(), pooled))
    }

    /// Queues for an instance. The receiver may be dropped at any time; what it was handed goes back.
    pub(crate) fn enqueue(self: &Arc<Self>) -> oneshot::Receiver<Handed> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        state.waiting.push_back(sender);
        // One may have become free since `take` found none: it goes to the oldest that waits.
        if let Some(pooled) = state.free.pop() {
            self.offer(state, pooled, false);
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
        let places = state.waiting.len().div_ceil(self.capacity() as usize);
        let needed =
            state.starting < places.min(STARTS_AT_ONCE) && state.live.len() + state.starting < most as usize;
        state.starting += usize::from(needed);
        needed
    }

    /// How long the last start took.
    pub(super) fn start_took(&self) -> Duration {
        Duration::from_nanos(self.start_took.load(Relaxed))
    }

    /// What one more instance will use, in MiB: as much as those before it.
    pub(super) fn expected_mib(&self) -> u32 {
        let most = self.version.settings.memory_mib;
        match self.peak_mib.load(Relaxed) {
            0 => most.min(UNKNOWN_MIB),
            peak => most.min(peak),
        }
    }

    /// Remembers how long a start took.
    pub(super) fn note_start(&self, took: Duration) {
        self.start_took.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How many instances are in use, where that is all of them, none is on its way, and nobody has asked yet.
    pub(super) fn ask_for_spare(&self) -> Option<usize> {
        let mut state = self.lock();
        let lacking = state.free.is_empty() && state.starting == 0 && !state.retired && !state.spare_asked;
        state.spare_asked |= lacking;
        lacking.then_some(state.live.len())
    }

    /// Counts the start that was asked for, where there is room for it and still no more than `in_use` instances exist,
    /// but some, and fewer than `most`.
    pub(super) fn begin_spare(&self, in_use: usize, most: u32, room: bool) -> bool {
        let mut state = self.lock();
        state.spare_asked = false;
        let there = state.live.len() + state.starting;
        let wanted = room && there > 0 && there <= in_use && there < most as usize && !state.retired;
        state.starting += usize::from(wanted);
        wanted
    }

    /// Counts a start, where one is always to be there and none is or is on its way: none at all of a version that is
    /// awake, none that is free of one that is to be there before it is needed. Of those, one that fails is not tried
    /// again before somebody needs it.
    pub(super) fn begin_ahead(&self, most: u32) -> bool {
        let mut state = self.lock();
        let lacking = match self.version.settings.is_awake() {
            true => state.live.is_empty(),
            false => state.free.is_empty() && !state.failing && state.live.len() < most as usize,
        };
        let wanted = lacking && state.starting == 0 && !state.retired;
        state.starting += usize::from(wanted);
        wanted
    }

    /// Whether the last free instance is kept however long nobody needs it, and there is but one.
    pub(super) fn keeps_last(&self) -> bool {
        self.version.is_restored() && self.lock().free.len() <= 1
    }

    /// A counted start ended without an instance; the oldest that waits hears of it.
    pub(crate) fn start_failed(&self, handed: Handed) {
        let mut handed = handed;
        let mut state = self.lock();
        state.starting = state.starting.saturating_sub(1);
        state.failing = true;
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(handed) {
                Ok(()) => return,
                Err(unsent) => handed = unsent,
            }
        }
    }

    /// A counted start ended with an instance.
    pub(crate) fn start_succeeded(self: &Arc<Self>, pooled: Arc<Pooled>) {
        let mut state = self.lock();
        state.starting = state.starting.saturating_sub(1);
        state.failing = false;
        state.live.push(pooled.clone());
        self.offer(state, pooled, true);
    }

    /// An instance that was started to be kept is ready.
    pub(crate) fn add_provisioned(self: &Arc<Self>, pooled: Arc<Pooled>) {
        let mut state = self.lock();
        state.live.push(pooled.clone());
        self.offer(state, pooled, true);
    }

    /// An instance that was started for one event alone is ready, and in use.
    pub(crate) fn add_leased(self: &Arc<Self>, pooled: Arc<Pooled>) -> Lease {
        let mut state = self.lock();
        self.enter(&pooled);
        state.live.push(pooled.clone());
        drop(state);
        Lease::new(self.clone(), pooled)
    }

    /// An event has left an instance, which is ready for another.
    pub(super) fn give_back(self: &Arc<Self>, pooled: Arc<Pooled>) {
        self.peak_mib.fetch_max(pooled.known_memory(), Relaxed);
        let state = self.lock();
        pooled.leave();
        self.offer(state, pooled, false);
    }

    /// Gives the places of an instance to those who wait, and keeps what is left; ends it where it is not wanted any
    /// more and nothing runs in it.
    fn offer(self: &Arc<Self>, mut state: MutexGuard<'_, State>, pooled: Arc<Pooled>, unused: bool) {
        let reason = if pooled.gone.is_cancelled() { Some("failure") } else { pooled.too_old() };
        if reason.is_none() {
            self.hand_out(&mut state, &pooled);
        }
        let surplus = pooled.provisioned && state.provisioned() > state.provisioned_target;
        let unwanted = state.retired || surplus;
        if let Some(reason) = reason.or(unwanted.then_some("spindown")) {
            state.free.retain(|free| !Arc::ptr_eq(free, &pooled));
            drop(state);
            if pooled.events() == 0 {
                self.end(pooled, reason);
            }
            return;
        }
        let listed = self.is_shared() && state.free.iter().any(|free| Arc::ptr_eq(free, &pooled));
        if pooled.events() < self.capacity() && !listed {
            // Unused ones below the used ones: its caller was served by another, and the used ones are the warmer.
            let place = if unused { 0 } else { state.free.len() };
            state.free.insert(place, pooled.clone());
        }
        let idle = pooled.events() == 0;
        drop(state);
        if idle && !pooled.keeper_armed.load(Relaxed) {
            pooled.idle_again.notify_one();
        }
    }

    /// Places of an instance for those who wait, as far as both go.
    fn hand_out(self: &Arc<Self>, state: &mut State, pooled: &Arc<Pooled>) {
        while pooled.events() < self.capacity()
            && let Some(waiting) = state.waiting.pop_front()
        {
            self.enter(pooled);
            let lease = Lease::new(self.clone(), pooled.clone());
            if let Err(Handed::Ready(mut unsent)) = waiting.send(Handed::Ready(lease)) {
                // Taken apart here: dropping it would come back to the lock that is held.
                unsent.defuse();
                pooled.leave();
            }
        }
    }

    /// Takes an instance in which nothing runs out of the free ones, where it still is one.
    pub(crate) fn withdraw(&self, pooled: &Arc<Pooled>) -> bool {
        let mut state = self.lock();
        let place =
            state.free.iter().position(|free| Arc::ptr_eq(free, pooled)).filter(|_| pooled.events() == 0);
        place.map(|index| state.free.remove(index)).is_some()
    }

    /// Ends an instance in a task of its own.
    pub(crate) fn end(self: &Arc<Self>, pooled: Arc<Pooled>, reason: &'static str) {
        pooled.gone.cancel();
        if !pooled.begin_end() {
            return;
        }
        self.forget(&pooled);
        self.links.tasks.spawn(async move {
            // A frozen process can neither say goodbye nor be told to.
            pooled.thaw().await;
            pooled.instance.shutdown(reason).await;
        });
    }

    /// Removes an instance that ended from the lists.
    fn forget(&self, pooled: &Arc<Pooled>) {
        let mut state = self.lock();
        state.free.retain(|other| !Arc::ptr_eq(other, pooled));
        state.live.retain(|other| !Arc::ptr_eq(other, pooled));
        if state.live.is_empty() {
            self.uses.store(0, Relaxed);
        }
        drop(state);
        self.ended.notify_waiters();
        if pooled.provisioned {
            self.links.provisioned_changed.notify_one();
        }
    }

    /// Ends what is idle, and everything else as soon as it has nothing to do.
    pub(crate) fn retire(self: &Arc<Self>) {
        let free = {
            let mut state = self.lock();
            state.retired = true;
            std::mem::take(&mut state.free)
        };
        for pooled in free.into_iter().filter(|pooled| pooled.events() == 0) {
            self.end(pooled, "spindown");
        }
        let busy = self.live().iter().any(|pooled| pooled.events() > 0);
        if busy && self.version.settings.is_stateful() {
            let pool = Arc::clone(self);
            self.links.tasks.spawn(async move {
                // The version that follows waits for what this one has.
                let _ = tokio::time::timeout(LAST_EVENTS_TIME, pool.emptied()).await;
                pool.live().into_iter().for_each(|pooled| pool.end(pooled, "spindown"));
            });
        }
    }

    /// Until no instance is left.
    async fn emptied(&self) {
        loop {
            // Before the look: one that ends after it is not missed.
            let ended = self.ended.notified();
            if self.live().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Sets how many provisioned instances there are to be, and ends idle ones that are too many. The count of those
    /// that are missing.
    pub(crate) fn set_provisioned(self: &Arc<Self>, target: u32) -> u32 {
        let (surplus, missing) = {
            let mut state = self.lock();
            state.provisioned_target = target;
            let excess = state.provisioned().saturating_sub(target) as usize;
            let idle = state.free.iter().filter(|pooled| pooled.provisioned && pooled.events() == 0);
            let surplus: Vec<_> = idle.take(excess).cloned().collect();
            state.free.retain(|free| !surplus.iter().any(|other| Arc::ptr_eq(free, other)));
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
