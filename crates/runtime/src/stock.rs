//! The stock: instances whose interpreter (or host of components) runs our boot inside its sandbox already, and that no
//! function has yet.
//!
//! A cold start that finds one has its package mounted into it and is told its function; see [`Stocked::assign`]. What
//! was given to a function is never given to another. The stock is for the kinds that are in use: a kind enters it with
//! its first cold start or deployment and leaves it when it has not been asked for in a while. How many there are of a
//! kind follows how often it is asked for (`size.rs`).
//!
//! A function can only have one whose surroundings do not differ in what an interpreter takes in as it starts: see
//! [`Kind::of`].

mod booted;
mod size;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ebb_model::{RuntimeName, Settings};
use ebb_sandbox::{Launcher, Network};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::interpreters::Language;
use crate::plan::{Bootable, Host, Managed, WRAPPER_VARIABLE};
pub(crate) use booted::{Assigned, Stocked};
use size::Demand;

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
    runtime: RuntimeName,
    program: PathBuf,
    boot: PathBuf,
    sdk: Option<PathBuf>,
    pub(crate) tmp_mib: u32,
}

impl Kind {
    /// What this function can have; none where it must be started by itself: another language, or an environment that
    /// its interpreter has to start with.
    pub(crate) fn of(settings: &Settings, managed: &Managed) -> Option<Self> {
        if settings.environment.keys().any(|name| is_read_at_start(name)) {
            return None;
        }
        Self::usual(settings.runtime, managed, settings.ephemeral_storage_mib)
    }

    /// What every component can have.
    pub(crate) fn of_components(runtime: RuntimeName, host: &Host, tmp_mib: u32) -> Self {
        Self { runtime, program: host.binary.clone(), boot: PathBuf::new(), sdk: None, tmp_mib }
    }

    /// What most functions of a runtime can have.
    pub(crate) fn usual(runtime: RuntimeName, managed: &Managed, tmp_mib: u32) -> Option<Self> {
        matches!(managed.language, Language::Node | Language::Python).then(|| Self {
            runtime,
            program: managed.interpreter.program.clone(),
            boot: managed.boot.clone(),
            sdk: managed.sdk.as_ref().map(|(folder, _)| folder.clone()),
            tmp_mib,
        })
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
#[derive(Debug)]
struct Shelf {
    bootable: Bootable,
    ready: Vec<Stocked>,
    demand: Demand,
    /// When one could not be booted.
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
    pub(crate) fn take(&self, kind: &Kind, bootable: &Bootable) -> Option<Stocked> {
        self.ask(kind, bootable, true)
    }

    /// Has one of this kind made, because functions that can have it exist; how many there are by now.
    pub(crate) fn prepare(&self, kind: &Kind, bootable: &Bootable) -> usize {
        self.ask(kind, bootable, false);
        lock(&self.shared.shelves).get(kind).map_or(0, |shelf| shelf.ready.len())
    }

    fn ask(&self, kind: &Kind, bootable: &Bootable, taking: bool) -> Option<Stocked> {
        if self.shared.limits.instances == 0 {
            return None;
        }
        let taken = {
            let mut shelves = lock(&self.shared.shelves);
            let shelf = shelves.entry(kind.clone()).or_insert_with(|| Shelf::new(bootable.clone()));
            shelf.demand.asked(Instant::now(), taking);
            // The oldest first: it has had the longest time to settle.
            let alive = taking.then(|| shelf.ready.iter().position(Stocked::is_alive)).flatten();
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

impl Shelf {
    fn new(bootable: Bootable) -> Self {
        Self { bootable, ready: Vec::new(), demand: Demand::default(), failed: None }
    }
}

/// Boots one after the other while some are missing, and ends those that are too many.
async fn fill(shared: Arc<Shared>) {
    loop {
        shared.review();
        let Some((kind, bootable)) = shared.missing() else {
            // Either way it is looked at again.
            let _ = tokio::time::timeout(REVIEW, shared.changed.notified()).await;
            continue;
        };
        shared.wait_for_quiet().await;
        let booted = Stocked::boot(&shared.launcher, shared.network, &kind, &bootable).await;
        let mut shelves = lock(&shared.shelves);
        let Some(shelf) = shelves.get_mut(&kind) else { continue };
        match booted {
            Ok(stocked) => shelf.ready.push(stocked),
            Err(error) => {
                shelf.failed = Some(Instant::now());
                let runtime = kind.runtime;
                tracing::warn!(%runtime, error, "no instance could be booted ahead of need; functions start one");
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

    /// The kind that lacks the most, where there is room for one more.
    fn missing(&self) -> Option<(Kind, Bootable)> {
        let now = Instant::now();
        let shelves = lock(&self.shelves);
        let ready = || shelves.values().flat_map(|shelf| &shelf.ready);
        let largest = ready().map(Stocked::memory_bytes).max().unwrap_or(0);
        let held: u64 = ready().map(Stocked::memory_bytes).sum();
        let full = ready().count() >= self.limits.instances as usize
            || held + largest > u64::from(self.limits.memory_mib) << 20;
        if full {
            return None;
        }
        let lacking = shelves.iter().filter_map(|(kind, shelf)| {
            let resting = shelf.failed.is_some_and(|at| now.duration_since(at) < AFTER_FAILURE);
            let lack = shelf.demand.wanted(now, self.limits.keep).saturating_sub(shelf.ready.len());
            (lack > 0 && !resting).then_some((lack, kind, shelf))
        });
        let (_, kind, shelf) = lacking.max_by_key(|(lack, ..)| *lack)?;
        Some((kind.clone(), shelf.bootable.clone()))
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
