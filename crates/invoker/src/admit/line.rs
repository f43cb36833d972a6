//! Where requests wait for a place among the running invocations, in the order in which they came.
//!
//! Only the first in a line looks for a place, so that a place that is given back wakes one task, not all. Each
//! function has its own line. Those who need a place of the account stand in a second line once they are the first of
//! their own: at most one of each function, so that functions take turns however many requests each has.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::sync::{Mutex, Notify};

/// A bounded line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: AtomicU32,
    /// Held by the first; fair, so the others follow in their order.
    front: Mutex<()>,
    /// A place was given back. Kept until the first looks, so that none is missed between two looks.
    freed: Notify,
}

/// Counts one who waits, until dropped.
#[derive(Debug)]
pub(crate) struct Standing<'a>(&'a Line);

impl Line {
    /// Whether anybody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Relaxed) == 0
    }

    /// Joins the line, where fewer than `most` stand in it.
    pub(crate) fn join(&self, most: u32) -> Option<Standing<'_>> {
        let joined = self.waiting.fetch_update(Relaxed, Relaxed, |now| (now < most).then_some(now + 1));
        joined.is_ok().then(|| Standing(self))
    }

    /// Waits to be the first, and then until `enter` succeeds. Cancel safe: the next one moves up.
    pub(crate) async fn pass<T>(&self, enter: impl Fn() -> Option<T>) -> T {
        let _front = self.front.lock().await;
        loop {
            // Also before the first wait: whoever was the first may have been woken and have left without looking.
            if let Some(entered) = enter() {
                return entered;
            }
            self.freed.notified().await;
        }
    }

    /// Waits to be the first, and then for `next`. Cancel safe, as `next` is.
    pub(crate) async fn then<T>(&self, next: impl Future<Output = T>) -> T {
        let _front = self.front.lock().await;
        next.await
    }

    /// Says that there may be a place.
    pub(crate) fn freed(&self) {
        self.freed.notify_one();
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}
