//! What a schedule is: its times, its target, and what makes sense of them.

use std::time::Duration;

use ebb_model::{RequestId, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::service::{APP_GROUP_PREFIX, SchedulerError};
use super::universal::UniversalCall;
use super::{Expression, Grammar, last_due};
use crate::delivery::RetryPolicy;

/// A schedule. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its group.
    pub group: String,
    /// Its name, unique in its group.
    pub name: String,
    /// When it is due, as it was given.
    pub expression: String,
    /// The time zone of the expression; UTC where absent.
    pub timezone: Option<String>,
    /// Not due before.
    pub start: Option<Timestamp>,
    /// Not due after.
    pub end: Option<Timestamp>,
    /// Whether it is on.
    pub enabled: bool,
    /// For people.
    pub description: Option<String>,
    /// How long after it is due it may be delivered, in minutes; at once where absent.
    pub window_minutes: Option<u32>,
    /// Whether it is removed once it is never due again.
    pub delete_after: bool,
    /// A key of a key service, as it was given.
    pub kms_key: Option<String>,
    /// What gets the input.
    pub target: ScheduleTarget,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed: a rate counts from here, where it has no start.
    pub modified: Timestamp,
    /// The last time that it was due.
    pub fired: Option<Timestamp>,
    /// Tells the request that made it from another: one that is sent again makes nothing anew.
    #[serde(default)]
    pub client_token: Option<String>,
}

/// What a schedule delivers to. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleTarget {
    /// Its ARN.
    pub arn: String,
    /// A role, as it was given.
    pub role: String,
    /// What it gets; an event of the schedule where absent.
    pub input: Option<String>,
    /// The ARN of the queue for what cannot be delivered.
    pub dead_letter: Option<String>,
    /// How often it is tried, where it was given.
    pub retry: Option<RetryPolicy>,
    /// The message group, for FIFO queues.
    pub message_group: Option<String>,
    /// What an event bus calls it: source and detail type.
    pub event: Option<(String, String)>,
    /// Parameters of single kinds of targets, as they were given.
    pub parameters: Map<String, Value>,
}

impl Schedule {
    pub(super) fn key(&self) -> String {
        key(&self.group, &self.name)
    }

    /// The time after which it is due.
    pub(super) fn last(&self) -> Timestamp {
        let before = |at: Timestamp| Timestamp(at.millis() - 1);
        self.fired.unwrap_or_else(|| before(self.start.unwrap_or(self.modified).max(self.modified)))
    }

    fn zone(&self) -> Option<TimeZone> {
        self.timezone.as_deref().map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())
    }

    /// What its expression may say.
    fn grammar(&self) -> Grammar {
        if self.group.starts_with(APP_GROUP_PREFIX) { Grammar::App } else { Grammar::Schedule }
    }

    fn parsed(&self) -> Option<Expression> {
        Expression::parse(&self.expression, self.grammar()).ok().filter(|_| self.enabled)
    }

    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let rate_start = self.start.unwrap_or(self.modified);
        let after = self.start.map_or(after, |start| after.max(Timestamp(start.millis() - 1)));
        let next = self.parsed()?.next(after, rate_start, &self.zone()?)?;
        self.end.is_none_or(|end| next <= end).then_some(next)
    }

    /// The last time that it was due and has not been fired for.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.end.map_or(now, |end| now.min(end));
        let rate_start = self.start.unwrap_or(self.modified);
        let after = self.last();
        let after = self.start.map_or(after, |start| after.max(Timestamp(start.millis() - 1)));
        let expression = self.parsed()?;
        if expression.is_once() {
            return expression.next(after, rate_start, &self.zone()?).filter(|at| *at <= now);
        }
        last_due(&expression, after, now, rate_start, &self.zone()?)
    }

    /// Where in its window it is delivered, by chance.
    pub(super) fn jitter(&self, id: RequestId) -> Duration {
        let window = u64::from(self.window_minutes.unwrap_or(0)) * 60_000;
        let random = u64::try_from(id.uuid().as_u128() % u128::from(window.max(1))).unwrap_or(0);
        Duration::from_millis(random)
    }

    pub(super) fn check(&self, now: Timestamp) -> Result<(), SchedulerError> {
        let invalid = |message: String| Err(SchedulerError::Invalid(message));
        check_name(&self.name)?;
        if let Err(error) = Expression::parse(&self.expression, self.grammar()) {
            // The service says no more; the reason is told to who runs the server.
            tracing::info!(%error, expression = self.expression, "a schedule expression is refused");
            return invalid(format!("Invalid Schedule Expression {}.", self.expression));
        }
        if self.zone().is_none() {
            return invalid(format!(
                "The time zone {} is not known.",
                self.timezone.clone().unwrap_or_default()
            ));
        }
        if self.end.is_some_and(|end| end <= self.start.unwrap_or(now)) {
            return invalid("EndDate must be in the future, and after StartDate.".to_owned());
        }
        if self.window_minutes.is_some_and(|minutes| !(1..=1440).contains(&minutes)) {
            return invalid("MaximumWindowInMinutes must be between 1 and 1440.".to_owned());
        }
        if !self.target.arn.starts_with("arn:") || self.target.arn.split(':').count() < 6 {
            return invalid(format!("Provided Arn is not in correct format: {}", self.target.arn));
        }
        if UniversalCall::is(&self.target.arn)
            && let Err(error) = UniversalCall::parse(&self.target.arn)
        {
            return invalid(error);
        }
        if self.target.arn.contains(":event-bus/") && self.target.event.is_none() {
            return invalid("EventBridgeParameters are required for the target of an event bus.".to_owned());
        }
        if self.target.arn.ends_with(".fifo") && self.target.message_group.is_none() {
            return invalid("SqsParameters are required for the target of a FIFO queue.".to_owned());
        }
        if self.target.dead_letter.as_deref().is_some_and(|queue| queue.ends_with(".fifo")) {
            return invalid("The dead-letter queue of a schedule must be a standard queue.".to_owned());
        }
        if self
            .target
            .retry
            .is_some_and(|retry| retry.attempts > 185 || !(60..=86_400).contains(&retry.age_seconds))
        {
            return invalid("RetryPolicy is out of range.".to_owned());
        }
        Ok(())
    }
}

/// Names of groups and schedules have no slash.
pub(super) fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

/// Whether something may have this name.
pub(super) fn check_name(name: &str) -> Result<(), SchedulerError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(SchedulerError::Invalid(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^[0-9a-zA-Z-_.]+$"
    )))
}
