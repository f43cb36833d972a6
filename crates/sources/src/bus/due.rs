//! Rules with a schedule: each time that one is due, its targets get an event, once.
//!
//! What was due while no server ran is made up for once: the last of the times that were missed. A time is noted in the
//! same commit as its deliveries, so that a crash neither loses nor repeats it, and of several servers one wins.

use ebb_model::Timestamp;
use jiff::tz::TimeZone;

use super::{BusError, EventBuses, Rule};
use crate::schedule::{Expression, Grammar, last_due};

impl EventBuses {
    /// Fires rules as they become due.
    pub(super) async fn keep_time(&self) {
        loop {
            let key = self.inner.timers.next().await;
            match self.fire(&key).await {
                Ok(Some(rule)) => self.wind(&rule),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(rule = key, %error, "a rule that is due could not be fired and is tried again");
                    let again = self.inner.clock.now().plus(std::time::Duration::from_secs(1));
                    self.inner.timers.set(&key, Some(again));
                }
            }
        }
    }

    /// Sets the timer of a rule to the next time that it is due.
    pub(super) fn wind(&self, rule: &Rule) {
        let next =
            schedule(rule).and_then(|expression| expression.next(last(rule), rule.since, &TimeZone::UTC));
        self.inner.timers.set(&rule.key(), next);
    }

    async fn fire(&self, key: &str) -> Result<Option<std::sync::Arc<Rule>>, BusError> {
        let now = self.inner.clock.now();
        let fired = self.inner.rules.edit_with(key, |before| {
            let Some(rule) = before else { return Ok((None, Vec::new())) };
            let mut rule = rule.clone();
            let due = schedule(&rule)
                .and_then(|expression| last_due(&expression, last(&rule), now, rule.since, &TimeZone::UTC));
            let mut work = Vec::new();
            if let Some(at) = due {
                let event = self.scheduled(&rule, at);
                self.deliver(&rule, &event, 0, &mut work);
                rule.fired = Some(at);
            }
            Ok::<_, BusError>((Some(rule), work))
        });
        fired.await
    }
}

fn schedule(rule: &Rule) -> Option<Expression> {
    let text = rule.schedule.as_deref().filter(|_| rule.is_enabled())?;
    Expression::parse(text, Grammar::Rule).ok()
}

/// The time after which it is due: a rate for the first time one period after it began.
fn last(rule: &Rule) -> Timestamp {
    rule.fired.unwrap_or(rule.since)
}
