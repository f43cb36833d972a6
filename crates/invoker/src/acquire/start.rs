//! Boots new instances: the package on disk, a log stream, a key, and the runtime's own start under the time limit of
//! the phase.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Digest, FunctionVersion, limits};
use ebb_store::StateFolder;
use tokio::time::Instant;
use tracing::{Instrument, info_span};

use super::keep;
use super::lease::Handed;
use super::pool::Pool;
use super::pooled::{Age, Pooled, Started, Startup};
use crate::Shared;
use crate::error::InvokeError;
use crate::failure;
use crate::log_stream::LogStream;
use crate::platform_log::{Phase, PlatformLog, Status};
use crate::port::{ExitCause, InitFailure, InstanceSpec, StartError};

/// `AWS_LAMBDA_INITIALIZATION_TYPE` of instances that are started when needed.
pub(crate) const ON_DEMAND: &str = "on-demand";
/// Of those of versions that are initialised ahead of need.
pub(crate) const SNAP_START: &str = "snap-start";
/// And of those that are always kept.
pub(crate) const PROVISIONED: &str = "provisioned-concurrency";

/// How long a package may take to be fetched and unpacked.
const UNPACK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server may take until it listens. Source: the Cloud Run documentation, "Configure container health
/// checks", the default startup probe.
const SERVER_INIT_TIMEOUT: Duration = Duration::from_secs(240);

/// How long the instance before may take to end, where there is to be one at a time: longer than it is left its events.
const STATE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a start is to be done.
pub(crate) struct Boot {
    /// Where it logs; a second try goes on in the stream of the first.
    pub(crate) logs: Arc<LogStream>,
    pub(crate) phase: Phase,
    /// How long it may take.
    pub(crate) limit: Duration,
    pub(crate) initialization: &'static str,
    /// Nobody waits for it.
    ahead: bool,
}

/// Why there is no instance.
pub(crate) enum BootError {
    /// The function, or the runtime for it.
    Init(InitEnd),
    /// The platform.
    Platform(InvokeError),
}

/// How an initialisation failed.
#[derive(Debug, Clone)]
pub(crate) enum InitEnd {
    /// With this error object.
    Reported(Bytes),
    /// Its process ended.
    Exited(ExitCause),
    /// The platform knows why.
    Diagnosed { error_type: String, message: String },
    /// It took too long.
    TimedOut,
}

/// An instance that did not become ready before its first event.
pub(crate) struct FailedInit {
    pub(crate) logs: Arc<LogStream>,
}

impl Boot {
    /// What the first event of an instance reports whose start took this long.
    fn startup(&self, took: Duration) -> Option<Startup> {
        match (self.phase, self.initialization) {
            // A second try ran on the event's own time, which its duration tells already.
            (Phase::Invoke, _) => None,
            // What it waits for is known when it comes.
            (Phase::Init, SNAP_START) if self.ahead => Some(Startup::Restore(Duration::ZERO)),
            (Phase::Init, SNAP_START) => Some(Startup::Restore(took)),
            (Phase::Init, _) => Some(Startup::Init(took)),
        }
    }

    /// The first try of an on-demand instance.
    pub(crate) fn on_demand(shared: &Shared, pool: &Pool) -> Self {
        let is_server = pool.version.settings.server.is_some();
        Self {
            logs: shared.log_stream(&pool.version),
            phase: Phase::Init,
            limit: if is_server { SERVER_INIT_TIMEOUT } else { limits::INIT_TIMEOUT },
            initialization: if pool.version.is_restored() { SNAP_START } else { ON_DEMAND },
            ahead: false,
        }
    }

    /// The first try of an on-demand instance that is started ahead of need.
    pub(crate) fn ahead(shared: &Shared, pool: &Pool) -> Self {
        let on_demand = Self::on_demand(shared, pool);
        let limit = if pool.version.is_restored() { patient(pool) } else { on_demand.limit };
        Self { logs: shared.unused_log_stream(&pool.version), limit, ahead: true, ..on_demand }
    }

    /// An instance that is always kept.
    pub(crate) fn provisioned(shared: &Shared, pool: &Pool) -> Self {
        Self {
            logs: shared.log_stream(&pool.version),
            phase: Phase::Init,
            limit: patient(pool),
            initialization: PROVISIONED,
            ahead: true,
        }
    }

    /// The second try, within the time that an event has left.
    pub(crate) fn within_event(logs: Arc<LogStream>, left: Duration) -> Self {
        Self { logs, phase: Phase::Invoke, limit: left, initialization: ON_DEMAND, ahead: false }
    }
}

/// How long an initialisation may take that nobody waits for: 130 seconds, or the function's timeout where that is more.
/// Source: the Lambda developer guide, "Init phase" and "Restore phase" (2026-11).
fn patient(pool: &Pool) -> Duration {
    Duration::from_secs(u64::from(pool.version.settings.timeout_seconds)).max(Duration::from_secs(130))
}

/// Starts an instance in a task of its own, where more invocations wait than instances are on their way and fewer than
/// `most` exist.
pub(crate) fn where_needed(shared: &Arc<Shared>, pool: &Arc<Pool>, most: u32) {
    if pool.begin_start(most) {
        let plan = Boot::on_demand(shared, pool);
        shared.tasks.spawn(counted(shared.clone(), pool.clone(), most, plan));
    }
}

/// Does a start that the pool has counted.
pub(super) async fn counted(shared: Arc<Shared>, pool: Arc<Pool>, most: u32, plan: Boot) {
    let guard = StartGuard { pool: pool.clone(), done: false };
    let logs = plan.logs.clone();
    let booted = boot(&shared, &pool, plan).await;
    guard.done(|| match booted {
        Ok(pooled) => pool.start_succeeded(pooled),
        Err(BootError::Init(_)) => pool.start_failed(Handed::FailedInit(FailedInit { logs })),
        Err(BootError::Platform(error)) => pool.start_failed(Handed::Failed(error)),
    });
    // Those for whom there was no start left may have one now.
    where_needed(&shared, &pool, most);
}

/// Uncounts a start whose task panicked or was dropped, and lets the one who waits know.
struct StartGuard {
    pool: Arc<Pool>,
    done: bool,
}

impl StartGuard {
    fn done(mut self, settle: impl FnOnce()) {
        self.done = true;
        settle();
    }
}

impl Drop for StartGuard {
    fn drop(&mut self) {
        if !self.done {
            let error = InvokeError::Internal("the start of an instance was abandoned".to_owned());
            self.pool.start_failed(Handed::Failed(error));
        }
    }
}

/// Boots one instance and sets its keeper on it. It is not in any list of the pool yet.
pub(crate) async fn boot(
    shared: &Arc<Shared>,
    pool: &Arc<Pool>,
    plan: Boot,
) -> Result<Arc<Pooled>, BootError> {
    let version = &pool.version;
    let span = info_span!("start", function = %version.name, version = %version.version);
    start(shared, pool, plan).instrument(span).await
}

async fn start(shared: &Arc<Shared>, pool: &Arc<Pool>, plan: Boot) -> Result<Arc<Pooled>, BootError> {
    shared.reclaim.make_room(shared, pool.expected_mib());
    // Before its key is made.
    let age = Age::begin(&shared.clock);
    let spec = spec(shared, pool, &plan).await.map_err(BootError::Platform)?;
    let log = |at| PlatformLog { stream: &plan.logs, at };
    if plan.phase == Phase::Init {
        let runtime = pool.version.settings.runtime;
        log(shared.clock.now()).init_start(runtime, shared.catalog.region(), plan.initialization);
    }
    let began = Instant::now();
    let started = tokio::time::timeout(plan.limit, shared.runtime.start(spec)).await;
    let took = began.elapsed();
    let end = match started {
        Ok(Ok(instance)) => {
            log(shared.clock.now()).init_report(plan.phase, took, &Status::Success, plan.initialization);
            pool.meter.cold_start();
            pool.note_start(took);
            let startup = plan.startup(took);
            let pooled = Pooled::new(Started {
                instance,
                logs: plan.logs,
                provisioned: plan.initialization == PROVISIONED,
                age,
                took,
                startup,
            });
            pooled.measure_memory();
            shared.tasks.spawn(keep::keep(shared.clone(), pool.clone(), pooled.clone()));
            return Ok(pooled);
        }
        Ok(Err(StartError::Init(InitFailure::Reported(object)))) => InitEnd::Reported(object),
        Ok(Err(StartError::Init(InitFailure::Exited(cause)))) => InitEnd::Exited(cause),
        Ok(Err(StartError::Init(InitFailure::Diagnosed { error_type, message }))) => {
            InitEnd::Diagnosed { error_type, message }
        }
        Ok(Err(StartError::Unavailable(missing))) => {
            return Err(BootError::Platform(InvokeError::RuntimeUnavailable(missing.to_string())));
        }
        Ok(Err(StartError::Platform(message))) => {
            tracing::error!(function = %pool.version.name, %message, "an instance could not be started");
            return Err(BootError::Platform(InvokeError::Internal(message)));
        }
        Err(_) => InitEnd::TimedOut,
    };
    log(shared.clock.now()).init_report(plan.phase, took, &status(&end), plan.initialization);
    plan.logs.used();
    Err(BootError::Init(end))
}

fn status(end: &InitEnd) -> Status {
    match end {
        InitEnd::Reported(object) => Status::Error(failure::error_type(object)),
        InitEnd::Exited(ExitCause::OutOfMemory) => Status::Error("Runtime.OutOfMemory".to_owned()),
        InitEnd::Exited(_) => Status::Error("Runtime.ExitError".to_owned()),
        InitEnd::Diagnosed { error_type, .. } => Status::Error(error_type.clone()),
        InitEnd::TimedOut => Status::Timeout,
    }
}

async fn spec(shared: &Shared, pool: &Pool, plan: &Boot) -> Result<InstanceSpec, InvokeError> {
    let version = &pool.version;
    let code = unpacked(shared, version.code.digest).await?;
    let mut layers = Vec::with_capacity(version.settings.layers.len());
    for layer in &version.settings.layers {
        layers.push(unpacked(shared, layer.digest).await?);
    }
    Ok(InstanceSpec {
        version: version.clone(),
        arn: pool.arn.clone(),
        code,
        layers,
        state: state(shared, version).await?,
        credentials: shared.credentials.issue(version, &pool.arn),
        logs: plan.logs.clone(),
        initialization: plan.initialization,
    })
}

/// The folder of a function that has one, as soon as the instance before has ended.
async fn state(shared: &Shared, version: &FunctionVersion) -> Result<Option<Arc<StateFolder>>, InvokeError> {
    if !version.settings.is_stateful() {
        return Ok(None);
    }
    let held = tokio::time::timeout(STATE_TIMEOUT, shared.store.state().hold(version.name.as_str())).await;
    let held = held.map_err(|_| "the instance before does not end".to_owned());
    let held = held.and_then(|held| held.map_err(|error| error.to_string()));
    held.map(|folder| Some(Arc::new(folder))).map_err(|error| {
        tracing::error!(function = %version.name, error, "a function cannot have its folder");
        InvokeError::Internal(error)
    })
}

/// At once where this machine has unpacked it before, as it has when it was deployed here.
async fn unpacked(shared: &Shared, digest: Digest) -> Result<PathBuf, InvokeError> {
    let unpacked = tokio::time::timeout(UNPACK_TIMEOUT, shared.store.packages().unpacked(digest)).await;
    let failed = |error: String| {
        tracing::error!(%digest, error, "a package could not be unpacked");
        InvokeError::Internal(error)
    };
    unpacked.map_err(|late| failed(late.to_string()))?.map_err(|error| failed(error.to_string()))
}
