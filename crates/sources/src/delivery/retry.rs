//! When a delivery that failed is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The first wait; each that follows is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// How often and for how long a delivery is tried.
///
/// Waits grow from a second, doubled each time, to ten minutes. Source of the defaults: EventBridge user guide, "How
/// EventBridge retries delivering events" (2026-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub attempts: u32,
    /// Since it was accepted, in seconds.
    pub age_seconds: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 185, age_seconds: 24 * 60 * 60 }
    }
}

/// Why a delivery is not tried again. The name that dead letters give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exhausted {
    Attempts,
    Age,
}

impl Exhausted {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "MaximumRetryAttempts",
            Self::Age => "MaximumEventAgeInSeconds",
        }
    }
}

impl RetryPolicy {
    /// How long after it was accepted it may be tried.
    pub(super) fn age(self) -> Duration {
        Duration::from_secs(self.age_seconds.into())
    }

    /// The wait before the next attempt, after so many failed and so long since it was accepted.
    pub(super) fn next(self, failures: u32, age: Duration) -> Result<Duration, Exhausted> {
        if failures > self.attempts {
            return Err(Exhausted::Attempts);
        }
        let wait = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST);
        if age + wait > self.age() { Err(Exhausted::Age) } else { Ok(wait) }
    }
}

/// The wait before the next attempt, where each is listed.
pub(super) fn listed(waits: &[u32], failures: u32) -> Result<Duration, Exhausted> {
    let next = usize::try_from(failures.saturating_sub(1)).ok().and_then(|at| waits.get(at));
    next.map(|seconds| Duration::from_secs(u64::from(*seconds))).ok_or(Exhausted::Attempts)
}
