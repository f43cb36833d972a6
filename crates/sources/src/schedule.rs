//! Schedules: when something is due, by a rate, a cron expression or a point in time.

mod cron;
mod expression;

pub use expression::{Expression, Grammar, InvalidExpression};
