//! Keeps the memory of all instances within a budget: before one more is started, those go that have been idle longest.

use std::sync::Arc;

use tokio::time::Instant;

use super::pool::Pool;
use super::pooled::Pooled;
use crate::Shared;

/// The budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reclaim {
    /// In MiB; nothing for no budget.
    pub(crate) budget_mib: Option<u64>,
}

impl Reclaim {
    /// Ends idle instances, least recently used first, until one with `needed_mib` fits or none is left. What an
    /// instance takes is the most it has used; a new one is counted with what it may use.
    pub(crate) fn make_room(self, shared: &Shared, needed_mib: u32) {
        let Some(budget) = self.budget_mib else { return };
        let mut used = u64::from(needed_mib);
        let mut idle: Vec<(Instant, Arc<Pool>, Arc<Pooled>)> = Vec::new();
        for pool in shared.pools.all() {
            for pooled in pool.live() {
                used += u64::from(pooled.known_memory());
                if let Some(since) = pooled.idle_since().filter(|_| !pooled.provisioned) {
                    idle.push((since, pool.clone(), pooled));
                }
            }
        }
        idle.sort_by_key(|(since, ..)| *since);
        for (_, pool, pooled) in idle {
            if used <= budget {
                return;
            }
            if pool.withdraw(&pooled) {
                used = used.saturating_sub(u64::from(pooled.known_memory()));
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
