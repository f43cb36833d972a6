use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use ebb_model::ServiceCaller;
use ebb_store::StoreConfig;
use serde_json::json;

use super::*;
use crate::delivery::{Delivery, Message, Sender, Target as _};

mod fifo;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    queues: Queues,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(TestClock(AtomicI64::new(1_000_000_000)));
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.expect("a store");
        let parts = QueueParts {
            store,
            clock: clock.clone(),
            account: AccountId::parse("000000000000").expect("an account"),
            region: Region::parse("us-east-1").expect("a region"),
        };
        Self { queues: Queues::open(parts).await.expect("queues"), clock, _folder: folder }
    }

    async fn queue(&self, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
        self.queues.create(name, &map(attributes), &BTreeMap::new()).await.expect("a queue")
    }

    async fn send(&self, queue: &Queue, body: &str) -> Sent {
        self.queues.send(queue, text(body), "000000000000").await.expect("sent")
    }

    async fn receive(&self, queue: &Queue) -> Vec<Received> {
        let request = ReceiveRequest { limit: Some(10), wait_seconds: Some(0), ..ReceiveRequest::default() };
        self.queues.receive(queue, &request).await.expect("received")
    }
}

fn map(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn text(body: &str) -> QueueMessage {
    QueueMessage { body: body.to_owned(), ..QueueMessage::default() }
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|received| received.message.body.as_str()).collect()
}

#[tokio::test]
async fn attributes_are_checked_kept_and_shown() {
    let world = World::new().await;
    let queue = world.queue("q", &[("VisibilityTimeout", "5")]).await;
    let shown = world.queues.attributes(&queue).await.expect("attributes");
    for (name, value) in [
        ("VisibilityTimeout", "5"),
        ("DelaySeconds", "0"),
        ("MessageRetentionPeriod", "345600"),
        ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("SqsManagedSseEnabled", "true"),
    ] {
        assert_eq!(shown.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!shown.contains_key("FifoQueue"));
    // The same again is the same queue; something else is not.
    assert_eq!(world.queue("q", &[("VisibilityTimeout", "5")]).await.uid, queue.uid);
    let other = world.queues.create("q", &map(&[("VisibilityTimeout", "6")]), &BTreeMap::new()).await;
    assert!(matches!(other, Err(QueueError::Exists(name)) if name == "VisibilityTimeout"));
    for (name, value, message) in [
        ("VisibilityTimeout", "43201", "Invalid value for the parameter VisibilityTimeout."),
        ("VisibilityTimeout", "x", "Invalid value for the parameter VisibilityTimeout."),
        ("Nope", "1", "Unknown Attribute Nope."),
        ("ContentBasedDeduplication", "true", "Unknown Attribute ContentBasedDeduplication."),
        ("Policy", "{", "Invalid value for the parameter Policy."),
        (
            "RedrivePolicy",
            "{}",
            "Value {} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory \
             attribute: deadLetterTargetArn.",
        ),
    ] {
        let error = world.queues.set_attributes("q", &map(&[(name, value)])).await.expect_err(name);
        assert_eq!(error.to_string(), message);
    }
    for name in ["", "has space", "q.fifo", &"x".repeat(81)] {
        assert!(world.queues.create(name, &BTreeMap::new(), &BTreeMap::new()).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_message_comes_with_its_digests_and_attributes() {
    let world = World::new().await;
    let queue = world.queue("q", &[]).await;
    let attribute = |data_type: &str, value: &str| MessageAttribute {
        data_type: data_type.to_owned(),
        value: value.to_owned(),
    };
    let message = QueueMessage {
        attributes: [
            ("n".to_owned(), attribute("Number", "1")),
            ("b".to_owned(), attribute("Binary", "AAE=")),
        ]
        .into(),
        ..text("hello")
    };
    let sent = world.queues.send(&queue, message.clone(), "me").await.expect("sent");
    assert_eq!(sent.body_md5, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(sent.attributes_md5, attributes_md5(&message.attributes));
    let received = world.receive(&queue).await;
    assert_eq!(received[0].message.attributes, message.attributes);
    assert_eq!((received[0].message.id.as_str(), received[0].receives), (sent.id.as_str(), 1));
    world.queues.delete_message(&queue, received[0].receipt.as_str()).await.expect("deleted");
    let handle = received[0].receipt.as_str();
    assert!(matches!(
        world.queues.change_visibility(&queue, handle, 1).await,
        Err(QueueError::MessageGone(_))
    ));
    assert!(matches!(world.queues.delete_message(&queue, "x").await, Err(QueueError::ReceiptHandle(_))));
}

#[tokio::test]
async fn what_no_message_may_be_is_refused() {
    let world = World::new().await;
    let (queue, fifo) = (world.queue("q", &[]).await, world.queue("q.fifo", &[("FifoQueue", "true")]).await);
    let with_attribute = |name: &str, data_type: &str, value: &str| QueueMessage {
        attributes: [(
            name.to_owned(),
            MessageAttribute { data_type: data_type.to_owned(), value: value.to_owned() },
        )]
        .into(),
        ..text("x")
    };
    let in_group = QueueMessage { group: Some("g".to_owned()), ..text("x") };
    for (queue, message, part) in [
        (&queue, text(""), "MessageBody"),
        (&queue, text("a\u{1}"), "Invalid characters found"),
        (&queue, text(&"x".repeat(1_048_577)), "Message must be shorter than 1048576 bytes"),
        (&queue, with_attribute("AWS.x", "String", "v"), "reserved prefixes"),
        (&queue, with_attribute("a", "Nope", "v"), "invalid message attribute type"),
        (&queue, with_attribute("a", "Number", "v"), "Can't cast the value"),
        (&queue, with_attribute("a", "String", ""), "non-empty value"),
        (&queue, QueueMessage { delay_seconds: Some(901), ..text("x") }, "DelaySeconds"),
        (
            &queue,
            QueueMessage { deduplication: Some("d".to_owned()), ..text("x") },
            "not valid for this queue type",
        ),
        (&fifo, text("x"), "MessageGroupId"),
        (&fifo, in_group.clone(), "ContentBasedDeduplication"),
        (
            &fifo,
            QueueMessage { delay_seconds: Some(1), deduplication: Some("d".to_owned()), ..in_group },
            "DelaySeconds",
        ),
    ] {
        let error = world.queues.send(queue, message, "me").await.expect_err(part).to_string();
        assert!(error.contains(part), "{error} says nothing of {part}");
    }
    let batch = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), text("x"))).collect();
    for (ids, part) in [
        (&[][..], "at least one"),
        (&["a", "a"], "repeated"),
        (&["a b"], "batch entry id"),
        (&["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"], "have sent 11"),
    ] {
        let error = world.queues.send_batch(&queue, batch(ids), "me").await.expect_err(part).to_string();
        assert!(error.contains(part), "{error} says nothing of {part}");
    }
}

#[tokio::test]
async fn duplicates_are_known_for_five_minutes_by_id_by_content_and_by_group() {
    let world = World::new().await;
    let message = |body: &str, group: &str, id: Option<&str>| QueueMessage {
        group: Some(group.to_owned()),
        deduplication: id.map(str::to_owned),
        ..text(body)
    };
    let fifo = world.queue("a.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]).await;
    let send = async |queue: &Queue, message| world.queues.send(queue, message, "me").await.expect("sent");
    let first = send(&fifo, message("x", "g", None)).await;
    assert_eq!(send(&fifo, message("x", "h", None)).await, first);
    assert_ne!(send(&fifo, message("x", "g", Some("other"))).await.id, first.id);
    world.clock.0.fetch_add(5 * 60_000, Ordering::SeqCst);
    assert_ne!(send(&fifo, message("x", "g", None)).await.id, first.id);
    let scoped = world
        .queue(
            "b.fifo",
            &[
                ("FifoQueue", "true"),
                ("DeduplicationScope", "messageGroup"),
                ("FifoThroughputLimit", "perMessageGroupId"),
            ],
        )
        .await;
    let first = send(&scoped, message("x", "g", Some("1"))).await;
    assert_ne!(send(&scoped, message("x", "h", Some("1"))).await.id, first.id);
    assert_eq!(bodies(&world.receive(&fifo).await).len(), 3);
}

#[tokio::test]
async fn a_receive_that_waits_ends_with_a_message() {
    let world = World::new().await;
    let queue = world.queue("q", &[("ReceiveMessageWaitTimeSeconds", "20")]).await;
    let (queues, waiting) = (world.queues.clone(), queue.clone());
    let receiving =
        tokio::spawn(
            async move { queues.receive(&waiting, &ReceiveRequest::default()).await.expect("received") },
        );
    world.send(&queue, "late").await;
    assert_eq!(bodies(&receiving.await.expect("ended")), ["late"]);
}

#[tokio::test]
async fn dead_letters_are_buried_and_brought_back() {
    let world = World::new().await;
    let dead = world.queue("dead", &[]).await;
    let arn = world.queues.arn("dead");
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}).to_string();
    let queue = world.queue("q", &[("VisibilityTimeout", "0"), ("RedrivePolicy", redrive.as_str())]).await;
    for body in ["a", "b", "c"] {
        world.send(&queue, body).await;
    }
    assert_eq!(world.receive(&queue).await.len(), 3);
    assert!(world.receive(&queue).await.is_empty());
    let attributes = map(&[("RedriveAllowPolicy", r#"{"redrivePermission": "denyAll"}"#)]);
    world.queues.set_attributes("dead", &attributes).await.expect("set");
    let refused =
        world.queues.create("other", &map(&[("RedrivePolicy", redrive.as_str())]), &BTreeMap::new()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("does not have permission")));
    assert_eq!(world.queues.dead_letter_sources("dead").len(), 1);
    assert!(
        world.queues.start_move(&world.queues.arn("q"), None, None).await.is_err(),
        "no dead-letter queue"
    );
    world.queue("other.fifo", &[("FifoQueue", "true")]).await;
    for (destination, said) in [("dead", "cannot be the same"), ("other.fifo", "same type")] {
        let refused = world.queues.start_move(&arn, Some(&world.queues.arn(destination)), None).await;
        assert!(refused.is_err_and(|error| error.to_string().contains(said)), "{destination}");
    }
    let task = world.queues.start_move(&arn, None, None).await.expect("a task");
    assert_eq!(task.to_move, 3);
    let done = async {
        while world.queues.moves(&arn)[0].state != MoveTaskState::Completed {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), done).await.expect("it ends");
    assert_eq!(world.queues.moves(&arn)[0].moved, 3);
    assert!(world.receive(&dead).await.is_empty());
    assert_eq!(world.receive(&queue).await.len(), 3);
    assert!(world.queues.cancel_move(&task.task_handle()).await.is_err());
}

#[tokio::test]
async fn a_policy_says_which_service_may_send() {
    let world = World::new().await;
    let queue = world.queue("q", &[]).await;
    let target = QueueTarget::new(world.queues.clone());
    let caller = |service: &str| {
        Sender::Service(ServiceCaller {
            service: service.to_owned(),
            source_arn: "arn:aws:sns:us-east-1:000000000000:t".to_owned(),
            source_account: "000000000000".to_owned(),
        })
    };
    let deliver = async |from: Sender| {
        let message = Message { body: "x".to_owned(), ..Message::default() };
        target.deliver(&Delivery::new(world.queues.arn("q"), message, from, Timestamp(0))).await
    };
    deliver(caller("sns.amazonaws.com")).await.expect("no policy");
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sqs:SendMessage", "Resource": "*"}]});
    world.queues.set_attributes("q", &map(&[("Policy", policy.to_string().as_str())])).await.expect("set");
    deliver(caller("s3.amazonaws.com")).await.expect("allowed");
    deliver(Sender::Owner).await.expect("the owner");
    let refused = deliver(caller("sns.amazonaws.com")).await.expect_err("not allowed");
    assert!(!refused.may_retry() && refused.message.contains("sns.amazonaws.com"), "{refused}");
    assert_eq!(world.receive(&queue).await.len(), 3);
    let accounts = ["111111111111".to_owned()];
    world.queues.add_permission("q", "l", &accounts, &["SendMessage".to_owned()]).await.expect("added");
    world.queues.remove_permission("q", "l").await.expect("removed");
    assert!(world.queues.remove_permission("q", "l").await.is_err());
}

#[tokio::test]
async fn what_is_purged_or_deleted_is_gone() {
    let world = World::new().await;
    let queue = world.queue("q", &[]).await;
    world.send(&queue, "a").await;
    world.queues.purge("q").await.expect("purged");
    assert!(world.receive(&queue).await.is_empty());
    assert!(matches!(world.queues.purge("q").await, Err(QueueError::PurgeInProgress(_))));
    world.send(&queue, "b").await;
    world.queues.delete("q").await.expect("deleted");
    assert!(matches!(world.queues.find("http://localhost:1/000000000000/q"), Err(QueueError::NoSuchQueue)));
    let again = world.queue("q", &[]).await;
    assert!(world.receive(&again).await.is_empty());
}

#[tokio::test]
async fn a_receipt_of_a_fifo_queue_ends_with_its_visibility_timeout() {
    let world = World::new().await;
    let settings = [("FifoQueue", "True"), ("ContentBasedDeduplication", "True"), ("VisibilityTimeout", "1")];
    let (queue, fifo) = (world.queue("q", &settings[2..]).await, world.queue("q.fifo", &settings).await);
    assert_eq!(world.queues.attributes(&fifo).await.expect("attributes")["FifoQueue"], "true");
    let in_group = QueueMessage { group: Some("g".to_owned()), ..text("x") };
    world.send(&queue, "x").await;
    world.queues.send(&fifo, in_group, "me").await.expect("sent");
    let (standard, ordered) = (world.receive(&queue).await, world.receive(&fifo).await);
    let (standard, ordered) = (standard[0].receipt.as_str(), ordered[0].receipt.as_str());
    world.clock.0.fetch_add(1000, Ordering::SeqCst);
    assert!(matches!(world.queues.delete_message(&fifo, ordered).await, Err(QueueError::ReceiptExpired(_))));
    let entries = vec![("a".to_owned(), "x".to_owned()), ("b".to_owned(), ordered.to_owned())];
    let batch = world.queues.delete_batch(&fifo, entries).await.expect("a batch");
    assert!(matches!(batch[0], (_, Err(QueueError::ReceiptHandle(_)))));
    assert!(matches!(batch[1], (_, Err(QueueError::ReceiptExpired(_)))));
    assert!(matches!(world.queues.change_visibility(&fifo, ordered, 1).await, Err(QueueError::NotInFlight)));
    world.queues.change_visibility(&queue, standard, 1).await.expect("held again");
    assert!(world.receive(&queue).await.is_empty());
    world.queues.delete_message(&queue, standard).await.expect("deleted");
}

#[tokio::test]
async fn a_message_is_held_for_twelve_hours_at_most() {
    let world = World::new().await;
    let queue = world.queue("q", &[("VisibilityTimeout", "43200")]).await;
    world.send(&queue, "x").await;
    let received = world.receive(&queue).await;
    let receipt = received[0].receipt.as_str();
    let hold = |seconds| world.queues.change_visibility(&queue, receipt, seconds);
    hold(43_200).await.expect("all twelve hours");
    world.clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    let refused = hold(39_601).await.expect_err("too long");
    assert!(refused.to_string().contains("beyond the limit [43200 seconds]"), "{refused}");
    hold(39_600).await.expect("what is left");
    hold(0).await.expect("visible");
    // The twelve hours begin with each receive.
    let again = world.receive(&queue).await;
    let held = world.queues.change_visibility(&queue, again[0].receipt.as_str(), 43_200).await;
    held.expect("all twelve hours");
}

#[tokio::test]
async fn dead_letters_are_kept_as_long_as_their_queue_keeps_messages() {
    for (suffix, begins_anew) in [("", false), (".fifo", true)] {
        let world = World::new().await;
        let fifo = if begins_anew {
            vec![("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]
        } else {
            vec![]
        };
        let (name, dead_name) = (format!("q{suffix}"), format!("dead{suffix}"));
        let dead = world.queue(&dead_name, &fifo).await;
        let redrive =
            json!({"deadLetterTargetArn": world.queues.arn(&dead_name), "maxReceiveCount": 1}).to_string();
        let attributes =
            [&fifo[..], &[("VisibilityTimeout", "0"), ("RedrivePolicy", redrive.as_str())]].concat();
        let queue = world.queue(&name, &attributes).await;
        let group = begins_anew.then(|| "g".to_owned());
        world.queues.send(&queue, QueueMessage { group, ..text("x") }, "me").await.expect("sent");
        let sent = world.receive(&queue).await[0].sent;
        world.clock.0.fetch_add(60_000, Ordering::SeqCst);
        assert!(world.receive(&queue).await.is_empty());
        let buried = world.receive(&dead).await[0].sent;
        assert_eq!(buried.since(sent), Duration::from_secs(if begins_anew { 60 } else { 0 }), "{name}");
    }
}

#[tokio::test]
async fn a_fifo_queue_refuses_a_whole_batch_and_delays_as_it_says_itself() {
    let world = World::new().await;
    let fifo = world.queue("q.fifo", &[("FifoQueue", "true"), ("DelaySeconds", "2")]).await;
    let message = |group: Option<&str>, id: Option<&str>| QueueMessage {
        group: group.map(str::to_owned),
        deduplication: id.map(str::to_owned),
        delay_seconds: Some(0),
        ..text("x")
    };
    for (wrong, reason) in [
        (message(None, Some("b")), "The request must contain the parameter MessageGroupId."),
        (
            message(Some("g"), None),
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        ),
    ] {
        let entries = vec![("a".to_owned(), message(Some("g"), Some("a"))), ("b".to_owned(), wrong)];
        match world.queues.send_batch(&fifo, entries, "me").await {
            Err(QueueError::Parameter(message)) => assert_eq!(message, reason),
            other => panic!("{other:?}"),
        }
    }
    world.queues.send(&fifo, message(Some("g"), Some("a")), "me").await.expect("sent");
    assert!(world.receive(&fifo).await.is_empty());
    world.clock.0.fetch_add(2000, Ordering::SeqCst);
    assert_eq!(world.receive(&fifo).await.len(), 1);
}

#[tokio::test]
async fn what_only_fifo_queues_have_is_refused_by_name() {
    let world = World::new().await;
    world.queue("q", &[]).await;
    world.queue("q.fifo", &[("FifoQueue", "true")]).await;
    let set = async |name: &str, attribute: &str, value: &str| {
        world
            .queues
            .set_attributes(name, &map(&[(attribute, value)]))
            .await
            .map_err(|error| error.to_string())
    };
    for (name, attribute, value, reason) in [
        ("q", "FifoQueue", "true", "Unknown Attribute FifoQueue."),
        ("q", "ContentBasedDeduplication", "true", "Unknown Attribute ContentBasedDeduplication."),
        (
            "q",
            "FifoThroughputLimit",
            "perQueue",
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
        (
            "q.fifo",
            "FifoQueue",
            "false",
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        ),
    ] {
        assert_eq!(set(name, attribute, value).await, Err(reason.to_owned()));
    }
    assert_eq!(set("q.fifo", "FifoQueue", "true").await, Ok(()));
}

#[tokio::test]
async fn permissions_and_tags_have_their_limits() {
    let world = World::new().await;
    world.queue("q", &[]).await;
    world.queue("dead", &[]).await;
    let accounts = ["111111111111".to_owned()];
    let refused = world.queues.add_permission("q", "l", &accounts, &["RemovePermission".to_owned()]).await;
    assert_eq!(
        refused.expect_err("the owner's").to_string(),
        "Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the queue owner is allowed to \
         invoke this action."
    );
    let tags = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect::<BTreeMap<_, _>>();
    world.queues.change_tags("q", |own| own.extend(tags(50))).await.expect("50 tags");
    let refused = world.queues.change_tags("q", |own| own.extend(tags(51))).await.expect_err("51 tags");
    assert_eq!(refused.to_string(), "Too many tags added for queue q.");
    let policy = json!({"deadLetterTargetArn": world.queues.arn("dead"), "maxReceiveCount": "3"}).to_string();
    world.queues.set_attributes("q", &map(&[("RedrivePolicy", &policy)])).await.expect("set");
    let shown = world.queues.attributes(&world.queues.queue("q").expect("q")).await.expect("attributes");
    assert!(shown["RedrivePolicy"].ends_with("\"maxReceiveCount\":3}"), "{}", shown["RedrivePolicy"]);
}
