use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use ebb_model::Timestamp;
use ebb_store::StoreConfig;
use serde_json::{Map, Value};

use super::super::{DEFAULT_GROUP, ScheduleTarget};
use super::*;
use crate::delivery::Delivery;

/// 2026-11-25T00:00:00Z.
const START: i64 = 1_795_564_800_000;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    scheduler: Scheduler,
    store: Store,
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::open(tempfile::tempdir().expect("a folder"), START).await
    }

    async fn open(folder: tempfile::TempDir, now: i64) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(now)));
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.expect("a store");
        let parts = SchedulerParts {
            store: store.clone(),
            clock: clock.clone(),
            account: AccountId::parse("000000000000").expect("an account"),
            region: Region::parse("us-east-1").expect("a region"),
        };
        Self { scheduler: Scheduler::open(parts).await.expect("a scheduler"), store, clock, folder }
    }

    /// Another server, so much later.
    async fn restart(self, later: i64) -> Self {
        self.scheduler.stop().await;
        self.store.close().await;
        let Self { scheduler, store, clock, folder } = self;
        drop((scheduler, store));
        Self::open(folder, clock.now().millis() + later).await
    }

    /// The inputs that were delivered, once there are some.
    async fn delivered(&self) -> Vec<String> {
        let work = self.store.work();
        tokio::time::timeout(Duration::from_secs(20), work.wait("delivery")).await.expect("a delivery");
        let claimed = work.claim("delivery", 99, Duration::from_secs(999)).await.expect("work");
        let mut bodies = Vec::new();
        for one in claimed {
            work.complete(&one).await.expect("settled");
            bodies.push(serde_json::from_slice::<Delivery>(&one.body).expect("a delivery").message.body);
        }
        bodies
    }
}

fn schedule(name: &str, expression: &str) -> Schedule {
    Schedule {
        group: DEFAULT_GROUP.to_owned(),
        name: name.to_owned(),
        expression: expression.to_owned(),
        timezone: None,
        start: None,
        end: None,
        enabled: true,
        description: None,
        window_minutes: None,
        delete_after: false,
        kms_key: None,
        target: ScheduleTarget {
            arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            input: Some(format!("{name} <aws.scheduler.scheduled-time>")),
            dead_letter: None,
            retry: None,
            message_group: None,
            event: None,
            parameters: Map::new(),
        },
        created: Timestamp(0),
        modified: Timestamp(0),
        fired: None,
        client_token: None,
    }
}

#[tokio::test]
async fn a_schedule_is_delivered_once_for_each_time_and_once_for_those_missed() {
    let world = World::new().await;
    world.scheduler.create(schedule("often", "rate(1 hour)")).await.expect("made");
    world.scheduler.create(schedule("daily", "cron(30 9 * * ? *)")).await.expect("made");
    let once = Schedule { delete_after: true, ..schedule("once", "at(2026-11-25T05:00:00)") };
    world.scheduler.create(once).await.expect("made");
    assert_eq!(world.delivered().await, ["often 2026-11-25T00:00:00Z"], "a rate begins at once");
    let world = world.restart(10 * 60 * 60_000).await;
    let mut delivered = world.delivered().await;
    while delivered.len() < 3 {
        delivered.extend(world.delivered().await);
    }
    delivered.sort();
    assert_eq!(
        delivered,
        ["daily 2026-11-25T09:30:00Z", "often 2026-11-25T10:00:00Z", "once 2026-11-25T05:00:00Z"]
    );
    assert!(world.scheduler.schedule(DEFAULT_GROUP, "once").is_err(), "it was due for the last time");
    let world = world.restart(1000).await;
    let again = world.store.work().claim("delivery", 9, Duration::from_secs(9)).await.expect("work");
    assert!(again.is_empty(), "nothing fires twice");
}

#[test]
fn times_keep_to_start_end_and_zone() {
    let at = |hours: i64| Timestamp(START + hours * 60 * 60_000);
    let berlin =
        Schedule { timezone: Some("Europe/Berlin".to_owned()), ..schedule("s", "cron(0 9 * * ? *)") };
    assert_eq!(berlin.next(at(0)), Some(at(8)));
    let bounded = Schedule { start: Some(at(10)), end: Some(at(40)), ..schedule("s", "cron(0 9 * * ? *)") };
    assert_eq!(bounded.next(at(0)), Some(at(33)));
    assert_eq!(bounded.next(at(33)), None);
    let off = Schedule { enabled: false, ..schedule("s", "rate(1 hour)") };
    assert_eq!(off.next(at(0)), None);
}

#[tokio::test]
async fn groups_hold_schedules_and_go_with_them() {
    let world = World::new().await;
    let in_group = || Schedule { group: "g".to_owned(), ..schedule("s", "rate(1 day)") };
    assert!(matches!(world.scheduler.create(in_group()).await, Err(SchedulerError::NotFound(_))));
    world.scheduler.create_group("g", BTreeMap::new()).await.expect("made");
    assert!(matches!(
        world.scheduler.create_group("g", BTreeMap::new()).await,
        Err(SchedulerError::Conflict(_))
    ));
    let first = Schedule { client_token: Some("t".to_owned()), ..in_group() };
    world.scheduler.create(first.clone()).await.expect("made");
    world.scheduler.create(first).await.expect("the same request again");
    assert!(matches!(world.scheduler.create(in_group()).await, Err(SchedulerError::Conflict(_))));
    world.scheduler.delete_group("g").await.expect("removed");
    assert!(world.scheduler.schedule("g", "s").is_err());
    assert!(world.scheduler.delete_group(DEFAULT_GROUP).await.is_err());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let target = |arn: &str| ScheduleTarget { arn: arn.to_owned(), ..schedule("s", "rate(1 day)").target };
    for wrong in [
        schedule("no spaces", "rate(1 day)"),
        schedule("s", "every day"),
        Schedule { timezone: Some("Nowhere".to_owned()), ..schedule("s", "rate(1 day)") },
        Schedule { end: Some(Timestamp(START - 1)), ..schedule("s", "rate(1 day)") },
        Schedule { start: Some(Timestamp(START - 5 * 60_000 - 1)), ..schedule("s", "rate(1 day)") },
        Schedule { window_minutes: Some(1441), ..schedule("s", "rate(1 day)") },
        Schedule { target: target("nope"), ..schedule("s", "rate(1 day)") },
        Schedule {
            target: target("arn:aws:sqs:us-east-1:000000000000:q.fifo"),
            ..schedule("s", "rate(1 day)")
        },
        Schedule {
            target: target("arn:aws:events:us-east-1:000000000000:event-bus/b"),
            ..schedule("s", "rate(1 day)")
        },
    ] {
        assert!(
            matches!(world.scheduler.create(wrong.clone()).await, Err(SchedulerError::Invalid(_))),
            "{wrong:?}"
        );
    }
}

/// Source: EventBridge Scheduler user guide, "Schedule types", daylight saving time (2026-11): a time that is not there
/// is skipped, one that comes twice fires once.
#[test]
fn times_that_a_change_of_the_clocks_skips_or_repeats() {
    let zone = Some("America/New_York".to_owned());
    let times = |expression: &str, from: &str, count: usize| -> Vec<String> {
        let schedule = Schedule { timezone: zone.clone(), ..schedule("s", expression) };
        let from = from.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond())).expect("a time");
        let next = |after: &Timestamp| schedule.next(*after);
        let all = std::iter::successors(schedule.next(from), next).take(count);
        all.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ")).collect()
    };
    // 2:30 is not there on the 14th of March 2027.
    assert_eq!(
        times("cron(30 2 * * ? *)", "2027-03-13T00:00:00Z", 2),
        ["2027-03-13T07:30:00Z", "2027-03-15T06:30:00Z"]
    );
    // 1:30 comes twice on the 7th of November 2027.
    assert_eq!(
        times("cron(30 1 * * ? *)", "2027-11-06T12:00:00Z", 2),
        ["2027-11-07T05:30:00Z", "2027-11-08T06:30:00Z"]
    );
    // A rate knows no clocks.
    assert_eq!(
        times("rate(1 day)", "2027-11-06T12:00:00Z", 1)[0][11..],
        times("rate(1 day)", "2027-11-08T12:00:00Z", 1)[0][11..]
    );
}

#[tokio::test]
async fn without_an_input_a_target_gets_an_event() {
    let world = World::new().await;
    let target = ScheduleTarget { input: None, ..schedule("s", "rate(1 hour)").target };
    world.scheduler.create(Schedule { target, ..schedule("s", "rate(1 hour)") }).await.expect("made");
    let event: Value = serde_json::from_str(&world.delivered().await[0]).expect("JSON");
    assert_eq!(event["source"], "aws.scheduler");
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["resources"][0], "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s");
    assert_eq!(event["detail"], "{}");
    assert_eq!(event["time"], "2026-11-25T00:00:00Z");
}
