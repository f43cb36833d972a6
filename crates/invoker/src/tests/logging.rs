//! The lines of the platform around those of the function.

use std::sync::Arc;

use ebb_model::{LogFormat, LogLevel};
use serde_json::{Value, json};

use super::world::World;
use crate::testing::Init;
use crate::{Delivery, ExitCause, LogLine, LogStream};

/// The tail of one event's log, with its id and the times in front of lines taken out.
async fn tail(world: &World, payload: &str) -> String {
    let mut event = world.event(payload);
    event.wants_log_tail = true;
    let id = event.id.to_string();
    let outcome = world.invoker.invoke(event, Delivery::Whole).await.unwrap();
    let tail = String::from_utf8(outcome.log_tail.unwrap().to_vec()).unwrap();
    let tail = tail.replace(&id, "ID");
    tail.lines()
        .map(|line| if line.starts_with("2026-") { &line[24..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

async fn check(payload: &str, expected: &str) {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    // Paused time moves by whole milliseconds, so the sleep of the first test is a little longer.
    let tail = tail(&world, payload).await.replace("101", "100");
    assert_eq!(tail, expected, "{payload}");
}

#[tokio::test]
async fn the_tail_has_the_events_lines_in_order() {
    check(
        r#"{"log": "said", "sleep_ms": 100, "late_log": "afterwards"}"#,
        "START RequestId: ID Version: $LATEST\nsaid\nafterwards\nEND RequestId: ID\nREPORT RequestId: ID\t\
         Duration: 100.00 ms\tBilled Duration: 100 ms\tMemory Size: 192 MB\tMax Memory Used: 40 MB\t",
    )
    .await;
}

#[tokio::test]
async fn a_timeout_has_its_line_and_status() {
    check(
        r#"{"sleep_ms": 60000}"#,
        "START RequestId: ID Version: $LATEST\n ID Task timed out after 3.00 seconds\nEND RequestId: ID\n\
         REPORT RequestId: ID\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 192 MB\t\
         Max Memory Used: 40 MB\tStatus: timeout",
    )
    .await;
}

#[tokio::test]
async fn an_exit_has_its_line_and_error_type() {
    check(
        r#"{"exit": 3}"#,
        "START RequestId: ID Version: $LATEST\nRequestId: ID Error: Runtime exited with error: exit status 3\n\
         Runtime.ExitError\nEND RequestId: ID\nREPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\t\
         Memory Size: 192 MB\tMax Memory Used: 40 MB\tStatus: error\tError Type: Runtime.ExitError",
    )
    .await;
}

#[tokio::test]
async fn an_instance_has_a_stream_that_starts_with_its_initialisation() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.runtime.script([Init::Report(json!({"errorType": "Runtime.ImportModuleError"}))]);
    world.call("{}").await.unwrap();
    world.call("{}").await.unwrap();
    world.rest().await;
    let log = world.log().await;
    let (stream, first) = &log[0];
    let digits = stream.strip_prefix("2026/11/25/[$LATEST]").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{stream}");
    assert!(
        first.starts_with("INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:"),
        "{first}"
    );
    assert_eq!(
        log[1].1,
        "INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError"
    );
    assert!(
        log.iter().all(|(other, _)| other == stream),
        "the second try goes on in the stream of the first"
    );
    let words: Vec<_> = log[2..].iter().map(|(_, line)| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["START", "END", "REPORT", "START", "END", "REPORT"]);
}

#[tokio::test]
async fn long_lines_are_cut_and_low_levels_dropped_in_json_format() {
    let world = World::new().await;
    world.deploy(|function| {
        Arc::make_mut(&mut function.latest).settings.logging.format = LogFormat::Json;
    });
    let version = world.catalog.snapshot().functions.get("f").unwrap().latest.clone();
    let stream = LogStream::open(world.store.logs().clone(), &version, world.now());
    let line = |level, message: &str| LogLine { timestamp: world.now(), level, message: message.to_owned() };
    stream.write(line(Some(LogLevel::Debug), "too detailed"));
    stream.write(line(Some(LogLevel::Info), "kept"));
    stream.write(line(None, &"ä".repeat(200_000)));
    let log = world.log().await;
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].1.as_str(), log[1].1.len()), ("kept", 256 * 1024));
}

#[tokio::test]
async fn a_suppressed_initialisation_is_reported_before_the_start() {
    let world = World::new().await;
    world.deploy(|_| {});
    let exit = || Init::Exit(ExitCause::Status(1));
    world.runtime.script([exit(), exit()]);
    let tail = tail(&world, "{}").await;
    assert_eq!(
        tail,
        "INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n\
         START RequestId: ID Version: $LATEST\nRequestId: ID Error: Runtime exited with error: exit status 1\n\
         Runtime.ExitError\nEND RequestId: ID\nREPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\t\
         Memory Size: 192 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError"
    );
}

#[tokio::test]
async fn what_the_platform_found_wrong_is_in_the_log() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.runtime.script([Init::Diagnose, Init::Diagnose]);
    let tail = tail(&world, "{}").await;
    assert!(tail.contains("\nRequestId: ID Error: no bootstrap\nRuntime.InvalidEntrypoint\nEND"), "{tail}");
}

#[tokio::test]
async fn the_first_event_reports_the_initialisation() {
    let world = World::new().await;
    world.deploy(|_| {});
    let tail = tail(&world, "{}").await;
    assert!(tail.contains("\tInit Duration: 2") && tail.ends_with(" ms\t"), "{tail}");
    assert!(tail.contains("\tDuration: 0.00 ms\tBilled Duration: 2"), "{tail}");
}

#[tokio::test]
async fn only_the_last_four_kibibytes_are_in_the_tail() {
    let world = World::new().await;
    world.deploy(|_| {});
    let tail = tail(&world, &format!(r#"{{"log": "{}"}}"#, "x".repeat(10_000))).await;
    assert!(tail.starts_with("xxx") && tail.len() > 3900 && tail.contains("REPORT"));
}

#[tokio::test]
async fn json_format_has_events_of_the_wanted_level() {
    for (level, expected) in [
        (LogLevel::Debug, &["platform.start", "platform.runtimeDone", "platform.report"][..]),
        (LogLevel::Info, &["platform.start", "platform.report"][..]),
        (LogLevel::Warn, &[][..]),
    ] {
        let world = World::new().await;
        world.deploy(|function| {
            let logging = &mut Arc::make_mut(&mut function.latest).settings.logging;
            (logging.format, logging.system_level) = (LogFormat::Json, Some(level));
        });
        let tail = tail(&world, "{}").await;
        let events: Vec<Value> = tail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, expected);
        if let Some(report) = events.iter().find(|event| event["type"] == "platform.report") {
            assert_eq!(report["record"]["metrics"]["memorySizeMB"], 192);
            assert!(report["record"]["metrics"]["initDurationMs"].as_f64().unwrap() >= 20.0);
            assert_eq!(report["record"]["status"], "success");
        }
    }
}

#[tokio::test]
async fn in_a_group_that_is_not_its_own_a_function_is_named_by_its_streams() {
    for (group, expected) in [("/aws/lambda/f", "2026/11/25/[$LATEST]"), ("/shared", "2026/11/25/f[$LATEST]")]
    {
        let world = World::new().await;
        world.deploy(|function| {
            Arc::make_mut(&mut function.latest).settings.logging.group = group.to_owned();
        });
        let version = world.catalog.snapshot().functions.get("f").unwrap().latest.clone();
        let stream = LogStream::open(world.store.logs().clone(), &version, world.now());
        let unique = stream.name().strip_prefix(expected).unwrap();
        assert!(unique.len() == 32 && unique.bytes().all(|digit| digit.is_ascii_hexdigit()), "{unique}");
    }
}
