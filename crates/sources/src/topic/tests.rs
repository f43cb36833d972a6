use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region, ServiceCaller, SystemClock, Timestamp};
use ebb_store::{Store, StoreConfig};
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::filter::{Filter, Scope};
use super::message::Accepted;
use super::*;
use crate::delivery::{Attribute, Deliveries, Delivery, DeliveryParts, Sender, Target, Undelivered};

mod refusals;

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";

/// Takes deliveries, but for those to a target that it refuses, and tells of them.
struct FakeTarget {
    refuses: Mutex<Option<&'static str>>,
    taken: mpsc::UnboundedSender<Delivery>,
}

impl Target for FakeTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(async {
            let refuses = *self.refuses.lock().expect("a lock");
            if refuses.is_some_and(|refused| delivery.target.ends_with(refused)) {
                return Err(Undelivered::refused("NO_PERMISSIONS", "a statement is missing"));
            }
            self.taken.send(delivery.clone()).map_err(|_| Undelivered::refused("GONE", "nobody looks"))
        })
    }
}

/// Topics with a worker that delivers to a fake of everything else.
struct World {
    _folder: tempfile::TempDir,
    topics: Topics,
    worker: Deliveries,
    fake: Arc<FakeTarget>,
    taken: mpsc::UnboundedReceiver<Delivery>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open(&config).await.expect("a store");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let parts = TopicParts {
            store: store.clone(),
            clock: clock.clone(),
            account: AccountId::parse("000000000000").expect("an account"),
            region: Region::parse("us-east-1").expect("a region"),
            url: "http://127.0.0.1:9440".to_owned(),
        };
        let topics = Topics::open(parts).await.expect("topics");
        let (sender, taken) = mpsc::unbounded_channel();
        let fake = Arc::new(FakeTarget { refuses: Mutex::new(None), taken: sender });
        let targets = Targets::default()
            .with("sqs", fake.clone())
            .with("lambda", fake.clone())
            .with("sns", Arc::new(TopicTarget::new(topics.clone())));
        topics.start_fifo(targets.clone());
        let worker = Deliveries::start(DeliveryParts { store, clock, targets });
        Self { _folder: folder, topics, worker, fake, taken }
    }

    async fn subscribe(
        &self,
        topic: &str,
        protocol: Protocol,
        endpoint: &str,
        set: &[(&str, &str)],
    ) -> String {
        let new = NewSubscription {
            protocol,
            endpoint: endpoint.to_owned(),
            attributes: texts(set),
            principal: "arn:aws:iam::000000000000:root".to_owned(),
        };
        let subscription = self.topics.subscribe(topic, new).await.expect("subscribed");
        self.topics.subscription_arn(&subscription)
    }

    async fn next(&mut self) -> Delivery {
        self.taken.recv().await.expect("a delivery")
    }

    async fn stop(self) {
        self.topics.stop().await;
        self.worker.stop().await;
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn attribute(data_type: &str, value: &str) -> Attribute {
    Attribute { data_type: data_type.to_owned(), value: value.to_owned() }
}

fn message(text: &str) -> TopicMessage {
    TopicMessage { message: text.to_owned(), ..TopicMessage::default() }
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_str(&delivery.message.body).expect("JSON")
}

#[tokio::test]
async fn a_message_reaches_everyone_in_the_form_that_was_asked_for() {
    let mut world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    world.subscribe(TOPIC, Protocol::Sqs, "arn:aws:sqs:r:a:plain", &[]).await;
    let raw = [("RawMessageDelivery", "true")];
    world.subscribe(TOPIC, Protocol::Sqs, "arn:aws:sqs:r:a:raw", &raw).await;
    let function = "arn:aws:lambda:r:a:function:f";
    let arn = world.subscribe(TOPIC, Protocol::Lambda, function, &[]).await;
    let gone = world.subscribe(TOPIC, Protocol::Sqs, "arn:aws:sqs:r:a:gone", &[]).await;
    world.topics.unsubscribe(&gone, true).await.expect("ended");
    let text = json!({"default": "d", "sqs": "q"}).to_string();
    let published = TopicMessage {
        subject: Some("s".to_owned()),
        structure: Some("json".to_owned()),
        attributes: BTreeMap::from([("a".to_owned(), attribute("String", "v"))]),
        ..message(&text)
    };
    let id = world.topics.publish(TOPIC, published).await.expect("published").id;
    let mut came = [world.next().await, world.next().await, world.next().await];
    came.sort_by_key(|delivery| delivery.target.clone());
    let [to_function, plain, raw] = &came;

    let record = &body(to_function)["Records"][0];
    assert_eq!((&record["EventSource"], &record["EventVersion"]), (&json!("aws:sns"), &json!("1.0")));
    assert_eq!(record["EventSubscriptionArn"], json!(arn));
    let sns = &record["Sns"];
    assert_eq!((&sns["Message"], &sns["Subject"], &sns["MessageId"]), (&json!("d"), &json!("s"), &json!(id)));
    assert_eq!(sns["MessageAttributes"], json!({"a": {"Type": "String", "Value": "v"}}));

    let envelope = body(plain);
    assert_eq!((&envelope["Type"], &envelope["Message"]), (&json!("Notification"), &json!("q")));
    assert_eq!((&envelope["TopicArn"], &envelope["SignatureVersion"]), (&json!(TOPIC), &json!("1")));
    assert!(plain.message.attributes.is_empty());
    let caller = ServiceCaller {
        service: "sns.amazonaws.com".to_owned(),
        source_arn: TOPIC.to_owned(),
        source_account: "000000000000".to_owned(),
    };
    assert_eq!(plain.from, Sender::Service(caller));

    assert_eq!((raw.message.body.as_str(), raw.message.attributes["a"].value.as_str()), ("q", "v"));
    world.topics.delete(TOPIC).await.expect("removed");
    assert!(world.topics.subscriptions(None).expect("a list").is_empty());
    let missing = world.topics.publish(TOPIC, message("m")).await;
    assert!(matches!(missing, Err(TopicError::NotFound(_))), "{missing:?}");
    world.stop().await;
}

#[tokio::test]
async fn signatures_verify_with_the_key_in_both_versions() {
    let mut world = World::new().await;
    for (version, name) in [("1", "one"), ("2", "two")] {
        let set = texts(&[("SignatureVersion", version)]);
        let topic = world.topics.create(name, set, BTreeMap::new()).await.expect("made");
        let arn = world.topics.arn(&topic.name);
        world.subscribe(&arn, Protocol::Sqs, "arn:aws:sqs:r:a:q", &[]).await;
        let published = TopicMessage { subject: Some("s".to_owned()), ..message("m") };
        world.topics.publish(&arn, published).await.expect("published");
        let envelope = body(&world.next().await);
        let text = |name: &str| envelope[name].as_str().expect("a text").to_owned();
        let names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
        let signed: String = names.iter().map(|name| format!("{name}\n{}\n", text(name))).collect();
        let signature = STANDARD.decode(text("Signature")).expect("base64");
        let key = world.topics.inner.signer.private_for_tests();
        let key = rsa::RsaPrivateKey::from_pkcs8_der(&key).expect("a key").to_public_key();
        let verified = match version {
            "1" => key.verify(
                rsa::Pkcs1v15Sign::new::<sha1::Sha1>(),
                &sha1::Sha1::digest(signed.as_bytes()),
                &signature,
            ),
            _ => {
                key.verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed.as_bytes()), &signature)
            }
        };
        assert!(verified.is_ok(), "version {version} of {signed:?}");
        let url = text("SigningCertURL");
        let file = url.rsplit('/').next().expect("a file");
        let certificate = world.topics.certificate(file).expect("a certificate");
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{certificate}");
    }
    assert_eq!(world.topics.certificate("SimpleNotificationService-other.pem"), None);
    world.stop().await;
}

#[tokio::test]
async fn what_a_queue_refuses_reaches_the_dead_letters_of_the_subscription() {
    let mut world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    let fifo = texts(&[("FifoTopic", "true"), ("ContentBasedDeduplication", "true")]);
    world.topics.create("t.fifo", fifo, BTreeMap::new()).await.expect("made");
    *world.fake.refuses.lock().expect("a lock") = Some(":closed.fifo");
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead.fifo"}).to_string();
    let set = [("RedrivePolicy", policy.as_str())];
    let topic = format!("{TOPIC}.fifo");
    world.subscribe(&topic, Protocol::Sqs, "arn:aws:sqs:r:a:closed.fifo", &set).await;
    let published = TopicMessage { group: Some("g".to_owned()), ..message("m") };
    world.topics.publish(&topic, published).await.expect("published");
    let letter = world.next().await;
    assert!(letter.target.ends_with(":dead.fifo"), "{}", letter.target);
    assert_eq!(body(&letter)["Message"], "m");
    assert!(letter.message.attributes.is_empty(), "{letter:?}");
    world.stop().await;
}

#[tokio::test]
async fn subscriptions_go_with_their_topic() {
    let mut world = World::new().await;
    let topics = world.topics.clone();
    let make = || topics.create("t", BTreeMap::new(), BTreeMap::new());
    make().await.expect("a topic");
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    let subscription = world.subscribe(TOPIC, Protocol::Sqs, queue, &[]).await;
    world.topics.delete(TOPIC).await.expect("deleted");
    assert!(matches!(world.topics.subscription(&subscription), Err(TopicError::NotFound(_))));
    assert_eq!(world.topics.subscriptions(None).expect("a list"), []);
    make().await.expect("another of the name");
    assert_eq!(world.topics.subscriptions(Some(TOPIC)).expect("a list"), []);
    world.topics.publish(TOPIC, message("nobody hears")).await.expect("published");
    world.subscribe(TOPIC, Protocol::Sqs, queue, &[("RawMessageDelivery", "true")]).await;
    world.topics.publish(TOPIC, message("heard")).await.expect("published");
    assert_eq!(world.next().await.message.body, "heard");
    world.stop().await;
}

#[tokio::test]
async fn a_fifo_topic_keeps_the_order_of_a_group_and_drops_what_came_before() {
    let mut world = World::new().await;
    let topic = format!("{TOPIC}.fifo");
    let set = texts(&[("FifoTopic", "true"), ("ContentBasedDeduplication", "true")]);
    world.topics.create("t.fifo", set, BTreeMap::new()).await.expect("made");
    world.subscribe(&topic, Protocol::Sqs, "arn:aws:sqs:r:a:q.fifo", &[("RawMessageDelivery", "true")]).await;
    let publish = |text: &str, id: Option<&str>| TopicMessage {
        group: Some("g".to_owned()),
        deduplication: id.map(str::to_owned),
        ..message(text)
    };
    let mut places = Vec::new();
    let mut ids = Vec::new();
    for (text, id) in [("1", None), ("2", None), ("1", None), ("3", Some("x")), ("4", Some("x")), ("5", None)]
    {
        let published = world.topics.publish(&topic, publish(text, id)).await.expect("published");
        places.push(published.sequence.expect("a place"));
        ids.push(published.id);
    }
    assert_eq!((&ids[2], &ids[4]), (&ids[0], &ids[3]), "duplicates have the id of the first");
    assert!(places[0] < places[1] && places[1] < places[3] && places[3] < places[5], "{places:?}");
    for expected in ["1", "2", "3", "5"] {
        let delivery = world.next().await;
        let (text, group) = (delivery.message.body.as_str(), delivery.message.group.as_deref());
        assert_eq!((text, group), (expected, Some("g")));
    }
    let ungrouped = world.topics.publish(&topic, message("m")).await;
    assert!(matches!(ungrouped, Err(TopicError::Invalid(_))), "{ungrouped:?}");
    world.stop().await;
}

/// A web server that answers every request with a status and tells of it.
async fn listener(status: u16) -> (String, mpsc::UnboundedReceiver<(http::HeaderMap, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/here", listener.local_addr().expect("an address"));
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let sender = sender.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.expect("a body").to_bytes();
                    let text = String::from_utf8(body.to_vec()).expect("a text");
                    let _ = sender.send((parts.headers, text));
                    let answer = http::Response::builder().status(status);
                    answer.body(http_body_util::Empty::<bytes::Bytes>::new())
                }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    (url, requests)
}

#[tokio::test]
async fn an_http_endpoint_confirms_and_then_gets_messages() {
    let world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    let (url, mut requests) = listener(200).await;
    let arn = world.subscribe(TOPIC, Protocol::Http, &url, &[]).await;
    let (headers, text) = requests.recv().await.expect("a request");
    let confirmation: Value = serde_json::from_str(&text).expect("JSON");
    let header = |headers: &http::HeaderMap, name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let kind = header(&headers, "x-amz-sns-message-type");
    assert_eq!(kind.as_deref(), Some("SubscriptionConfirmation"));
    assert_eq!(confirmation["Type"], "SubscriptionConfirmation");
    let token = confirmation["Token"].as_str().expect("a token");
    let link = confirmation["SubscribeURL"].as_str().expect("a link");
    assert!(link.contains("Action=ConfirmSubscription") && link.contains(token), "{link}");

    let unwanted = world.topics.confirm(TOPIC, "0123abcd", false, false).await;
    assert!(matches!(unwanted, Err(TopicError::Invalid(_))), "{unwanted:?}");
    world.topics.publish(TOPIC, message("too early")).await.expect("published");
    world.topics.confirm(TOPIC, token, false, false).await.expect("confirmed");
    world.topics.publish(TOPIC, message("m")).await.expect("published");
    let (headers, text) = requests.recv().await.expect("a request");
    let notification: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(notification["Message"], "m", "what came before the confirmation is not sent");
    assert_eq!(header(&headers, "x-amz-sns-subscription-arn"), Some(arn.clone()));
    assert_eq!(header(&headers, "content-type").as_deref(), Some("text/plain; charset=UTF-8"));

    world.topics.set_subscription_attribute(&arn, "RawMessageDelivery", "true").await.expect("set");
    world.topics.publish(TOPIC, message("as it is")).await.expect("published");
    let (headers, text) = requests.recv().await.expect("a request");
    assert_eq!(
        (text.as_str(), header(&headers, "x-amz-sns-rawdelivery").as_deref()),
        ("as it is", Some("true"))
    );
    world.topics.unsubscribe(&arn, false).await.expect("ended without a signature");
    let (headers, text) = requests.recv().await.expect("a request");
    let ended: Value = serde_json::from_str(&text).expect("JSON");
    let kind = header(&headers, "x-amz-sns-message-type");
    assert_eq!((kind.as_deref(), ended["Type"].as_str()), (Some("UnsubscribeConfirmation"), kind.as_deref()));
    assert!(world.topics.subscription(&arn).is_err());
    let token = ended["Token"].as_str().expect("a token");
    let restored = world.topics.confirm(TOPIC, token, false, false).await.expect("brought back");
    assert_eq!(world.topics.subscription_arn(&restored), arn);
    world.topics.confirm(TOPIC, token, false, false).await.expect("there already");
    world.topics.publish(TOPIC, message("again")).await.expect("published");
    assert_eq!(requests.recv().await.expect("a request").1, "again");
    world.topics.unsubscribe(&arn, true).await.expect("ended with a signature");
    world.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_good_costs_a_dead_letter() {
    let mut world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    for (status, code) in [(500, "500"), (403, "403")] {
        let (url, _requests) = listener(status).await;
        let redrive = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}).to_string();
        let retry = json!({"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}}).to_string();
        let set = [("RedrivePolicy", redrive.as_str()), ("DeliveryPolicy", retry.as_str())];
        let arn = world.subscribe(TOPIC, Protocol::Http, &url, &set).await;
        let token = world.topics.subscription(&arn).expect("one").token.clone().expect("a token");
        world.topics.confirm(TOPIC, &token, true, true).await.expect("confirmed");
        world.topics.publish(TOPIC, message("m")).await.expect("published");
        let letter = world.next().await;
        assert_eq!(letter.message.attributes["ErrorCode"].value, code);
        let refused = world.topics.unsubscribe(&arn, false).await;
        assert!(matches!(refused, Err(TopicError::NotAuthorized(_))), "{refused:?}");
        world.topics.unsubscribe(&arn, true).await.expect("ended with a signature");
    }
    world.stop().await;
}

#[tokio::test]
async fn others_publish_where_the_policy_lets_them() {
    let mut world = World::new().await;
    world.topics.create("t", BTreeMap::new(), BTreeMap::new()).await.expect("made");
    world.subscribe(TOPIC, Protocol::Sqs, "arn:aws:sqs:r:a:q", &[]).await;
    let target = TopicTarget::new(world.topics.clone());
    let caller = |account: &str| ServiceCaller {
        service: "events.amazonaws.com".to_owned(),
        source_arn: "arn:aws:events:us-east-1:000000000000:rule/r".to_owned(),
        source_account: account.to_owned(),
    };
    let delivery = |account: &str| {
        let message = crate::delivery::Message { body: "m".to_owned(), ..Default::default() };
        Delivery::new(TOPIC.to_owned(), message, Sender::Service(caller(account)), Timestamp(0))
    };
    target.deliver(&delivery("000000000000")).await.expect("its own account");
    assert_eq!(body(&world.next().await)["Message"], "m");
    let refused = target.deliver(&delivery("111111111111")).await.expect_err("another account");
    assert!(!refused.may_retry() && refused.message.contains("sns:Publish"), "{refused}");
    let statement =
        json!({"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"});
    let policy = json!({ "Statement": statement });
    world.topics.set_attribute(TOPIC, "Policy", &policy.to_string()).await.expect("set");
    let refused = target.deliver(&delivery("000000000000")).await.expect_err("not in the policy");
    assert!(refused.message.contains("events.amazonaws.com"), "{refused}");
    world.stop().await;
}

fn accepted(attributes: &[(&str, &str, &str)], text: &str) -> Accepted {
    Accepted {
        trace: None,
        id: String::new(),
        texts: BTreeMap::new(),
        text: text.to_owned(),
        subject: None,
        attributes: attributes
            .iter()
            .map(|(name, kind, value)| ((*name).to_owned(), attribute(kind, value)))
            .collect(),
        group: None,
        deduplication: None,
        at: Timestamp(0),
        sequence: None,
        replayed: false,
    }
}

#[test]
fn filter_policies_look_at_attributes() {
    let message = accepted(
        &[
            ("kind", "String", "order"),
            ("total", "Number", "12.5"),
            ("tags", "String.Array", r#"["a", 2, true, null]"#),
            ("bytes", "Binary", "AAAA"),
            ("ip", "String", "10.1.2.3"),
        ],
        "",
    );
    let check = |policy: Value, wanted: bool| {
        let filter = Filter::parse(&policy.to_string(), Scope::Attributes).expect("a policy");
        assert_eq!(filter.wants(&message, ""), wanted, "{policy}");
    };
    for (policy, wanted) in [
        (json!({}), true),
        (json!({"kind": ["order", "note"]}), true),
        (json!({"kind": ["note"]}), false),
        (json!({"kind": ["order"], "total": [1]}), false),
        (json!({"kind": [{"prefix": "or"}]}), true),
        (json!({"kind": [{"suffix": "er"}]}), true),
        (json!({"kind": [{"anything-but": ["order"]}]}), false),
        (json!({"kind": [{"anything-but": {"prefix": "x"}}]}), true),
        (json!({"kind": [{"equals-ignore-case": "ORDER"}]}), true),
        (json!({"total": [12.5]}), true),
        (json!({"total": [12.500_001]}), true),
        (json!({"total": [12.5001]}), false),
        (json!({"total": ["12.5"]}), false),
        (json!({"total": [{"numeric": [">", 10, "<=", 12.5]}]}), true),
        (json!({"total": [{"numeric": ["=", 12]}]}), false),
        (json!({"tags": ["a"]}), true),
        (json!({"tags": [2]}), true),
        (json!({"tags": [null]}), true),
        (json!({"tags": ["b"]}), false),
        (json!({"bytes": [{"exists": true}]}), false),
        (json!({"missing": [{"exists": false}]}), true),
        (json!({"missing": [{"anything-but": "x"}]}), false),
        (json!({"ip": [{"cidr": "10.0.0.0/8"}]}), true),
        (json!({"$or": [{"kind": ["note"]}, {"total": [{"numeric": [">", 1]}]}]}), true),
        (json!({"$or": [{"kind": ["note"]}, {"total": [{"numeric": [">", 20]}]}]}), false),
    ] {
        check(policy, wanted);
    }
}

#[test]
fn filter_policies_look_at_bodies() {
    let body =
        json!({"order": {"total": 5, "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}}).to_string();
    let message = accepted(&[], &body);
    for (policy, wanted) in [
        (json!({"order": {"total": [{"numeric": [">", 1]}]}}), true),
        (json!({"order": {"items": {"sku": ["b"]}}}), true),
        (json!({"order": {"items": {"sku": ["a"], "n": [2]}}}), false),
        (json!({"order": {"gone": [{"exists": false}]}}), true),
        (json!({"other": ["x"]}), false),
    ] {
        let filter = Filter::parse(&policy.to_string(), Scope::Body).expect("a policy");
        assert_eq!(filter.wants(&message, &body), wanted, "{policy}");
    }
    let filter = Filter::parse(r#"{"a": [{"exists": false}]}"#, Scope::Body).expect("a policy");
    assert!(!filter.wants(&message, "no JSON"));
}

#[test]
fn filter_policies_that_make_no_sense_are_refused() {
    for (policy, scope, reason) in [
        ("{", Scope::Attributes, "failed to parse JSON"),
        ("[]", Scope::Attributes, "must be an object"),
        (r#"{"a": "b"}"#, Scope::Attributes, "\"a\" must be an object or an array"),
        (r#"{"a": [{"numeric": [1, "<"]}]}"#, Scope::Body, "Invalid member in numeric match: 1"),
        (r#"{"a": [{"numeric": ["<", 9, ">", 1]}]}"#, Scope::Body, "Too many elements in numeric expression"),
        (r#"{"a": [{"numeric": [">", 1, 9]}]}"#, Scope::Body, "Bad value in numeric range: 9"),
        (r#"{"a": [{"numeric": [">", 1, ">", 9]}]}"#, Scope::Body, "Bad numeric range operator: >"),
        (r#"{"a": [{"numeric": [">", 9, "<", 1]}]}"#, Scope::Body, "Bottom must be less than top"),
        (r#"{"a": [{"numeric": [">", 1, "<", 9, "<", 8]}]}"#, Scope::Body, "Too many terms in numeric range"),
        (r#"{"a": [{"cidr": ["x"]}]}"#, Scope::Body, "prefix match pattern must be a string"),
        (r#"{"a": [{"cidr": "10.0.0.0"}]}"#, Scope::Body, "Malformed CIDR, one '/' required"),
        (r#"{"a": [{"cidr": "x/8"}]}"#, Scope::Body, "Nonstandard IP address: x"),
        (r#"{"a": [{"cidr": "x/y"}]}"#, Scope::Body, "mask bits must be an integer"),
        (r#"{"a": {"suffix": "b"}}"#, Scope::Attributes, "\"suffix\" must be an object or an array"),
        (
            r#"{"a": [{"anything-but": {"exists": true}}]}"#,
            Scope::Body,
            "Unsupported anything-but pattern: exists",
        ),
        (r#"{"a": [{"anything-but": {"prefix": 1}}]}"#, Scope::Body, "prefix match pattern must be a string"),
        (r#"{"a": [["b"]]}"#, Scope::Attributes, "Match value must be String"),
        (r#"{"a": []}"#, Scope::Body, "Empty arrays"),
        (r#"{"a": [{"near": 1}]}"#, Scope::Body, "Unrecognized match type near"),
        (r#"{"a": [{"exists": "yes"}]}"#, Scope::Body, "must be either true or false"),
        (r#"{"a": [{"numeric": [">", "1"]}]}"#, Scope::Body, "Value of > must be numeric"),
        (r#"{"a": [{"numeric": ["<>", 1]}]}"#, Scope::Body, "Unrecognized numeric range operator: <>"),
        (r#"{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}"#, Scope::Body, "more than 5 keys"),
    ] {
        let error = Filter::parse(policy, scope).expect_err(policy).to_string();
        assert!(error.contains(reason) && error.contains("FilterPolicy: "), "{policy}: {error}");
    }
    let nested = Filter::parse(r#"{"a": {"b": ["c"]}}"#, Scope::Attributes).expect_err("nested").to_string();
    assert_eq!(
        nested,
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy"
    );
    let many: Vec<u32> = (0..151).collect();
    let error = Filter::parse(&json!({ "a": many }).to_string(), Scope::Body).expect_err("too many");
    assert!(error.to_string().contains("too complex"), "{error}");
}

#[test]
fn retries_follow_the_phases_of_the_policy() {
    use super::delivery_policy::{DEFAULT, DeliveryPolicy};
    assert_eq!(DEFAULT.waits(), [20, 20, 20]);
    let check = |policy: Value, expected: &[u32]| {
        let text = json!({ "healthyRetryPolicy": policy }).to_string();
        let read = DeliveryPolicy::of_subscription(&text).expect("a policy");
        assert_eq!(read.retry.expect("retries").waits(), expected, "{text}");
    };
    let phases = |backoff: &str| {
        json!({"numRetries": 8, "numNoDelayRetries": 1, "numMinDelayRetries": 1, "numMaxDelayRetries": 1,
               "minDelayTarget": 1, "maxDelayTarget": 16, "backoffFunction": backoff})
    };
    check(phases("linear"), &[0, 1, 1, 5, 9, 12, 16, 16]);
    check(phases("geometric"), &[0, 1, 1, 2, 4, 8, 16, 16]);
    check(phases("exponential"), &[0, 1, 1, 2, 4, 8, 16, 16]);
    check(phases("arithmetic"), &[0, 1, 1, 3, 6, 10, 16, 16]);
    for wrong in [
        json!({"numRetries": 101}),
        json!({"minDelayTarget": 30, "maxDelayTarget": 20}),
        json!({"numRetries": 1, "numNoDelayRetries": 2}),
        json!({"numRetries": 100, "minDelayTarget": 60, "maxDelayTarget": 60}),
        json!({"backoffFunction": "cubic"}),
    ] {
        let text = json!({ "healthyRetryPolicy": wrong }).to_string();
        assert!(DeliveryPolicy::of_subscription(&text).is_err(), "{text}");
    }
}
