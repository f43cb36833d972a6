//! One instance more than is in use, where starts take long.

use std::time::Duration;

use serde_json::json;

use super::world::{World, about, answer};
use crate::testing::Init;
use crate::{Delivery, InvokerConfig};

/// A world where starts take this long.
async fn world(start_ms: u64, config: InvokerConfig) -> World {
    let world = World::with(config).await;
    world.runtime.script(std::iter::repeat_n(Init::Ready(Duration::from_millis(start_ms)), 16));
    world
}

#[tokio::test]
async fn whoever_needs_a_second_instance_does_not_wait_for_its_start() {
    let world = world(500, InvokerConfig::default()).await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 2000}"#));
    let busy = tokio::spawn(async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()) });
    world.rest().await;
    let begin = tokio::time::Instant::now();
    assert_eq!(world.call("{}").await.unwrap()["instance"], json!(2));
    about(begin.elapsed(), 0);
    busy.await.unwrap().unwrap();
    // Both are free again: there is no third.
    for _ in 0..5 {
        world.call("{}").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.runtime.started(), 3, "two in use at one time, and one more");
}

#[tokio::test]
async fn there_is_none_where_it_gains_little_or_must_not_be() {
    let check = async |start_ms: u64, reserved: Option<u32>, config: InvokerConfig| {
        let world = world(start_ms, config).await;
        world.deploy(|function| function.reserved_concurrency = reserved);
        world.call("{}").await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(world.runtime.started(), 1, "{start_ms} {reserved:?}");
    };
    check(90, None, InvokerConfig::default()).await;
    check(500, Some(1), InvokerConfig::default()).await;
    check(500, None, InvokerConfig { spare_from: None, ..InvokerConfig::default() }).await;
    check(500, None, InvokerConfig { memory_budget_mib: Some(70), ..InvokerConfig::default() }).await;
}

#[tokio::test]
async fn an_instance_that_ended_meanwhile_needs_no_spare() {
    let world = world(500, InvokerConfig::default()).await;
    world.deploy(|_| {});
    world.call(r#"{"exit": 1}"#).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runtime.started(), 1);
}

#[tokio::test]
async fn the_log_has_no_stream_of_a_spare_that_is_not_used() {
    let world = world(500, InvokerConfig::default()).await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runtime.started(), 2);
    let streams = async || {
        let names = world.log().await.into_iter().map(|(stream, _)| stream);
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(streams().await, 1);
    let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 2000}"#));
    let busy = tokio::spawn(async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()) });
    world.rest().await;
    world.call("{}").await.unwrap();
    busy.await.unwrap().unwrap();
    assert_eq!(streams().await, 2);
    let starts = world.log().await.iter().filter(|(_, line)| line.starts_with("INIT_START")).count();
    assert_eq!(starts, 2, "of those that were used");
}
