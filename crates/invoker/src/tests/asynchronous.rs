//! Accepted events: delivered, tried again, given up, kept across a crash. On real time with short pauses, since the
//! store's threads do not know of paused time.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{EventInvokeConfig, Qualifier, Timestamp, Trigger, Version};
use serde_json::{Value, json};

use super::world::World;
use crate::testing::FakeCarrier;
use crate::{AsynchronousPacing, InvokeError, InvokerConfig};

fn quick() -> InvokerConfig {
    let pacing = AsynchronousPacing {
        after_failure: Duration::from_millis(10),
        backoff: Duration::from_millis(10),
        longest_backoff: Duration::from_millis(40),
    };
    InvokerConfig { pacing, drain: Duration::ZERO, ..InvokerConfig::default() }
}

/// Waits until `holds`, and gives up after ten seconds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "{what}");
}

async fn ran(world: &World, function: &str, times: u64) {
    eventually(&format!("{function} runs {times} times"), async || {
        let usage = world.invoker.metering().usage();
        usage.iter().any(|(name, usage)| name.as_str() == function && usage.invocations == times)
    })
    .await;
}

fn config(retries: u32) -> EventInvokeConfig {
    EventInvokeConfig {
        max_event_age_seconds: None,
        max_retry_attempts: Some(retries),
        on_success: None,
        on_failure: None,
        last_modified: Timestamp(0),
    }
}

const LATEST: Qualifier = Qualifier::Version(Version::Latest);

#[tokio::test]
async fn an_accepted_event_runs_once() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|_| {});
    let event = world.event(r#"{"answer": 1}"#);
    let id = event.id;
    assert_eq!(world.invoker.accept(event).await.unwrap(), id);
    ran(&world, "f", 1).await;
    world.emptied().await;
    ran(&world, "f", 1).await;
}

#[tokio::test]
async fn a_failing_event_is_tried_three_times() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|_| {});
    world.invoker.accept(world.event(r#"{"fail": {"errorType": "E"}}"#)).await.unwrap();
    world.emptied().await;
    ran(&world, "f", 3).await;
}

#[tokio::test]
async fn the_functions_settings_say_how_often() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|function| {
        function.event_invoke.insert(LATEST, config(0));
    });
    world.invoker.accept(world.event(r#"{"exit": 1}"#)).await.unwrap();
    world.emptied().await;
    ran(&world, "f", 1).await;
}

#[tokio::test]
async fn throttled_events_wait_without_counting() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|function| {
        function.reserved_concurrency = Some(1);
        function.event_invoke.insert(LATEST, config(0));
    });
    for _ in 0..4 {
        world.invoker.accept(world.event(r#"{"sleep_ms": 30}"#)).await.unwrap();
    }
    world.emptied().await;
    ran(&world, "f", 4).await;
}

#[tokio::test]
async fn a_slow_function_does_not_hold_up_others() {
    let world = World::in_real_time(quick()).await;
    world.put(world.function("slow"));
    world.put(world.function("quick"));
    for _ in 0..300 {
        world.invoker.accept(World::event_of("slow", r#"{"sleep_ms": 2500}"#)).await.unwrap();
    }
    world.invoker.accept(World::event_of("quick", "{}")).await.unwrap();
    tokio::time::timeout(Duration::from_millis(2000), ran(&world, "quick", 1))
        .await
        .expect("it does not wait");
    world.invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await;
}

#[tokio::test]
async fn events_survive_a_stop_without_goodbye() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|_| {});
    world.invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await;
    // What was accepted and not run is in the store; another invoker on it runs it.
    let body = json!({
        "id": ebb_model::RequestId::random(), "function": "f", "qualifier": null, "payload": {"answer": 1},
        "client_context": null, "cognito_identity": null, "trace": "Root=1-2-3", "accepted": world.now(),
        "failures": 0, "deferrals": 0,
    });
    let work = ebb_store::NewWork {
        queue: "invoke",
        body: body.to_string().into(),
        due: world.now(),
        watched: None,
    };
    let queue = world.store.work();
    queue.enqueue(vec![work]).await.unwrap();
    // The server that dies had claimed it.
    let claimed = queue.claim("invoke", 1, Duration::from_millis(50)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let world = world.restarted();
    ran(&world, "f", 1).await;
    world.emptied().await;
}

#[tokio::test]
async fn an_event_for_a_stopping_server_is_refused() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|_| {});
    world.invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await;
    assert!(matches!(world.invoker.accept(world.event("{}")).await, Err(InvokeError::ShuttingDown)));
}

#[tokio::test]
async fn a_function_hears_of_the_failure_as_destination() {
    let world = World::in_real_time(quick()).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:listener";
    world.put(world.function("listener"));
    world.deploy(|function| {
        let on_failure = Some(arn.to_owned());
        function.event_invoke.insert(LATEST, EventInvokeConfig { on_failure, ..config(1) });
    });
    let event = world.event(r#"{"fail": {"errorType": "E"}}"#);
    let id = event.id;
    world.invoker.accept(event).await.unwrap();
    ran(&world, "listener", 1).await;
    let record = world.runtime.payloads().pop().unwrap();
    assert_eq!(record["requestContext"]["requestId"], id.to_string());
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["requestPayload"], json!({"fail": {"errorType": "E"}}));
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    assert_eq!(record["responsePayload"], json!({"errorType": "E"}));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_refused_at_once() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|_| {});
    let refused = async |event| world.invoker.accept(event).await.unwrap_err();
    assert!(matches!(refused(World::event_of("none", "{}")).await, InvokeError::NotFound(_)));
    assert!(matches!(refused(world.event("{not json")).await, InvokeError::PayloadNotJson(_)));
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    assert!(matches!(refused(world.event(&large)).await, InvokeError::PayloadTooLarge { limit: 1_048_576 }));
}

#[tokio::test]
async fn the_function_sees_one_id_in_every_attempt() {
    let world = World::in_real_time(quick()).await;
    world.deploy(|function| {
        Arc::make_mut(&mut function.latest).settings.timeout_seconds = 1;
    });
    let mut event = world.event(r#"{"fail": {}}"#);
    event.trigger = Trigger::Http;
    let id = event.id;
    world.invoker.accept(event).await.unwrap();
    world.emptied().await;
    assert_eq!(world.runtime.ids(), [id; 3]);
}

#[tokio::test]
async fn results_go_to_destinations_and_failed_events_to_the_dead_letter_queue() {
    let world = World::in_real_time(quick()).await;
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    world.deploy(|function| {
        let (on_success, on_failure) = (Some(queue("good")), Some(queue("bad")));
        function.event_invoke.insert(LATEST, EventInvokeConfig { on_success, on_failure, ..config(0) });
        Arc::make_mut(&mut function.latest).settings.dead_letter = Some(queue("dead"));
    });
    let good = world.event(r#"{"answer": {"ok": 1}}"#);
    let bad = world.event(r#"{"fail": {"errorType": "E", "errorMessage": "again"}}"#);
    let bad_id = bad.id;
    world.invoker.accept(good).await.unwrap();
    world.invoker.accept(bad).await.unwrap();
    world.emptied().await;
    let carried = world.store.work().claim(FakeCarrier::QUEUE, 9, Duration::from_secs(9)).await.unwrap();
    let mut carried: Vec<Value> =
        carried.iter().map(|work| serde_json::from_slice(&work.body).unwrap()).collect();
    carried.sort_by_key(|result| result["target"].as_str().unwrap().to_owned());
    let [bad, dead, good] = carried.as_slice() else { panic!("{carried:?}") };
    let record = |result: &Value| serde_json::from_str::<Value>(result["body"].as_str().unwrap()).unwrap();
    assert_eq!(record(good)["requestContext"]["condition"], "Success");
    assert_eq!(record(good)["responsePayload"], json!({"ok": 1}));
    assert_eq!(record(bad)["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(dead["target"], queue("dead"));
    assert_eq!(record(dead), json!({"fail": {"errorType": "E", "errorMessage": "again"}}));
    let attributes = json!({
        "RequestID": ["String", bad_id.to_string()], "ErrorCode": ["Number", "200"], "ErrorMessage": ["String", "again"],
    });
    assert_eq!(dead["attributes"], attributes);
}
