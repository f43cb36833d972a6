//! Cron jobs: requests by the clock.

use serde_json::json;

use super::Cron;
use crate::plan::PlannedSchedule;
use crate::project::description::Description;
use crate::routes::RouteTable;

/// A cron is a GET of a path by the clock. Source: the Vercel documentation, "Cron Jobs".
pub(super) fn add(cron: &Cron, description: &mut Description) -> Result<(), String> {
    let (path, query) = cron.path.split_once('?').unwrap_or((&cron.path, ""));
    let table =
        description.functions.iter().flat_map(|f| f.routes.iter().map(move |route| (route.clone(), f)));
    let table = RouteTable::new(table.collect());
    let (function, _) = table
        .find("GET", path)
        .ok_or_else(|| format!("the cron job of {} is for a path that no function has", cron.path))?;
    let expression = aws_cron(&cron.schedule)?;
    let input = http_event("GET", path, query, "vercel-cron/1.0", None);
    let function = function.name.clone();
    description.schedules.push(PlannedSchedule { function, expression, input });
    Ok(())
}

/// The event of a request that the clock makes, in payload format 2.0.
pub(in crate::project) fn http_event(
    method: &str,
    path: &str,
    query: &str,
    agent: &str,
    body: Option<&str>,
) -> String {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "localhost", "user-agent": agent },
        "requestContext": {
            "accountId": "anonymous",
            "domainName": "localhost",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": agent },
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": false,
    })
    .to_string()
}

/// A cron line of five fields, or a name like `@daily`, as the scheduler has it.
pub(in crate::project) fn aws_cron(line: &str) -> Result<String, String> {
    let line = match line.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let [minute, hour, day, month, weekday] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("the schedule {line:?} has not the five fields of a cron line"));
    };
    let days = weekdays(weekday);
    let (day, weekday) = match (day, weekday) {
        (day, "*" | "?") => (day, "?"),
        ("*" | "?", _) => ("?", days.as_str()),
        _ => {
            return Err(format!(
                "the schedule {line:?} names both days of the month and of the week: use one"
            ));
        }
    };
    Ok(format!("cron({minute} {hour} {day} {month} {weekday} *)"))
}

/// Days of the week count from 0 in cron and from 1 in the scheduler, from Sunday on both.
fn weekdays(field: &str) -> String {
    let (days, step) = field.split_once('/').map_or((field, None), |(days, step)| (days, Some(step)));
    let shifted = |day: &str| match day.parse::<u8>() {
        Ok(day) => (day % 7 + 1).to_string(),
        Err(_) => day.to_owned(),
    };
    let ranges = days.split(',').map(|range| range.split('-').map(shifted).collect::<Vec<_>>().join("-"));
    let days = ranges.collect::<Vec<_>>().join(",");
    step.map_or(days.clone(), |step| format!("{days}/{step}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_lines_become_expressions_of_the_scheduler() {
        for (line, expected) in [
            ("0 5 * * *", "cron(0 5 * * ? *)"),
            ("*/10 * * * *", "cron(*/10 * * * ? *)"),
            ("@daily", "cron(0 0 * * ? *)"),
            ("0 0 * * 0", "cron(0 0 ? * 1 *)"),
            ("0 9 * * 1-5", "cron(0 9 ? * 2-6 *)"),
            ("0 9 * * MON,WED", "cron(0 9 ? * MON,WED *)"),
            ("0 0 1 * *", "cron(0 0 1 * ? *)"),
        ] {
            assert_eq!(aws_cron(line).as_deref(), Ok(expected), "{line}");
        }
        for line in ["", "0 5 * *", "0 0 1 * 1"] {
            assert!(aws_cron(line).is_err(), "{line}");
        }
    }
}
