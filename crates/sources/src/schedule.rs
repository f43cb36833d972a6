//! Schedules: when something is due, by a rate, a cron expression or a point in time; `service.rs` is the scheduler.

mod cron;
mod definition;
mod expression;
mod firing;
mod groups;
mod service;
mod timers;
mod universal;
mod universal_request;

use std::time::Duration;

use ebb_model::Timestamp;
use jiff::tz::TimeZone;

pub use definition::{Schedule, ScheduleTarget};
pub use expression::{Expression, Grammar, InvalidExpression};
pub use groups::{DEFAULT_GROUP, ScheduleGroup};
pub use service::{APP_GROUP_PREFIX, Scheduler, SchedulerError, SchedulerParts};
pub use timers::Timers;
pub use universal::UniversalTarget;

/// How far back the last time that something was due is looked for at first.
const FIRST_LOOK: Duration = Duration::from_secs(60 * 60);

/// The last time after `after` and not after `now` that something is due: what was missed before it is skipped.
#[must_use]
pub fn last_due(
    expression: &Expression,
    after: Timestamp,
    now: Timestamp,
    start: Timestamp,
    zone: &TimeZone,
) -> Option<Timestamp> {
    // Further and further back, so that a long absence costs no walk through all that was missed.
    let mut look = FIRST_LOOK;
    loop {
        let from = after
            .max(Timestamp(now.millis().saturating_sub(i64::try_from(look.as_millis()).unwrap_or(i64::MAX))));
        let next = |after| expression.next(after, start, zone).filter(|at| *at <= now);
        let last = std::iter::successors(next(from), |at| next(*at)).last();
        if last.is_some() || from == after {
            return last;
        }
        look *= 8;
    }
}
