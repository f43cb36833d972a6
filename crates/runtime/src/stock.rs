//! The stock: sandboxes that no function has yet, in which an interpreter (or a host) runs our boot already,
//! or, for functions whose program can only be started for them, nothing.
//!
//! A cold start that finds one has its package mounted into it and is told its function; see [`Stocked::assign`]. What
//! was given to a function is never given to another. The stock is for the kinds that are in use: a kind enters it with
//! its first cold start or deployment and leaves it when it has not been asked for in a while. How many there are of a
//! kind follows how often it is asked for (`size.rs`).
//!
//! A function can only have a booted one whose surroundings do not differ in what an interpreter takes in as it starts:
//! see [`Kind::booted`]. It can always have an empty one.

mod size;
mod stocked;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ebb_model::Settings;
use ebb_sandbox::{Launcher, Network};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::host::Host;
use crate::interpreters::Language;
use crate::plan::{Ahead, Managed, WRAPPER_VARIABLE};
use size::{Count, Demand, Turn};
pub(crate) use stocked::{Assigned, Boot, Stocked};

/// How long no start may be under way before the stock is filled up, so that it does not slow down what it is for.
const QUIET: Duration = Duration::from_millis(20);
/// How long it waits for that at most.
const LONGEST_WAIT_FOR_QUIET: Duration = Duration::from_millis(300);
/// How often the stock looks for what is not needed any more.
const REVIEW: Duration = Duration::from_secs(15);
/// After one could not be booted.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Variables that interpreters, their libraries or the dynamic linker read when they start, by how they begin.
const READ_AT_START: &[&str] =
    &["LD_", "PYTHON", "NODE_", "MALLOC_", "GLIBC_", "LANG", "LC_", "UV_", "OPENSSL_", "SSL_", "TZ"];
/// These of them make no difference later.
const READ_LATER: &[&str] = &["NODE_ENV", "NODE_PATH"];

/// How much the stock may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLimits {
    /// Instances of all kinds together; 0 for no stock.
    pub instances: u32,
    /// Memory of all of them, in MiB.
    pub memory_mib: u32,
    /// How long a kind is kept that is not asked for.
    pub keep: Duration,
}

/// What cold starts found in the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockUse {
    /// Those that took an instance from it.
    pub hits: u64,
    /// Those that could have, and had to be started by themselves.
    pub misses: u64,
}

/// What two instances in stock may differ in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    ahead: Ahead,
    tmp_mib: u32,
}

impl Kind {
    /// The booted instance that this function can have; none where its interpreter must be started for it: another
    /// language, or an environment that the interpreter has to start with.
    pub(crate) fn booted(settings: &Settings, managed: &Managed) -> Option<Self> {
        let boots_ahead = matches!(managed.language, Language::Node | Language::Python)
            && !settings.environment.keys().any(|name| is_read_at_start(name));
        boots_ahead.then(|| Self {
            ahead: Ahead::Booted(settings.runtime.family(), managed.clone()),
            tmp_mib: settings.ephemeral_storage_mib,
        })
    }

    /// What every function of a host can have.
    pub(crate) fn of_host(settings: &Settings, host: Host) -> Self {
        Self { ahead: Ahead::Host(host), tmp_mib: settings.ephemeral_storage_mib }
    }

    /// What every function can have.
    pub(crate) fn empty(settings: &Settings) -> Self {
        Self { ahead: Ahead::empty(settings), tmp_mib: settings.ephemeral_storage_mib }
    }
}

fn is_read_at_start(name: &str) -> bool {
    name == WRAPPER_VARIABLE
        || READ_AT_START.iter().any(|start| name.starts_with(start)) && !READ_LATER.contains(&name)
}

/// The stock of one engine. Dropping it ends what it holds.
#[derive(Debug)]
pub(crate) struct Stock {
    shared: Arc<Shared>,
    /// Fills it up; there is none before the first kind is in use.
    filling: Mutex<Option<AbortOnDropHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    launcher: Launcher,
    network: Network,
    limits: StockLimits,
    shelves: Mutex<HashMap<Kind, Shelf>>,
    /// Something was taken, or a kind is new.
    changed: Notify,
    starts: Mutex<Starts>,
}

/// What there is of a kind.
#[derive(Debug, Default)]
struct Shelf {
    ready: Vec<Stocked>,
    demand: Demand,
    /// When one could not be made.
    failed: Option<Instant>,
}

/// The starts of instances, which come first.
#[derive(Debug, Default)]
struct Starts {
    under_way: u32,
    last_ended: Option<Instant>,
}

/// A start that is under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Weak<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            let mut starts = lock(&shared.starts);
            starts.under_way -= 1;
            starts.last_ended = Some(Instant::now());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for a few moves, never across an await; nothing in between panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stock {
    pub(crate) fn new(launcher: Launcher, network: Network, limits: StockLimits) -> Self {
        let shared = Shared {
            launcher,
            network,
            limits,
            shelves: Mutex::default(),
            changed: Notify::new(),
            starts: Mutex::default(),
        };
        Self { shared: Arc::new(shared), filling: Mutex::default() }
    }

    /// Holds back the filling until it is dropped.
    pub(crate) fn start_under_way(&self) -> UnderWay {
        lock(&self.shared.starts).under_way += 1;
        UnderWay(Arc::downgrade(&self.shared))
    }

    /// One of this kind for a cold start, where there is one; there will be more. Must be called within the async
    /// runtime.
    pub(crate) fn take(&self, kind: &Kind) -> Option<Stocked> {
        self.ask(kind, true, true)
    }

    /// The same where another kind would have been better: of those there will be more, of this there will be one.
    pub(crate) fn take_instead(&self, kind: &Kind) -> Option<Stocked> {
        self.ask(kind, false, true)
    }

    /// Has one of this kind made, because functions that can have it exist; how many there are by now.
    pub(crate) fn prepare(&self, kind: &Kind) -> usize {
        self.ask(kind, false, false);
        lock(&self.shared.shelves).get(kind).map_or(0, |shelf| shelf.ready.len())
    }

    fn ask(&self, kind: &Kind, more: bool, take: bool) -> Option<Stocked> {
        if self.shared.limits.instances == 0 {
            return None;
        }
        let taken = {
            let mut shelves = lock(&self.shared.shelves);
            let shelf = shelves.entry(kind.clone()).or_default();
            shelf.demand.asked(Instant::now(), more);
            // The oldest first: it has had the longest time to settle.
            let alive = take.then(|| shelf.ready.iter().position(Stocked::is_alive)).flatten();
            alive.and_then(|place| shelf.ready.drain(..=place).next_back())
        };
        let mut filling = lock(&self.filling);
        if filling.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            *filling = Some(AbortOnDropHandle::new(tokio::spawn(fill(Arc::clone(&self.shared)))));
        }
        self.shared.changed.notify_one();
        taken
    }
}

/// Makes one after the other while some are missing, and ends those that are too many.
async fn fill(shared: Arc<Shared>) {
    loop {
        shared.wait_for_quiet().await;
        shared.review();
        let Some(kind) = shared.missing() else {
            // Either way it is looked at again.
            let _ = tokio::time::timeout(REVIEW, shared.changed.notified()).await;
            continue;
        };
        let made = Stocked::make(&shared.launcher, shared.network, &kind).await;
        let mut shelves = lock(&shared.shelves);
        let Some(shelf) = shelves.get_mut(&kind) else { continue };
        match made {
            Ok(stocked) => shelf.ready.push(stocked),
            Err(error) => {
                shelf.failed = Some(Instant::now());
                let what = kind.ahead;
                tracing::warn!(%what, error, "could not be made ahead of need; functions start it themselves");
            }
        }
    }
}

impl Shared {
    /// Forgets kinds that are not in use, and ends what is dead or too much.
    fn review(&self) {
        let (now, keep) = (Instant::now(), self.limits.keep);
        let mut surplus = Vec::new();
        lock(&self.shelves).retain(|_, shelf| {
            shelf.ready.retain(Stocked::is_alive);
            let wanted = shelf.demand.wanted(now, keep);
            while shelf.ready.len() > wanted {
                surplus.extend(shelf.ready.pop());
            }
            wanted > 0
        });
        // Ends them, not under the lock.
        drop(surplus);
    }

    /// The kind of which one more is to be made. Where that takes the place of another's, that one ends.
    fn missing(&self) -> Option<Kind> {
        let now = Instant::now();
        let mut shelves = lock(&self.shelves);
        let ready = || shelves.values().flat_map(|shelf| &shelf.ready);
        let largest = ready().map(Stocked::memory_bytes).max().unwrap_or(0);
        let held: u64 = ready().map(Stocked::memory_bytes).sum();
        let full = ready().count() >= self.limits.instances as usize
            || held + largest > u64::from(self.limits.memory_mib) << 20;
        let kinds: Vec<Kind> = shelves.keys().cloned().collect();
        let counts: Vec<Count> = kinds
            .iter()
            .filter_map(|kind| shelves.get(kind))
            .map(|shelf| {
                let resting = shelf.failed.is_some_and(|at| now.duration_since(at) < AFTER_FAILURE);
                let wanted = if resting { 0 } else { shelf.demand.wanted(now, self.limits.keep) };
                Count { wanted, ready: shelf.ready.len() }
            })
            .collect();
        let Turn { make, instead_of } = size::turn(&counts, full)?;
        let ended = instead_of.and_then(|kind| shelves.get_mut(&kinds[kind])?.ready.pop());
        drop(shelves);
        // Ends it, not under the lock.
        drop(ended);
        Some(kinds[make].clone())
    }

    async fn wait_for_quiet(&self) {
        let deadline = Instant::now() + LONGEST_WAIT_FOR_QUIET;
        while Instant::now() < deadline && !lock(&self.starts).quiet() {
            tokio::time::sleep(QUIET / 4).await;
        }
    }
}

impl Starts {
    fn quiet(&self) -> bool {
        self.under_way == 0 && self.last_ended.is_none_or(|at| at.elapsed() >= QUIET)
    }
}

#[cfg(test)]
mod tests;
