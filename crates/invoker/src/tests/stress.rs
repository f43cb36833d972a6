//! Everything at once, on several threads: whatever happens, every invocation ends, no instance has two events, and
//! each that was started is ended once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::world::World;
use crate::testing::Init;
use crate::{Delivery, ExitCause, InvokeError, InvokerConfig};

/// What events do, in turn: mostly nothing, and a little of all that goes wrong.
const EVENTS: [&str; 10] = [
    "{}",
    r#"{"sleep_ms": 3}"#,
    "{}",
    r#"{"settle_ms": 2}"#,
    r#"{"fail": {"errorType": "E"}}"#,
    "{}",
    r#"{"exit": 1}"#,
    r#"{"sleep_ms": 1, "settle_ms": 30}"#,
    r#"{"exit_late": 1}"#,
    r#"{"chunks": ["a", "b"]}"#,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_whatever_happens() {
    let config = InvokerConfig { keep_warm: Duration::from_millis(100), ..InvokerConfig::default() };
    let world = Arc::new(World::in_real_time(config).await);
    world.deploy(|_| {});
    let inits = (0..40).map(|n| match n % 4 {
        0 => Init::Exit(ExitCause::Status(1)),
        1 => Init::Platform,
        _ => Init::Ready(Duration::from_millis(n)),
    });
    world.runtime.script(inits);
    let callers: Vec<_> = (0..16_usize)
        .map(|caller| {
            let world = world.clone();
            tokio::spawn(async move {
                for turn in 0..60 {
                    let event = world.event(EVENTS[(caller * 7 + turn) % EVENTS.len()]);
                    let invocation = world.invoker.invoke(event, Delivery::Whole);
                    // Some do not wait for their answer.
                    let patience = Duration::from_millis(if turn % 11 == 0 { 2 } else { 20_000 });
                    match tokio::time::timeout(patience, invocation).await {
                        Ok(Ok(_) | Err(InvokeError::Internal(_))) => {}
                        Ok(Err(error)) => panic!("{error:?}"),
                        Err(_) => assert_eq!(turn % 11, 0, "an invocation did not end"),
                    }
                    if turn % 20 == 19 {
                        world.runtime.crash(world.runtime.started());
                        world.deploy(|function| {
                            let latest = Arc::make_mut(&mut function.latest);
                            latest.last_modified = world.now();
                        });
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    world.invoker.shutdown(tokio::time::Instant::now() + Duration::from_secs(20)).await;
    assert_eq!(world.invoker.metering().usage()[0].1.concurrent, 0);
    let mut ends: HashMap<String, u32> = HashMap::new();
    for call in world.runtime.calls() {
        assert!(!call.starts_with("overlap"), "two events at a time");
        let mut words = call.split(' ');
        if let (Some("shutdown"), Some(number)) = (words.next(), words.next()) {
            *ends.entry(number.to_owned()).or_default() += 1;
        }
    }
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
    assert_eq!(ends.len(), world.runtime.ready(), "as many ended as became ready");
}
