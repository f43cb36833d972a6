//! Keeps an instance of every version that is to have one before anybody needs it: of functions that are awake, whose own
//! timers run in no event, and of published versions with `SnapStart`.
//!
//! Lambda keeps a snapshot of an initialised instance for `SnapStart`, and restores each instance from it. Here the
//! instance itself is kept, frozen: to restore it is to let it run, and the next is initialised meanwhile
//! ([`spare`](super::spare)). What it holds is never shared by two, so random numbers and connections need no care.
//! Source: the Lambda developer guide, "Improving startup performance with Lambda SnapStart" (2026-11).

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{Function, FunctionState, FunctionVersion, Version};
use tokio::time::Instant;

use super::start::{self, Boot};
use crate::Shared;

/// How often it is looked whether an instance is there, while any is to be: one that ended by itself is back so soon, and
/// one that cannot start is tried so often.
const PERIOD: Duration = Duration::from_secs(2);

/// Runs until the server stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut changes = shared.catalog.changes();
    loop {
        changes.borrow_and_update();
        let any = start_missing(&shared);
        let next = Instant::now() + PERIOD;
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep_until(next), if any => {}
            () = shared.draining.cancelled() => return,
        }
    }
}

/// Starts what is missing; whether any version is to have an instance ahead of need.
fn start_missing(shared: &Arc<Shared>) -> bool {
    let snapshot = shared.catalog.snapshot();
    let mut any = false;
    for function in snapshot.functions.values() {
        for version in std::iter::once(&function.latest).chain(function.versions.values()) {
            if is_kept(version) && version.state == FunctionState::Active {
                any = true;
                start_where_missing(shared, function, version);
            }
        }
    }
    any
}

fn is_kept(version: &FunctionVersion) -> bool {
    // One that is awake runs its latest version alone.
    version.is_restored() || version.version == Version::Latest && version.settings.is_awake()
}

fn start_where_missing(shared: &Arc<Shared>, function: &Function, version: &Arc<FunctionVersion>) {
    let pool = shared.pools.of_version(shared, function, version);
    let awake = version.settings.is_awake();
    let most = if awake { 1 } else { function.reserved_concurrency.unwrap_or(u32::MAX) };
    if (awake || shared.reclaim.has_room(shared, pool.expected_mib())) && pool.begin_ahead(most) {
        let plan = if awake { Boot::on_demand(shared, &pool) } else { Boot::ahead(shared, &pool) };
        shared.tasks.spawn(start::counted(shared.clone(), pool, most, plan));
    }
}
