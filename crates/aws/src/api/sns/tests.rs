//! Shapes of requests, answers and errors.

use std::sync::Arc;

use ebb_model::{Clock, Region};
use ebb_sources::topic::{TopicParts, Topics};
use ebb_store::{Store, StoreConfig};

use crate::testing::{Client, TestClock, account, keys};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

async fn client(folder: &tempfile::TempDir) -> (Client, Topics) {
    let clock: Arc<dyn Clock> = TestClock::new();
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
    let region = Region::parse("us-east-1").unwrap();
    let url = "http://localhost:9440".to_owned();
    let topics = Topics::open(TopicParts { store, clock, account: account(), region, url }).await.unwrap();
    let client = Client::new(super::api(topics.clone()), &keys());
    assert_eq!(call(&client, "Action=CreateTopic&Name=t").await, TOPIC);
    (client, topics)
}

/// Calls an operation that gives an ARN, and gives that.
async fn call(client: &Client, form: &str) -> String {
    let answer = client.form(form).await;
    assert_eq!(answer.status, 200, "{form}: {}", answer.text);
    let name = if form.contains("Subscri") { "SubscriptionArn" } else { "TopicArn" };
    answer.element(name).to_owned()
}

#[tokio::test]
async fn topics_and_subscriptions_are_read_from_forms_and_written_as_xml() {
    let folder = tempfile::tempdir().unwrap();
    let (client, topics) = client(&folder).await;
    let subscribe = format!(
        "Action=Subscribe&TopicArn={TOPIC}&Protocol=sqs&Endpoint={QUEUE}\
         &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true"
    );
    let arn = call(&client, &subscribe).await;
    assert!(arn.starts_with(&format!("{TOPIC}:")), "{arn}");
    let pending = format!("Action=Subscribe&TopicArn={TOPIC}&Protocol=email&Endpoint=a@b.example");
    assert_eq!(call(&client, &pending).await, "pending confirmation");
    let with_arn = format!("{pending}&ReturnSubscriptionArn=true");
    assert!(call(&client, &with_arn).await.starts_with(TOPIC));
    for (form, expected) in [
        (
            "Action=ListTopics".to_owned(),
            format!("<Topics><member><TopicArn>{TOPIC}</TopicArn></member></Topics>"),
        ),
        (format!("Action=ListSubscriptionsByTopic&TopicArn={TOPIC}"), "PendingConfirmation".to_owned()),
        ("Action=ListSubscriptions".to_owned(), format!("<SubscriptionArn>{arn}</SubscriptionArn>")),
        (
            format!("Action=GetSubscriptionAttributes&SubscriptionArn={arn}"),
            "<entry><key>RawMessageDelivery</key><value>true</value></entry>".to_owned(),
        ),
        (
            format!("Action=GetTopicAttributes&TopicArn={TOPIC}"),
            "<entry><key>SubscriptionsPending</key><value>1</value></entry>".to_owned(),
        ),
        (
            format!(
                "Action=PublishBatch&TopicArn={TOPIC}&PublishBatchRequestEntries.member.1.Id=a\
                 &PublishBatchRequestEntries.member.1.Message=m&PublishBatchRequestEntries.member.2.Id=b\
                 &PublishBatchRequestEntries.member.2.Message=m"
            ),
            "<Successful><member><Id>a</Id><MessageId>".to_owned(),
        ),
    ] {
        let answer = client.form(&form).await;
        assert!(answer.status == 200 && answer.text.contains(&expected), "{form}: {}", answer.text);
    }
    let tagged = format!("Action=TagResource&ResourceArn={TOPIC}&Tags.member.1.Key=k&Tags.member.1.Value=v");
    assert_eq!(client.form(&tagged).await.status, 200);
    let tags = client.form(&format!("Action=ListTagsForResource&ResourceArn={TOPIC}")).await;
    assert_eq!(tags.element("Tags"), "<member><Key>k</Key><Value>v</Value></member>");
    topics.stop().await;
}

#[tokio::test]
async fn errors_have_the_names_and_the_statuses_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let (client, topics) = client(&folder).await;
    let none = "arn:aws:sns:us-east-1:000000000000:none";
    let batch = format!("Action=PublishBatch&TopicArn={TOPIC}");
    let entry = |n: u32, id: &str| {
        format!(
            "&PublishBatchRequestEntries.member.{n}.Id={id}&PublishBatchRequestEntries.member.{n}.Message=m"
        )
    };
    let eleven: String = (1..=11).map(|n| entry(n, &n.to_string())).collect();
    let subscribe = format!("Action=Subscribe&TopicArn={TOPIC}");
    for (form, status, code) in [
        (format!("Action=Publish&TopicArn={none}&Message=m"), 404, "NotFound"),
        (format!("Action=GetTopicAttributes&TopicArn={none}"), 404, "NotFound"),
        (format!("Action=ListTagsForResource&ResourceArn={none}"), 404, "ResourceNotFound"),
        (format!("Action=Publish&TopicArn={TOPIC}&Message="), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={TOPIC}&Message={}", "x".repeat(262_145)), 400, "InvalidParameter"),
        ("Action=Publish&Message=m".to_owned(), 400, "InvalidParameter"),
        (
            format!(
                "Action=Publish&TopicArn={TOPIC}&Message=m&MessageAttributes.entry.1.Name=n\
                 &MessageAttributes.entry.1.Value.DataType=Number&MessageAttributes.entry.1.Value.StringValue=x"
            ),
            400,
            "ParameterValueInvalid",
        ),
        ("Action=CreateTopic&Name=no+spaces".to_owned(), 400, "InvalidParameter"),
        (
            "Action=CreateTopic&Name=t&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=x"
                .to_owned(),
            400,
            "InvalidParameter",
        ),
        (batch.clone(), 400, "EmptyBatchRequest"),
        (format!("{batch}&PublishBatchRequestEntries="), 400, "EmptyBatchRequest"),
        (format!("{batch}{eleven}"), 400, "TooManyEntriesInBatchRequest"),
        (format!("{batch}{}{}", entry(1, "a"), entry(2, "a")), 400, "BatchEntryIdsNotDistinct"),
        (format!("{batch}{}", entry(1, "no.dots")), 400, "InvalidBatchEntryId"),
        (
            format!("{batch}{}&PublishBatchRequestEntries.member.2.Id=b", entry(1, "a")),
            400,
            "InvalidParameter",
        ),
        (
            format!(
                "{batch}{}&PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=n\
                 &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.StringValue=x",
                entry(1, "a")
            ),
            400,
            "ValidationError",
        ),
        (
            format!(
                "Action=Publish&TopicArn={TOPIC}&Message=m&MessageAttributes.entry.1.Name=n\
                 &MessageAttributes.entry.1.Value.DataType=Binary&MessageAttributes.entry.1.Value.StringValue=x"
            ),
            400,
            "ParameterValueInvalid",
        ),
        (format!("{subscribe}&Protocol=carrier-pigeon&Endpoint=x"), 400, "InvalidParameter"),
        (format!("{subscribe}&Protocol=sms&Endpoint=1"), 400, "InvalidParameter"),
        (format!("{subscribe}&Protocol=http&Endpoint=https://x.example"), 400, "InvalidParameter"),
        (format!("Action=GetSubscriptionAttributes&SubscriptionArn={TOPIC}:none"), 404, "NotFound"),
        (format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=x"), 400, "InvalidParameter"),
        (format!("Action=GetDataProtectionPolicy&ResourceArn={TOPIC}"), 400, "InvalidAction"),
    ] {
        let answer = client.form(&form).await;
        let shown = form.get(..120).unwrap_or(&form);
        assert_eq!((answer.status, answer.element("Code")), (status, code), "{shown}: {}", answer.text);
    }
    let unbuilt = client.form("Action=GetDataProtectionPolicy").await;
    assert!(unbuilt.element("Message").contains("sns:GetDataProtectionPolicy"), "{}", unbuilt.text);
    topics.stop().await;
}

#[tokio::test]
async fn links_in_messages_work_without_a_signature() {
    let folder = tempfile::tempdir().unwrap();
    let (client, topics) = client(&folder).await;
    let subscribe = format!(
        "Action=Subscribe&TopicArn={TOPIC}&Protocol=http&Endpoint=http://127.0.0.1:1/&ReturnSubscriptionArn=true"
    );
    let arn = call(&client, &subscribe).await;
    let token = topics.subscription(&arn).unwrap().token.clone().unwrap();
    let links = super::TopicLinks::new(topics.clone());
    let get = async |path: &str| {
        let (parts, ()) = http::Request::get(path).body(()).unwrap().into_parts();
        assert!(links.wants(&parts), "{path}");
        links.handle(&parts).await.status().as_u16()
    };
    assert_eq!(get(&format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=other")).await, 400);
    assert_eq!(get(&format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}")).await, 200);
    assert!(!topics.subscription(&arn).unwrap().is_pending());
    assert_eq!(get("/SimpleNotificationService-other.pem").await, 404);
    assert_eq!(get(&format!("/?Action=Unsubscribe&SubscriptionArn={arn}")).await, 200);
    assert!(topics.subscription(&arn).is_err());
    for (path, header) in [("/", None), ("/?Action=ListTopics", None), ("/?Action=Unsubscribe", Some("AWS4"))]
    {
        let request = http::Request::get(path);
        let request =
            header.into_iter().fold(request, |request, value| request.header("authorization", value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(!links.wants(&parts), "{path}");
    }
    topics.stop().await;
}
