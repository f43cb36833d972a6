//! `rate(5 minutes)`, `cron(0 12 * * ? *)` and `at(2026-12-31T23:59:59)`.

use std::time::Duration;

use ebb_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::cron::CronSchedule;

/// When something is due.
#[derive(Debug, Clone)]
pub struct Expression {
    when: When,
}

#[derive(Debug, Clone)]
enum When {
    Once(DateTime),
    Every(Duration),
    Dates(Box<CronSchedule>),
}

/// Who reads an expression: the two services differ in what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Rules of the event bus: no `at`, and `1` wants the singular.
    Rule,
    /// The scheduler: any unit's singular or plural, and `at`.
    Schedule,
    /// Schedules of apps: as the scheduler, and to the second: `rate(10 seconds)`, and a first field of seconds in
    /// `cron(*/10 * * * * ? *)`.
    App,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidExpression(String);

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`InvalidExpression`] says what is wrong.
    pub fn parse(text: &str, grammar: Grammar) -> Result<Self, InvalidExpression> {
        let call = text.split_once('(').and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
        let when = match call {
            Some(("rate", rate)) => parse_rate(rate, grammar).map(When::Every),
            Some(("cron", cron)) => {
                CronSchedule::parse(cron, grammar == Grammar::App).map(|dates| When::Dates(Box::new(dates)))
            }
            Some(("at", date)) if grammar != Grammar::Rule => parse_date(date).map(When::Once),
            _ => Err(match grammar {
                Grammar::Rule => "it is neither rate(…) nor cron(…)".to_owned(),
                Grammar::Schedule | Grammar::App => "it is neither rate(…), cron(…) nor at(…)".to_owned(),
            }),
        };
        when.map(|when| Self { when }).map_err(InvalidExpression)
    }

    /// Whether it is due once only.
    #[must_use]
    pub fn is_once(&self) -> bool {
        matches!(self.when, When::Once(_))
    }

    /// The first time after `after` that it is due; none where it never is again.
    ///
    /// A rate counts from `start`. A wall clock time that a change to summer time skips is skipped; one that comes
    /// twice at its end is due the first time only. Source: EventBridge Scheduler user guide, "Daylight savings time".
    #[must_use]
    pub fn next(&self, after: Timestamp, start: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.when {
            When::Once(date) => Some(instant(*date, zone)?.0).filter(|at| *at > after),
            When::Every(period) => Some(next_of_rate(*period, after, start)),
            When::Dates(cron) => {
                let mut wall =
                    jiff::Timestamp::from_millisecond(after.millis()).ok()?.to_zoned(zone.clone()).datetime();
                loop {
                    wall = cron.next(wall)?;
                    match instant(wall, zone)? {
                        (at, false) if at > after => return Some(at),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn next_of_rate(period: Duration, after: Timestamp, start: Timestamp) -> Timestamp {
    if after < start {
        return start;
    }
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    let passed = (after.millis() - start.millis()) / period;
    Timestamp(start.millis().saturating_add((passed + 1).saturating_mul(period)))
}

/// A wall clock time as a point in time, and whether the clocks skip it: then the point is just after the gap.
fn instant(date: DateTime, zone: &TimeZone) -> Option<(Timestamp, bool)> {
    let ambiguous = zone.to_ambiguous_timestamp(date);
    let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let at = ambiguous.compatible().ok()?;
    Some((Timestamp(at.as_millisecond()), skipped))
}

fn parse_rate(text: &str, grammar: Grammar) -> Result<Duration, String> {
    let wrong = || format!("rate({text}) is no number and unit of minutes, hours or days");
    let (value, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = value.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    if value == 0 {
        return Err("the value of a rate must be positive".to_owned());
    }
    let (singular, seconds) = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" if grammar == Grammar::App => ("second", 1),
        "minute" => ("minute", 60),
        "hour" => ("hour", 60 * 60),
        "day" => ("day", 24 * 60 * 60),
        _ => return Err(wrong()),
    };
    if grammar == Grammar::Rule && (value == 1) != (unit == singular) {
        let right = if value == 1 { singular.to_owned() } else { format!("{singular}s") };
        return Err(format!("the unit of {value} is {right}"));
    }
    // A hundred years, so that times stay in range.
    let most = 100 * 366 * 24 * 60 * 60;
    let period = value.checked_mul(seconds).filter(|period| *period <= most);
    period.map(Duration::from_secs).ok_or_else(|| format!("rate({text}) is too long"))
}

fn parse_date(text: &str) -> Result<DateTime, String> {
    let form = "%Y-%m-%dT%H:%M:%S";
    DateTime::strptime(form, text).map_err(|_| format!("at({text}) is not of the form yyyy-mm-ddThh:mm:ss"))
}

#[cfg(test)]
mod tests;
