//! Follows the catalog: retires instances of what was replaced or deleted, and recounts what reservations leave.

use std::sync::Arc;

use crate::Shared;

/// Runs until the server stops.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut changes = shared.catalog.changes();
    loop {
        changes.borrow_and_update();
        let snapshot = shared.catalog.snapshot();
        shared.admission.follow(&snapshot);
        shared.pools.follow(&snapshot);
        shared.metering.follow(&snapshot);
        drop(snapshot);
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = shared.stop.cancelled() => return,
        }
    }
}
