//! What an invoker is made with.

use std::time::Duration;

/// Settings of an [`Invoker`](crate::Invoker).
#[derive(Debug, Clone)]
pub struct InvokerConfig {
    /// How long an idle instance is kept. Default: 10 minutes.
    pub keep_warm: Duration,
    /// How much memory all instances together may use before idle ones are ended to make room for new ones, in MiB.
    /// Default: no limit.
    pub memory_budget_mib: Option<u64>,
    /// How long the start of an instance takes from which on one more than are in use is kept ready; nothing for never.
    /// Default: 100 milliseconds.
    pub spare_from: Option<Duration>,
    /// How long an instance is idle before its memory is moved to swap, where the machine has any; nothing for never.
    /// Default: 1 minute.
    pub page_out_after: Option<Duration>,
    /// How long running invocations may go on when the server stops. Default: 12 seconds.
    pub drain: Duration,
    /// How many requests over HTTP may wait at one time for a place under the concurrency limit of a function; more are
    /// throttled at once. Default: 2,000.
    pub most_waiting: u32,
    /// How long such a request waits before it is throttled. Default: 30 seconds.
    pub longest_wait: Duration,
    /// The pauses between attempts of asynchronous events.
    pub pacing: AsynchronousPacing,
}

/// The pauses between attempts of an asynchronous event. Source: the Lambda developer guide, "How Lambda handles errors
/// and retries with asynchronous invocation" (2026-11).
#[derive(Debug, Clone, Copy)]
pub struct AsynchronousPacing {
    /// After the function failed the first time; doubled after the second. Default: 1 minute.
    pub after_failure: Duration,
    /// After a throttle or a failure of the platform; doubled each time. Default: 1 second.
    pub backoff: Duration,
    /// The longest of those. Default: 5 minutes.
    pub longest_backoff: Duration,
}

impl Default for InvokerConfig {
    fn default() -> Self {
        Self {
            keep_warm: Duration::from_secs(10 * 60),
            memory_budget_mib: None,
            spare_from: Some(Duration::from_millis(100)),
            page_out_after: Some(Duration::from_secs(60)),
            drain: Duration::from_secs(12),
            most_waiting: 2_000,
            longest_wait: Duration::from_secs(30),
            pacing: AsynchronousPacing::default(),
        }
    }
}

impl Default for AsynchronousPacing {
    fn default() -> Self {
        Self {
            after_failure: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(300),
        }
    }
}
