//! Cold and warm, freezing, updates, idling, dying.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::world::{World, about};
use crate::testing::Init;
use crate::{Delivery, InvokerConfig, StreamPart};

#[tokio::test]
async fn a_warm_instance_is_used_again() {
    let world = World::new().await;
    world.deploy(|_| {});
    for count in 1..=3 {
        assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": count})));
    }
    assert_eq!(world.runtime.started(), 1);
}

#[tokio::test]
async fn only_the_first_event_reports_the_initialisation() {
    let world = World::new().await;
    world.deploy(|_| {});
    let first = world.invoke("{}").await.unwrap().report;
    about(first.init.unwrap(), 20);
    assert!(first.billed >= Duration::from_millis(20));
    assert_eq!(world.invoke("{}").await.unwrap().report.init, None);
}

#[tokio::test]
async fn an_idle_instance_is_frozen_and_thawed_for_its_next_event() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_millis(40)).await;
    world.call("{}").await.unwrap();
    assert_eq!(world.runtime.calls(), ["start 1"], "not frozen between events that follow closely");
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(world.runtime.calls(), ["start 1", "freeze 1"]);
    world.call("{}").await.unwrap();
    assert_eq!(world.runtime.calls(), ["start 1", "freeze 1", "thaw 1"]);
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(world.runtime.calls(), ["start 1", "freeze 1", "thaw 1", "freeze 1"]);
}

#[tokio::test]
async fn an_instance_that_is_long_idle_spins_down() {
    let world =
        World::with(InvokerConfig { keep_warm: Duration::from_secs(60), ..InvokerConfig::default() }).await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!world.runtime.calls().iter().any(|call| call.starts_with("shutdown")));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runtime.calls().last().map(String::as_str), Some("shutdown 1 spindown"));
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
}

#[tokio::test]
async fn an_instance_that_dies_idle_is_not_used() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    world.rest().await;
    world.runtime.crash(1);
    world.rest().await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
    assert!(world.runtime.calls().contains(&"shutdown 1 failure".to_owned()));
}

#[tokio::test]
async fn an_instance_that_dies_frozen_is_not_used() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.runtime.crash(1);
    world.rest().await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
}

#[tokio::test]
async fn new_code_gets_a_new_instance_and_running_events_end_on_the_old() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    let running = {
        let (invoker, event) = (world.invoker.clone(), world.event(r#"{"sleep_ms": 1000}"#));
        tokio::spawn(async move { invoker.invoke(event, Delivery::Whole).await })
    };
    world.rest().await;
    world.deploy(|function| {
        let latest = Arc::make_mut(&mut function.latest);
        latest.last_modified.0 += 5000;
        latest.settings.memory_mib = 256;
    });
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
    let old = super::world::answer(running.await.unwrap().unwrap());
    assert_eq!(old, Ok(json!({"instance": 1, "count": 2})));
    world.rest().await;
    assert!(world.runtime.calls().contains(&"shutdown 1 spindown".to_owned()), "{:?}", world.runtime.calls());
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 2})));
}

#[tokio::test]
async fn a_change_that_only_describes_keeps_the_instances() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    world.deploy(|function| Arc::make_mut(&mut function.latest).revision = ebb_model::RevisionId::random());
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 2})));
}

#[tokio::test]
async fn a_deleted_functions_instances_end() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    world.catalog.publish(|snapshot| {
        snapshot.functions.remove("f");
    });
    world.rest().await;
    assert_eq!(world.runtime.calls(), ["start 1", "shutdown 1 spindown"]);
}

#[tokio::test]
async fn an_instance_about_to_be_free_is_waited_for() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call(r#"{"settle_ms": 5}"#).await.unwrap();
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 2})));
    assert_eq!(world.runtime.started(), 1);
    // Longer than that, a new one is started; the first that is ready serves.
    world.call(r#"{"settle_ms": 2000}"#).await.unwrap();
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
}

#[tokio::test]
async fn a_freed_instance_serves_one_that_waits_for_a_start() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    world.runtime.script([Init::Ready(Duration::from_secs(2))]);
    let busy = world.call(r#"{"sleep_ms": 300}"#);
    let waiting = async {
        world.rest().await;
        world.call("{}").await
    };
    let (_, waited) = tokio::join!(busy, waiting);
    assert_eq!(waited, Ok(json!({"instance": 1, "count": 3})));
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The one that came too late waits below the used one.
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 4})));
}

#[tokio::test]
async fn a_streamed_answer_arrives_in_pieces() {
    let world = World::new().await;
    world.deploy(|_| {});
    let (sender, mut parts) = tokio::sync::mpsc::channel(1);
    let event = world.event(r#"{"chunks": ["a", "b"]}"#);
    let running = tokio::spawn({
        let invoker = world.invoker.clone();
        async move { invoker.invoke(event, Delivery::Stream(sender)).await }
    });
    assert_eq!(parts.recv().await, Some(StreamPart::Head { content_type: Some("text/plain".to_owned()) }));
    assert_eq!(parts.recv().await, Some(StreamPart::Chunk("a".into())));
    assert_eq!(parts.recv().await, Some(StreamPart::Chunk("b".into())));
    assert_eq!(parts.recv().await, None);
    assert_eq!(super::world::answer(running.await.unwrap().unwrap()), Ok(json!(2)));
}

#[tokio::test]
async fn a_reader_that_goes_away_does_not_stop_the_function() {
    let world = World::new().await;
    world.deploy(|_| {});
    let (sender, parts) = tokio::sync::mpsc::channel(1);
    drop(parts);
    let event = world.event(r#"{"chunks": ["a", "b", "c"]}"#);
    let outcome = world.invoker.invoke(event, Delivery::Stream(sender)).await.unwrap();
    assert_eq!(super::world::answer(outcome), Ok(json!(3)));
}

#[tokio::test]
async fn idle_instances_make_room_within_the_memory_budget() {
    let config = InvokerConfig { memory_budget_mib: Some(200), ..InvokerConfig::default() };
    let world = World::with(config).await;
    for name in ["a", "b", "c"] {
        world.put(world.function(name));
    }
    for name in ["a", "b", "c"] {
        // Each takes 40 MiB, and the first start of each is taken to need 128.
        world.invoker.invoke(World::event_of(name, "{}"), Delivery::Whole).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let ended: Vec<_> =
        world.runtime.calls().into_iter().filter(|call| call.starts_with("shutdown")).collect();
    assert_eq!(ended, ["shutdown 1 spindown"]);
}

#[tokio::test]
async fn a_version_that_is_known_makes_room_for_what_it_uses_only() {
    let config = InvokerConfig { memory_budget_mib: Some(170), ..InvokerConfig::default() };
    let world = World::with(config).await;
    let invoke = async |name: &str| {
        let event = World::event_of(name, r#"{"sleep_ms": 1000}"#);
        world.invoker.invoke(event, Delivery::Whole).await.unwrap();
    };
    for name in ["a", "b"] {
        world.put(world.function(name));
        invoke(name).await;
    }
    // A second of `a` takes 40 MiB more, as the first does, and not the 192 that it may: `b` stays.
    tokio::join!(invoke("a"), invoke("a"));
    assert_eq!(world.runtime.started(), 3);
    assert!(!world.runtime.calls().iter().any(|call| call.starts_with("shutdown")));
}

#[tokio::test]
async fn what_is_used_often_or_dear_to_start_stays_longest() {
    let check = async |uses: [usize; 3], init_ms: [u64; 3], expected: &str| {
        let config = InvokerConfig { memory_budget_mib: Some(240), ..InvokerConfig::default() };
        let world = World::with(config).await;
        world.runtime.script(init_ms.map(|millis| Init::Ready(Duration::from_millis(millis))));
        for (name, uses) in ["a", "b", "c"].into_iter().zip(uses) {
            world.put(world.function(name));
            for _ in 0..uses {
                world.invoker.invoke(World::event_of(name, "{}"), Delivery::Whole).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        world.put(world.function("d"));
        // Of 240 MiB three instances take 120, and a first start is taken to need 128: one has to go for the fourth.
        world.invoker.invoke(World::event_of("d", "{}"), Delivery::Whole).await.unwrap();
        let ended: Vec<_> =
            world.runtime.calls().into_iter().filter(|call| call.starts_with("shutdown")).collect();
        assert_eq!(ended, [format!("shutdown {expected} spindown")], "{uses:?} {init_ms:?}");
    };
    check([1, 1, 1], [50, 50, 50], "1").await;
    check([3, 1, 2], [50, 50, 50], "2").await;
    check([1, 1, 1], [80, 80, 10], "3").await;
    check([1, 2, 1], [80, 10, 80], "2").await;
}

#[tokio::test]
async fn an_instance_is_not_used_for_longer_than_its_key_lasts() {
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    let world = World::with(InvokerConfig { keep_warm: month, ..InvokerConfig::default() }).await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    tokio::time::advance(crate::LONGEST_LIFE - hour).await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 1, "count": 2})));
    tokio::time::advance(2 * hour).await;
    assert_eq!(world.call("{}").await, Ok(json!({"instance": 2, "count": 1})));
    assert!(world.runtime.calls().contains(&"shutdown 1 spindown".to_owned()), "{:?}", world.runtime.calls());
}

#[tokio::test]
async fn an_instance_that_is_idle_for_long_goes_to_swap_until_it_is_used() {
    let config = InvokerConfig { page_out_after: Some(Duration::from_secs(60)), ..InvokerConfig::default() };
    let world = World::with(config).await;
    world.deploy(|_| {});
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let so_far = ["start 1", "freeze 1", "page 1 out"];
    assert_eq!(world.runtime.calls(), so_far);
    // Once for each time that it rests.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.runtime.calls(), so_far);
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(world.runtime.calls()[3..], ["thaw 1", "freeze 1", "page 1 out"]);
}

#[tokio::test]
async fn what_lies_in_swap_leaves_room_for_others() {
    // An instance takes 40 MiB, 10 when it is in swap; the first of a function is taken to need 128.
    let config = InvokerConfig { memory_budget_mib: Some(150), ..InvokerConfig::default() };
    let world = World::with(config).await;
    world.deploy(|_| {});
    world.put(world.function("g"));
    world.call("{}").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let other = World::event_of("g", "{}");
    world.invoker.invoke(other, Delivery::Whole).await.unwrap().result.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls = world.runtime.calls();
    assert!(!calls.iter().any(|call| call.starts_with("shutdown")), "{calls:?}");
}
