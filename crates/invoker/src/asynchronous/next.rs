//! What follows an attempt to deliver an event: a pure function of the event, the attempt and the settings.
//!
//! Source: the Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" (2026-11):
//! function errors are tried again twice, after one minute and two; throttles and failures of the service are tried
//! again for as long as the event may wait, after one second at first and up to five minutes.

use std::time::Duration;

use ebb_model::{EventInvokeConfig, Outcome, limits};

use super::accepted::Accepted;
use crate::config::AsynchronousPacing;
use crate::error::{InvokeError, ThrottleReason};

/// Retries after function errors, by default.
const MAX_RETRIES: u32 = 2;

/// How an attempt went.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The function ran.
    Ended(Outcome),
    /// It did not.
    NotRun(InvokeError),
    /// The event had waited for too long.
    TooLate,
}

/// The settings that hold for an event.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) max_retries: u32,
    pub(crate) max_age: Duration,
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
    /// The function is turned off by a reservation of zero.
    pub(crate) turned_off: bool,
}

/// What follows.
#[derive(Debug)]
pub(crate) enum Next {
    /// Again after this time, with this record.
    Retry { after: Duration, event: Accepted },
    /// Again by whoever comes after this server, as if it had not been touched.
    PutBack,
    /// It is over.
    Done(Condition),
}

/// Why it is over. The destination record's `condition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    /// Its function is turned off by a reservation of zero.
    ZeroReservedConcurrency,
    /// Its function, version or alias is gone.
    FunctionNotFound,
}

impl Policy {
    pub(crate) fn of(config: Option<EventInvokeConfig>, turned_off: bool) -> Self {
        let seconds = config.as_ref().and_then(|config| config.max_event_age_seconds);
        Self {
            max_retries: config.as_ref().and_then(|config| config.max_retry_attempts).unwrap_or(MAX_RETRIES),
            max_age: seconds.map_or(limits::MAX_EVENT_AGE, |seconds| Duration::from_secs(seconds.into())),
            on_success: config.as_ref().and_then(|config| config.on_success.clone()),
            on_failure: config.and_then(|config| config.on_failure),
            turned_off,
        }
    }
}

impl Condition {
    /// As the destination record has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Self::FunctionNotFound => "FunctionNotFound",
        }
    }
}

/// Decides.
pub(crate) fn next(
    event: &Accepted,
    attempt: &Attempt,
    policy: &Policy,
    pacing: &AsynchronousPacing,
) -> Next {
    match attempt {
        Attempt::Ended(Outcome { result: Ok(_), .. }) => Next::Done(Condition::Success),
        Attempt::Ended(Outcome { result: Err(_), .. }) if event.failures >= policy.max_retries => {
            Next::Done(Condition::RetriesExhausted)
        }
        Attempt::Ended(Outcome { result: Err(_), .. }) => {
            let after = doubled(pacing.after_failure, event.failures);
            let event = Accepted { failures: event.failures + 1, deferrals: 0, ..event.clone() };
            Next::Retry { after, event }
        }
        Attempt::TooLate => Next::Done(Condition::EventAgeExceeded),
        Attempt::NotRun(InvokeError::ShuttingDown) => Next::PutBack,
        Attempt::NotRun(InvokeError::NotFound(_)) => Next::Done(Condition::FunctionNotFound),
        Attempt::NotRun(InvokeError::Throttled(ThrottleReason::ReservedConcurrency)) if policy.turned_off => {
            Next::Done(Condition::ZeroReservedConcurrency)
        }
        // What it lacks may be installed meanwhile, as what throttles it may end.
        Attempt::NotRun(
            InvokeError::Throttled(_)
            | InvokeError::NotReady(_)
            | InvokeError::RuntimeUnavailable(_)
            | InvokeError::Internal(_)
            | InvokeError::PayloadTooLarge { .. }
            | InvokeError::PayloadNotJson(_),
        ) => {
            let after = doubled(pacing.backoff, event.deferrals).min(pacing.longest_backoff);
            Next::Retry { after, event: Accepted { deferrals: event.deferrals + 1, ..event.clone() } }
        }
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(20))
}

#[cfg(test)]
mod tests;
