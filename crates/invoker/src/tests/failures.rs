//! Each way to fail ends as what it is, and with a fresh instance where the old one cannot go on.

use std::time::Duration;

use ebb_model::FailureKind;
use serde_json::{Value, json};

use super::world::{World, about};
use crate::testing::Init;
use crate::{Delivery, ExitCause, InvokeError};

/// Runs one event and compares the failure's kind, its type and the end of its message; then, whether the next event
/// finds the same instance.
async fn check(payload: &str, kind: FailureKind, error_type: &str, message: &str, survives: bool) {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    let (found, object) = world.call(payload).await.expect_err("it fails");
    assert_eq!(found, kind, "{payload}");
    assert_eq!(object["errorType"], error_type, "{payload}");
    let text = object["errorMessage"].as_str().unwrap();
    assert!(text.ends_with(message), "{text:?} should end with {message:?}");
    let next = world.call("{}").await.unwrap();
    assert_eq!(next["instance"], if survives { 1 } else { 2 }, "{payload}");
}

#[tokio::test]
async fn failures_are_reported_as_what_they_are() {
    let exit = "Error: Runtime exited with error: ";
    let cases: &[(&str, FailureKind, &str, &str, bool)] = &[
        (
            r#"{"fail": {"errorType": "Sad", "errorMessage": "no luck"}}"#,
            FailureKind::Error,
            "Sad",
            "no luck",
            true,
        ),
        (
            r#"{"sleep_ms": 4000}"#,
            FailureKind::Timeout,
            "Sandbox.Timedout",
            "Error: Task timed out after 3.00 seconds",
            false,
        ),
        (r#"{"exit": 3}"#, FailureKind::Exit, "Runtime.ExitError", &format!("{exit}exit status 3"), false),
        (
            r#"{"exit": 0}"#,
            FailureKind::Exit,
            "Runtime.ExitError",
            "Error: Runtime exited without providing a reason",
            false,
        ),
        (r#"{"signal": 9}"#, FailureKind::Exit, "Runtime.ExitError", &format!("{exit}signal: killed"), false),
        (
            r#"{"oom": true}"#,
            FailureKind::OutOfMemory,
            "Runtime.OutOfMemory",
            &format!("{exit}signal: killed"),
            false,
        ),
        (
            r#"{"bytes": 6291557}"#,
            FailureKind::ResponseTooLarge,
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            true,
        ),
    ];
    for (payload, kind, error_type, message, survives) in cases {
        check(payload, *kind, error_type, message, *survives).await;
    }
}

#[tokio::test]
async fn the_message_starts_with_the_request_id() {
    let world = World::new().await;
    world.deploy(|_| {});
    let event = world.event(r#"{"exit": 1}"#);
    let id = event.id;
    let outcome = world.invoker.invoke(event, Delivery::Whole).await.unwrap();
    let (_, object) = super::world::answer(outcome).unwrap_err();
    assert!(object["errorMessage"].as_str().unwrap().starts_with(&format!("RequestId: {id} Error: ")));
}

#[tokio::test]
async fn at_a_timeout_the_caller_is_answered_before_the_instance_is_ended() {
    let world = World::new().await;
    world.deploy(|_| {});
    let started = tokio::time::Instant::now();
    world.call(r#"{"sleep_ms": 60000}"#).await.unwrap_err();
    assert!(!world.runtime.calls().iter().any(|call| call.starts_with("shutdown")));
    about(started.elapsed(), 3020);
    world.rest().await;
    assert_eq!(world.runtime.calls().last().unwrap(), "shutdown 1 timeout");
}

#[tokio::test]
async fn an_error_object_passes_as_it_is() {
    let world = World::new().await;
    world.deploy(|_| {});
    let object =
        json!({"errorType": "T", "errorMessage": "m", "stackTrace": ["a"], "requestId": "r", "more": 1});
    let failed = world.call(&json!({"fail": object}).to_string()).await;
    assert_eq!(failed, Err((FailureKind::Error, object)));
}

/// A failing initialisation runs again within the event; this is what the caller gets in the end.
async fn check_init(inits: [Init; 2], expected: Result<Value, (FailureKind, &str)>) {
    let world = World::new().await;
    world.deploy(|_| {});
    world.runtime.script(inits);
    let got = world
        .call("{}")
        .await
        .map_err(|(kind, object)| (kind, object["errorType"].as_str().unwrap().to_owned()));
    assert_eq!(got, expected.map_err(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(world.runtime.started(), 2);
}

#[tokio::test]
async fn a_failed_initialisation_is_tried_again_within_the_event() {
    let report = || Init::Report(json!({"errorType": "Runtime.ImportModuleError", "errorMessage": "m"}));
    let ready = || Init::Ready(Duration::from_millis(20));
    let answer = || Ok(json!({"instance": 2, "count": 1}));
    check_init([report(), ready()], answer()).await;
    check_init([Init::Hang, ready()], answer()).await;
    check_init([Init::Exit(ExitCause::Status(1)), ready()], answer()).await;
    check_init([report(), report()], Err((FailureKind::Init, "Runtime.ImportModuleError"))).await;
    let exit = || Init::Exit(ExitCause::Status(1));
    check_init([exit(), exit()], Err((FailureKind::Init, "Runtime.ExitError"))).await;
    check_init([Init::Diagnose, Init::Diagnose], Err((FailureKind::Init, "Runtime.InvalidEntrypoint"))).await;
    let oom = || Init::Exit(ExitCause::OutOfMemory);
    check_init([oom(), oom()], Err((FailureKind::OutOfMemory, "Runtime.OutOfMemory"))).await;
    check_init([Init::Hang, Init::Hang], Err((FailureKind::Timeout, "Sandbox.Timedout"))).await;
}

#[tokio::test]
async fn an_initialisation_that_hangs_has_ten_seconds_and_then_the_events_time() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.runtime.script([Init::Hang, Init::Hang]);
    let started = tokio::time::Instant::now();
    world.call("{}").await.unwrap_err();
    about(started.elapsed(), 13_000);
}

#[tokio::test]
async fn failures_of_the_platform_are_no_outcomes() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.runtime.script([Init::Unavailable, Init::Platform]);
    let missing = world.invoke("{}").await.unwrap_err();
    assert!(
        matches!(&missing, InvokeError::RuntimeUnavailable(text)
            if text == "python3.11 cannot run here: no interpreter. Install one"),
        "{missing:?}"
    );
    assert!(matches!(world.invoke("{}").await, Err(InvokeError::Internal(_))));
    assert!(world.call("{}").await.is_ok());
}

#[tokio::test]
async fn a_panic_fails_that_invocation_only() {
    let world = World::new().await;
    world.deploy(|_| {});
    assert!(matches!(world.invoke(r#"{"panic": true}"#).await, Err(InvokeError::Internal(_))));
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
    assert!(world.runtime.calls().contains(&"shutdown 1 failure".to_owned()));
}

#[tokio::test]
async fn an_instance_that_ends_after_its_answer_is_replaced() {
    let world = World::new().await;
    world.deploy(|_| {});
    assert!(world.call(r#"{"exit_late": 1}"#).await.is_ok());
    world.rest().await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
}

#[tokio::test]
async fn an_instance_that_does_not_come_to_rest_within_the_timeout_is_ended() {
    let world = World::new().await;
    world.deploy(|_| {});
    assert!(world.call(r#"{"settle_ms": 60000}"#).await.is_ok());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.runtime.calls().last().unwrap(), "shutdown 1 timeout");
}

#[tokio::test]
async fn payloads_are_checked() {
    let world = World::new().await;
    world.deploy(|_| {});
    assert!(world.call("").await.is_ok(), "nothing counts as an empty object");
    for bad in ["{not json", "{} {}", "\"\u{1}\""] {
        assert!(matches!(world.invoke(bad).await, Err(InvokeError::PayloadNotJson(_))), "{bad}");
    }
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
    let limit = 6 * 1024 * 1024;
    assert!(
        matches!(world.invoke(&large).await, Err(InvokeError::PayloadTooLarge { limit: found }) if found == limit)
    );
}
