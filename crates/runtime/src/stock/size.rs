//! How many instances of a kind are to be in stock. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What is looked back on.
const WINDOW: Duration = Duration::from_secs(60);
/// Cold starts within so short a time draw on the stock as it is: it is filled up no faster.
const BURST: Duration = Duration::from_millis(500);
/// More cold starts than a stock can ever hold need not be remembered.
const MOST: usize = 256;

/// When a kind was asked for.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Cold starts, the oldest first.
    starts: VecDeque<Instant>,
    /// The last time that it was known to be in use at all.
    last: Option<Instant>,
}

impl Demand {
    /// It is in use; `start` where a cold start could have had one.
    pub(super) fn asked(&mut self, now: Instant, start: bool) {
        self.last = Some(now);
        if start {
            self.starts.push_back(now);
        }
        while self.starts.len() > MOST || self.starts.front().is_some_and(|at| now - *at > WINDOW) {
            self.starts.pop_front();
        }
    }

    /// One more than the densest burst of cold starts in the window; none where nobody has asked for so long.
    pub(super) fn wanted(&self, now: Instant, keep: Duration) -> usize {
        if self.last.is_none_or(|last| now.duration_since(last) > keep) {
            return 0;
        }
        let recent = || self.starts.iter().filter(|at| now.duration_since(**at) <= WINDOW);
        let from = |first: &Instant| recent().filter(|at| *at >= first && **at - *first <= BURST).count();
        1 + recent().map(from).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_more_than_the_densest_burst_took() {
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        let check = |starts: &[u64], now: u64, expected: usize| {
            let mut demand = Demand::default();
            demand.asked(begin, false);
            starts.iter().for_each(|start| demand.asked(at(*start), true));
            assert_eq!(demand.wanted(at(now), Duration::from_secs(600)), expected, "{starts:?} at {now}");
        };
        check(&[], 10, 1);
        check(&[1_000], 1_001, 2);
        check(&[1_000, 1_400, 1_600, 5_000], 5_001, 3);
        check(&[1_000, 1_100, 1_200], 62_000, 1);
        check(&[], 601_000, 0);
        check(&[1_000], 602_000, 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut demand = Demand::default();
        let now = Instant::now();
        (0..10_000).for_each(|_| demand.asked(now, true));
        assert_eq!(demand.starts.len(), MOST);
    }
}
