//! Instances that are always kept.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{Alias, AliasName, Function, Qualifier, RevisionId, Version};
use serde_json::json;

use super::world::World;
use crate::testing::Init;
use crate::{Delivery, ExitCause, InvokeError, InvokerConfig, ThrottleReason};

fn one() -> Qualifier {
    Qualifier::Version(Version::Published(1))
}

fn publish(world: &World, function: &mut Function, number: u64) {
    let version = world.version(&function.name, Version::Published(number));
    function.versions.insert(number, Arc::new(version));
}

/// So many instances of version 1.
fn provision(world: &World, count: u32) {
    world.deploy(|function| {
        publish(world, function, 1);
        if count > 0 {
            function.provisioned_concurrency.insert(one(), count);
        }
    });
}

async fn call(world: &World, reference: &str) -> serde_json::Value {
    let outcome = world.invoker.invoke(World::event_of(reference, "{}"), Delivery::Whole).await.unwrap();
    super::world::answer(outcome).unwrap()
}

#[tokio::test]
async fn instances_are_there_before_any_event() {
    let world = World::new().await;
    provision(&world, 2);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        world.runtime.calls()[..2],
        ["start 1 provisioned-concurrency", "start 2 provisioned-concurrency"]
    );
    assert_eq!(world.provisioned(&one()), (2, None));
    call(&world, "f:1").await;
    assert_eq!(world.runtime.started(), 2);
}

#[tokio::test]
async fn they_are_kept_however_long_they_idle() {
    let config = InvokerConfig { keep_warm: Duration::from_secs(1), ..InvokerConfig::default() };
    let world = World::with(config).await;
    provision(&world, 1);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.runtime.calls(), ["start 1 provisioned-concurrency", "freeze 1"]);
}

#[tokio::test]
async fn one_that_ends_is_replaced() {
    let world = World::new().await;
    provision(&world, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.runtime.crash(1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.provisioned(&one()), (1, None));
    assert_eq!(call(&world, "f:1").await, json!({"instance": 2, "count": 1}));
}

#[tokio::test]
async fn fewer_are_asked_for() {
    let world = World::new().await;
    provision(&world, 3);
    tokio::time::sleep(Duration::from_millis(100)).await;
    for (count, ended) in [(1, 2), (0, 3)] {
        provision(&world, count);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let shut = world.runtime.calls().iter().filter(|call| call.starts_with("shutdown")).count();
        assert_eq!(shut, ended, "{count} are left");
        assert_eq!(world.provisioned(&one()).0, count);
    }
}

#[tokio::test]
async fn a_failing_start_is_reported_and_tried_again_later() {
    let world = World::new().await;
    world.runtime.script([Init::Exit(ExitCause::Status(1)), Init::Exit(ExitCause::Status(1))]);
    provision(&world, 2);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (available, failure) = world.provisioned(&one());
    assert_eq!(available, 0);
    assert_eq!(failure.as_deref(), Some("FUNCTION_ERROR_INIT_FAILURE"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.provisioned(&one()), (2, None));
    assert_eq!(world.runtime.started(), 4);
}

#[tokio::test]
async fn an_alias_splits_them_by_weight_and_moves_them() {
    let world = World::new().await;
    let live = AliasName::parse("live").unwrap();
    let point = |version, weights: &[(u64, f64)]| {
        world.deploy(|function| {
            publish(&world, function, 1);
            publish(&world, function, 2);
            let weights =
                weights.iter().map(|(number, weight)| (Version::Published(*number), *weight)).collect();
            let (version, description, revision) =
                (Version::Published(version), String::new(), RevisionId::random());
            function
                .aliases
                .insert(live.clone(), Alias { name: live.clone(), version, weights, description, revision });
            function.provisioned_concurrency.insert(Qualifier::Alias(live.clone()), 4);
        });
    };
    point(1, &[(2, 0.25)]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.runtime.versions(), [1, 1, 1, 2]);
    assert_eq!(world.provisioned(&Qualifier::Alias(live.clone())), (4, None));
    point(2, &[]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.runtime.versions(), [1, 1, 1, 2, 2, 2, 2]);
    let shut = world.runtime.calls().iter().filter(|call| call.starts_with("shutdown")).count();
    assert_eq!(shut, 3);
}

#[tokio::test]
async fn a_kept_instance_is_replaced_before_its_key_ends() {
    let world = World::new().await;
    provision(&world, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.runtime.started(), 1);
    tokio::time::advance(crate::LONGEST_LIFE).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.runtime.started(), 2, "{:?}", world.runtime.calls());
    assert_eq!(call(&world, "f:1").await, json!({"instance": 2, "count": 1}));
}

#[tokio::test]
async fn they_have_places_of_their_own_in_a_reservation() {
    let world = World::new().await;
    world.deploy(|function| {
        publish(&world, function, 1);
        function.provisioned_concurrency.insert(one(), 1);
        function.reserved_concurrency = Some(1);
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let invoke = |reference: &str, payload: &str| {
        world.invoker.invoke(World::event_of(reference, payload), Delivery::Whole)
    };
    // All that is reserved is promised to version 1.
    let reserved = ThrottleReason::ReservedConcurrency;
    assert!(matches!(invoke("f", "{}").await, Err(InvokeError::Throttled(reason)) if reason == reserved));
    let busy = invoke("f:1", r#"{"sleep_ms": 1000}"#);
    let second = async {
        world.rest().await;
        invoke("f:1", "{}").await
    };
    let (busy, second) = tokio::join!(busy, second);
    assert!(busy.is_ok());
    assert!(matches!(second, Err(InvokeError::Throttled(reason)) if reason == reserved));
    assert_eq!(call(&world, "f:1").await, json!({"instance": 1, "count": 2}));
    world.deploy(|function| {
        publish(&world, function, 1);
        function.provisioned_concurrency.insert(one(), 1);
        function.reserved_concurrency = Some(2);
    });
    assert!(invoke("f", "{}").await.is_ok());
    let usage = world.invoker.metering().usage();
    assert_eq!((usage[0].1.throttles, usage[0].1.concurrent), (2, 0));
}
