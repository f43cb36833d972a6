//! The instances of one version: which are idle, who waits for one, how many are on their way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ebb_model::{FunctionArn, FunctionVersion};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::start::FailedInit;
use crate::error::InvokeError;
use crate::log_stream::LogStream;
use crate::metering::FunctionMeter;
use crate::port::Instance;

/// The instances of one version of one function.
pub(crate) struct Pool {
    pub(crate) version: Arc<FunctionVersion>,
    /// Without qualifier.
    pub(crate) arn: FunctionArn,
    pub(crate) meter: Arc<FunctionMeter>,
    tasks: TaskTracker,
    state: Mutex<State>,
    /// Instances that must always be there.
    provisioned_target: AtomicU32,
    /// Wakes the task that keeps provisioned instances.
    pub(crate) provisioned_changed: Notify,
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
    /// Its version is gone or was replaced: what is running ends, nothing is kept.
    retired: bool,
}

/// One instance, with what the pool knows of it.
pub(crate) struct Pooled {
    pub(crate) instance: Arc<dyn Instance>,
    pub(crate) logs: Arc<LogStream>,
    pub(crate) provisioned: bool,
    /// How long its initialisation took; taken by its first event, which reports it.
    init: Mutex<Option<Duration>>,
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
}

/// What a waiting invocation gets.
pub(crate) enum Handed {
    /// An instance.
    Ready(Lease),
    /// The instance that was started for it did not become ready.
    FailedInit(FailedInit),
    /// None can be started.
    Failed(InvokeError),
}

/// An instance in use by one invocation. Dropping it unused gives it back; dropping it in the middle of an event ends
/// the instance.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    held: Option<Arc<Pooled>>,
    in_event: bool,
    settling: bool,
}

/// How many instances a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) live: usize,
    pub(crate) idle: usize,
    pub(crate) provisioned: u32,
}

impl Pool {
    pub(crate) fn new(
        version: Arc<FunctionVersion>,
        arn: FunctionArn,
        meter: Arc<FunctionMeter>,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            version,
            arn,
            meter,
            tasks,
            state: Mutex::default(),
            provisioned_target: AtomicU32::new(0),
            provisioned_changed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for a few moves of pointers, never across an await; a panic inside leaves the lists whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle instance that was used last.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        let mut state = self.lock();
        loop {
            let pooled = state.idle.pop()?;
            if !pooled.gone.is_cancelled() {
                pooled.set_idle(false);
                return Some(Lease::new(self.clone(), pooled));
            }
        }
    }

    /// Queues for an instance. The receiver may be dropped at any time; what it was handed goes back.
    pub(crate) fn enqueue(self: &Arc<Self>) -> oneshot::Receiver<Handed> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        // One may have become idle since `take` found none.
        if let Some(pooled) = state.idle.pop() {
            pooled.set_idle(false);
            let lease = Lease::new(self.clone(), pooled);
            drop(state);
            // The receiver is in our hands, so it is open.
            let _ = sender.send(Handed::Ready(lease));
        } else {
            state.waiting.push_back(sender);
        }
        receiver
    }

    /// Whether enough instances are about to be free for all that wait.
    pub(crate) fn settling_soon(&self) -> bool {
        let state = self.lock();
        state.settling >= state.waiting.len() && state.settling > 0
    }

    /// Counts a start, where those on their way are fewer than those that wait.
    pub(crate) fn begin_start(&self) -> bool {
        let mut state = self.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        let needed = state.starting < state.waiting.len();
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
    fn offer(self: &Arc<Self>, pooled: Arc<Pooled>, unused: bool) {
        let mut state = self.lock();
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
        let surplus = pooled.provisioned && Self::provisioned(&state) > self.provisioned_target.load(Relaxed);
        if state.retired || surplus || pooled.gone.is_cancelled() {
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
        if pooled.ended.swap(true, Relaxed) {
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
        self.provisioned_changed.notify_one();
        for pooled in idle {
            self.end(pooled, "spindown");
        }
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    /// Sets how many instances are always kept, and ends idle ones that are too many.
    pub(crate) fn set_provisioned(self: &Arc<Self>, target: u32) {
        if self.provisioned_target.swap(target, Relaxed) == target {
            return;
        }
        let surplus = {
            let mut state = self.lock();
            let excess = Self::provisioned(&state).saturating_sub(target) as usize;
            let surplus: Vec<_> =
                state.idle.iter().filter(|pooled| pooled.provisioned).take(excess).cloned().collect();
            state.idle.retain(|idle| !surplus.iter().any(|other| Arc::ptr_eq(idle, other)));
            surplus
        };
        for pooled in surplus {
            self.end(pooled, "spindown");
        }
        self.provisioned_changed.notify_one();
    }

    /// How many instances are always kept.
    pub(crate) fn provisioned_target(&self) -> u32 {
        self.provisioned_target.load(Relaxed)
    }

    fn provisioned(state: &State) -> u32 {
        u32::try_from(state.live.iter().filter(|pooled| pooled.provisioned).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts { live: state.live.len(), idle: state.idle.len(), provisioned: Self::provisioned(&state) }
    }

    /// Every instance that exists.
    pub(crate) fn live(&self) -> Vec<Arc<Pooled>> {
        self.lock().live.clone()
    }
}

impl Pooled {
    pub(crate) fn new(
        instance: Arc<dyn Instance>,
        logs: Arc<LogStream>,
        init: Option<Duration>,
        provisioned: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            instance,
            logs,
            provisioned,
            init: Mutex::new(init),
            idle_since: Mutex::new(None),
            frozen: tokio::sync::Mutex::new(false),
            keeper_armed: AtomicBool::new(false),
            idle_again: Notify::new(),
            gone: CancellationToken::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// How long its initialisation took, for the first event that asks.
    pub(crate) fn take_init(&self) -> Option<Duration> {
        self.init.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_idle(&self, idle: bool) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = idle.then(Instant::now);
    }

    /// Since when it is idle.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets it run, where it was frozen.
    pub(crate) async fn thaw(&self) {
        let mut frozen = self.frozen.lock().await;
        if *frozen {
            self.instance.thaw().await;
            *frozen = false;
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

impl Lease {
    fn new(pool: Arc<Pool>, pooled: Arc<Pooled>) -> Self {
        Self { pool, held: Some(pooled), in_event: false, settling: false }
    }

    /// The instance.
    pub(crate) fn pooled(&self) -> &Arc<Pooled> {
        self.held.as_ref().expect("a lease holds its instance until it is given up, which consumes it")
    }

    /// From here on, dropping the lease ends the instance.
    pub(crate) fn begin_event(&mut self) {
        self.in_event = true;
    }

    /// The event was answered: the instance will soon be free.
    pub(crate) fn begin_settling(&mut self) {
        if !std::mem::replace(&mut self.settling, true) {
            self.pool.lock().settling += 1;
        }
    }

    /// Gives the instance back, ready for its next event.
    pub(crate) fn release(mut self) {
        self.end_settling();
        if let Some(pooled) = self.defuse() {
            self.pool.offer(pooled, false);
        }
    }

    /// Ends the instance.
    pub(crate) fn discard(mut self, reason: &'static str) {
        self.end_settling();
        if let Some(pooled) = self.defuse() {
            self.pool.end(pooled, reason);
        }
    }

    fn end_settling(&mut self) {
        if std::mem::replace(&mut self.settling, false) {
            let mut state = self.pool.lock();
            state.settling = state.settling.saturating_sub(1);
        }
    }

    /// Takes the instance out, so that dropping the lease does nothing.
    fn defuse(&mut self) -> Option<Arc<Pooled>> {
        self.held.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end_settling();
        match self.held.take() {
            Some(pooled) if self.in_event => self.pool.end(pooled, "failure"),
            Some(pooled) => self.pool.offer(pooled, false),
            None => {}
        }
    }
}
