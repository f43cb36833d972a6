//! Why an invocation did not run.

/// Why an invocation did not run. A function that failed is not one of these: that is an
/// [`Outcome`](ebb_model::Outcome).
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
    PayloadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The payload is not JSON.
    #[error("Could not parse request body into json: {0}")]
    PayloadNotJson(String),
    /// The runtime cannot be had on this machine; says what is missing and how to install it.
    #[error("{0}")]
    RuntimeUnavailable(String),
    /// The server is stopping; another, or the same one later, can take it.
    #[error("the server is shutting down")]
    ShuttingDown,
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

impl ThrottleReason {
    /// The name that the Lambda API gives it in `Reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReservedConcurrency => "ReservedFunctionConcurrentInvocationLimitExceeded",
            Self::AccountConcurrency => "ConcurrentInvocationLimitExceeded",
        }
    }
}

impl InvokeError {
    /// Whether the same invocation may succeed later: throttles and failures of the platform.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::ShuttingDown | Self::Internal(_) | Self::NotReady(_) => true,
            Self::NotFound(_)
            | Self::PayloadTooLarge { .. }
            | Self::PayloadNotJson(_)
            | Self::RuntimeUnavailable(_) => false,
        }
    }
}
