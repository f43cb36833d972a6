//! What every invocation ends in.

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{RequestId, Version};

/// The end of an invocation that reached an instance: metering, logs, retries and destinations all read this.
///
/// A platform that could not run the function at all is an error of the invoker, never an outcome.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The invocation.
    pub id: RequestId,
    /// The version that ran, after aliases and weights.
    pub version: Version,
    /// What the function answered, or how it failed.
    pub result: Result<Response, FunctionFailure>,
    /// What it used.
    pub report: Report,
    /// The last 4 KiB of its log, where the invocation asked.
    pub log_tail: Option<Bytes>,
}

/// A function's answer.
#[derive(Debug, Clone)]
pub enum Response {
    /// The whole of it.
    Whole(Bytes),
    /// It went to the caller piece by piece; this many bytes in all.
    Streamed(u64),
}

/// How a function failed. The payload is what the caller reads; the kind is what ebb acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionFailure {
    /// What happened.
    pub kind: FailureKind,
    /// The error object, as JSON text: `{"errorType", "errorMessage", …}`.
    pub payload: Bytes,
}

/// The ways in which a function fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The handler, or the runtime for it, reported an error; the instance lives on.
    Error,
    /// Initialisation reported an error.
    Init,
    /// It ran past its timeout.
    Timeout,
    /// It used more memory than it has.
    OutOfMemory,
    /// The process ended by itself.
    Exit,
    /// The response was larger than the limit.
    ResponseTooLarge,
    /// The caller went away.
    Cancelled,
}

/// What one invocation used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// From the event's start in the instance to its end.
    pub duration: Duration,
    /// Initialisation, on a cold start.
    pub init: Option<Duration>,
    /// Instead of it: until an instance that was initialised ahead of need could take its first event.
    pub restore: Option<Duration>,
    /// The duration rounded up to a whole millisecond, as bills count it; with `init` or `restore` where that is billed.
    pub billed: Duration,
    /// The most that the instance has used, in MiB.
    pub max_memory_mib: u32,
}
