//! The error objects that the platform writes in a function's place. They are held to what Lambda answers: the type,
//! the words, and the request id in front of them.

use std::time::Duration;

use bytes::Bytes;
use ebb_model::{FailureKind, FunctionFailure, RequestId, limits};
use serde::{Deserialize, Serialize};

use crate::platform_log::Status;
use crate::port::ExitCause;

#[derive(Serialize)]
struct ErrorObject<'a> {
    #[serde(rename = "errorType")]
    kind: &'a str,
    #[serde(rename = "errorMessage")]
    message: &'a str,
}

fn failure(kind: FailureKind, name: &str, message: &str) -> FunctionFailure {
    // Two strings always serialise.
    let payload = serde_json::to_vec(&ErrorObject { kind: name, message }).unwrap_or_default();
    FunctionFailure { kind, payload: payload.into() }
}

/// It ran past its timeout.
pub(crate) fn timed_out(id: RequestId, timeout: Duration) -> FunctionFailure {
    let message = format!("RequestId: {id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
    failure(FailureKind::Timeout, "Sandbox.Timedout", &message)
}

/// What the platform itself found wrong with an instance: the caller and the log are told the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crash {
    failure: FailureKind,
    /// The error type, as in `Runtime.ExitError`.
    pub(crate) kind: String,
    /// With the request id in front.
    pub(crate) message: String,
}

impl Crash {
    /// Its process ended under this event.
    pub(crate) fn exited(id: RequestId, cause: ExitCause) -> Self {
        let (failure, kind) = match cause {
            ExitCause::OutOfMemory => (FailureKind::OutOfMemory, "Runtime.OutOfMemory"),
            ExitCause::Status(_) | ExitCause::Signal(_) => (FailureKind::Exit, "Runtime.ExitError"),
        };
        let what = match cause {
            ExitCause::Status(0) => "Runtime exited without providing a reason".to_owned(),
            ExitCause::Status(status) => format!("Runtime exited with error: exit status {status}"),
            ExitCause::Signal(signal) => {
                format!("Runtime exited with error: signal: {}", signal_name(signal))
            }
            ExitCause::OutOfMemory => "Runtime exited with error: signal: killed".to_owned(),
        };
        Self { failure, kind: kind.to_owned(), message: format!("RequestId: {id} Error: {what}") }
    }

    /// It cannot be initialised for a reason that the platform knows.
    pub(crate) fn diagnosed(id: RequestId, kind: &str, what: &str) -> Self {
        let message = format!("RequestId: {id} Error: {what}");
        Self { failure: FailureKind::Init, kind: kind.to_owned(), message }
    }

    /// The same during initialisation, where it counts as one of its failures; out of memory stays what it is.
    pub(crate) fn in_init(self) -> Self {
        let failure = if self.failure == FailureKind::Exit { FailureKind::Init } else { self.failure };
        Self { failure, ..self }
    }

    /// As the outcome has it.
    pub(crate) fn failure(&self) -> FunctionFailure {
        failure(self.failure, &self.kind, &self.message)
    }

    /// As `REPORT` has it.
    pub(crate) fn status(&self) -> Status {
        Status::Error(self.kind.clone())
    }
}

/// Its answer was too large.
pub(crate) fn too_large(limit: usize) -> FunctionFailure {
    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
    failure(FailureKind::ResponseTooLarge, "Function.ResponseSizeTooLarge", &message)
}

/// Whoever waited for the answer went away.
pub(crate) fn cancelled(id: RequestId) -> FunctionFailure {
    failure(
        FailureKind::Cancelled,
        "Runtime.Cancelled",
        &format!("RequestId: {id} Error: the caller went away"),
    )
}

/// The largest answer that a whole delivery takes.
pub(crate) const WHOLE_LIMIT: usize = limits::SYNC_PAYLOAD_BYTES + limits::RESPONSE_SLACK_BYTES;

/// How a failure stands in `REPORT`. An error that the handler itself reported is no failure of the runtime: Lambda
/// prints no status for it.
pub(crate) fn status(failure: &FunctionFailure) -> Status {
    match failure.kind {
        FailureKind::Timeout => Status::Timeout,
        FailureKind::Error | FailureKind::Cancelled => Status::Success,
        FailureKind::Init | FailureKind::OutOfMemory | FailureKind::Exit | FailureKind::ResponseTooLarge => {
            Status::Error(error_type(&failure.payload))
        }
    }
}

/// The `errorType` of an error object.
pub(crate) fn error_type(payload: &Bytes) -> String {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "errorType")]
        kind: String,
    }
    serde_json::from_slice::<Typed>(payload).map_or_else(|_| "Runtime.Unknown".to_owned(), |typed| typed.kind)
}

/// What Go, which Lambda's own supervisor is written in, calls a signal.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
