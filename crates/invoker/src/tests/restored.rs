//! Instances of versions with `SnapStart`: initialised before anybody needs them, and kept until somebody does.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::Version;
use serde_json::json;

use super::world::{World, about, answer};
use crate::testing::Init;
use crate::{Delivery, InvokerConfig};

/// A function with a published version that has `SnapStart`, whose starts take half a second.
async fn world(config: InvokerConfig) -> World {
    let world = World::with(config).await;
    world.runtime.script(std::iter::repeat_n(Init::Ready(Duration::from_millis(500)), 16));
    world.deploy(|function| {
        let mut version = world.version(&function.name, Version::Published(1));
        version.settings.snap_start = true;
        function.versions.insert(1, Arc::new(version));
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world
}

async fn call(world: &World) -> ebb_model::Outcome {
    world.invoker.invoke(World::event_of("f:1", "{}"), Delivery::Whole).await.unwrap()
}

#[tokio::test]
async fn the_first_event_does_not_wait_for_initialisation() {
    let world = world(InvokerConfig::default()).await;
    assert_eq!(world.runtime.calls(), ["start 1 snap-start", "freeze 1"]);
    let begin = tokio::time::Instant::now();
    let outcome = call(&world).await;
    about(begin.elapsed(), 0);
    assert_eq!(outcome.report.init, None);
    about(outcome.report.restore.unwrap(), 0);
    assert_eq!(call(&world).await.report.restore, None, "the first event alone reports it");
}

#[tokio::test]
async fn there_is_one_more_than_are_in_use() {
    let world = world(InvokerConfig::default()).await;
    call(&world).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.runtime.started(), 2);
    let (invoker, event) = (world.invoker.clone(), World::event_of("f:1", r#"{"sleep_ms": 2000}"#));
    let busy = tokio::spawn(async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()) });
    world.rest().await;
    let begin = tokio::time::Instant::now();
    call(&world).await;
    about(begin.elapsed(), 0);
    busy.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_last_is_kept_and_those_before_it_go() {
    let config = InvokerConfig { keep_warm: Duration::from_secs(60), ..InvokerConfig::default() };
    let world = world(config).await;
    call(&world).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let calls = world.runtime.calls();
    assert_eq!(calls.iter().filter(|call| call.starts_with("shutdown")).count(), 1, "{calls:?}");
    assert_eq!(world.runtime.started(), 2);
    let begin = tokio::time::Instant::now();
    call(&world).await;
    about(begin.elapsed(), 0);
}

#[tokio::test]
async fn one_that_fails_is_not_tried_again_and_again() {
    let world = World::new().await;
    world.runtime.script([Init::Report(json!({"errorType": "No"}))]);
    world.deploy(|function| {
        let mut version = world.version(&function.name, Version::Published(1));
        version.settings.snap_start = true;
        function.versions.insert(1, Arc::new(version));
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.runtime.started(), 1);
    let outcome = call(&world).await;
    outcome.result.unwrap();
    about(outcome.report.restore.unwrap(), 20);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.runtime.started(), 3, "the one that was needed, and one more");
}

#[tokio::test]
async fn the_latest_is_started_when_it_is_needed() {
    let world = World::new().await;
    world.deploy(|function| Arc::make_mut(&mut function.latest).settings.snap_start = true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.runtime.started(), 0);
    let report = world.invoke("{}").await.unwrap().report;
    assert!(report.init.is_some() && report.restore.is_none(), "{report:?}");
}
