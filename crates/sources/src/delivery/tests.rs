use std::sync::Mutex;
use std::time::Duration;

use ebb_model::{Clock, SystemClock};
use ebb_store::{Store, StoreConfig};
use tokio::sync::Notify;

use super::worker::follow;
use super::*;

/// Answers attempts as it is told, then takes everything; remembers what came.
#[derive(Default)]
struct FakeTarget {
    answers: Mutex<Vec<Undelivered>>,
    taken: Mutex<Vec<Delivery>>,
    came: Notify,
}

impl Target for FakeTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(async {
            if let Some(error) = self.answers.lock().expect("a lock").pop() {
                return Err(error);
            }
            self.taken.lock().expect("a lock").push(delivery.clone());
            self.came.notify_one();
            Ok(())
        })
    }
}

fn delivery(target: &str) -> Delivery {
    let message = Message { body: "hello".to_owned(), ..Message::default() };
    Delivery::new(target.to_owned(), message, Sender::Owner, Timestamp(1_000))
}

fn dead(explained: Option<BTreeMap<String, String>>) -> Option<DeadLetter> {
    Some(DeadLetter { arn: "arn:aws:sqs:r:a:dead".to_owned(), explained, ..DeadLetter::default() })
}

#[tokio::test]
async fn a_delivery_that_is_refused_reaches_its_dead_letter_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open(&config).await.expect("a store");
    let (topic, queue) = (Arc::new(FakeTarget::default()), Arc::new(FakeTarget::default()));
    topic.answers.lock().expect("a lock").push(Undelivered::refused("NO_PERMISSIONS", "no"));
    let targets = Targets::default().with("sns", topic.clone()).with("sqs", queue.clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let worker = Deliveries::start(DeliveryParts { store: store.clone(), clock, targets });
    let first = Delivery { dead_letter: dead(Some(BTreeMap::new())), ..delivery("arn:aws:sns:r:a:topic") };
    let second = delivery("arn:aws:sns:r:a:topic");
    let work = [first.clone(), second.clone()].map(|one| one.into_work(Timestamp(0)));
    store.work().enqueue(work.to_vec()).await.expect("stored");
    topic.came.notified().await;
    queue.came.notified().await;
    worker.stop().await;
    assert_eq!(topic.taken.lock().expect("a lock").len(), 1);
    let letters = queue.taken.lock().expect("a lock").clone();
    assert_eq!(letters[0].message.body, "hello");
    assert_eq!(letters[0].message.attributes["ERROR_CODE"].value, "NO_PERMISSIONS");
    assert_eq!(store.work().depth(QUEUE).await.expect("a depth"), ebb_store::Depth::default());
}

#[test]
fn what_fails_is_tried_again_until_its_retries_or_its_time_are_used_up() {
    let later = |seconds: u64| Timestamp(1_000).plus(Duration::from_secs(seconds));
    let failure = Undelivered::for_now("THROTTLED", "slow down");
    let retry = RetryPolicy { attempts: 2, age_seconds: 100 };
    let first = Delivery { retry, dead_letter: dead(None), ..delivery("arn:aws:sqs:r:a:q") };

    let pass = follow(first.clone(), &failure, later(0));
    let (due, body) = pass.again.expect("a retry");
    assert_eq!((due, pass.add.len()), (later(1), 0));
    let again: Delivery = serde_json::from_slice(&body.expect("a body")).expect("a delivery");
    assert_eq!(again, Delivery { failures: 1, ..first.clone() });

    let pass = follow(Delivery { failures: 1, ..first.clone() }, &failure, later(5));
    assert_eq!(pass.again.expect("a retry").0, later(7));

    for given_up in [
        follow(Delivery { failures: 2, ..first.clone() }, &failure, later(9)),
        follow(first.clone(), &failure, later(100)),
        follow(first, &Undelivered::refused("X", "no"), later(0)),
    ] {
        assert!(given_up.again.is_none());
        let letter: Delivery = serde_json::from_slice(&given_up.add[0].body).expect("a delivery");
        assert_eq!((letter.target.as_str(), letter.message.attributes.len()), ("arn:aws:sqs:r:a:dead", 0));
    }
    assert!(follow(delivery("arn:aws:sqs:r:a:q"), &Undelivered::refused("X", "no"), later(0)).add.is_empty());
}

#[tokio::test]
async fn a_service_that_ebb_does_not_have_refuses() {
    let error =
        Targets::default().deliver(&delivery("arn:aws:kinesis:r:a:stream/s")).await.expect_err("refused");
    assert!(!error.may_retry() && error.message.contains("arn:aws:kinesis:r:a:stream/s"), "{error}");
}
