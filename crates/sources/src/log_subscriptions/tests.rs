//! Who is called with what, and what is refused.

use std::io::Read as _;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use ebb_store::StoreConfig;
use ebb_store::logs::LogEvent;
use serde_json::Value;

use super::*;
use crate::delivery::{Deliveries, DeliveryParts, Target, Undelivered};

/// A function that keeps its events, and lets whom it is told to.
#[derive(Default)]
struct Function(Mutex<Vec<String>>);

impl Target for Function {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        self.0.lock().unwrap().push(delivery.message.body.clone());
        Box::pin(async { Ok(()) })
    }

    fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let right = caller.service == "logs.amazonaws.com"
            && caller.source_arn == "arn:aws:logs:us-east-1:000000000000:log-group:g:*";
        if right && target.ends_with(":f") {
            return Ok(());
        }
        Err(Undelivered::refused("NO_PERMISSIONS", "a statement is missing"))
    }
}

fn filter(name: &str, pattern: &str, destination: &str) -> SubscriptionFilter {
    SubscriptionFilter {
        group: "g".to_owned(),
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        destination: destination.to_owned(),
        distribution: "ByLogStream".to_owned(),
        created: Timestamp(0),
    }
}

#[tokio::test]
async fn functions_are_called_with_what_they_want() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ebb_model::SystemClock);
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
    let function = Arc::new(Function::default());
    let targets = Targets::default().with("lambda", function.clone());
    let parts = DeliveryParts { store: store.clone(), clock: clock.clone(), targets: targets.clone() };
    let deliveries = Deliveries::start(parts);
    let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
    let parts = LogSubscriptionParts { store: store.clone(), clock: clock.clone(), account, region, targets };
    let subscriptions = LogSubscriptions::open(parts).await.unwrap();

    let logs = store.logs();
    for group in ["g", "other"] {
        logs.create_group(group, std::collections::BTreeMap::new()).await.unwrap();
        logs.create_stream(group, "s").await.unwrap();
    }
    let f = "arn:aws:lambda:us-east-1:000000000000:function:f";
    for (given, told) in [
        (filter("a", "", "arn:aws:kinesis:us-east-1:000000000000:stream/s"), "ebb calls functions"),
        (filter("a", "", "arn:aws:lambda:us-east-1:000000000000:function:g"), "a statement is missing"),
        (SubscriptionFilter { group: "/aws/lambda/f".to_owned(), ..filter("a", "", f) }, "reserved for"),
        (SubscriptionFilter { group: "none".to_owned(), ..filter("a", "", f) }, "does not exist"),
        (filter("a", "{ $.a = ", f), "Invalid filter pattern"),
        (SubscriptionFilter { distribution: "Even".to_owned(), ..filter("a", "", f) }, "Value 'Even'"),
    ] {
        let error = subscriptions.put(given).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    subscriptions.put(filter("wants", "ERROR", f)).await.unwrap();
    subscriptions.put(filter("none", "nothing", f)).await.unwrap();
    assert!(matches!(subscriptions.put(filter("third", "", f)).await, Err(SubscriptionError::Limit)));

    let event = |text: &str| LogEvent { timestamp: clock.now(), message: text.to_owned() };
    for group in ["g", "other"] {
        logs.put(group, "s", vec![event("ERROR one"), event("fine"), event("ERROR two")]).await.unwrap();
    }
    let told = async {
        while function.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("the function is called");
    let body: Value = serde_json::from_str(&function.0.lock().unwrap()[0]).unwrap();
    let data = base64::engine::general_purpose::STANDARD.decode(body["awslogs"]["data"].as_str().unwrap());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&data.unwrap()[..]).read_to_string(&mut text).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["logGroup"], &document["logStream"]), (&"g".into(), &"s".into()));
    assert_eq!(document["subscriptionFilters"], serde_json::json!(["wants"]));
    let messages: Vec<&Value> =
        document["logEvents"].as_array().unwrap().iter().map(|event| &event["message"]).collect();
    assert_eq!(messages, ["ERROR one", "ERROR two"]);
    assert_eq!(document["logEvents"][0]["id"].as_str().unwrap().len(), 56);

    subscriptions.delete("g", "none").await.unwrap();
    assert!(matches!(subscriptions.delete("g", "none").await, Err(SubscriptionError::Missing)));
    subscriptions.forget_group("g").await.unwrap();
    assert!(subscriptions.of_group("g").is_empty());
    subscriptions.stop();
    deliveries.stop().await;
}
