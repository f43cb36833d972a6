use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use ebb_model::Timestamp;
use ebb_store::StoreConfig;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::delivery::{Deliveries, Delivery, DeliveryParts, Target, Targets, Undelivered};

/// 2026-11-25T00:00:00Z.
const START: i64 = 1_795_564_800_000;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A queue that tells what it gets.
struct Queue(Mutex<mpsc::UnboundedSender<Delivery>>);

impl Target for Queue {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> ebb_invoker::Boxed<'a, Result<(), Undelivered>> {
        Box::pin(async {
            let _ = self.0.lock().expect("a lock").send(delivery.clone());
            Ok(())
        })
    }
}

struct World {
    buses: EventBuses,
    deliveries: Deliveries,
    got: mpsc::UnboundedReceiver<Delivery>,
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::open(folder, START).await
    }

    async fn open(folder: tempfile::TempDir, now: i64) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(now)));
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.expect("a store");
        let parts = BusParts {
            store: store.clone(),
            clock: clock.clone(),
            account: AccountId::parse("000000000000").expect("an account"),
            region: Region::parse("us-east-1").expect("a region"),
        };
        let buses = EventBuses::open(parts).await.expect("buses");
        let (sender, got) = mpsc::unbounded_channel();
        let targets = Targets::default()
            .with("sqs", Arc::new(Queue(Mutex::new(sender))))
            .with("events", Arc::new(BusTarget::new(buses.clone())));
        let deliveries =
            Deliveries::start(DeliveryParts { store: store.clone(), clock: clock.clone(), targets });
        Self { buses, deliveries, got, clock, folder, store }
    }

    /// Another server on the same folder, at a later time.
    async fn restart(self, later: i64) -> Self {
        self.deliveries.stop().await;
        self.buses.stop().await;
        self.store.close().await;
        let now = self.clock.now().millis() + later;
        let Self { folder, buses, store, deliveries, .. } = self;
        drop((buses, store, deliveries));
        Self::open(folder, now).await
    }

    async fn rule(&self, bus: &str, name: &str, pattern: &Value, target: RuleTarget) {
        let (bus, pattern) = (Some(bus.to_owned()), Some(pattern.to_string()));
        let new = NewRule { name: name.to_owned(), bus: bus.clone(), pattern, ..NewRule::default() };
        self.buses.put_rule(new).await.expect("a rule");
        self.buses.put_targets(bus.as_deref(), name, vec![target]).await.expect("a target");
    }

    async fn publish(&self, bus: &str, source: &str, detail: &Value) -> Result<String, RefusedEvent> {
        let event = NewEvent {
            bus: Some(bus.to_owned()),
            source: Some(source.to_owned()),
            detail_type: Some("t".to_owned()),
            detail: Some(detail.to_string()),
            ..NewEvent::default()
        };
        self.buses.publish(&[event]).await.expect("published").pop().expect("an answer")
    }

    async fn next(&mut self) -> (String, Value) {
        let delivery = self.got.recv().await.expect("a delivery");
        (delivery.target, serde_json::from_str(&delivery.message.body).expect("JSON"))
    }
}

fn target(id: &str, arn: &str) -> RuleTarget {
    RuleTarget {
        id: id.to_owned(),
        arn: arn.to_owned(),
        role: None,
        input: Input::Whole,
        dead_letter: None,
        retry: None,
        message_group: None,
        parameters: serde_json::Map::new(),
    }
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

#[tokio::test]
async fn an_event_reaches_the_targets_of_the_rules_that_want_it() {
    let mut world = World::new().await;
    world.buses.create_bus("shop", BusChange::default(), BTreeMap::new()).await.expect("a bus");
    world.rule("shop", "orders", &json!({"source": ["shop"]}), target("q", QUEUE)).await;
    world.rule("default", "orders", &json!({"source": ["shop"]}), target("q", QUEUE)).await;
    let id = world.publish("shop", "shop", &json!({"n": 1})).await.expect("accepted");
    world.publish("shop", "other", &json!({"n": 2})).await.expect("accepted");
    let (_, event) = world.next().await;
    assert_eq!(event["id"], id.as_str());
    assert_eq!(
        (&event["source"], &event["detail-type"], &event["detail"]),
        (&json!("shop"), &json!("t"), &json!({"n": 1}))
    );
    assert_eq!(event["time"], "2026-11-25T00:00:00Z");
    world.buses.set_rule_state(Some("shop"), "orders", RuleState::Disabled).await.expect("off");
    world.publish("shop", "shop", &json!({"n": 3})).await.expect("accepted");
    world.publish("default", "shop", &json!({"n": 4})).await.expect("accepted");
    assert_eq!(world.next().await.1["detail"], json!({"n": 4}));
}

#[tokio::test]
async fn events_pass_from_bus_to_bus_but_not_in_circles() {
    let mut world = World::new().await;
    world.buses.create_bus("other", BusChange::default(), BTreeMap::new()).await.expect("a bus");
    let all = json!({"source": [{"exists": true}]});
    world.rule("default", "on", &all, target("bus", &world.buses.bus_arn("other"))).await;
    world.rule("other", "back", &all, target("bus", &world.buses.bus_arn("default"))).await;
    world.rule("other", "out", &all, target("q", QUEUE)).await;
    world.publish("default", "x", &json!({})).await.expect("accepted");
    for _ in 0..4 {
        assert_eq!(world.next().await.1["source"], "x");
    }
    world.deliveries.stop().await;
    assert!(world.got.try_recv().is_err());
}

#[tokio::test]
async fn what_is_no_event_is_refused_alone() {
    let world = World::new().await;
    let event = |source: &str, detail: &str| NewEvent {
        source: Some(source.to_owned()).filter(|source| !source.is_empty()),
        detail_type: Some("t".to_owned()),
        detail: Some(detail.to_owned()),
        ..NewEvent::default()
    };
    let events =
        [event("s", "{}"), event("", "{}"), event("s", "{"), event("s", "[1]"), event("aws.s3", "{}")];
    let answers = world.buses.publish(&events).await.expect("answers");
    let codes: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().map_or_else(|refused| refused.code, |_| "")).collect();
    assert_eq!(
        codes,
        ["", "InvalidArgument", "MalformedDetail", "MalformedDetail", "NotAuthorizedForSource"]
    );
    assert!(matches!(world.buses.publish(&[]).await, Err(BusError::Invalid(_))));
}

#[tokio::test]
async fn a_scheduled_rule_fires_each_time_once_also_across_a_restart() {
    let world = World::new().await;
    let new = NewRule {
        name: "tick".to_owned(),
        schedule: Some("rate(1 minute)".to_owned()),
        ..NewRule::default()
    };
    world.buses.put_rule(new).await.expect("a rule");
    world.buses.put_targets(None, "tick", vec![target("q", QUEUE)]).await.expect("a target");
    // Between its fifth and its sixth time: what was missed is made up for once.
    let mut world = world.restart(5 * 60_000 + 30_000).await;
    let (_, event) = world.next().await;
    assert_eq!(
        (&event["detail-type"], &event["time"]),
        (&json!("Scheduled Event"), &json!("2026-11-25T00:05:00Z"))
    );
    assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:000000000000:rule/tick"]));
    let mut world = world.restart(10_000).await;
    world.deliveries.stop().await;
    assert!(world.got.try_recv().is_err(), "it fired again for the same time");
    let mut world = world.restart(30_000).await;
    assert_eq!(world.next().await.1["time"], "2026-11-25T00:06:00Z");
}

#[tokio::test]
async fn archived_events_are_replayed_to_the_rules_that_are_named() {
    let mut world = World::new().await;
    let change =
        ArchiveChange { pattern: Some(r#"{"source": ["keep"]}"#.to_owned()), ..ArchiveChange::default() };
    world.buses.create_archive("a", "default", change).await.expect("an archive");
    for n in 0..120 {
        world
            .publish("default", if n % 2 == 0 { "keep" } else { "drop" }, &json!({"n": n}))
            .await
            .expect("accepted");
    }
    assert_eq!(world.buses.archive_statistics("a").await.expect("statistics").events, 60);
    world.rule("default", "again", &json!({"replay-name": ["r"]}), target("q", QUEUE)).await;
    let replay = NewReplay {
        name: "r".to_owned(),
        description: None,
        archive_arn: world.buses.archive_arn("a"),
        bus_arn: world.buses.bus_arn("default"),
        rules: vec!["arn:aws:events:us-east-1:000000000000:rule/again".to_owned()],
        from: Timestamp(START),
        until: Timestamp(START + 1000),
    };
    world.buses.start_replay(replay.clone()).await.expect("a replay");
    let mut seen = BTreeSet::new();
    while seen.len() < 60 {
        let (_, event) = world.next().await;
        assert_eq!(event["replay-name"], "r");
        seen.insert(event["detail"]["n"].as_i64().expect("a number"));
    }
    assert_eq!(seen, (0..120).step_by(2).collect());
    assert!(matches!(world.buses.start_replay(replay).await, Err(BusError::Exists(_))));
    world.buses.delete_archive("a").await.expect("removed");
    assert_eq!(world.buses.archive_statistics("a").await.expect("statistics"), ArchiveStatistics::default());
}

#[tokio::test]
async fn rules_and_buses_are_refused_as_documented() {
    let world = World::new().await;
    let buses = &world.buses;
    let put = async |rule: NewRule| buses.put_rule(rule).await.expect_err("refused").to_string();
    let rule = |pattern: Option<&str>, schedule: Option<&str>, bus: Option<&str>| NewRule {
        name: "r".to_owned(),
        bus: bus.map(str::to_owned),
        pattern: pattern.map(str::to_owned),
        schedule: schedule.map(str::to_owned),
        ..NewRule::default()
    };
    buses.create_bus("b", BusChange::default(), BTreeMap::new()).await.expect("a bus");
    for (new, message) in [
        (rule(None, None, None), "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        (rule(Some("{}"), None, None), "Event pattern is not valid. Reason: Empty objects are not allowed"),
        (rule(Some(r#"{"a": [1]}"#), None, Some("none")), "Event bus none does not exist."),
        (
            rule(None, Some("rate(1 hour)"), Some("b")),
            "ScheduleExpression is supported only on the default event bus.",
        ),
        (rule(None, Some("rate(1 hours)"), None), "Parameter ScheduleExpression is not valid."),
    ] {
        assert_eq!(put(new).await, message);
    }
    buses.put_rule(rule(Some(r#"{"a": [1]}"#), None, Some("b"))).await.expect("a rule");
    assert!(buses.delete_bus("b").await.is_err());
    buses.put_targets(Some("b"), "r", vec![target("t", QUEUE)]).await.expect("a target");
    assert!(buses.delete_rule(Some("b"), "r").await.is_err());
    let six = (0..6).map(|n| target(&n.to_string(), QUEUE)).collect();
    assert!(matches!(buses.put_targets(Some("b"), "r", six).await, Err(BusError::LimitExceeded(_))));
    let missing =
        buses.remove_targets(Some("b"), "r", &["t".to_owned(), "u".to_owned()]).await.expect("removed");
    assert_eq!(missing[0].id, "u");
    buses.delete_rule(Some("b"), "r").await.expect("removed");
    buses.delete_bus("b").await.expect("removed");
    assert!(matches!(buses.bus("b"), Err(BusError::NotFound(_))));
}

#[tokio::test]
async fn another_server_takes_over_rules_and_lets_go_of_them() {
    let mut world = World::new().await;
    let from = world.store.records().last_change().await.expect("a change");
    let parts = BusParts {
        store: world.store.clone(),
        clock: world.clock.clone(),
        account: AccountId::parse("000000000000").expect("an account"),
        region: Region::parse("us-east-1").expect("a region"),
    };
    let here = std::mem::replace(&mut world.buses, EventBuses::open(parts).await.expect("buses"));
    // `world` changes things on another server; what is published here must follow them.
    world.buses.create_bus("shop", BusChange::default(), BTreeMap::new()).await.expect("a bus");
    world.rule("shop", "orders", &json!({"source": ["shop"]}), target("q", QUEUE)).await;
    let services: Vec<Arc<dyn Follow>> = vec![Arc::new(here.clone())];
    let from = crate::registry::take_over(&world.store, from, &services).await.expect("taken over");
    let there = std::mem::replace(&mut world.buses, here);
    world.publish("shop", "shop", &json!({"n": 1})).await.expect("accepted");
    assert_eq!(world.next().await.1["detail"], json!({"n": 1}));
    there.set_rule_state(Some("shop"), "orders", RuleState::Disabled).await.expect("off");
    crate::registry::take_over(&world.store, from, &services).await.expect("taken over");
    world.publish("shop", "shop", &json!({"n": 2})).await.expect("accepted");
    assert_eq!(world.store.work().depth("delivery").await.expect("a depth").ready, 0);
}
