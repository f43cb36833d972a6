//! Shapes of requests, answers and errors, in both protocols.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::{Clock, Region};
use ebb_sources::queue::{QueueParts, Queues};
use ebb_store::{Store, StoreConfig};
use serde_json::{Value, json};

use crate::testing::{Client, TestClock, account, keys};

const URL: &str = "http://localhost:9440/000000000000/q";

async fn client(folder: &tempfile::TempDir) -> Client {
    let clock: Arc<dyn Clock> = TestClock::new();
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
    let region = Region::parse("us-east-1").unwrap();
    let queues = Queues::open(QueueParts { store, clock, account: account(), region }).await.unwrap();
    let client = Client::new(super::api(queues), &keys());
    call(&client, "CreateQueue", json!({"QueueName": "q", "tags": {"k": "v"}})).await;
    client
}

async fn call(client: &Client, operation: &str, body: Value) -> Value {
    let answer = client.json(&format!("AmazonSQS.{operation}"), &body).await;
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn messages_go_round_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    assert_eq!(call(&client, "GetQueueUrl", json!({"QueueName": "q"})).await, json!({ "QueueUrl": URL }));
    let message = json!({
        "QueueUrl": URL, "MessageBody": "hello",
        "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}, "b": {"DataType": "Binary", "BinaryValue": "AAE="}},
    });
    let sent = call(&client, "SendMessage", message).await;
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let asked = json!({"QueueUrl": URL, "AttributeNames": ["All"], "MessageAttributeNames": ["n.*", "b"]});
    let received = call(&client, "ReceiveMessage", asked).await;
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hello"), &sent["MessageId"]));
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    // Only `b` was asked for by name; `n.*` means names that begin with `n`.
    assert_eq!(message["MessageAttributes"]["b"], json!({"DataType": "Binary", "BinaryValue": "AAE="}));
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(call(&client, "ReceiveMessage", json!({ "QueueUrl": URL })).await, json!({}));
    let entries =
        json!([{"Id": "a", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "x"}]);
    let deleted = call(&client, "DeleteMessageBatch", json!({"QueueUrl": URL, "Entries": entries})).await;
    assert_eq!(deleted["Successful"], json!([{"Id": "a"}]));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(call(&client, "ListQueueTags", json!({ "QueueUrl": URL })).await, json!({"Tags": {"k": "v"}}));
}

#[tokio::test]
async fn messages_go_round_in_forms_and_xml() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let sent = client
        .form(
            "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Flocalhost%2F000000000000%2Fq&MessageBody=a+%3C+b\
             &MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v",
        )
        .await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let received = client
        .form("Action=ReceiveMessage&QueueUrl=q&AttributeName.1=All&MessageAttributeName.1=n&MaxNumberOfMessages=10")
        .await;
    assert_eq!(received.element("Body"), "a &lt; b");
    assert_eq!(received.element("MessageId"), sent.element("MessageId"));
    assert_eq!(received.element("StringValue"), "v");
    assert!(
        received.text.contains("<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>")
    );
    let batch = client
        .form(
            "Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=one\
             &SendMessageBatchRequestEntry.1.MessageBody=x&SendMessageBatchRequestEntry.2.Id=two",
        )
        .await;
    assert!(batch.element("SendMessageBatchResultEntry").contains("<Id>one</Id>"), "{}", batch.text);
    assert!(
        batch.element("BatchResultErrorEntry").contains("<Code>MissingParameter</Code>"),
        "{}",
        batch.text
    );
    let missing = client.form("Action=GetQueueUrl&QueueName=none").await;
    assert_eq!((missing.status, missing.element("Code")), (400, "AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(client.form("Action=Nope").await.element("Code"), "InvalidAction");
}

#[tokio::test]
async fn errors_have_the_names_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    for (operation, body, code) in [
        ("GetQueueUrl", json!({"QueueName": "none"}), "com.amazonaws.sqs#QueueDoesNotExist"),
        (
            "CreateQueue",
            json!({"QueueName": "q", "Attributes": {"DelaySeconds": "1"}}),
            "com.amazonaws.sqs#QueueNameExists",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "no spaces"}),
            "com.amazon.coral.service#InvalidParameterValueException",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a", "Attributes": {"Nope": "1"}}),
            "com.amazonaws.sqs#InvalidAttributeName",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a", "Attributes": {"DelaySeconds": "901"}}),
            "com.amazonaws.sqs#InvalidAttributeValue",
        ),
        (
            "GetQueueAttributes",
            json!({"QueueUrl": URL, "AttributeNames": ["Nope"]}),
            "com.amazonaws.sqs#InvalidAttributeName",
        ),
        (
            "SendMessage",
            json!({ "QueueUrl": URL }),
            "com.amazon.coral.service#MissingRequiredParameterException",
        ),
        ("SendMessageBatch", json!({"QueueUrl": URL, "Entries": []}), "com.amazonaws.sqs#EmptyBatchRequest"),
        (
            "ReceiveMessage",
            json!({"QueueUrl": URL, "MaxNumberOfMessages": 11}),
            "com.amazon.coral.service#InvalidParameterValueException",
        ),
        (
            "DeleteMessage",
            json!({"QueueUrl": URL, "ReceiptHandle": "x"}),
            "com.amazonaws.sqs#ReceiptHandleIsInvalid",
        ),
        (
            "StartMessageMoveTask",
            json!({"SourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}),
            "com.amazon.coral.service#InvalidParameterValueException",
        ),
        ("Nope", json!({}), "UnknownOperationException"),
    ] {
        let answer = client.json(&format!("AmazonSQS.{operation}"), &body).await;
        assert_eq!(
            (answer.status, answer.json()["__type"].as_str()),
            (400, Some(code)),
            "{operation} {body}"
        );
    }
}

/// Recorded of the service, 2025.
#[tokio::test]
async fn errors_have_the_status_and_the_words_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let arn = "arn:aws:sqs:us-east-1:000000000000:q";
    call(&client, "PurgeQueue", json!({ "QueueUrl": URL })).await;
    for (operation, body, status, query_code, message) in [
        (
            "PurgeQueue",
            json!({ "QueueUrl": URL }),
            403,
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            "Only one PurgeQueue operation on q is allowed every 60 seconds.",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": URL, "MaxNumberOfMessages": -1}),
            400,
            "InvalidParameterValue",
            "Value -1 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": URL, "WaitTimeSeconds": 21}),
            400,
            "InvalidParameterValue",
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a", "Attributes": {"DeduplicationScope": "queue"}}),
            400,
            "InvalidAttributeName",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            "ListMessageMoveTasks",
            json!({"SourceArn": "arn:x"}),
            404,
            "ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        ),
        (
            "CancelMessageMoveTask",
            json!({"TaskHandle": "x"}),
            400,
            "InvalidParameterValue",
            "Value for parameter TaskHandle is invalid.",
        ),
        (
            "CancelMessageMoveTask",
            json!({"TaskHandle": STANDARD.encode(json!({"taskId": "t", "sourceArn": arn}).to_string())}),
            404,
            "ResourceNotFoundException",
            "Task does not exist.",
        ),
    ] {
        let answer = client.json(&format!("AmazonSQS.{operation}"), &body).await;
        let named = answer.headers["x-amzn-query-error"].to_str().unwrap();
        assert_eq!((answer.status, named), (status, format!("{query_code};Sender").as_str()), "{body}");
        assert_eq!(answer.json()["message"], message);
    }
    let missing = client.form("Action=GetQueueUrl&QueueName=none").await;
    assert_eq!(
        missing.element("Message"),
        "The specified queue does not exist for this wsdl version.",
        "{}",
        missing.text
    );
}

#[tokio::test]
async fn forms_have_empty_lists_and_xml_keeps_carriage_returns() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let empty = client.form("Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry=").await;
    assert_eq!(empty.element("Code"), "AWS.SimpleQueueService.EmptyBatchRequest");
    let empty = client.form("Action=SendMessageBatch&QueueUrl=q&Entries=").await;
    assert_eq!(empty.element("Code"), "AWS.SimpleQueueService.EmptyBatchRequest");
    let message = json!({"QueueUrl": URL, "MessageBody": "a\r\nb"});
    call(&client, "SendMessage", message).await;
    let received = client.form("Action=ReceiveMessage&QueueUrl=q&MessageAttributeName=").await;
    assert_eq!(received.element("Body"), "a&#xD;\nb");
}

#[tokio::test]
async fn forms_may_stand_in_the_query() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let found = client.rest("GET", "/?Action=GetQueueUrl&QueueName=q", &Value::Null).await;
    assert_eq!(found.element("QueueUrl"), URL);
    let absent = client.rest("GET", "/?Action=ReceiveMessage&QueueUrl=q", &Value::Null).await;
    assert!(absent.text.contains("<ReceiveMessageResult/>"), "{}", absent.text);
    for (path, status, expected) in [
        ("/000000000000/q", 404, "<UnknownOperationException/>"),
        ("/000000000000/q?Action=ListQueues", 400, "The action ListQueues is not valid for this endpoint."),
        ("/?Action=FooBar", 400, "The action FooBar is not valid for this endpoint."),
    ] {
        let refused = client.rest("GET", path, &Value::Null).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text);
        assert!(refused.text.contains(expected), "{path}: {}", refused.text);
    }
    let missing = client.rest("GET", "/?Action=GetQueueUrl&QueueName=none", &Value::Null).await;
    assert_eq!(missing.element("Code"), "AWS.SimpleQueueService.NonExistentQueue");
}
