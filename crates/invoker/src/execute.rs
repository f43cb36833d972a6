//! Fourth stage: the event runs in the instance, under the function's timeout.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ebb_model::{FailureKind, FunctionFailure, Response, limits};
use tokio::time::Instant;

use crate::Shared;
use crate::acquire::lease::Lease;
use crate::acquire::pool::Pool;
use crate::acquire::pooled::Startup;
use crate::acquire::start::{self, Boot, BootError, FailedInit, InitEnd};
use crate::acquire::{Acquired, Place};
use crate::admit::Permit;
use crate::delivery::{Delivery, ResponseSink};
use crate::error::InvokeError;
use crate::failure::{self, Crash};
use crate::log_stream::LogStream;
use crate::platform_log::PlatformLog;
use crate::port::{Ending, Event};
use crate::resolve::Resolved;

/// How long a connection that became a WebSocket may last, whatever the function's timeout, which is for the agreement. Source: the API Gateway
/// developer guide, "Quotas for configuring and running a WebSocket API", connection duration.
const TUNNEL_TIME: Duration = Duration::from_hours(2);

/// An invocation that ran.
pub(crate) struct Executed {
    pub(crate) resolved: Resolved,
    pub(crate) permit: Permit,
    pub(crate) logs: Arc<LogStream>,
    pub(crate) result: Result<Response, FunctionFailure>,
    /// What is to become of the instance; nothing where there is none any more.
    pub(crate) after: After,
    /// What the platform found wrong with the instance, where it did.
    pub(crate) crash: Option<Crash>,
    pub(crate) startup: Option<Startup>,
    /// Whether the time of that is billed to this event.
    pub(crate) startup_billed: bool,
    /// From the event's start to its end.
    pub(crate) duration: Duration,
    pub(crate) began: Instant,
    pub(crate) timeout: Duration,
    /// Bytes of the answer.
    pub(crate) produced: u64,
}

/// What is to become of the instance.
pub(crate) enum After {
    /// It lives on, and takes another event when it has settled.
    Settle(Lease),
    /// It must end.
    End(Lease),
    /// It never was, or is gone.
    Nothing,
}

/// How the event went, and what is left of the instance.
struct Run {
    result: Result<Response, FunctionFailure>,
    after: After,
    crash: Option<Crash>,
    startup: Option<Startup>,
    startup_billed: bool,
    produced: u64,
    /// What it had at most.
    timeout: Duration,
}

/// Runs the event to its end.
///
/// # Errors
/// Only where the platform could not run it at all.
pub(crate) async fn execute(
    shared: &Arc<Shared>,
    acquired: Acquired,
    delivery: Delivery,
) -> Result<Executed, InvokeError> {
    let Acquired { resolved, permit, pool, place } = acquired;
    // As configured when the instance was started: an update may have come between.
    let timeout = Duration::from_secs(u64::from(pool.version.settings.timeout_seconds));
    let logs = match &place {
        Place::Ready(lease) => lease.pooled().logs.clone(),
        Place::Suppressed(failed) => failed.logs.clone(),
    };
    logs.used();
    if resolved.invocation.wants_log_tail {
        logs.begin_tail();
    }
    let began = Instant::now();
    let attempt = Attempt { shared, resolved: &resolved, pool: &pool, began, timeout };
    let run = match place {
        Place::Ready(lease) => attempt.run(lease, delivery).await,
        Place::Suppressed(failed) => attempt.initialise_and_run(failed, delivery).await?,
    };
    let Run { result, after, crash, startup, startup_billed, produced, timeout } = run;
    let duration = began.elapsed().min(timeout);
    Ok(Executed {
        resolved,
        permit,
        logs,
        result,
        after,
        crash,
        startup,
        startup_billed,
        duration,
        began,
        timeout,
        produced,
    })
}

struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    resolved: &'a Resolved,
    pool: &'a Arc<Pool>,
    began: Instant,
    timeout: Duration,
}

impl Attempt<'_> {
    fn event(&self) -> Event {
        let invocation = &self.resolved.invocation;
        let left = self.timeout.saturating_sub(self.began.elapsed());
        Event {
            id: invocation.id,
            payload: invocation.payload.clone(),
            deadline: self.shared.clock.now().plus(left),
            arn: self.resolved.invoked.clone(),
            trace: invocation.trace.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: invocation.cognito_identity.clone(),
        }
    }

    fn log_start(&self, logs: &LogStream) {
        let at = self.shared.clock.now();
        PlatformLog { stream: logs, at }.start(self.resolved.invocation.id, self.pool.version.version);
    }

    async fn run(&self, mut lease: Lease, delivery: Delivery) -> Run {
        let id = self.resolved.invocation.id;
        self.log_start(&lease.pooled().logs);
        let limit = match delivery {
            Delivery::Whole => failure::WHOLE_LIMIT,
            Delivery::Stream(_) => limits::STREAMED_RESPONSE_BYTES,
            Delivery::Tunnel(_) => usize::MAX,
        };
        let mut sink = ResponseSink::new(delivery, limit);
        let pooled = lease.pooled().clone();
        lease.begin_event();
        let agreed = sink.agreement();
        let mut timeout = self.timeout;
        let mut running = pooled.instance.invoke(self.event(), &mut sink);
        let mut ending = tokio::time::timeout_at(self.began + timeout, &mut running).await;
        if ending.is_err() && agreed.load(Relaxed) {
            timeout = timeout.max(TUNNEL_TIME);
            ending = tokio::time::timeout_at(self.began + timeout, &mut running).await;
        }
        drop(running);
        // An answer that comes late because this very process was held up is late all the same.
        let ending = ending.ok().filter(|_| self.began.elapsed() <= timeout);
        let produced = sink.written();
        let crash = match &ending {
            Some(Ending::Exited(cause)) => Some(Crash::exited(id, *cause)),
            _ => None,
        };
        let (result, after) = match ending {
            None => {
                let settings = &self.pool.version.settings;
                if settings.shares_a_boot() {
                    // It may be stuck: what else runs in it goes on, but nothing new begins.
                    lease.retire();
                }
                // What else runs in it goes on: the event was abandoned, with its connection where it has one.
                let after = if self.pool.is_shared() { After::Settle(lease) } else { After::End(lease) };
                (Err(failure::timed_out(id, timeout)), after)
            }
            Some(Ending::Answered) => (Ok(sink.into_response()), After::Settle(lease)),
            Some(Ending::Failed(payload)) => {
                (Err(FunctionFailure { kind: FailureKind::Error, payload }), After::Settle(lease))
            }
            Some(Ending::TooLarge { .. }) => (Err(failure::too_large(limit)), After::Settle(lease)),
            Some(Ending::Disconnected) => (Err(failure::cancelled(id)), After::Settle(lease)),
            Some(Ending::Exited(cause)) => (Err(Crash::exited(id, cause).failure()), After::End(lease)),
        };
        let startup = pooled.take_startup();
        Run { result, after, crash, startup, startup_billed: !pooled.provisioned, produced, timeout }
    }

    /// Lambda calls the first initialisation, whose failure nobody was told of, suppressed. As there, `START` is
    /// written after the second.
    async fn initialise_and_run(&self, failed: FailedInit, delivery: Delivery) -> Result<Run, InvokeError> {
        let logs = failed.logs.clone();
        let plan = Boot::within_event(failed.logs, self.timeout.saturating_sub(self.began.elapsed()));
        match start::boot(self.shared, self.pool, plan).await {
            Ok(pooled) => Ok(self.run(self.pool.add_leased(pooled), delivery).await),
            Err(BootError::Platform(error)) => Err(error),
            Err(BootError::Init(end)) => {
                self.log_start(&logs);
                let (failure, crash) = self.init_failure(end);
                Ok(Run {
                    result: Err(failure),
                    after: After::Nothing,
                    crash,
                    startup: None,
                    startup_billed: false,
                    produced: 0,
                    timeout: self.timeout,
                })
            }
        }
    }

    fn init_failure(&self, end: InitEnd) -> (FunctionFailure, Option<Crash>) {
        let id = self.resolved.invocation.id;
        let crash = match end {
            InitEnd::Reported(payload) => {
                return (FunctionFailure { kind: FailureKind::Init, payload }, None);
            }
            InitEnd::TimedOut => return (failure::timed_out(id, self.timeout), None),
            InitEnd::Exited(cause) => Crash::exited(id, cause).in_init(),
            InitEnd::Diagnosed { error_type, message } => Crash::diagnosed(id, &error_type, &message),
        };
        (crash.failure(), Some(crash))
    }
}
