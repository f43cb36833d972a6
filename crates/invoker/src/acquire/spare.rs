//! One instance more than is in use, of versions whose start is dear: whoever needs a second one does not wait for it.
//!
//! Lambda starts instances ahead of need as well. Source: the Lambda developer guide, "Lambda execution environment
//! lifecycle", proactive initialization (2026-11). What is started here is an instance like any other: it is frozen,
//! and ends when it has not been used for as long as idle ones are kept. Only the platform's word on its initialisation
//! waits for its first event, so that a reader of the log finds no stream in which nothing happened.

use std::sync::Arc;
use std::time::Duration;

use super::pool::Pool;
use super::start::{self, Boot};
use crate::Shared;

/// From the moment at which one is missing to its start: the event that took the last one comes first.
const PAUSE: Duration = Duration::from_millis(200);

/// Has one started in a while, where an event just took the last of a version whose instances take long to start, or are
/// to be there before they are needed.
pub(crate) fn where_lacking(shared: &Arc<Shared>, pool: &Arc<Pool>, most: u32) {
    let is_dear =
        pool.version.is_restored() || shared.config.spare_from.is_some_and(|dear| pool.start_took() >= dear);
    let Some(in_use) = is_dear.then(|| pool.ask_for_spare()).flatten() else { return };
    let (shared, pool) = (shared.clone(), pool.clone());
    shared.tasks.clone().spawn(async move {
        let stopped = shared.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none();
        let room = !stopped && shared.reclaim.has_room(&shared, pool.expected_mib());
        if pool.begin_spare(in_use, most, room) {
            let plan = Boot::ahead(&shared, &pool);
            start::counted(shared, pool, most, plan).await;
        }
    });
}
