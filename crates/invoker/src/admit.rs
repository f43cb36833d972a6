//! Second stage: whether there is room to run now.
//!
//! Functions with reserved concurrency count against their reservation, all others together against what the account
//! has left. Source: the Lambda developer guide, "Understanding Lambda function scaling" (2026-11).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ebb_model::limits;

use crate::Shared;
use crate::catalog::Snapshot;
use crate::error::{InvokeError, ThrottleReason};
use crate::metering::FunctionMeter;
use crate::resolve::Resolved;

/// How much of the account's concurrency is taken.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Running invocations of functions without a reservation.
    unreserved: AtomicU32,
    /// How many of those may run.
    limit: AtomicU32,
}

/// An invocation that may run now.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) resolved: Resolved,
    pub(crate) permit: Permit,
}

/// A place among the running invocations; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    meter: Arc<FunctionMeter>,
    unreserved: Option<Arc<Admission>>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self { unreserved: AtomicU32::new(0), limit: AtomicU32::new(limits::ACCOUNT_CONCURRENCY) }
    }

    /// Recounts what the reservations leave over; called after each change of the catalog.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        let reserved: u32 =
            snapshot.functions.values().filter_map(|function| function.reserved_concurrency).sum();
        self.limit.store(limits::ACCOUNT_CONCURRENCY.saturating_sub(reserved), Relaxed);
    }

    fn enter(&self) -> bool {
        let limit = self.limit.load(Relaxed);
        self.unreserved.fetch_update(Relaxed, Relaxed, |now| (now < limit).then_some(now + 1)).is_ok()
    }
}

impl Permit {
    /// The counters of the function that runs.
    pub(crate) fn meter(&self) -> &Arc<FunctionMeter> {
        &self.meter
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.meter.leave();
        if let Some(admission) = &self.unreserved {
            admission.unreserved.fetch_sub(1, Relaxed);
        }
    }
}

/// Takes a place, or says which limit stands in the way.
pub(crate) fn admit(shared: &Shared, resolved: Resolved) -> Result<Admitted, InvokeError> {
    let meter = shared.metering.of(&resolved.function.name);
    let entered = match resolved.function.reserved_concurrency {
        Some(reserved) if meter.enter(reserved) => Ok(None),
        Some(_) => Err(ThrottleReason::ReservedConcurrency),
        None if shared.admission.enter() => {
            meter.enter(u32::MAX);
            Ok(Some(shared.admission.clone()))
        }
        None => Err(ThrottleReason::AccountConcurrency),
    };
    match entered {
        Ok(unreserved) => Ok(Admitted { resolved, permit: Permit { meter, unreserved } }),
        Err(reason) => {
            meter.throttled();
            Err(InvokeError::Throttled(reason))
        }
    }
}
