//! How many requests a stage, a route or a key may make: a token bucket for each.
//!
//! Source: API Gateway developer guide, "Throttle requests to your REST APIs" and "Throttle your HTTP APIs" (2026-11).
//! Buckets are those of one server: several servers behind a balancer each let a limit's rate through.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ebb_model::Timestamp;

/// Buckets that are kept; beyond, those that are full again are forgotten.
const KEPT: usize = 10_000;

/// What a limit is where only its other half is set: those of an account.
const ACCOUNT: Limit = Limit { rate: 10_000.0, burst: 5_000.0 };

/// How many requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    /// Each second, in the long run.
    pub(crate) rate: f64,
    /// At once.
    pub(crate) burst: f64,
}

impl Limit {
    /// A limit of which at least one half is set.
    pub(crate) fn of(rate: Option<f64>, burst: Option<u32>) -> Option<Self> {
        if rate.is_none() && burst.is_none() {
            return None;
        }
        Some(Self { rate: rate.unwrap_or(ACCOUNT.rate), burst: burst.map_or(ACCOUNT.burst, f64::from) })
    }
}

/// The buckets, by what they are for.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
    limit: Limit,
}

impl Bucket {
    fn fill(&mut self, now: Timestamp) {
        let filled = self.limit.rate * now.since(self.at).as_secs_f64();
        self.tokens = (self.tokens + filled).min(self.limit.burst);
        self.at = now;
    }
}

impl Throttles {
    /// Takes a token for one request; false where there is none.
    pub(crate) fn take(&self, key: &str, limit: Limit, now: Timestamp) -> bool {
        // Nothing is left half done while it is held.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > KEPT {
            buckets.retain(|_, bucket| {
                bucket.fill(now);
                bucket.tokens < bucket.limit.burst
            });
        }
        let bucket =
            buckets.entry(key.to_owned()).or_insert_with(|| Bucket { tokens: limit.burst, at: now, limit });
        if bucket.limit != limit {
            *bucket = Bucket { tokens: limit.burst, at: now, limit };
        }
        bucket.fill(now);
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_burst_through_and_fills_at_its_rate() {
        let throttles = Throttles::default();
        let limit = Limit { rate: 2.0, burst: 3.0 };
        let take = |millis| throttles.take("a", limit, Timestamp(millis));
        assert_eq!([take(0), take(0), take(0), take(0)], [true, true, true, false]);
        assert_eq!([take(499), take(500), take(999), take(1000)], [false, true, false, true]);
        assert_eq!([take(60_000), take(60_000), take(60_000), take(60_000)], [true, true, true, false]);
        assert!(throttles.take("b", limit, Timestamp(60_000)), "buckets have nothing to do with each other");
        let wider = Limit { rate: 2.0, burst: 9.0 };
        assert!(throttles.take("a", wider, Timestamp(60_000)), "a changed limit begins anew");
        let closed = Limit { rate: 0.0, burst: 0.0 };
        assert!(!throttles.take("c", closed, Timestamp(0)) && !throttles.take("c", closed, Timestamp(9_999)));
    }

    #[test]
    fn half_a_limit_is_completed_and_none_is_none() {
        assert_eq!(Limit::of(None, None), None);
        assert_eq!(Limit::of(Some(5.0), None), Some(Limit { rate: 5.0, burst: 5_000.0 }));
        assert_eq!(Limit::of(None, Some(2)), Some(Limit { rate: 10_000.0, burst: 2.0 }));
    }
}
