//! How many events run in an instance.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The events that run in an instance. What is asked of the instance as a whole is asked by the last that leaves.
#[derive(Debug, Default)]
pub(crate) struct Running(AtomicUsize);

/// An event that runs. Dropping it leaves.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    running: &'a Running,
    left: bool,
}

impl Running {
    /// One more event runs.
    pub(super) fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Entered { running: self, left: false }
    }
}

impl Entered<'_> {
    /// The event runs no more. Whether no other does; false where it had left before.
    pub(super) fn leave(&mut self) -> bool {
        !std::mem::replace(&mut self.left, true) && self.running.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_leaves_knows() {
        let running = Running::default();
        let (mut first, mut second, third) = (running.enter(), running.enter(), running.enter());
        assert!(!first.leave());
        drop(third);
        assert!(second.leave());
        assert!(!second.leave() && !first.leave());
        assert!(running.enter().leave());
    }
}
