//! AWS cron expressions: `cron(minutes hours day-of-month month day-of-week year)`.
//!
//! A field is checked here, in the words of the documentation, and written out as a list for the `croner` crate, which
//! finds the dates. Source: Amazon EventBridge user guide, "Setting a schedule pattern" (2026-11). Days of the week are
//! 1 to 7 from Sunday.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A cron expression over wall clock time.
#[derive(Debug, Clone)]
pub(super) struct CronSchedule {
    dates: Cron,
}

/// What a field may hold.
struct FieldKind {
    name: &'static str,
    least: u16,
    most: u16,
    names: &'static [&'static str],
}

const SECONDS: FieldKind = FieldKind { name: "seconds", least: 0, most: 59, names: &[] };
const MINUTES: FieldKind = FieldKind { name: "minutes", least: 0, most: 59, names: &[] };
const HOURS: FieldKind = FieldKind { name: "hours", least: 0, most: 23, names: &[] };
const DAY_OF_MONTH: FieldKind = FieldKind { name: "day-of-month", least: 1, most: 31, names: &[] };
const MONTH: FieldKind = FieldKind {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const DAY_OF_WEEK: FieldKind = FieldKind {
    name: "day-of-week",
    least: 1,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: FieldKind = FieldKind { name: "year", least: 1970, most: 2199, names: &[] };

impl CronSchedule {
    /// Reads what stands between the brackets; with `seconds`, seven fields are read too.
    pub(super) fn parse(text: &str, seconds: bool) -> Result<Self, String> {
        let fields: Vec<String> = text.split_whitespace().map(str::to_ascii_uppercase).collect();
        let (second, fields) = match fields.as_slice() {
            [second, rest @ ..] if seconds && rest.len() == 6 => (SECONDS.field(second)?, rest),
            all => ("0".to_owned(), all),
        };
        let [minutes, hours, day, month, weekday, year] = fields else {
            return Err(format!("a cron expression has six fields, and this one has {}", fields.len()));
        };
        if (day == "?") == (weekday == "?") {
            return Err("exactly one of day-of-month and day-of-week must be ?".to_owned());
        }
        let fields = [
            second,
            MINUTES.field(minutes)?,
            HOURS.field(hours)?,
            day_of_month(day)?,
            MONTH.field(month)?,
            day_of_week(weekday)?,
            YEAR.field(year)?,
        ];
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Required).build();
        let dates = parser.parse(&fields.join(" ")).map_err(|error| error.to_string())?;
        Ok(Self { dates })
    }

    /// The first date after this one, on the wall clock.
    pub(super) fn next(&self, after: DateTime) -> Option<DateTime> {
        // On UTC's clock no hour is missing and none comes twice.
        let after = after.to_zoned(TimeZone::UTC).ok()?;
        let next = self.dates.find_next_occurrence(&after, false).ok()?.datetime();
        (u16::try_from(next.year()).ok()? <= YEAR.most).then_some(next)
    }
}

impl FieldKind {
    /// `*`, or a list of values, ranges and steps, written out.
    fn field(&self, text: &str) -> Result<String, String> {
        if text == "*" {
            return Ok(text.to_owned());
        }
        let mut values = Vec::new();
        for item in text.split(',') {
            values.extend(self.item(item)?);
        }
        values.sort_unstable();
        values.dedup();
        Ok(list(&values))
    }

    fn item(&self, item: &str) -> Result<Vec<u16>, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" || (range.is_empty() && step.is_some()) => (self.least, self.most),
            None => (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? }),
        };
        let step = usize::from(step.unwrap_or(1));
        // A range that ends before it begins goes on over the end: FRI-MON.
        let all: Vec<u16> = if first <= last {
            (first..=last).collect()
        } else {
            (first..=self.most).chain(self.least..=last).collect()
        };
        Ok(all.into_iter().step_by(step).collect())
    }

    fn step(&self, text: &str) -> Result<u16, String> {
        text.parse().ok().filter(|step| *step > 0).ok_or_else(|| self.wrong(text))
    }

    fn value(&self, text: &str) -> Result<u16, String> {
        if let Some(at) = self.names.iter().position(|name| *name == text) {
            return Ok(self.least + u16::try_from(at).unwrap_or(0));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = if digits { text.parse().ok() } else { None };
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| self.wrong(text))
    }

    fn wrong(&self, text: &str) -> String {
        format!("{text:?} is no value of the field {} ({} to {})", self.name, self.least, self.most)
    }
}

/// `L` is the last day, `LW` the last weekday, `15W` the weekday nearest to the 15th.
fn day_of_month(text: &str) -> Result<String, String> {
    let nearest = |text: &str| text.strip_suffix('W').map(|day| DAY_OF_MONTH.value(day));
    match text {
        "?" => Ok("*".to_owned()),
        "L" | "LW" => Ok(text.to_owned()),
        _ => match nearest(text) {
            Some(day) => day.map(|day| format!("{day}W")),
            None => DAY_OF_MONTH.field(text),
        },
    }
}

/// `6L` is the last Friday, `3#2` the second Tuesday; croner counts days from 0.
fn day_of_week(text: &str) -> Result<String, String> {
    if text == "?" {
        return Ok("*".to_owned());
    }
    if text == "L" {
        return Ok("6".to_owned());
    }
    if let Some((day, which)) = text.split_once('#') {
        let day = DAY_OF_WEEK.value(day)? - 1;
        let which = which.parse().ok().filter(|which| (1..=5).contains(which));
        let which: u8 = which.ok_or_else(|| DAY_OF_WEEK.wrong(text))?;
        return Ok(format!("{day}#{which}"));
    }
    if let Some(day) = text.strip_suffix('L') {
        return Ok(format!("{}#L", DAY_OF_WEEK.value(day)? - 1));
    }
    let days = DAY_OF_WEEK.field(text)?;
    if days == "*" {
        return Ok(days);
    }
    let days: Vec<u16> =
        days.split(',').filter_map(|day| day.parse::<u16>().ok()).map(|day| day - 1).collect();
    Ok(list(&days))
}

fn list(values: &[u16]) -> String {
    let texts: Vec<String> = values.iter().map(u16::to_string).collect();
    texts.join(",")
}
