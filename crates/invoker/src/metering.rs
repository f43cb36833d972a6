//! Counters per function: what `/_ebb/metrics` and `ebb ls` show. Written by the stages, read by anyone.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ebb_model::{FunctionName, Outcome, Version};

use crate::admit::Line;
use crate::catalog::Snapshot;

/// The counters of every function that was invoked since the server started.
#[derive(Debug, Default)]
pub struct Metering {
    functions: RwLock<HashMap<FunctionName, Arc<FunctionMeter>>>,
}

/// The counters of one function.
#[derive(Debug, Default)]
pub(crate) struct FunctionMeter {
    invocations: AtomicU64,
    errors: AtomicU64,
    throttles: AtomicU64,
    cold_starts: AtomicU64,
    duration_micros: AtomicU64,
    billed_mib_millis: AtomicU64,
    /// Invocations that run now.
    concurrent: AtomicU32,
    /// Those of them that are not promised a provisioned instance.
    on_demand: AtomicU32,
    /// The others, by version.
    provisioned: Mutex<BTreeMap<Version, u32>>,
    /// Requests that wait for a place.
    pub(crate) line: Line,
}

/// The counters of one function at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Invocations that ran, however they ended.
    pub invocations: u64,
    /// Those of them that the function failed.
    pub errors: u64,
    /// Requests refused by a concurrency limit; not part of `invocations`.
    pub throttles: u64,
    /// Instances that were initialised for it.
    pub cold_starts: u64,
    /// Sum of the durations.
    pub duration: Duration,
    /// Billed time by memory, in GB-seconds.
    pub gb_seconds: f64,
    /// Invocations that run now.
    pub concurrent: u32,
}

impl Metering {
    /// The counters of `function`, made on first use.
    pub(crate) fn of(&self, function: &FunctionName) -> Arc<FunctionMeter> {
        if let Some(meter) = self.functions.read().unwrap_or_else(PoisonError::into_inner).get(function) {
            return meter.clone();
        }
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        functions.entry(function.clone()).or_default().clone()
    }

    /// Every function's counters, by name.
    #[must_use]
    pub fn usage(&self) -> Vec<(FunctionName, Usage)> {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let mut usage: Vec<_> = functions.iter().map(|(name, meter)| (name.clone(), meter.usage())).collect();
        usage.sort_by(|a, b| a.0.cmp(&b.0));
        usage
    }

    /// Forgets functions that were deleted. Invocations that still run keep their own handle.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        functions.retain(|name, _| snapshot.functions.contains_key(name));
    }
}

impl FunctionMeter {
    /// Takes one of `limit` places, where one is free.
    pub(crate) fn enter(&self, limit: u32) -> bool {
        let entered = self.on_demand.fetch_update(Relaxed, Relaxed, |now| (now < limit).then_some(now + 1));
        if entered.is_ok() {
            self.concurrent.fetch_add(1, Relaxed);
        }
        entered.is_ok()
    }

    /// Takes one of the `promised` places of a version that has provisioned instances, where one is free.
    pub(crate) fn enter_provisioned(&self, version: Version, promised: u32) -> bool {
        let mut running = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        let now = running.entry(version).or_default();
        if *now >= promised {
            return false;
        }
        *now += 1;
        self.concurrent.fetch_add(1, Relaxed);
        true
    }

    /// Gives a place back: one of the provisioned ones of this version, or another.
    pub(crate) fn leave(&self, provisioned: Option<Version>) {
        self.concurrent.fetch_sub(1, Relaxed);
        match provisioned {
            None => drop(self.on_demand.fetch_sub(1, Relaxed)),
            Some(version) => {
                let mut running = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(now) = running.get_mut(&version) {
                    *now = now.saturating_sub(1);
                }
            }
        }
        self.line.freed();
    }

    pub(crate) fn throttled(&self) {
        self.throttles.fetch_add(1, Relaxed);
    }

    pub(crate) fn cold_start(&self) {
        self.cold_starts.fetch_add(1, Relaxed);
    }

    /// Counts an invocation that ended.
    pub(crate) fn ended(&self, outcome: &Outcome, memory_mib: u32) {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.invocations.fetch_add(1, Relaxed);
        self.errors.fetch_add(u64::from(outcome.result.is_err()), Relaxed);
        let micros = u64::try_from(outcome.report.duration.as_micros()).unwrap_or(u64::MAX);
        self.duration_micros.fetch_add(micros, Relaxed);
        let billed = millis(outcome.report.billed).saturating_mul(u64::from(memory_mib));
        self.billed_mib_millis.fetch_add(billed, Relaxed);
    }

    fn usage(&self) -> Usage {
        #[expect(clippy::cast_precision_loss, reason = "a sum for people; 52 bits of it are plenty")]
        let gb_seconds = self.billed_mib_millis.load(Relaxed) as f64 / 1024.0 / 1000.0;
        Usage {
            invocations: self.invocations.load(Relaxed),
            errors: self.errors.load(Relaxed),
            throttles: self.throttles.load(Relaxed),
            cold_starts: self.cold_starts.load(Relaxed),
            duration: Duration::from_micros(self.duration_micros.load(Relaxed)),
            gb_seconds,
            concurrent: self.concurrent.load(Relaxed),
        }
    }
}
