//! Last stage: the caller is answered, the log and the counters are completed, and the instance is given back or ended.
//!
//! The caller comes first. Only one that wants the tail of the log waits until the instance has settled, since the
//! tail ends with the lines that are written then.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{FailureKind, FunctionFailure, Outcome, Report};
use tokio::sync::oneshot;

use crate::Shared;
use crate::acquire::lease::Lease;
use crate::acquire::pooled::Startup;
use crate::admit::Permit;
use crate::error::InvokeError;
use crate::execute::{After, Executed};
use crate::failure::{self, Crash};
use crate::log_stream::LogStream;
use crate::metering::FunctionMeter;
use crate::platform_log::{PlatformLog, Status};
use crate::port::ExitCause;

/// Where the answer goes; the receiver may be gone.
pub(crate) type Reply = oneshot::Sender<Result<Outcome, InvokeError>>;

/// How an instance came to rest after an answer.
enum Rest {
    /// It is ready for its next event.
    Ready,
    /// It ended.
    Exited(ExitCause),
    /// An extension or the runtime was still busy when the function's time was over.
    Overran,
}

/// Ends the invocation.
pub(crate) async fn settle(shared: &Arc<Shared>, executed: Executed, reply: Reply) {
    let wants_tail = executed.resolved.invocation.wants_log_tail;
    let (mut closing, mut after) = Closing::new(shared, executed, reply);
    if let After::Settle(lease) = &mut after {
        // Before the answer: whoever calls again at once finds an instance that is about to be free.
        lease.begin_settling();
    }
    if !wants_tail {
        closing.answer();
    }
    if let After::Settle(lease) = after {
        after = closing.come_to_rest(lease).await;
    }
    closing.write_log();
    closing.count();
    closing.answer();
    match after {
        After::Settle(lease) => lease.release(),
        After::End(lease) => lease.discard(closing.shutdown_reason()),
        After::Nothing => {}
    }
}

/// The invocation on its last steps.
struct Closing<'a> {
    shared: &'a Shared,
    outcome: Outcome,
    /// How it stands in the log: more than the outcome knows, where something happened after the answer.
    status: Status,
    crash: Option<Crash>,
    logs: Arc<LogStream>,
    meter: Arc<FunctionMeter>,
    answer: Option<(Permit, Reply)>,
    billing: Billing,
    began: tokio::time::Instant,
    timeout: Duration,
    produced: u64,
    memory_mib: u32,
}

/// What the bill needs.
#[derive(Clone, Copy)]
struct Billing {
    startup: Option<Startup>,
    billed: bool,
}

impl<'a> Closing<'a> {
    fn new(shared: &'a Shared, executed: Executed, reply: Reply) -> (Self, After) {
        let Executed { resolved, permit, after, result, .. } = executed;
        let max_memory_mib = match &after {
            // Measured once it has settled; the caller does not wait for a file of the kernel to be read.
            After::Settle(lease) => lease.pooled().known_memory(),
            After::End(lease) => lease.pooled().measure_memory(),
            After::Nothing => 0,
        };
        let memory_mib = resolved.version.settings.memory_mib;
        let max_memory_mib = match &result {
            // It took all that it may; the kernel's own count is gone with the process.
            Err(FunctionFailure { kind: FailureKind::OutOfMemory, .. }) => memory_mib,
            _ => max_memory_mib,
        };
        let billing = Billing { startup: executed.startup, billed: executed.startup_billed };
        let status = result.as_ref().err().map_or(Status::Success, failure::status);
        let report = billing.report(executed.duration, max_memory_mib);
        let closing = Self {
            shared,
            status,
            crash: executed.crash,
            logs: executed.logs,
            meter: permit.meter().clone(),
            outcome: Outcome {
                id: resolved.invocation.id,
                version: resolved.version.version,
                result,
                report,
                log_tail: None,
            },
            answer: Some((permit, reply)),
            billing,
            began: executed.began,
            timeout: executed.timeout,
            produced: executed.produced,
            memory_mib,
        };
        (closing, after)
    }

    /// Gives the place among the running invocations back and tells the caller, once.
    fn answer(&mut self) {
        if let Some((permit, reply)) = self.answer.take() {
            // First: a caller that calls again at once must not be throttled by its own last call.
            drop(permit);
            // One that went away does not hear of it; the outcome is in the log and the counters all the same.
            let _ = reply.send(Ok(self.outcome.clone()));
        }
    }

    /// Waits until the instance is ready for more. What it does until then counts as this invocation's.
    async fn come_to_rest(&mut self, lease: Lease) -> After {
        let deadline = self.began + self.timeout;
        let rest = match tokio::time::timeout_at(deadline, lease.pooled().instance.settle()).await {
            Ok(Ok(())) => Rest::Ready,
            Ok(Err(cause)) => Rest::Exited(cause),
            Err(_) => Rest::Overran,
        };
        let duration = self.began.elapsed().min(self.timeout);
        self.outcome.report = self.billing.report(duration, lease.pooled().measure_memory());
        match rest {
            Rest::Ready => return After::Settle(lease),
            Rest::Exited(cause) => {
                let crash = Crash::exited(self.outcome.id, cause);
                self.status = crash.status();
                self.crash = Some(crash);
            }
            Rest::Overran => self.status = Status::Timeout,
        }
        After::End(lease)
    }

    fn write_log(&mut self) {
        let log = PlatformLog { stream: &self.logs, at: self.shared.clock.now() };
        let id = self.outcome.id;
        if self.status == Status::Timeout {
            log.timed_out(id, self.timeout);
        } else if let Some(crash) = &self.crash {
            log.crashed(&crash.message, &crash.kind);
        }
        log.end(id, self.produced, &self.outcome.report, self.memory_mib, &self.status);
        self.outcome.log_tail = self.logs.take_tail();
    }

    fn count(&self) {
        self.meter.ended(&self.outcome, self.memory_mib);
        let report = &self.outcome.report;
        tracing::debug!(
            request_id = %self.outcome.id,
            status = ?self.outcome.result.as_ref().err().map(|failure| failure.kind),
            duration = ?report.duration,
            init = ?report.init,
            restore = ?report.restore,
            max_memory_mib = report.max_memory_mib,
            "an invocation ended"
        );
    }

    /// What extensions are told.
    fn shutdown_reason(&self) -> &'static str {
        let timeout = self.status == Status::Timeout
            || matches!(self.outcome.result, Err(FunctionFailure { kind: FailureKind::Timeout, .. }));
        if timeout { "timeout" } else { "failure" }
    }
}

impl Billing {
    /// Since August 2025 the time of initialisation is billed in every case but that of provisioned instances, whose
    /// whole life is. Source: the AWS compute blog, "AWS Lambda standardizes billing for INIT phase" (2025-04-29).
    fn report(self, duration: Duration, max_memory_mib: u32) -> Report {
        let (init, restore) = match self.startup {
            None => (None, None),
            Some(Startup::Init(took)) => (Some(took), None),
            Some(Startup::Restore(took)) => (None, Some(took)),
        };
        let billed = duration + init.or(restore).filter(|_| self.billed).unwrap_or_default();
        Report { duration, init, restore, billed: up_to_millis(billed), max_memory_mib }
    }
}

/// Rounds up to a whole millisecond.
pub(crate) fn up_to_millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}
