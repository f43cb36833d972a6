//! Limits of how much a target takes in a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ebb_model::Timestamp;

/// How many limits are remembered before those are dropped that hold nothing back.
const REMEMBERED: usize = 1024;

/// Limits by what they are of. Each server counts by itself.
///
/// Within a second as much passes as the limit says; what comes more often is told to wait, each a little longer than
/// the one before, so that not all come back at once. The cell rate algorithm of ITU-T I.371.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    limits: Mutex<HashMap<String, Limit>>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    /// When what has passed so far would all have passed at an even pace, in microseconds.
    even: i64,
    /// Until when others were told to wait, in microseconds.
    promised: i64,
}

impl RateLimits {
    /// Lets one pass, or says how long it has to wait.
    pub(crate) fn wait(&self, of: &str, per_second: u32, now: Timestamp) -> Option<Duration> {
        let now = now.millis() * 1000;
        let interval = 1_000_000 / i64::from(per_second.max(1));
        let burst = 1_000_000 - interval;
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.len() >= REMEMBERED {
            limits.retain(|_, limit| limit.even.max(limit.promised) > now);
        }
        let limit = limits.entry(of.to_owned()).or_insert(Limit { even: now, promised: now });
        if limit.even - burst <= now {
            limit.even = limit.even.max(now) + interval;
            return None;
        }
        limit.promised = limit.promised.max(limit.even - burst);
        let wait = limit.promised - now;
        limit.promised += interval;
        Some(Duration::from_micros(u64::try_from(wait).unwrap_or(0)).max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pass_in_a_second_as_the_limit_says() {
        let limits = RateLimits::default();
        let at = |millis: i64| Timestamp(1_000_000 + millis);
        let wait = |millis| limits.wait("a", 2, at(millis)).map(|wait| wait.as_millis());
        assert_eq!([wait(0), wait(0)], [None, None]);
        // Each that waits is told another time.
        assert_eq!([wait(0), wait(0), wait(0)], [Some(500), Some(1000), Some(1500)]);
        assert_eq!(limits.wait("b", 2, at(0)), None, "others have limits of their own");
        assert_eq!([wait(500), wait(1000), wait(1500)], [None, None, None]);
        assert_eq!([wait(3000), wait(3000)], [None, None], "after a pause it is as at first");
    }

    proptest::proptest! {
        #[test]
        fn no_second_has_more_than_twice_the_limit(
            gaps in proptest::collection::vec(0_i64..400, 1..200), per_second in 1_u32..20,
        ) {
            let limits = RateLimits::default();
            let (mut now, mut passed) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if limits.wait("a", per_second, Timestamp(now)).is_none() {
                    passed.push(now);
                }
            }
            for from in &passed {
                let within = passed.iter().filter(|at| (*from..from + 1000).contains(*at)).count();
                assert!(within <= 2 * per_second as usize, "{within} of {per_second} from {from}");
            }
        }
    }
}
