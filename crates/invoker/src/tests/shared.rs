//! Several events at a time in an instance of a server.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{FailureKind, Function, ServerSettings};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::world::{World, answer};
use crate::Delivery;

fn takes(concurrency: u32) -> impl FnOnce(&mut Function) {
    move |function| {
        let server = ServerSettings { concurrency, ..ServerSettings::default() };
        Arc::make_mut(&mut function.latest).settings.server = Some(server);
    }
}

type Answer = Result<Value, (FailureKind, Value)>;

impl World {
    /// Invokes and does not wait.
    fn begin(&self, payload: &str) -> JoinHandle<Answer> {
        let (invoker, event) = (self.invoker.clone(), self.event(payload));
        tokio::spawn(async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()) })
    }

    async fn frozen(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.runtime.calls().contains(&"freeze 1".to_owned())
    }
}

/// Which instance answered.
async fn instance(running: JoinHandle<Answer>) -> u64 {
    running.await.unwrap().unwrap()["instance"].as_u64().unwrap()
}

#[tokio::test]
async fn as_many_events_as_it_takes_share_an_instance() {
    let world = World::new().await;
    world.deploy(takes(3));
    let running: Vec<_> = (0..7).map(|_| world.begin(r#"{"sleep_ms": 1000}"#)).collect();
    let mut served = [0; 3];
    for run in running {
        let number = usize::try_from(instance(run).await).unwrap();
        served[number - 1] += 1;
    }
    served.sort_unstable();
    assert_eq!((served, world.runtime.started()), ([1, 3, 3], 3));
    // And a place that became free is taken before an instance is started.
    for _ in 0..9 {
        world.begin("{}").await.unwrap().unwrap();
    }
    assert_eq!(world.runtime.started(), 3);
}

#[tokio::test]
async fn an_event_that_takes_too_long_leaves_the_others_alone() {
    let world = World::new().await;
    world.deploy(takes(2));
    let late = world.begin(r#"{"sleep_ms": 60000}"#);
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    let other = world.begin(r#"{"sleep_ms": 2000}"#);
    assert_eq!(late.await.unwrap().unwrap_err().0, FailureKind::Timeout);
    assert_eq!(instance(other).await, 1);
    assert_eq!(instance(world.begin("{}")).await, 1);
}

#[tokio::test]
async fn a_boot_in_which_an_event_took_too_long_takes_no_more() {
    let world = World::new().await;
    world.deploy(|function| Arc::make_mut(&mut function.latest).settings.instance_concurrency = 2);
    let late = world.begin(r#"{"sleep_ms": 60000}"#);
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    let other = world.begin(r#"{"sleep_ms": 2000}"#);
    assert_eq!(late.await.unwrap().unwrap_err().0, FailureKind::Timeout);
    assert_eq!(instance(world.begin("{}")).await, 2);
    assert_eq!(instance(other).await, 1);
    world.rest().await;
    assert!(world.runtime.calls().contains(&"shutdown 1 failure".to_owned()));
}

#[tokio::test]
async fn an_instance_is_frozen_when_its_last_event_has_ended() {
    let world = World::new().await;
    world.deploy(takes(2));
    let long = world.begin(r#"{"sleep_ms": 1000}"#);
    world.begin("{}").await.unwrap().unwrap();
    assert!(!world.frozen().await);
    long.await.unwrap().unwrap();
    assert!(world.frozen().await);
    assert_eq!(instance(world.begin("{}")).await, 1);
    assert!(world.runtime.calls().contains(&"thaw 1".to_owned()));
}

#[tokio::test]
async fn a_replaced_instance_ends_after_its_last_event() {
    let world = World::new().await;
    world.deploy(takes(2));
    let long = world.begin(r#"{"sleep_ms": 1000}"#);
    world.rest().await;
    world.begin("{}").await.unwrap().unwrap();
    world.deploy(|function| {
        takes(2)(function);
        Arc::make_mut(&mut function.latest).last_modified.0 += 1;
    });
    assert_eq!(instance(world.begin("{}")).await, 2);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!world.runtime.calls().contains(&"shutdown 1 spindown".to_owned()));
    assert_eq!(instance(long).await, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(world.runtime.calls().contains(&"shutdown 1 spindown".to_owned()));
}

#[tokio::test]
async fn an_instance_that_ended_is_not_shared_any_more() {
    let world = World::new().await;
    world.deploy(takes(2));
    let other = world.begin(r#"{"sleep_ms": 1000}"#);
    world.rest().await;
    let crashed = world.begin(r#"{"exit": 3}"#).await.unwrap();
    assert_eq!(crashed.unwrap_err().0, FailureKind::Exit);
    assert_eq!(instance(world.begin("{}")).await, 2);
    drop(other);
}
