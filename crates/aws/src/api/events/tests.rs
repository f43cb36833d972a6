//! Shapes of requests, answers and errors.

use std::sync::Arc;

use ebb_model::{Clock, Region};
use ebb_sources::bus::{BusParts, EventBuses};
use ebb_store::{Store, StoreConfig};
use serde_json::{Value, json};

use crate::testing::{Client, TestClock, account, keys};

async fn client(folder: &tempfile::TempDir) -> Client {
    let clock: Arc<dyn Clock> = TestClock::new();
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
    let region = Region::parse("us-east-1").unwrap();
    let buses = EventBuses::open(BusParts { store, clock, account: account(), region }).await.unwrap();
    Client::new(super::api(buses), &keys())
}

async fn call(client: &Client, operation: &str, body: Value) -> Value {
    let answer = client.json(&format!("AWSEvents.{operation}"), &body).await;
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    answer.json()
}

async fn refused(client: &Client, operation: &str, body: Value) -> String {
    let answer = client.json(&format!("AWSEvents.{operation}"), &body).await;
    assert_eq!(answer.status, 400, "{operation}: {}", answer.text);
    answer.json()["__type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_put_is_described_as_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let made =
        call(&client, "CreateEventBus", json!({"Name": "shop", "Tags": [{"Key": "k", "Value": "v"}]})).await;
    let bus_arn = "arn:aws:events:us-east-1:000000000000:event-bus/shop";
    assert_eq!(made, json!({"EventBusArn": bus_arn}));
    let pattern = r#"{"source": ["a"]}"#;
    let rule = json!({"Name": "r", "EventBusName": bus_arn, "EventPattern": pattern, "Description": "d"});
    let rule_arn = "arn:aws:events:us-east-1:000000000000:rule/shop/r";
    assert_eq!(call(&client, "PutRule", rule).await, json!({"RuleArn": rule_arn}));
    let described = call(&client, "DescribeRule", json!({"Name": "r", "EventBusName": "shop"})).await;
    let expected = json!({
        "Name": "r", "Arn": rule_arn, "EventPattern": pattern, "State": "ENABLED", "Description": "d",
        "EventBusName": "shop", "CreatedBy": "000000000000",
    });
    assert_eq!(described, expected);
    let targets = json!([
        {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q", "InputPath": "$.detail",
         "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:d"},
         "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}},
        {"Id": "2", "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "SqsParameters": {"MessageGroupId": "g"},
         "InputTransformer": {"InputPathsMap": {"a": "$.source"}, "InputTemplate": "\"<a>\""}},
        {"Id": "3", "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "EcsParameters": {"TaskCount": 1}},
    ]);
    let put = json!({"Rule": "r", "EventBusName": "shop", "Targets": targets});
    assert_eq!(call(&client, "PutTargets", put).await, json!({"FailedEntryCount": 0, "FailedEntries": []}));
    let listed = call(&client, "ListTargetsByRule", json!({"Rule": "r", "EventBusName": "shop"})).await;
    assert_eq!(listed, json!({ "Targets": targets }));
    let tags = call(&client, "ListTagsForResource", json!({"ResourceARN": bus_arn})).await;
    assert_eq!(tags, json!({"Tags": [{"Key": "k", "Value": "v"}]}));
    let by_target = json!({"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q", "EventBusName": "shop"});
    assert_eq!(call(&client, "ListRuleNamesByTarget", by_target).await, json!({"RuleNames": ["r"]}));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    for n in 0..5 {
        let rule = json!({"Name": format!("r{n}"), "ScheduleExpression": "rate(1 day)", "State": "DISABLED"});
        call(&client, "PutRule", rule).await;
    }
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut request = json!({"Limit": 2, "NamePrefix": "r"});
        if !token.is_null() {
            request["NextToken"] = token;
        }
        let page = call(&client, "ListRules", request).await;
        let rules = page["Rules"].as_array().unwrap();
        names.extend(rules.iter().map(|rule| rule["Name"].as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["r0", "r1", "r2", "r3", "r4"]);
}

#[tokio::test]
async fn errors_have_the_names_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let pattern = |text: &str| json!({"Name": "r", "EventPattern": text});
    for (operation, body, code) in [
        ("DescribeRule", json!({"Name": "none"}), "ResourceNotFoundException"),
        ("DescribeEventBus", json!({"Name": "none"}), "ResourceNotFoundException"),
        ("CreateEventBus", json!({"Name": "default"}), "ResourceAlreadyExistsException"),
        ("DeleteEventBus", json!({"Name": "default"}), "ValidationException"),
        ("PutRule", pattern("{"), "InvalidEventPatternException"),
        ("PutRule", pattern(r#"{"a": "b"}"#), "InvalidEventPatternException"),
        ("PutRule", json!({"Name": "r"}), "ValidationException"),
        ("PutRule", json!({"Name": "no spaces", "ScheduleExpression": "rate(1 day)"}), "ValidationException"),
        ("TestEventPattern", json!({"EventPattern": r#"{"a": [1]}"#, "Event": "{}"}), "ValidationException"),
        ("CreateConnection", json!({}), "ValidationException"),
        ("DescribeApiDestination", json!({"Name": "none"}), "ResourceNotFoundException"),
        ("DescribeConnection", json!({"Name": "none"}), "ResourceNotFoundException"),
        ("CreateEndpoint", json!({}), "UnknownOperationException"),
        ("PutEvents", json!({"Entries": []}), "ValidationException"),
    ] {
        assert_eq!(refused(&client, operation, body.clone()).await, code, "{operation} {body}");
    }
}

#[tokio::test]
async fn what_a_connection_authorizes_with_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let parameter =
        |key: &str, secret: bool| json!({"Key": key, "Value": format!("of-{key}"), "IsValueSecret": secret});
    let create = json!({
        "Name": "c", "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "hidden-1"},
            "InvocationHttpParameters": {"HeaderParameters": [parameter("open", false), parameter("closed", true)]},
        },
    });
    let made = call(&client, "CreateConnection", create.clone()).await;
    assert_eq!(made["ConnectionState"], "AUTHORIZED");
    let described = call(&client, "DescribeConnection", json!({"Name": "c"})).await;
    let expected = json!({
        "ApiKeyAuthParameters": {"ApiKeyName": "x-key"},
        "InvocationHttpParameters": {"HeaderParameters": [
            parameter("open", false), {"Key": "closed", "IsValueSecret": true},
        ]},
    });
    assert_eq!(described["AuthParameters"], expected);
    let listed = call(&client, "ListConnections", json!({})).await;
    assert!(!format!("{described}{listed}").contains("hidden-1"));
    // A name of a key alone keeps its value; another kind needs its own.
    let update = |kind: &str, parameters: Value| json!({"Name": "c", "AuthorizationType": kind, "AuthParameters": parameters});
    let api_key = json!({"ApiKeyAuthParameters": {"ApiKeyName": "x-other"}});
    call(&client, "UpdateConnection", update("API_KEY", api_key)).await;
    assert_eq!(refused(&client, "UpdateConnection", update("BASIC", json!({}))).await, "ValidationException");
    assert_eq!(refused(&client, "CreateConnection", create).await, "ResourceAlreadyExistsException");
    let destination = json!({
        "Name": "d", "ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": "https://example.com/*",
        "HttpMethod": "POST",
    });
    assert_eq!(call(&client, "CreateApiDestination", destination).await["ApiDestinationState"], "ACTIVE");
    let described = call(&client, "DescribeApiDestination", json!({"Name": "d"})).await;
    assert_eq!(described["InvocationRateLimitPerSecond"], 300);
    let deauthorized = call(&client, "DeauthorizeConnection", json!({"Name": "c"})).await;
    assert_eq!(deauthorized["ConnectionState"], "DEAUTHORIZED");
    let described = call(&client, "DescribeApiDestination", json!({"Name": "d"})).await;
    assert_eq!(described["ApiDestinationState"], "INACTIVE");
}
