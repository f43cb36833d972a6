//! Schedules of timer triggers: NCRONTAB expressions and time spans.
//!
//! Source: the Azure Functions documentation, "Timer trigger", "NCRONTAB expressions" and "TimeSpan" (2026-11): six
//! fields from seconds on, or five from minutes on; days of the week from 0 on Sunday.

/// What the scheduler calls a schedule: one expression, or two where both day fields say something.
pub(super) fn expressions(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if let Some(seconds) = seconds(text) {
        return match seconds {
            0 => Err(format!("the schedule {text:?} is of no length")),
            1 => Ok(vec!["rate(1 second)".to_owned()]),
            _ => Ok(vec![format!("rate({seconds} seconds)")]),
        };
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (second, rest) = match fields.as_slice() {
        [second, rest @ ..] if rest.len() == 5 => (*second, rest),
        rest if rest.len() == 5 => ("0", rest),
        _ => return Err(format!("the schedule {text:?} is neither an NCRONTAB expression nor a time span")),
    };
    let [minute, hour, day, month, weekday] = rest else { return Err("five fields".to_owned()) };
    let days = weekdays(weekday);
    let prefix = if second == "0" { format!("{minute} {hour}") } else { format!("{second} {minute} {hour}") };
    let expression = |day: &str, weekday: &str| format!("cron({prefix} {day} {month} {weekday} *)");
    let any = |field: &str| matches!(field, "*" | "?");
    Ok(match (any(day), any(weekday)) {
        (true, true) => vec![expression("*", "?")],
        (false, true) => vec![expression(day, "?")],
        (true, false) => vec![expression("?", &days)],
        // NCRONTAB wants both to be so; no expression of the scheduler says that.
        (false, false) => {
            return Err(format!(
                "the schedule {text:?} names both days of the month and of the week: use one"
            ));
        }
    })
}

/// Seconds of a time span: `hh:mm:ss`, or `d.hh:mm:ss`; where the hours are 24 or more they are days.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let (days, rest) = match text.split_once('.') {
        Some((days, rest)) if rest.contains(':') => (days.parse::<u32>().ok()?, rest),
        _ => (0, text),
    };
    let parts: Vec<u32> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    let (days, hours) = if hours >= 24 { (days.checked_add(hours)?, 0) } else { (days, hours) };
    if minutes >= 60 || seconds >= 60 {
        return None;
    }
    days.checked_mul(86_400)?.checked_add(hours * 3600 + minutes * 60 + seconds)
}

/// Days of the week count from 0 there and from 1 in the scheduler, from Sunday on both; 7 is Sunday too.
fn weekdays(field: &str) -> String {
    let day = |text: &str| match text.parse::<u8>() {
        Ok(day) => (day % 7 + 1).to_string(),
        Err(_) => text.chars().take(3).collect::<String>().to_ascii_uppercase(),
    };
    let part = |part: &str| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let range = if range == "*" {
            "*".to_owned()
        } else {
            range.split('-').map(day).collect::<Vec<_>>().join("-")
        };
        step.map_or(range.clone(), |step| format!("{range}/{step}"))
    };
    field.split(',').map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_those_of_the_scheduler() {
        for (text, expected) in [
            ("0 */5 * * * *", "cron(*/5 * * * ? *)"),
            ("0 0 9-17 * * MON-FRI", "cron(0 9-17 ? * MON-FRI *)"),
            ("0 30 9 * Jan Mon", "cron(30 9 ? Jan MON *)"),
            ("0 30 9 * * 1-5", "cron(30 9 ? * 2-6 *)"),
            ("0 0 0 * * 0", "cron(0 0 ? * 1 *)"),
            ("*/10 * * * * *", "cron(*/10 * * * * ? *)"),
            ("5,10 0 0 1 * *", "cron(5,10 0 0 1 * ? *)"),
            ("*/15 * * * *", "cron(*/15 * * * ? *)"),
            ("00:05:00", "rate(300 seconds)"),
            ("1.00:00:00", "rate(86400 seconds)"),
            ("24:00:00", "rate(2073600 seconds)"),
        ] {
            assert_eq!(expressions(text), Ok(vec![expected.to_owned()]), "{text}");
        }
        for text in ["", "* * *", "0 0 0 1 * MON", "00:00:00", "soon"] {
            assert!(expressions(text).is_err(), "{text}");
        }
    }
}
