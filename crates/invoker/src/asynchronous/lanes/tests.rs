//! Room is shared.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::FunctionName;

use super::{Lanes, SLOTS, Slot};

fn fill(lanes: &Arc<Lanes>, name: &str, reserved: Option<u32>) -> Vec<Slot> {
    let name = FunctionName::parse(name).unwrap();
    std::iter::from_fn(|| lanes.enter(&name, reserved).ok()).collect()
}

#[test]
fn nobody_takes_all_the_room() {
    let lanes = Arc::new(Lanes::default());
    let mut all = Vec::new();
    for (name, expected) in [("a", SLOTS / 2), ("b", SLOTS / 4), ("c", SLOTS / 8)] {
        let slots = fill(&lanes, name, None);
        assert_eq!(slots.len(), expected as usize, "{name}");
        all.extend(slots);
    }
    assert!(!fill(&lanes, "z", None).is_empty());
    drop(all);
    assert_eq!(fill(&lanes, "z", None).len(), SLOTS as usize / 2);
}

#[test]
fn a_reservation_limits_the_room() {
    let lanes = Arc::new(Lanes::default());
    assert_eq!(fill(&lanes, "a", Some(3)).len(), 3);
    assert_eq!(fill(&lanes, "b", Some(0)).len(), 1, "to be given up at once");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_room_is_put_back_until_about_its_turn() {
    let lanes = Arc::new(Lanes::default());
    let name = FunctionName::parse("a").unwrap();
    let second = Duration::from_secs(1);
    let mut slots = fill(&lanes, "a", Some(2));
    tokio::time::advance(second).await;
    slots.pop();
    let _slots = fill(&lanes, "a", Some(2));
    let waits: Vec<Duration> = (0..100).filter_map(|_| lanes.enter(&name, Some(2)).err()).collect();
    // Two at a time, a second each; the call that found no more room counts too.
    assert_eq!(waits[..3], [second, second * 3 / 2, second * 2]);
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(30)));
}

#[tokio::test]
async fn whoever_waits_for_room_hears_of_it() {
    let lanes = Arc::new(Lanes::default());
    let mut all: Vec<_> = (0..)
        .map(|n| format!("f{n}"))
        .map_while(|name| {
            let slots = fill(&lanes, &name, None);
            (!slots.is_empty()).then_some(slots)
        })
        .flatten()
        .collect();
    assert_eq!(all.len(), SLOTS as usize);
    let waiting = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.room().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    all.pop();
    assert_eq!(waiting.await.unwrap(), 1);
}
