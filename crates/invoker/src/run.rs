//! The invoker: what all stages share, and the way of an invocation through them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Clock, Function, FunctionVersion, Invocation, Outcome, RequestId, Trigger, limits};
use ebb_store::{Depth, Store, StoreError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug_span};

use crate::acquire;
use crate::acquire::ahead;
use crate::acquire::pool::{Links, Pool};
use crate::acquire::pools::Pools;
use crate::acquire::reclaim::Reclaim;
use crate::admit::{self, Admission, Admitted};
use crate::asynchronous;
use crate::asynchronous::ResultCarrier;
use crate::attended::Attended;
use crate::catalog::Catalog;
use crate::config::InvokerConfig;
use crate::delivery::Delivery;
use crate::error::InvokeError;
use crate::execute;
use crate::follow;
use crate::log_stream::LogStream;
use crate::metering::Metering;
use crate::port::{InstanceCredentials, Runtime};
use crate::provisioned;
use crate::resolve;
use crate::settle::{self, Reply};

/// How long instances have to say goodbye when the server stops: the two seconds that extensions get, and some more.
const GOODBYE: Duration = Duration::from_secs(3);

/// Runs invocations. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Invoker {
    shared: Arc<Shared>,
}

/// What an invoker is made of.
pub struct InvokerParts {
    /// Settings.
    pub config: InvokerConfig,
    /// Where packages come from, logs go and accepted events wait.
    pub store: Store,
    /// What is deployed.
    pub catalog: Catalog,
    /// What boots instances.
    pub runtime: Arc<dyn Runtime>,
    /// What mints their keys.
    pub credentials: Arc<dyn InstanceCredentials>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What carries the results of asynchronous events to other services.
    pub results: Arc<dyn ResultCarrier>,
}

/// What all stages share.
pub(crate) struct Shared {
    pub(crate) config: InvokerConfig,
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) credentials: Arc<dyn InstanceCredentials>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) results: Arc<dyn ResultCarrier>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) pools: Pools,
    pub(crate) reclaim: Reclaim,
    pub(crate) metering: Metering,
    /// A provisioned instance came or went.
    pub(crate) provisioned_changed: Arc<Notify>,
    /// Invocations that run.
    pub(crate) running: TaskTracker,
    /// Everything else: keepers, starts, ends, followers.
    pub(crate) tasks: TaskTracker,
    /// The server stops: nothing new is begun.
    pub(crate) draining: CancellationToken,
    /// The last invocation has ended: background tasks end too.
    pub(crate) stop: CancellationToken,
}

impl Invoker {
    /// An invoker that is ready. Call it within a tokio runtime, and [`Invoker::shutdown`] before the end of it.
    #[must_use]
    pub fn new(parts: InvokerParts) -> Self {
        let shared = Arc::new(Shared {
            reclaim: Reclaim { budget_mib: parts.config.memory_budget_mib, clock: Arc::default() },
            config: parts.config,
            store: parts.store,
            catalog: parts.catalog,
            runtime: parts.runtime,
            credentials: parts.credentials,
            clock: parts.clock,
            results: parts.results,
            admission: Arc::new(Admission::new()),
            pools: Pools::default(),
            metering: Metering::default(),
            provisioned_changed: Arc::default(),
            running: TaskTracker::new(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        shared.tasks.spawn(follow::follow(shared.clone()));
        shared.tasks.spawn(provisioned::keep(shared.clone()));
        shared.tasks.spawn(ahead::keep(shared.clone()));
        shared.tasks.spawn(asynchronous::work(shared.clone()));
        Self { shared }
    }

    /// How many accepted events are not settled yet, and since when the oldest of them is there. Reads the whole index of
    /// their queue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accepted_events(&self) -> Result<Depth, StoreError> {
        asynchronous::depth(&self.shared).await
    }

    /// Another handle, for the stages.
    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Runs one invocation to its end. With [`Delivery::Stream`] the answer reaches the channel as it is written.
    ///
    /// Cancel safe: once admitted, the event runs to its end within its timeout, is logged and counted, whether or not
    /// anybody waits; as on Lambda, a client that goes away does not stop the function. Only a request over HTTP that
    /// still waits for a place or an instance is given up with its client.
    ///
    /// # Errors
    /// [`InvokeError`] where the function did not run; what a function does wrong is an [`Outcome`].
    pub async fn invoke(&self, invocation: Invocation, delivery: Delivery) -> Result<Outcome, InvokeError> {
        let shared = &self.shared;
        if shared.draining.is_cancelled() {
            return Err(InvokeError::ShuttingDown);
        }
        let invocation = check_size(invocation, limits::SYNC_PAYLOAD_BYTES)?;
        if invocation.trigger == Trigger::Direct {
            // What a gateway made is JSON by construction, and accepted events were checked when they were accepted.
            read_json::<serde::de::IgnoredAny>(&invocation.payload)?;
        }
        let span = debug_span!("resolve", request_id = %invocation.id, function = %invocation.function.name);
        let resolved = resolve::resolve(shared, invocation).instrument(span).await?;
        let admitted = admit::admit(shared, resolved).await?;
        let (reply, answer) = oneshot::channel();
        let whole = matches!(delivery, Delivery::Whole);
        let work = shared.running.track_future(run(shared.clone(), admitted, delivery, reply));
        let answer = if whole {
            Attended::new(work).answer(answer).await
        } else {
            // What reads a stream may stop for long, and time goes on.
            drop(tokio::spawn(work));
            answer.await.ok()
        };
        // It panicked, and said so itself.
        answer.unwrap_or_else(|| {
            Err(InvokeError::Internal("the invocation ended without an answer".to_owned()))
        })
    }

    /// Accepts an event for later: durable when this returns. Its answer is for its destinations.
    ///
    /// Where the caller stops waiting, the event may be accepted all the same.
    ///
    /// # Errors
    /// [`InvokeError::NotFound`], [`InvokeError::PayloadTooLarge`], [`InvokeError::PayloadNotJson`];
    /// [`InvokeError::Internal`] where it could not be stored.
    pub async fn accept(&self, invocation: Invocation) -> Result<RequestId, InvokeError> {
        if self.shared.draining.is_cancelled() {
            return Err(InvokeError::ShuttingDown);
        }
        asynchronous::accept(&self.shared, invocation).await
    }

    /// Checks that the function could be invoked, without running it (`DryRun`).
    ///
    /// # Errors
    /// As [`Invoker::invoke`].
    pub fn check(&self, invocation: &Invocation) -> Result<(), InvokeError> {
        resolve::find(&self.shared.catalog, invocation).map(drop)
    }

    /// What is deployed.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// Counters of every function.
    #[must_use]
    pub fn metering(&self) -> &Metering {
        &self.shared.metering
    }

    /// Takes nothing new, lets what runs end within [`InvokerConfig::drain`], and then ends every instance, which takes
    /// three seconds at most; all of it is over at `deadline`. Events that were accepted and have not run stay in the
    /// store.
    pub async fn shutdown(&self, deadline: Instant) {
        let shared = &self.shared;
        shared.draining.cancel();
        shared.running.close();
        let drained =
            (Instant::now() + shared.config.drain).min(deadline.checked_sub(GOODBYE).unwrap_or(deadline));
        if tokio::time::timeout_at(drained, shared.running.wait()).await.is_err() {
            tracing::warn!(
                running = shared.running.len(),
                "invocations still run at shutdown and are cut off"
            );
        }
        shared.stop.cancel();
        for pool in shared.pools.all() {
            pool.retire();
            for pooled in pool.live() {
                pool.end(pooled, "spindown");
            }
        }
        shared.tasks.close();
        let ended = (Instant::now() + GOODBYE).min(deadline);
        if tokio::time::timeout_at(ended, shared.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = shared.tasks.len(), "instances did not end in time");
        }
    }
}

impl Shared {
    /// A pool for a version.
    pub(crate) fn pool(&self, function: &Function, version: &Arc<FunctionVersion>) -> Arc<Pool> {
        let arn = self.catalog.arn(&function.name, None);
        let meter = self.metering.of(&function.name);
        let links = Links {
            tasks: self.tasks.clone(),
            provisioned_changed: self.provisioned_changed.clone(),
            worth_clock: self.reclaim.clock.clone(),
        };
        Pool::new(version.clone(), arn, meter, links)
    }

    /// A log stream for a new instance.
    pub(crate) fn log_stream(&self, version: &FunctionVersion) -> Arc<LogStream> {
        Arc::new(LogStream::open(self.store.logs().clone(), version, self.clock.now()))
    }

    /// A log stream for a new instance that has no use yet.
    pub(crate) fn unused_log_stream(&self, version: &FunctionVersion) -> Arc<LogStream> {
        Arc::new(LogStream::open(self.store.logs().clone(), version, self.clock.now()).unused())
    }
}

/// The rest of the way, which goes on without the caller.
async fn run(shared: Arc<Shared>, admitted: Admitted, delivery: Delivery, mut reply: Reply) {
    let resolved = &admitted.resolved;
    let span = debug_span!(
        "invocation",
        request_id = %resolved.invocation.id,
        function = %resolved.function.name,
        version = %resolved.version.version,
    );
    let given_up_with_client = resolved.invocation.trigger == Trigger::Http;
    let stages = async {
        let acquired = tokio::select! {
            biased;
            acquired = acquire::acquire(&shared, admitted).instrument(debug_span!("acquire")) => acquired?,
            () = reply.closed(), if given_up_with_client => return Err(Ended::ClientGone),
        };
        acquired.thaw().await;
        let executed =
            execute::execute(&shared, acquired, delivery).instrument(debug_span!("execute")).await?;
        Ok(executed)
    };
    match stages.instrument(span.clone()).await {
        Ok(executed) => {
            let settle = settle::settle(&shared, executed, reply).instrument(debug_span!("settle"));
            settle.instrument(span).await;
        }
        Err(Ended::ClientGone) => tracing::debug!("the client went away before there was an instance"),
        // A caller that went away does not hear of it.
        Err(Ended::Failed(error)) => drop(reply.send(Err(error))),
    }
}

/// Why an invocation did not run.
enum Ended {
    ClientGone,
    Failed(InvokeError),
}

impl From<InvokeError> for Ended {
    fn from(error: InvokeError) -> Self {
        Self::Failed(error)
    }
}

/// Checks the payload's size; nothing at all counts as an empty object.
///
/// # Errors
/// [`InvokeError::PayloadTooLarge`].
pub(crate) fn check_size(mut invocation: Invocation, limit: usize) -> Result<Invocation, InvokeError> {
    if invocation.payload.len() > limit {
        return Err(InvokeError::PayloadTooLarge { limit });
    }
    if invocation.payload.is_empty() {
        invocation.payload = Bytes::from_static(b"{}");
    }
    Ok(invocation)
}

/// Reads JSON text as `T`, without building what it says where `T` does not ask for it.
///
/// # Errors
/// [`InvokeError::PayloadNotJson`].
pub(crate) fn read_json<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Result<T, InvokeError> {
    // Apart, because serde would look at the encoding of those strings only that it builds.
    let text =
        std::str::from_utf8(payload).map_err(|error| InvokeError::PayloadNotJson(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| InvokeError::PayloadNotJson(error.to_string()))
}
