//! Keeps the memory of all instances within a budget: before one more is started, those idle ones go that are worth the
//! least.
//!
//! What an instance is worth is the policy of A. Fuerst and P. Sharma, "FaasCache: Keeping Serverless Computing Alive
//! with Greedy-Dual Caching" (ASPLOS 2021), section 4: `clock + frequency × cost / size`. The frequency is how often
//! its version was invoked while it had instances, the cost how long the start took, the size its memory. The clock is
//! that of the instance's last use; it moves on to the worth of each instance that goes, by which what is not used any
//! more loses against what is.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

use super::pool::Pool;
use super::pooled::Pooled;
use crate::Shared;

/// The clock of the policy, a number that only grows. All pools share one.
#[derive(Debug, Default)]
pub(crate) struct WorthClock(AtomicU64);

impl WorthClock {
    /// What it shows.
    pub(super) fn now(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    fn move_on_to(&self, worth: f64) {
        // Of two that move it at one time the later wins; it goes back by a step at most, which nobody notices.
        self.0.store(worth.max(self.now()).to_bits(), Relaxed);
    }
}

/// The budget.
#[derive(Debug)]
pub(crate) struct Reclaim {
    /// In MiB; nothing for no budget.
    pub(crate) budget_mib: Option<u64>,
    pub(crate) clock: Arc<WorthClock>,
}

/// An instance that may go.
struct Candidate {
    worth: f64,
    idle_since: Instant,
    pool: Arc<Pool>,
    pooled: Arc<Pooled>,
}

impl Candidate {
    fn of(pool: &Arc<Pool>, pooled: &Arc<Pooled>) -> Option<Self> {
        let kept = pooled.provisioned || pool.version.settings.is_awake();
        let idle_since = pooled.idle_since().filter(|_| !kept)?;
        let size = f64::from(pooled.held_memory().max(1));
        let worth = pooled.worth_clock() + pool.uses() as f64 * pooled.cost().as_secs_f64() * 1e3 / size;
        Some(Self { worth, idle_since, pool: pool.clone(), pooled: pooled.clone() })
    }

    /// The first to go is the least; of those with equal worth the one that has been idle longest.
    fn order(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then(self.idle_since.cmp(&other.idle_since))
    }
}

impl Reclaim {
    /// Whether one with `needed_mib` fits without any other going.
    pub(super) fn has_room(&self, shared: &Shared, needed_mib: u32) -> bool {
        let Some(budget) = self.budget_mib else { return true };
        let live = shared.pools.all().into_iter().flat_map(|pool| pool.live());
        u64::from(needed_mib) + live.map(|pooled| u64::from(pooled.held_memory())).sum::<u64>() <= budget
    }

    /// Ends idle instances until one with `needed_mib` fits or none is left. What an instance takes is the most it has
    /// used, less what lies in swap; a new one is counted with what those of its version before it have.
    pub(crate) fn make_room(&self, shared: &Shared, needed_mib: u32) {
        let Some(budget) = self.budget_mib else { return };
        let mut used = u64::from(needed_mib);
        let mut candidates = Vec::new();
        for pool in shared.pools.all() {
            for pooled in pool.live() {
                used += u64::from(pooled.held_memory());
                candidates.extend(Candidate::of(&pool, &pooled));
            }
        }
        candidates.sort_by(Candidate::order);
        for Candidate { worth, pool, pooled, .. } in candidates {
            if used <= budget {
                return;
            }
            if pool.withdraw(&pooled) {
                used = used.saturating_sub(u64::from(pooled.held_memory()));
                self.clock.move_on_to(worth);
                tracing::debug!(function = %pool.version.name, "an idle instance makes room for another");
                pool.end(pooled, "spindown");
            }
        }
        if used > budget {
            tracing::warn!(
                used_mib = used,
                budget_mib = budget,
                "instances need more memory than the budget"
            );
        }
    }
}
