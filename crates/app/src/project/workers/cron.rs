//! Cron triggers, in the scheduler's own notation.
//!
//! Source: the Workers documentation, "Cron Triggers", "Supported cron expressions" (2026-11): five fields, days of the
//! week from 1 on Sunday, UTC. A day that both day fields name is any that either names.

/// What the scheduler calls a cron trigger: one expression, or two where both day fields say something.
pub(super) fn expressions(cron: &str) -> Result<Vec<String>, String> {
    let fields: Vec<_> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return Err(format!(
            "triggers.crons: {cron:?} has {} fields, and a cron trigger has five",
            fields.len()
        ));
    };
    let expression = |day: &str, weekday: &str| format!("cron({minute} {hour} {day} {month} {weekday} *)");
    let any = |field: &str| matches!(field, "*" | "?");
    Ok(match (any(day), any(weekday)) {
        (true, true) => vec![expression("*", "?")],
        (false, true) => vec![expression(day, "?")],
        (true, false) => vec![expression("?", weekday)],
        (false, false) => vec![expression(day, "?"), expression("?", weekday)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_triggers_become_schedules() {
        let check =
            |cron: &str, expected: &[&str]| assert_eq!(expressions(cron).unwrap(), expected, "{cron}");
        check("*/5 * * * *", &["cron(*/5 * * * ? *)"]);
        check("0 5 1 * *", &["cron(0 5 1 * ? *)"]);
        check("0 17 * * sun", &["cron(0 17 ? * sun *)"]);
        check("0 0 15 * MON-FRI", &["cron(0 0 15 * ? *)", "cron(0 0 ? * MON-FRI *)"]);
        assert!(expressions("* * * *").unwrap_err().contains("has 4 fields"));
    }
}
