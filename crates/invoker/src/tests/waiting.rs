//! Requests over HTTP that find no place under a concurrency limit wait for one, in order, with bounds.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::{Outcome, Trigger};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::world::{World, about, answer};
use crate::{Delivery, InvokeError, InvokerConfig, ThrottleReason};

type Running = JoinHandle<(Result<Outcome, InvokeError>, Instant)>;

/// Begins a request over HTTP; gives how it ended and when.
fn request(world: &World, function: &str, payload: &str) -> Running {
    let mut event = World::event_of(function, payload);
    event.trigger = Trigger::Http;
    let invoker = world.invoker.clone();
    tokio::spawn(async move { (invoker.invoke(event, Delivery::Whole).await, Instant::now()) })
}

async fn ran(running: Running) -> Instant {
    let (outcome, when) = running.await.unwrap();
    answer(outcome.unwrap()).unwrap();
    when
}

async fn refused(running: Running) -> (InvokeError, Instant) {
    let (outcome, when) = running.await.unwrap();
    (outcome.unwrap_err(), when)
}

#[tokio::test]
async fn a_thousand_at_once_are_all_answered_by_fifty_instances() {
    // The second settles for longer than an instance that is about to be free is waited for.
    for payload in [r#"{"sleep_ms": 1}"#, r#"{"sleep_ms": 1, "settle_ms": 40}"#] {
        let world = World::new().await;
        world.deploy(|function| function.reserved_concurrency = Some(50));
        let running: Vec<_> = (0..1000).map(|_| request(&world, "f", payload)).collect();
        for run in running {
            ran(run).await;
        }
        assert!(world.runtime.started() <= 50, "{payload}: {}", world.runtime.started());
        world.rest().await;
        let usage = world.invoker.metering().usage()[0].1;
        assert_eq!((usage.throttles, usage.concurrent), (0, 0));
    }
}

#[tokio::test]
async fn those_that_wait_go_in_their_order() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(1));
    let running: Vec<_> = (0..20).map(|_| request(&world, "f", r#"{"sleep_ms": 100}"#)).collect();
    let mut ends = Vec::new();
    for run in running {
        ends.push(ran(run).await);
    }
    assert!(ends.is_sorted());
    assert_eq!(world.runtime.started(), 1);
}

#[tokio::test]
async fn functions_take_turns_at_the_places_of_the_account() {
    let world = World::new().await;
    world.deploy(|_| {});
    world.put(world.function("g"));
    let mut rest = world.function("rest");
    rest.reserved_concurrency = Some(999);
    world.put(rest);
    world.rest().await;
    let many: Vec<_> = (0..20).map(|_| request(&world, "f", r#"{"sleep_ms": 1000}"#)).collect();
    world.rest().await;
    let one = request(&world, "g", r#"{"sleep_ms": 1000}"#);
    let one = ran(one).await;
    let mut before = 0;
    for run in many {
        before += usize::from(ran(run).await < one);
    }
    // The one that ran, and the one that was first in the line already.
    assert!(before <= 2, "{before}");
}

#[tokio::test]
async fn waiting_has_an_end_and_a_bound() {
    let longest_wait = Duration::from_secs(1);
    let world =
        World::with(InvokerConfig { most_waiting: 2, longest_wait, ..InvokerConfig::default() }).await;
    world.deploy(|function| function.reserved_concurrency = Some(1));
    let busy = request(&world, "f", r#"{"sleep_ms": 2500}"#);
    world.rest().await;
    let began = Instant::now();
    let late = [request(&world, "f", "{}"), request(&world, "f", "{}")];
    world.rest().await;
    let third_came = Instant::now();
    let (error, when) = refused(request(&world, "f", "{}")).await;
    assert!(matches!(error, InvokeError::Throttled(ThrottleReason::ReservedConcurrency)));
    about(when - third_came, 0);
    for late in late {
        let (error, when) = refused(late).await;
        assert!(matches!(error, InvokeError::Throttled(ThrottleReason::ReservedConcurrency)));
        about(when - began, 1000);
    }
    ran(busy).await;
    // Nothing of them is left in the way.
    ran(request(&world, "f", "{}")).await;
}

#[tokio::test]
async fn whoever_leaves_the_line_stops_nobody() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(1));
    let busy = request(&world, "f", r#"{"sleep_ms": 1000}"#);
    world.rest().await;
    let waiting: Vec<_> = (0..10).map(|_| request(&world, "f", "{}")).collect();
    world.rest().await;
    for (index, waiting) in waiting.into_iter().enumerate() {
        if index % 2 == 0 {
            waiting.abort();
        } else {
            ran(waiting).await;
        }
    }
    ran(busy).await;
}

#[tokio::test]
async fn a_function_that_is_off_and_a_server_that_stops_keep_nobody_waiting() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(0));
    let (error, _) = refused(request(&world, "f", "{}")).await;
    assert!(matches!(error, InvokeError::Throttled(ThrottleReason::ReservedConcurrency)));

    world.deploy(|function| function.reserved_concurrency = Some(1));
    let busy = request(&world, "f", r#"{"sleep_ms": 1000}"#);
    world.rest().await;
    let waiting = request(&world, "f", "{}");
    world.rest().await;
    let invoker = Arc::new(world.invoker.clone());
    let stopping =
        tokio::spawn(async move { invoker.shutdown(Instant::now() + Duration::from_secs(20)).await });
    assert!(matches!(refused(waiting).await.0, InvokeError::ShuttingDown));
    ran(busy).await;
    stopping.await.unwrap();
}

#[tokio::test]
async fn an_instance_that_ends_makes_room_for_those_that_wait() {
    let world = World::new().await;
    world.deploy(|function| function.reserved_concurrency = Some(1));
    // Overruns its time while it settles, and is ended then.
    let first = request(&world, "f", r#"{"settle_ms": 60000}"#);
    ran(first).await;
    ran(request(&world, "f", "{}")).await;
    assert_eq!(world.runtime.started(), 2);
}
