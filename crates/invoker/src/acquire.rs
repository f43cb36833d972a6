//! Third stage: an instance to run in.
//!
//! A warm idle instance is taken first. Where there is none, the invocation waits for whichever comes first: an
//! instance that becomes free, or a new one that is started for it. Each version has its own [`pool`]; [`start`]
//! boots instances into it, [`spare`] and [`ahead`] before they are needed where that takes long, [`keep`] looks after
//! those that are idle.

pub(crate) mod ahead;
pub(crate) mod keep;
pub(crate) mod lease;
pub(crate) mod pool;
pub(crate) mod pooled;
pub(crate) mod pools;
pub(crate) mod reclaim;
mod spare;
pub(crate) mod start;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Shared;
use crate::admit::{Admitted, Permit};
use crate::error::InvokeError;
use crate::resolve::Resolved;
use lease::{Handed, Lease};
use pool::Pool;
use start::FailedInit;

/// How long an invocation waits for an instance that has just answered and is about to be free, before a new one is
/// started for it. A runtime asks for its next event within a fraction of a millisecond; a start costs a hundred times
/// as much.
const SETTLING_WAIT: Duration = Duration::from_millis(20);

/// An invocation that has a place to run.
pub(crate) struct Acquired {
    pub(crate) resolved: Resolved,
    pub(crate) permit: Permit,
    pub(crate) pool: Arc<Pool>,
    pub(crate) place: Place,
}

/// Where an invocation runs.
pub(crate) enum Place {
    /// In an instance that is ready for an event.
    Ready(Lease),
    /// In one that did not become ready: initialisation runs once more, within the time of the event.
    Suppressed(FailedInit),
}

impl Acquired {
    /// Lets the instance run, where it was frozen. Not cancel safe.
    pub(crate) async fn thaw(&self) {
        if let Place::Ready(lease) = &self.place {
            lease.pooled().thaw().await;
        }
    }
}

/// Takes an instance, or starts one and waits. Dropping the future gives up the place in the queue.
pub(crate) async fn acquire(shared: &Arc<Shared>, admitted: Admitted) -> Result<Acquired, InvokeError> {
    let Admitted { resolved, permit } = admitted;
    let pool = shared.pools.of(shared, &resolved);
    // An answered invocation gives its place back before its instance is free, so places alone do not bound instances.
    let most = match resolved.version.settings.has_one_instance() {
        true => 1,
        false => resolved.function.reserved_concurrency.unwrap_or(u32::MAX),
    };
    let place = match pool.take() {
        Some(lease) => Place::Ready(lease),
        None => match wait(shared, &pool, most, pool.enqueue()).await? {
            Handed::Ready(lease) => Place::Ready(lease),
            Handed::FailedInit(failed) => Place::Suppressed(failed),
            Handed::Failed(error) => return Err(error),
        },
    };
    spare::where_lacking(shared, &pool, most);
    Ok(Acquired { resolved, permit, pool, place })
}

async fn wait(
    shared: &Arc<Shared>,
    pool: &Arc<Pool>,
    most: u32,
    mut handed: oneshot::Receiver<Handed>,
) -> Result<Handed, InvokeError> {
    let lost = |_| InvokeError::Internal("the pool dropped a waiting invocation".to_owned());
    if pool.settling_soon()
        && let Ok(handed) = tokio::time::timeout(SETTLING_WAIT, &mut handed).await
    {
        return handed.map_err(lost);
    }
    loop {
        let mut ended = std::pin::pin!(pool.ended.notified());
        // Before the look at how many there are: one that ends after it is not missed.
        ended.as_mut().enable();
        start::where_needed(shared, pool, most);
        tokio::select! {
            biased;
            handed = &mut handed => return handed.map_err(lost),
            () = ended => {}
        }
    }
}
