//! Numbers that are given out, given back, and given out again as late as can be.

use std::collections::HashSet;

/// Which of so many numbers are taken.
#[derive(Debug)]
pub(crate) struct Slots {
    taken: HashSet<u32>,
    next: u32,
    count: u32,
}

impl Slots {
    /// The numbers below `count`, beginning with `first`.
    pub(crate) fn new(count: u32, first: u32) -> Self {
        Self { taken: HashSet::new(), next: first % count, count }
    }

    /// The next number that is free; none where all are taken.
    pub(crate) fn take(&mut self) -> Option<u32> {
        for _ in 0..self.count {
            let slot = self.next;
            self.next = (self.next + 1) % self.count;
            if self.taken.insert(slot) {
                return Some(slot);
            }
        }
        None
    }

    pub(crate) fn give_back(&mut self, slot: u32) {
        self.taken.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_round_and_run_out_only_when_all_are_taken() {
        let mut slots = Slots::new(3, 2);
        assert_eq!([slots.take(), slots.take()], [Some(2), Some(0)]);
        slots.give_back(2);
        assert_eq!([slots.take(), slots.take(), slots.take()], [Some(1), Some(2), None]);
        for _ in 0..100_000 {
            slots.give_back(1);
            assert_eq!(slots.take(), Some(1));
        }
    }
}
