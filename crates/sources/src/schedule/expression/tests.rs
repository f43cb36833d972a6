//! Expressions of the documentation, and dates against a slow model that looks at every minute.

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().expect(text).as_millisecond())
}

/// The next times, as UTC to the minute.
fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let expression = Expression::parse(expression, Grammar::Schedule).expect(expression);
    let zone = TimeZone::get(zone).expect(zone);
    let mut after = time(after);
    let mut found = Vec::new();
    while found.len() < count
        && let Some(at) = expression.next(after, time("2026-01-01T00:00:00Z"), &zone)
    {
        found.push(at.format("%Y-%m-%dT%H:%M"));
        after = at;
    }
    found
}

#[track_caller]
fn check(expression: &str, after: &str, expected: &[&str]) {
    assert_eq!(next(expression, "UTC", after, expected.len()), expected, "{expression}");
}

#[test]
fn the_documented_expressions_are_due_as_documented() {
    let after = "2026-11-25T12:34:56Z";
    check("cron(0 10 * * ? *)", after, &["2026-11-26T10:00", "2026-11-27T10:00"]);
    check("cron(15 12 * * ? *)", after, &["2026-11-26T12:15"]);
    check(
        "cron(0 18 ? * MON-FRI *)",
        after,
        &["2026-11-25T18:00", "2026-11-26T18:00", "2026-11-27T18:00", "2026-11-30T18:00"],
    );
    check("cron(0 8 1 * ? *)", after, &["2026-12-01T08:00", "2027-01-01T08:00"]);
    check("cron(0/15 * * * ? *)", after, &["2026-11-25T12:45", "2026-11-25T13:00"]);
    check("cron(0/10 * ? * MON-FRI *)", "2026-11-27T23:55:00Z", &["2026-11-30T00:00", "2026-11-30T00:10"]);
    check("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-25T17:55:00Z", &["2026-11-26T08:00"]);
    check(
        "cron(0/30 20-2 ? * MON-FRI *)",
        "2026-11-25T22:30:00Z",
        &["2026-11-25T23:00", "2026-11-25T23:30", "2026-11-26T00:00"],
    );
    check("cron(0 9 ? * 2#1 *)", after, &["2026-12-07T09:00", "2027-01-04T09:00"]);
    check(
        "cron(15 10 ? * 6L 2022-2027)",
        after,
        &["2026-11-27T10:15", "2026-12-25T10:15", "2027-01-29T10:15"],
    );
    check("cron(0 0 L * ? *)", after, &["2026-11-30T00:00", "2026-12-31T00:00"]);
    check("cron(0 0 LW 2 ? *)", after, &["2027-02-26T00:00"]);
    check(
        "cron(0 0 15W * ? *)",
        after,
        &[
            "2026-12-15T00:00",
            "2027-01-15T00:00",
            "2027-02-15T00:00",
            "2027-03-15T00:00",
            "2027-04-15T00:00",
            "2027-05-14T00:00",
        ],
    );
    check("cron(0 0 ? * 1 *)", after, &["2026-11-29T00:00"]);
    check("cron(0 0 ? * 7 *)", after, &["2026-11-28T00:00"]);
    check("cron(0 0 ? * L *)", after, &["2026-11-28T00:00"]);
    check(
        "cron(0 0 ? * fri-mon *)",
        after,
        &["2026-11-27T00:00", "2026-11-28T00:00", "2026-11-29T00:00", "2026-11-30T00:00", "2026-12-04T00:00"],
    );
    check("cron(0 0 29 FEB ? *)", after, &["2028-02-29T00:00", "2032-02-29T00:00"]);
    check(
        "cron(0 0 1 JAN,JUL ? 2026/2)",
        after,
        &["2028-01-01T00:00", "2028-07-01T00:00", "2030-01-01T00:00"],
    );
    assert!(next("cron(0 0 1 1 ? 2025)", "UTC", after, 1).is_empty());
    assert!(next("cron(0 0 31 2 ? *)", "UTC", after, 1).is_empty());
}

#[test]
fn rates_count_from_their_start() {
    check("rate(5 minutes)", "2026-01-01T00:07:30Z", &["2026-01-01T00:10", "2026-01-01T00:15"]);
    check("rate(1 day)", "2026-01-01T00:00:00Z", &["2026-01-02T00:00"]);
    check("rate(1 hours)", "2025-06-01T00:00:00Z", &["2026-01-01T00:00", "2026-01-01T01:00"]);
}

#[test]
fn once_is_once() {
    assert_eq!(next("at(2026-11-25T13:00:00)", "UTC", "2026-11-25T12:00:00Z", 9), ["2026-11-25T13:00"]);
    assert_eq!(
        next("at(2026-11-25T13:00:00)", "Asia/Tokyo", "2026-11-25T00:00:00Z", 9),
        ["2026-11-25T04:00"]
    );
    assert!(next("at(2026-11-25T13:00:00)", "UTC", "2026-11-25T13:00:00Z", 9).is_empty());
}

#[test]
fn clocks_that_change_skip_a_time_or_show_it_once() {
    // In Berlin, 2026-03-29 has no 02:30 and 2026-10-25 has two.
    assert_eq!(
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00:00Z", 2),
        ["2026-03-28T01:30", "2026-03-30T00:30"]
    );
    assert_eq!(
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30", "2026-10-26T01:30"]
    );
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        ("cron(0 12 * * * *)", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(0 12 ? * ? *)", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(61 12 * * ? *)", "\"61\" is no value of the field minutes (0 to 59)"),
        ("cron(0 12 * * ? 1969)", "\"1969\" is no value of the field year (1970 to 2199)"),
        ("cron(0 12 ? * 0 *)", "\"0\" is no value of the field day-of-week (1 to 7)"),
        ("cron(0 12 ? * 2#6 *)", "\"2#6\" is no value of the field day-of-week (1 to 7)"),
        ("cron(0 12 ? * FOO *)", "\"FOO\" is no value of the field day-of-week (1 to 7)"),
        ("cron(0/0 12 * * ? *)", "\"0\" is no value of the field minutes (0 to 59)"),
        ("cron(, 12 * * ? *)", "\"\" is no value of the field minutes (0 to 59)"),
        ("cron(0 12 * *)", "a cron expression has six fields, and this one has 4"),
        ("rate(1 minutes)", "the unit of 1 is minute"),
        ("rate(5 minute)", "the unit of 5 is minutes"),
        ("rate( 10 minutes )", "rate( 10 minutes ) is no number and unit of minutes, hours or days"),
        ("rate(10  minutes)", "rate(10  minutes) is no number and unit of minutes, hours or days"),
        ("rate(0 minutes)", "the value of a rate must be positive"),
        ("rate(-1 minutes)", "rate(-1 minutes) is no number and unit of minutes, hours or days"),
        ("rate(5 seconds)", "rate(5 seconds) is no number and unit of minutes, hours or days"),
        ("rate(99999999999 days)", "rate(99999999999 days) is too long"),
        ("every day", "it is neither rate(…) nor cron(…)"),
        ("at(2026-01-01T00:00:00)", "it is neither rate(…) nor cron(…)"),
    ];
    for (text, reason) in cases {
        assert_eq!(Expression::parse(text, Grammar::Rule).expect_err(text).to_string(), reason, "{text}");
    }
    assert!(Expression::parse("at(2026-13-01T00:00:00)", Grammar::Schedule).is_err());
}

/// Whether a wall clock minute is one of an expression of simple fields, looked at field by field.
fn is_due(at: DateTime, [minutes, hours, days, months, weekdays]: [Option<(i8, i8)>; 5]) -> bool {
    let within =
        |value: i8, range: Option<(i8, i8)>| range.is_none_or(|(low, high)| (low..=high).contains(&value));
    let weekday = at.weekday().since(Weekday::Sunday) + 1;
    within(at.minute(), minutes)
        && within(at.hour(), hours)
        && within(at.day(), days)
        && within(at.month(), months)
        && within(weekday, weekdays)
}

fn range(least: i8, most: i8) -> impl Strategy<Value = Option<(i8, i8)>> {
    proptest::option::of((least..=most, least..=most).prop_map(|(a, b)| (a.min(b), a.max(b))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn dates_are_those_of_a_walk_over_every_minute(
        minutes in range(0, 59), hours in range(0, 23), days in range(1, 31), months in range(11, 12),
        weekdays in range(1, 7), by_weekday in any::<bool>(),
    ) {
        let show = |range: Option<(i8, i8)>| range.map_or("*".to_owned(), |(low, high)| format!("{low}-{high}"));
        let (day, weekday) = if by_weekday { ("?".to_owned(), show(weekdays)) } else { (show(days), "?".to_owned()) };
        let text = format!("cron({} {} {day} {} {weekday} *)", show(minutes), show(hours), show(months));
        let expression = Expression::parse(&text, Grammar::Rule).expect("an expression");
        let fields = [minutes, hours, days.filter(|_| !by_weekday), months, weekdays.filter(|_| by_weekday)];
        let start = time("2026-11-20T00:00:00Z");
        let walk = (1..60 * 24 * 8).map(|minute| start.plus(Duration::from_secs(minute * 60)));
        let wall = |at: Timestamp| jiff::Timestamp::from_millisecond(at.millis()).expect("a time").to_zoned(TimeZone::UTC).datetime();
        let expected: Vec<Timestamp> = walk.filter(|at| is_due(wall(*at), fields)).take(20).collect();
        let mut after = start;
        for at in expected {
            after = expression.next(after, start, &TimeZone::UTC).expect("a date");
            prop_assert_eq!(after, at, "{}", text);
        }
    }
}

#[test]
fn schedules_of_apps_go_to_the_second() {
    let check = |text: &str, expected: &[&str]| {
        let expression = Expression::parse(text, Grammar::App).expect(text);
        let mut after = time("2026-11-25T12:34:56Z");
        for expected in expected {
            after = expression.next(after, time("2026-11-25T12:34:50Z"), &TimeZone::UTC).expect(text);
            assert_eq!(after.format("%H:%M:%S"), *expected, "{text}");
        }
        assert!(Expression::parse(text, Grammar::Schedule).is_err(), "{text}");
    };
    check("cron(*/10 * * * * ? *)", &["12:35:00", "12:35:10"]);
    check("cron(5,10 0 13 * * ? *)", &["13:00:05", "13:00:10", "13:00:05"]);
    check("rate(10 seconds)", &["12:35:00", "12:35:10"]);
    assert!(
        Expression::parse("cron(0 10 * * ? *)", Grammar::App).is_ok(),
        "six fields begin with the minutes"
    );
}

/// Whether a day is one of a field of days, by the words of the documentation: looked at from the whole month.
fn is_day(at: DateTime, field: &str) -> bool {
    let days = at.date().days_in_month();
    let date = |day: i8| jiff::civil::date(at.year(), at.month(), day);
    let weekday = |day: i8| date(day).weekday().since(Weekday::Sunday) + 1;
    let is_work = |day: i8| (2..=6).contains(&weekday(day));
    let last_work = (1..=days).rev().find(|day| is_work(*day));
    if field == "L" {
        return at.day() == days;
    }
    if field == "LW" {
        return Some(at.day()) == last_work;
    }
    if let Some(near) = field.strip_suffix('W') {
        let near: i8 = near.parse().expect("a day");
        // The working day that is nearest, within the month.
        let nearest = (1..=days).filter(|day| is_work(*day)).min_by_key(|day| (*day - near).abs());
        return near <= days && Some(at.day()) == nearest;
    }
    let (first, step) = field.split_once('/').expect("a step");
    let (first, step): (i8, i8) = (first.parse().expect("a day"), step.parse().expect("a step"));
    at.day() >= first && (at.day() - first) % step == 0
}

/// The same for days of the week: `6L` the last Friday, `2#1` the first Monday.
fn is_weekday(at: DateTime, field: &str) -> bool {
    let weekday = at.weekday().since(Weekday::Sunday) + 1;
    let in_month = at.date().days_in_month();
    if let Some(last) = field.strip_suffix('L') {
        return weekday.to_string() == last && at.day() + 7 > in_month;
    }
    let (day, number) = field.split_once('#').expect("a number");
    weekday.to_string() == day && (at.day() - 1) / 7 + 1 == number.parse::<i8>().expect("a number")
}

fn day_field() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        Just(("L".to_owned(), false)),
        Just(("LW".to_owned(), false)),
        (1..=28_i8).prop_map(|day| (format!("{day}W"), false)),
        (1..=20_i8, 1..=9_i8).prop_map(|(first, step)| (format!("{first}/{step}"), false)),
        (1..=7_i8).prop_map(|day| (format!("{day}L"), true)),
        (1..=7_i8, 1..=5_i8).prop_map(|(day, number)| (format!("{day}#{number}"), true)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn days_with_letters_are_those_of_a_walk_over_every_day((field, weekday) in day_field(), month in 0_i32..40) {
        let (day, of_week) = if weekday { ("?", field.as_str()) } else { (field.as_str(), "?") };
        let text = format!("cron(0 12 {day} * {of_week} *)");
        let expression = Expression::parse(&text, Grammar::Rule).expect("an expression");
        let begin = jiff::civil::date(2024, 1, 1).checked_add(jiff::Span::new().months(month)).expect("a date");
        let noon = |day: i64| {
            begin.checked_add(jiff::Span::new().days(day)).expect("a date").at(12, 0, 0, 0)
        };
        let due = |at: &DateTime| if weekday { is_weekday(*at, &field) } else { is_day(*at, &field) };
        let zoned = |at: DateTime| Timestamp(at.to_zoned(TimeZone::UTC).expect("a time").timestamp().as_millisecond());
        let start = zoned(begin.at(0, 0, 0, 0));
        let mut after = start;
        for at in (0..200).map(noon).filter(due).take(8) {
            after = expression.next(after, start, &TimeZone::UTC).expect("a date");
            prop_assert_eq!(after, zoned(at), "{}", text);
        }
    }
}
