//! Events that nobody waits for: accepted durably, delivered by a worker, tried again, and given up in the end.
//!
//! `accepted` is the record in the queue, [`next`] decides what follows an attempt, [`lanes`] keeps one function from
//! taking all the room, `destinations` is where results go. Delivery is at least once: an event whose server dies is
//! claimed again when its lease ends.

mod accepted;
mod destinations;
mod hold;
mod lanes;
mod next;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{EventInvokeConfig, Invocation, Qualifier, RequestId, Version, limits};
use ebb_store::{Depth, NewWork, Pass, StoreError, Work};
use tracing::{Instrument, info_span};

use crate::delivery::Delivery;
use crate::error::InvokeError;
use crate::run::{check_size, read_json};
use crate::{Invoker, Shared, resolve};
use accepted::Accepted;
pub use destinations::{CarriedResult, ResultCarrier};
use hold::{HEARTBEAT, LEASE, hold};
use lanes::{Lanes, Slot};
use next::{Attempt, Next, Policy};

/// The queue in the store.
const QUEUE: &str = "invoke";
/// Events claimed at one time.
const BATCH: u32 = 32;
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Stores an event; durable when it returns.
pub(crate) async fn accept(shared: &Shared, invocation: Invocation) -> Result<RequestId, InvokeError> {
    let invocation = check_size(invocation, limits::ASYNC_PAYLOAD_BYTES)?;
    let payload = read_json(&invocation.payload)?;
    resolve::find(&shared.catalog, &invocation)?;
    let now = shared.clock.now();
    let event = Accepted::new(&invocation, payload, now);
    let body = event.to_bytes();
    let stored =
        shared.store.work().enqueue(vec![NewWork { queue: QUEUE, body, due: now, watched: None }]).await;
    stored.map_err(|error| {
        tracing::error!(request_id = %invocation.id, %error, "an event could not be stored");
        InvokeError::Internal(error.to_string())
    })?;
    steps::accepted(shared, &event, None);
    Ok(invocation.id)
}

/// How many accepted events are not settled yet, and since when the oldest of them is there.
pub(crate) async fn depth(shared: &Shared) -> Result<Depth, StoreError> {
    shared.store.work().depth(QUEUE).await
}

/// Claims and delivers events until the server stops.
pub(crate) async fn work(shared: Arc<Shared>) {
    let lanes = Arc::new(Lanes::default());
    let draining = shared.draining.clone();
    let _ = draining.run_until_cancelled(claim_all(&shared, &lanes)).await;
}

async fn claim_all(shared: &Arc<Shared>, lanes: &Arc<Lanes>) {
    loop {
        let room = lanes.room().await;
        match shared.store.work().claim(QUEUE, room.min(BATCH), LEASE).await {
            Ok(claimed) if claimed.is_empty() => shared.store.work().wait(QUEUE).await,
            Ok(claimed) => {
                for work in claimed {
                    dispatch(shared, lanes, work).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, "accepted events could not be claimed");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}

/// Gives an event a task of its own, or puts it back where its function has as many as it may.
async fn dispatch(shared: &Arc<Shared>, lanes: &Arc<Lanes>, work: Work) {
    let event = match Accepted::from_bytes(&work.body) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(work = work.id, %error, "an accepted event cannot be read and is dropped");
            settled(shared.store.work().complete(&work).await);
            return;
        }
    };
    let snapshot = shared.catalog.snapshot();
    let reserved = snapshot.functions.get(&event.function).and_then(|function| function.reserved_concurrency);
    match lanes.enter(&event.function, reserved) {
        Ok(slot) => {
            let span = info_span!("asynchronous", request_id = %event.id, function = %event.function);
            shared.running.spawn(deliver(shared.clone(), work, event, slot).instrument(span));
        }
        Err(wait) => {
            let due = shared.clock.now().plus(wait);
            settled(shared.store.work().retry(&work, due, None).await);
        }
    }
}

async fn deliver(shared: Arc<Shared>, work: Work, event: Accepted, _slot: Slot) {
    let policy = policy(&shared, &event);
    let attempt = if event.expired(shared.clock.now(), policy.max_age) {
        Attempt::TooLate
    } else {
        steps::tried(&shared, &event);
        match hold(&shared.store, &work, HEARTBEAT, run(&shared, &event)).await {
            Some(attempt) => attempt,
            // Another server has it.
            None => return,
        }
    };
    if matches!(attempt, Attempt::Ended(_))
        && let Err(error) = shared.store.logs().flush().await
    {
        // What it printed would be lost in a crash that finds its event settled.
        tracing::warn!(%error, "the log of an event is not on disk yet");
    }
    let now = shared.clock.now();
    let queue = shared.store.work();
    let next = next::next(&event, &attempt, &policy, &shared.config.pacing);
    steps::followed(&shared, &event, &attempt, &next, &policy);
    match next {
        Next::Retry { after, event } => {
            tracing::debug!(
                ?after,
                failures = event.failures,
                deferrals = event.deferrals,
                "an event is tried again"
            );
            settled(queue.retry(&work, now.plus(after), Some(event.to_bytes())).await);
        }
        Next::PutBack => settled(queue.retry(&work, now, None).await),
        Next::Done(condition) => {
            let add = destinations::consequences(&shared, &event, &attempt, condition, &policy);
            settled(queue.pass(&work, Pass { again: None, add }).await);
        }
    }
}

async fn run(shared: &Arc<Shared>, event: &Accepted) -> Attempt {
    let invoker = Invoker::of(shared.clone());
    match invoker.invoke(event.invocation(), Delivery::Whole).await {
        Ok(outcome) => Attempt::Ended(outcome),
        Err(error) => Attempt::NotRun(error),
    }
}

/// The settings that hold for an event: those of the qualifier that was invoked.
fn policy(shared: &Shared, event: &Accepted) -> Policy {
    let snapshot = shared.catalog.snapshot();
    let function = snapshot.functions.get(&event.function);
    let key = event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    let config: Option<EventInvokeConfig> =
        function.and_then(|function| function.event_invoke.get(&key).cloned());
    Policy::of(config, function.is_some_and(|function| function.reserved_concurrency == Some(0)))
}

/// A store that cannot settle a claim gives the event back when the lease ends.
fn settled(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "an event was not settled in the store and will be delivered again");
    }
}
