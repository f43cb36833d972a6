//! One event at a time in an instance, as many instances as events, and the limits on both.

use std::time::Duration;

use ebb_model::{Trigger, Version};
use serde_json::json;

use super::world::{World, answer};
use crate::{Delivery, InvokeError, InvokerConfig, ThrottleReason};

#[tokio::test]
async fn simultaneous_events_each_get_an_instance() {
    let world = World::new().await;
    world.deploy(|_| {});
    let running: Vec<_> = (0..8)
        .map(|_| {
            let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 1000}"#));
            tokio::spawn(
                async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()).unwrap() },
            )
        })
        .collect();
    let mut instances = Vec::new();
    for run in running {
        instances.push(run.await.unwrap()["instance"].as_u64().unwrap());
    }
    instances.sort_unstable();
    assert_eq!(instances, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_burst_starts_no_more_instances_than_it_needs() {
    let world = World::new().await;
    world.deploy(|_| {});
    let running: Vec<_> = (0..200)
        .map(|_| {
            let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 1}"#));
            tokio::spawn(
                async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()).unwrap() },
            )
        })
        .collect();
    for run in running {
        run.await.unwrap();
    }
    // The first 64 are used again before others would be ready.
    assert!(world.runtime.started() <= 128, "{}", world.runtime.started());
}

#[tokio::test]
async fn reserved_concurrency_throttles() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(1));
    let busy = world.call(r#"{"sleep_ms": 1000}"#);
    let refused = async {
        world.rest().await;
        world.invoke("{}").await
    };
    let (ran, refused) = tokio::join!(busy, refused);
    assert!(ran.is_ok());
    assert!(matches!(refused, Err(InvokeError::Throttled(ThrottleReason::ReservedConcurrency))));
    for _ in 0..3 {
        // A caller that waits for its answer is never in its own way.
        assert!(world.call(r#"{"settle_ms": 50}"#).await.is_ok());
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    let usage = world.invoker.metering().usage();
    assert_eq!((usage[0].1.invocations, usage[0].1.throttles, usage[0].1.concurrent), (4, 1, 0));
}

#[tokio::test]
async fn a_reservation_of_zero_turns_a_function_off() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(0));
    let refused = world.invoke("{}").await;
    assert!(matches!(refused, Err(InvokeError::Throttled(ThrottleReason::ReservedConcurrency))));
}

#[tokio::test]
async fn the_account_has_a_limit_less_what_is_reserved() {
    let world = World::new().await;
    world.deploy(|_| {});
    let mut other = world.function("other");
    other.reserved_concurrency = Some(998);
    world.put(other);
    world.rest().await;
    let busy = || world.call(r#"{"sleep_ms": 1000}"#);
    let refused = async {
        world.rest().await;
        world.invoke("{}").await
    };
    let (one, two, refused) = tokio::join!(busy(), busy(), refused);
    assert!(one.is_ok() && two.is_ok());
    assert!(matches!(refused, Err(InvokeError::Throttled(ThrottleReason::AccountConcurrency))));
    assert!(world.call("{}").await.is_ok());
}

#[tokio::test]
async fn an_event_runs_to_its_end_when_its_caller_goes_away() {
    let world = World::new().await;
    world.deploy(|_| {});
    let gone = world.invoke(r#"{"sleep_ms": 1000}"#);
    assert!(tokio::time::timeout(Duration::from_millis(100), gone).await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 2})));
    assert_eq!(world.invoker.metering().usage()[0].1.invocations, 2);
}

#[tokio::test]
async fn a_request_over_http_that_waits_is_given_up_with_its_client() {
    let world = World::new().await;
    world.deploy(|_| {});
    let mut event = world.event("{}");
    event.trigger = Trigger::Http;
    let gone = world.invoker.invoke(event, Delivery::Whole);
    assert!(tokio::time::timeout(Duration::from_millis(5), gone).await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The instance was started for it, and is there for the next.
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 1})));
    assert_eq!(world.invoker.metering().usage()[0].1.concurrent, 0);
}

#[tokio::test]
async fn shutdown_lets_running_events_end_and_takes_no_new_ones() {
    let world = World::new().await;
    world.deploy(|_| {});
    let running = tokio::spawn({
        let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 1000}"#));
        async move { invoker.invoke(event, Delivery::Whole).await }
    });
    world.rest().await;
    let stopping = tokio::spawn({
        let invoker = world.invoker.clone();
        async move { invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await }
    });
    world.rest().await;
    assert!(matches!(world.invoke("{}").await, Err(InvokeError::ShuttingDown)));
    assert!(answer(running.await.unwrap().unwrap()).is_ok());
    stopping.await.unwrap();
    assert_eq!(world.runtime.calls().last().unwrap(), "shutdown 1 spindown");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let world =
        World::with(InvokerConfig { drain: Duration::from_secs(1), ..InvokerConfig::default() }).await;
    world.deploy(|_| {});
    let _running = tokio::spawn({
        let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 2900}"#));
        async move { invoker.invoke(event, Delivery::Whole).await }
    });
    world.rest().await;
    let started = tokio::time::Instant::now();
    world.invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(world.runtime.calls().last().unwrap(), "shutdown 1 spindown");
}

#[tokio::test]
async fn the_outcome_names_the_version_that_ran() {
    let world = World::new().await;
    world.deploy(|function| {
        let version = std::sync::Arc::new(world.version(&function.name, Version::Published(1)));
        function.versions.insert(1, version);
    });
    for (reference, version) in
        [("f", Version::Latest), ("f:1", Version::Published(1)), ("f:$LATEST", Version::Latest)]
    {
        let outcome = world.invoker.invoke(World::event_of(reference, "{}"), Delivery::Whole).await.unwrap();
        assert_eq!(outcome.version, version, "{reference}");
    }
    for (reference, named) in [("f:2", "f:2"), ("g", "g:$LATEST")] {
        let missing =
            world.invoker.invoke(World::event_of(reference, "{}"), Delivery::Whole).await.unwrap_err();
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{named}");
        assert_eq!(missing.to_string(), format!("Function not found: {arn}"));
    }
}
