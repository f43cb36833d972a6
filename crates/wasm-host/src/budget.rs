//! What the instances of one function may use together.
//!
//! The kernel ends the whole process where its sandbox has no memory left, and every request with it. So the linear
//! memories of all instances are counted here, below that limit: what goes beyond is refused to the one that asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

/// What the process itself needs of the function's memory, in bytes.
const OWN_BYTES: usize = 24 * 1024 * 1024;
/// The least that components have, in bytes, however small the function is.
const LEAST_BYTES: usize = 32 * 1024 * 1024;
/// Entries of one table.
const TABLE_ENTRIES: usize = 200_000;

/// The memory of all instances together.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

/// What one instance has of it.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
    /// Whether it asked for more than there is.
    refused: Arc<AtomicBool>,
}

impl Budget {
    /// Of a function with so much memory, in MiB.
    pub(crate) fn of(memory_mib: usize) -> Self {
        let bytes = (memory_mib * 1024 * 1024).saturating_sub(OWN_BYTES).max(LEAST_BYTES);
        Self { used: Arc::default(), bytes }
    }

    /// All of it, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The share of a new instance, and whether it will have asked for too much.
    pub(crate) fn share(&self) -> (Share, Arc<AtomicBool>) {
        let refused = Arc::new(AtomicBool::new(false));
        (Share { budget: self.clone(), bytes: 0, refused: Arc::clone(&refused) }, refused)
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.bytes);
        self.used.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }
}

impl ResourceLimiter for Share {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let fits = self.budget.take(more);
        if fits {
            self.bytes += more;
        } else {
            self.refused.store(true, Relaxed);
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_share_one_budget_and_give_back_what_they_had() {
        let mib = 1024 * 1024;
        let budget = Budget::of(88);
        assert_eq!(budget.bytes(), 64 * mib);
        let ((mut first, _), (mut second, refused)) = (budget.share(), budget.share());
        assert!(first.memory_growing(0, 48 * mib, None).unwrap());
        assert!(second.memory_growing(0, 16 * mib, None).unwrap());
        assert!(!second.memory_growing(16 * mib, 17 * mib, None).unwrap());
        assert!(refused.load(Relaxed));
        drop(first);
        assert!(second.memory_growing(16 * mib, 64 * mib, None).unwrap());
        assert!(!second.memory_growing(64 * mib, usize::MAX, None).unwrap());
        drop(second);
        assert_eq!(budget.used.load(Relaxed), 0);
    }
}
