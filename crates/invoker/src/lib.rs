//! The heart of ebb: resolve → admit → acquire → execute → settle, one file each.

pub mod catalog;
mod delivery;
pub mod log_stream;
mod port;

pub use delivery::{Delivery, ResponseSink, StreamPart};
pub use port::{
    Boxed, Ending, Event, ExitCause, InitFailure, Instance, InstanceCredentials, InstanceSpec, Runtime, StartError, Unavailable,
};

use ebb_model::{Invocation, Outcome, RequestId};

/// Runs invocations. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Invoker {}

/// Why an invocation did not run. A function that failed is not one of these: that is an [`Outcome`].
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No such function, version or alias; holds the ARN that was asked for.
    #[error("Function not found: {0}")]
    NotFound(String),
    /// Cannot run in its present state.
    #[error("{0}")]
    NotReady(String),
    /// A concurrency limit was reached.
    #[error("Rate Exceeded.")]
    Throttled(ThrottleReason),
    /// The payload exceeds the limit.
    #[error("Request must be smaller than {limit} bytes for the InvokeFunction operation")]
    PayloadTooLarge { limit: usize },
    /// The payload is not JSON.
    #[error("Could not parse request body into json: {0}")]
    PayloadNotJson(String),
    /// The runtime cannot be had on this machine; says what is missing and how to install it.
    #[error("{0}")]
    RuntimeUnavailable(String),
    /// The platform failed; detail is in the log under the request id.
    #[error("internal error")]
    Internal(String),
}

/// Which limit throttled. The API's `Reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleReason {
    /// `ReservedFunctionConcurrentInvocationLimitExceeded`
    ReservedConcurrency,
    /// `ConcurrentInvocationLimitExceeded`
    AccountConcurrency,
}

impl Invoker {
    /// Runs one invocation to its end. With [`Delivery::Stream`] the answer reaches the channel as it is written.
    pub async fn invoke(&self, _invocation: Invocation, _delivery: Delivery) -> Result<Outcome, InvokeError> {
        unimplemented!()
    }

    /// Accepts an event for later: durable when this returns.
    pub async fn accept(&self, _invocation: Invocation) -> Result<RequestId, InvokeError> {
        unimplemented!()
    }

    /// Checks that the function could be invoked, without running it (`DryRun`).
    pub fn check(&self, _invocation: &Invocation) -> Result<(), InvokeError> {
        unimplemented!()
    }

    /// What is deployed.
    pub fn catalog(&self) -> &catalog::Catalog {
        unimplemented!()
    }
}
