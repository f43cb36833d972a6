//! The invoker: what all stages share, and the way of an invocation through them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Clock, Function, FunctionVersion, Invocation, Outcome, Trigger, limits};
use ebb_store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use crate::acquire;
use crate::acquire::pool::Pool;
use crate::acquire::pools::Pools;
use crate::acquire::reclaim::Reclaim;
use crate::admit::{self, Admission, Admitted};
use crate::catalog::Catalog;
use crate::config::InvokerConfig;
use crate::delivery::Delivery;
use crate::error::InvokeError;
use crate::execute;
use crate::follow;
use crate::log_stream::LogStream;
use crate::metering::Metering;
use crate::port::{InstanceCredentials, Runtime};
use crate::resolve;
use crate::settle::{self, Reply};

/// How long instances have to say goodbye when the server stops: the two seconds that extensions get, and some more.
const GOODBYE: Duration = Duration::from_secs(4);

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
}

/// What all stages share.
pub(crate) struct Shared {
    pub(crate) config: InvokerConfig,
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) credentials: Arc<dyn InstanceCredentials>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) pools: Pools,
    pub(crate) reclaim: Reclaim,
    pub(crate) metering: Metering,
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
            reclaim: Reclaim { budget_mib: parts.config.memory_budget_mib },
            config: parts.config,
            store: parts.store,
            catalog: parts.catalog,
            runtime: parts.runtime,
            credentials: parts.credentials,
            clock: parts.clock,
            admission: Arc::new(Admission::new()),
            pools: Pools::default(),
            metering: Metering::default(),
            running: TaskTracker::new(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        shared.tasks.spawn(follow::follow(shared.clone()));
        Self { shared }
    }

    /// Runs one invocation to its end. With [`Delivery::Stream`] the answer reaches the channel as it is written.
    ///
    /// Cancel safe: once admitted, the event runs to its end within its timeout, is logged and counted, whether or not
    /// anybody waits; as on Lambda, a client that goes away does not stop the function. Only a request over HTTP that
    /// still waits for an instance is given up with its client.
    ///
    /// # Errors
    /// [`InvokeError`] where the function did not run; what a function does wrong is an [`Outcome`].
    pub async fn invoke(&self, invocation: Invocation, delivery: Delivery) -> Result<Outcome, InvokeError> {
        let shared = &self.shared;
        if shared.draining.is_cancelled() {
            return Err(InvokeError::ShuttingDown);
        }
        let invocation = with_json_payload(invocation, limits::SYNC_PAYLOAD_BYTES)?;
        let span = info_span!("resolve", request_id = %invocation.id, function = %invocation.function.name);
        let resolved = resolve::resolve(shared, invocation).instrument(span).await?;
        let admitted = admit::admit(shared, resolved)?;
        let (reply, answer) = oneshot::channel();
        shared.running.spawn(run(shared.clone(), admitted, delivery, reply));
        answer.await.unwrap_or_else(|_| {
            // The task panicked, and said so itself.
            Err(InvokeError::Internal("the invocation ended without an answer".to_owned()))
        })
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

    /// Takes nothing new, lets what runs end within `within`, and then ends every instance.
    pub async fn shutdown(&self, within: Duration) {
        let shared = &self.shared;
        shared.draining.cancel();
        shared.running.close();
        if tokio::time::timeout(within, shared.running.wait()).await.is_err() {
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
        if tokio::time::timeout(GOODBYE, shared.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = shared.tasks.len(), "instances did not end in time");
        }
    }
}

impl Shared {
    /// A pool for a version.
    pub(crate) fn pool(&self, function: &Function, version: &Arc<FunctionVersion>) -> Arc<Pool> {
        let arn = self.catalog.arn(&function.name, None);
        Pool::new(version.clone(), arn, self.metering.of(&function.name), self.tasks.clone())
    }

    /// A log stream for a new instance.
    pub(crate) fn log_stream(&self, version: &FunctionVersion) -> Arc<LogStream> {
        Arc::new(LogStream::open(self.store.logs().clone(), version, self.clock.now()))
    }
}

/// The rest of the way, in a task of its own.
async fn run(shared: Arc<Shared>, admitted: Admitted, delivery: Delivery, mut reply: Reply) {
    let resolved = &admitted.resolved;
    let span = info_span!(
        "invocation",
        request_id = %resolved.invocation.id,
        function = %resolved.function.name,
        version = %resolved.version.version,
    );
    let given_up_with_client = resolved.invocation.trigger == Trigger::Http;
    let stages = async {
        let acquired = tokio::select! {
            biased;
            acquired = acquire::acquire(&shared, admitted).instrument(info_span!("acquire")) => acquired?,
            () = reply.closed(), if given_up_with_client => return Err(Ended::ClientGone),
        };
        let executed =
            execute::execute(&shared, acquired, delivery).instrument(info_span!("execute")).await?;
        Ok(executed)
    };
    match stages.instrument(span.clone()).await {
        Ok(executed) => settle::settle(&shared, executed, reply).instrument(span).await,
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

/// Checks the payload's size and that it is JSON; nothing at all counts as an empty object. What a gateway made is
/// JSON by construction.
pub(crate) fn with_json_payload(mut invocation: Invocation, limit: usize) -> Result<Invocation, InvokeError> {
    if invocation.payload.len() > limit {
        return Err(InvokeError::PayloadTooLarge { limit });
    }
    if invocation.payload.is_empty() {
        invocation.payload = Bytes::from_static(b"{}");
    } else if invocation.trigger == Trigger::Direct {
        let text = std::str::from_utf8(&invocation.payload);
        let text = text.map_err(|error| InvokeError::PayloadNotJson(error.to_string()))?;
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|error| InvokeError::PayloadNotJson(error.to_string()))?;
    }
    Ok(invocation)
}
