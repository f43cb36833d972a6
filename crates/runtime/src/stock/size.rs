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

/// How many of a kind there are to be, and are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) wanted: usize,
    pub(super) ready: usize,
}

/// What is done next: one of the kind `make`, in the place of one of the kind `instead_of`; kinds by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) make: usize,
    pub(super) instead_of: Option<usize>,
}

/// The kind that lacks the most. In a full stock, one of which there is none takes the place of one of which there are
/// several: the first of a kind saves more than the second.
pub(super) fn turn(counts: &[Count], full: bool) -> Option<Turn> {
    let lack = |count: &Count| count.wanted.saturating_sub(count.ready);
    let lacking =
        counts.iter().enumerate().filter(|(_, count)| lack(count) > 0 && !(full && count.ready > 0));
    let (make, _) = lacking.max_by_key(|(_, count)| lack(count))?;
    if !full {
        return Some(Turn { make, instead_of: None });
    }
    let (most, count) = counts.iter().enumerate().max_by_key(|(_, count)| count.ready)?;
    (count.ready > 1).then_some(Turn { make, instead_of: Some(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_kind_takes_the_place_of_the_second_of_another() {
        let check = |counts: &[(usize, usize)], full, expected: Option<(usize, Option<usize>)>| {
            let counts: Vec<Count> =
                counts.iter().map(|(wanted, ready)| Count { wanted: *wanted, ready: *ready }).collect();
            let expected = expected.map(|(make, instead_of)| Turn { make, instead_of });
            assert_eq!(turn(&counts, full), expected, "{counts:?}");
        };
        check(&[(1, 0), (3, 1)], false, Some((1, None)));
        check(&[(1, 1), (2, 2)], false, None);
        check(&[(1, 0), (3, 2)], true, Some((0, Some(1))));
        check(&[(1, 1), (3, 2)], true, None);
        check(&[(1, 0), (1, 1)], true, None);
        check(&[], true, None);
    }

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
