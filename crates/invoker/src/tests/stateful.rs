//! Functions that have one instance at a time, with a folder that outlives it.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{Function, RevisionId, ServerSettings};
use tokio::task::JoinHandle;

use super::world::{World, answer};
use crate::Delivery;

fn stateful(awake: bool) -> impl FnOnce(&mut Function) {
    move |function| {
        let server = ServerSettings { concurrency: 2, stateful: true, awake, ..ServerSettings::default() };
        Arc::make_mut(&mut function.latest).settings.server = Some(server);
    }
}

/// As a deploy does it.
fn replaced(world: &World) {
    world.deploy(|function| {
        stateful(false)(function);
        let version = Arc::make_mut(&mut function.latest);
        version.revision = RevisionId::random();
        version.last_modified = world.now();
    });
}

impl World {
    fn soon(&self, payload: &str) -> JoinHandle<bool> {
        let (invoker, event) = (self.invoker.clone(), self.event(payload));
        tokio::spawn(async move { answer(invoker.invoke(event, Delivery::Whole).await.unwrap()).is_ok() })
    }

    fn of(&self, verb: &str) -> Vec<String> {
        self.runtime.calls().into_iter().filter(|call| call.starts_with(verb)).collect()
    }
}

#[tokio::test]
async fn there_is_one_instance_however_many_events_wait() {
    let world = World::new().await;
    world.deploy(stateful(false));
    let running: Vec<_> = (0..6).map(|_| world.soon(r#"{"sleep_ms": 100}"#)).collect();
    for run in running {
        assert!(run.await.unwrap());
    }
    assert_eq!(world.runtime.started(), 1);
}

#[tokio::test]
async fn one_that_follows_waits_for_the_end_of_the_one_before() {
    let world = World::new().await;
    world.deploy(stateful(false));
    let long = world.soon(r#"{"sleep_ms": 2000}"#);
    tokio::time::sleep(Duration::from_millis(500)).await;
    replaced(&world);
    let next = world.soon("{}");
    assert!(long.await.unwrap() && next.await.unwrap());
    let calls = world.runtime.calls();
    let place = |call: &str| calls.iter().position(|one| one.starts_with(call)).unwrap_or(usize::MAX);
    // Its start is counted when the folder is its own.
    assert!(place("shutdown 1") < place("start 2"), "{calls:?}");
}

#[tokio::test]
async fn events_that_do_not_end_do_not_hold_up_what_follows() {
    let world = World::new().await;
    world.deploy(|function| {
        stateful(false)(function);
        Arc::make_mut(&mut function.latest).settings.timeout_seconds = 600;
    });
    let stuck = world.soon(r#"{"sleep_ms": 500000}"#);
    tokio::time::sleep(Duration::from_millis(500)).await;
    replaced(&world);
    let began = tokio::time::Instant::now();
    assert!(world.call("{}").await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    stuck.abort();
}

#[tokio::test]
async fn one_that_is_idle_does_not_hold_up_the_end_of_the_server() {
    let world = World::new().await;
    world.deploy(stateful(true));
    assert!(world.call("{}").await.is_ok());
    let began = tokio::time::Instant::now();
    world.invoker.shutdown(began + Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_that_is_awake_is_there_before_any_event_and_again_after_its_end() {
    let world = World::new().await;
    world.deploy(stateful(true));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.of("start"), ["start 1"]);
    assert!(world.call("{}").await.is_ok());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(world.of("freeze").is_empty() && world.of("shutdown").is_empty(), "{:?}", world.runtime.calls());
    world.runtime.crash(1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.of("start"), ["start 1", "start 2"]);
}
