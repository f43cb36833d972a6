//! Keeps an instance of every version that is to be awake: it has timers of its own, which run in no event.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::FunctionState;
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

/// Starts what is missing; whether any function is to be awake.
fn start_missing(shared: &Arc<Shared>) -> bool {
    let snapshot = shared.catalog.snapshot();
    let mut any = false;
    for function in snapshot.functions.values() {
        let version = &function.latest;
        if !version.settings.is_awake() || version.state != FunctionState::Active {
            continue;
        }
        any = true;
        let pool = shared.pools.of_version(shared, function, version);
        if pool.begin_awake() {
            let plan = Boot::on_demand(shared, &pool);
            shared.tasks.spawn(start::counted(shared.clone(), pool, 1, plan));
        }
    }
    any
}
