//! Second stage: whether there is room to run now.
//!
//! Functions with reserved concurrency count against their reservation, all others together against what the account
//! has left. A version with provisioned concurrency has places of its own, which are taken out of the reservation, or
//! out of the account's pool where there is none. Source: the Lambda developer guide, "Understanding Lambda function
//! scaling" and "Configuring provisioned concurrency for a function" (2026-11).
//!
//! Where there is none, the `Invoke` operations throttle at once, as documented: their clients try again, and accepted
//! events come back by themselves. A request over HTTP has nobody who does that for it, so it waits in a bounded
//! [`line`] for a bounded time.

mod line;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ebb_model::{Trigger, Version, limits};

use crate::Shared;
use crate::catalog::{Snapshot, set_aside};
use crate::error::{InvokeError, ThrottleReason};
use crate::metering::FunctionMeter;
use crate::provisioned;
use crate::resolve::Resolved;
pub(crate) use line::Line;

/// How much of the account's concurrency is taken.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Running invocations of functions without a reservation.
    unreserved: AtomicU32,
    /// How many of those may run.
    limit: AtomicU32,
    /// The first of each function's line, where it needs one of those places.
    line: Line,
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
    kind: PlaceKind,
}

/// Where a place was taken.
#[derive(Debug)]
enum PlaceKind {
    /// Among the provisioned ones of a version.
    Provisioned(Version),
    /// In the function's reservation.
    Reserved,
    /// In the account's pool.
    Unreserved(Arc<Admission>),
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            unreserved: AtomicU32::new(0),
            limit: AtomicU32::new(limits::ACCOUNT_CONCURRENCY),
            line: Line::default(),
        }
    }

    /// Recounts what the reservations leave over; called after each change of the catalog.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        let set_aside: u64 = snapshot.functions.values().map(|function| set_aside(function)).sum();
        let set_aside = u32::try_from(set_aside).unwrap_or(u32::MAX);
        self.limit.store(limits::ACCOUNT_CONCURRENCY.saturating_sub(set_aside), Relaxed);
        // There may be more places than before.
        self.line.freed();
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
        let provisioned = match &self.kind {
            PlaceKind::Provisioned(version) => Some(*version),
            PlaceKind::Reserved | PlaceKind::Unreserved(_) => None,
        };
        self.meter.leave(provisioned);
        if let PlaceKind::Unreserved(admission) = &self.kind {
            admission.unreserved.fetch_sub(1, Relaxed);
            admission.line.freed();
        }
    }
}

/// Takes a place, waits for one where the request may, or says which limit stands in the way. Cancel safe.
pub(crate) async fn admit(shared: &Shared, resolved: Resolved) -> Result<Admitted, InvokeError> {
    let door = Door::of(shared, &resolved);
    // A reservation of zero turns a function off: there will be no place.
    let may_wait = resolved.invocation.trigger == Trigger::Http && !door.is_closed();
    let at_once = if may_wait && !door.meter.line.is_empty() { None } else { door.enter() };
    let permit = match at_once {
        Some(permit) => permit,
        None if may_wait => wait(shared, &door).await?,
        None => return Err(door.throttle()),
    };
    Ok(Admitted { resolved, permit })
}

async fn wait(shared: &Shared, door: &Door) -> Result<Permit, InvokeError> {
    let line = &door.meter.line;
    let Some(_standing) = line.join(shared.config.most_waiting) else { return Err(door.throttle()) };
    tokio::select! {
        biased;
        permit = door.pass() => Ok(permit),
        () = shared.draining.cancelled() => Err(InvokeError::ShuttingDown),
        () = tokio::time::sleep(shared.config.longest_wait) => Err(door.throttle()),
    }
}

/// What one invocation needs to pass.
struct Door {
    meter: Arc<FunctionMeter>,
    admission: Arc<Admission>,
    /// Places in the reservation that are not promised to versions with provisioned concurrency.
    reserved: Option<u32>,
    version: Version,
    /// Places that the version has to itself.
    provisioned: u32,
}

impl Door {
    fn of(shared: &Shared, resolved: &Resolved) -> Self {
        let function = &resolved.function;
        let version = resolved.version.version;
        let promised: u32 = function.provisioned_concurrency.values().sum();
        Self {
            meter: shared.metering.of(&function.name),
            admission: shared.admission.clone(),
            reserved: function.reserved_concurrency.map(|reserved| reserved.saturating_sub(promised)),
            version,
            provisioned: if promised == 0 { 0 } else { provisioned::promised(function, version) },
        }
    }

    /// Whether there will never be a place.
    fn is_closed(&self) -> bool {
        self.reserved == Some(0) && self.provisioned == 0
    }

    /// Takes a place, where there is one.
    fn enter(&self) -> Option<Permit> {
        let permit = |kind| Some(Permit { meter: self.meter.clone(), kind });
        if self.provisioned > 0 && self.meter.enter_provisioned(self.version, self.provisioned) {
            return permit(PlaceKind::Provisioned(self.version));
        }
        match self.reserved {
            Some(reserved) if self.meter.enter(reserved) => permit(PlaceKind::Reserved),
            // In this order: the second always succeeds.
            None if self.admission.enter() && self.meter.enter(u32::MAX) => {
                permit(PlaceKind::Unreserved(self.admission.clone()))
            }
            _ => None,
        }
    }

    /// Waits for its turn and for a place.
    async fn pass(&self) -> Permit {
        match self.reserved {
            Some(_) => self.meter.line.pass(|| self.enter()).await,
            None => self.meter.line.then(self.admission.line.pass(|| self.enter())).await,
        }
    }

    /// Counts a throttle.
    fn throttle(&self) -> InvokeError {
        self.meter.throttled();
        InvokeError::Throttled(match self.reserved {
            Some(_) => ThrottleReason::ReservedConcurrency,
            None => ThrottleReason::AccountConcurrency,
        })
    }
}
