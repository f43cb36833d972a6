//! Shapes of requests, answers and errors.

use std::sync::Arc;

use ebb_model::{Clock, Region};
use ebb_sources::schedule::SchedulerParts;
use ebb_store::{Store, StoreConfig};
use serde_json::json;

use super::*;
use crate::testing::{Client, NOW, TestClock, account, keys};

async fn client(folder: &tempfile::TempDir) -> Client {
    let clock: Arc<dyn Clock> = TestClock::new();
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
    let region = Region::parse("us-east-1").unwrap();
    let parts = SchedulerParts { store, clock, account: account(), region };
    Client::new(api(Scheduler::open(parts).await.unwrap()), &keys())
}

async fn call(client: &Client, method: &str, path: &str, body: Value) -> Value {
    let answer = client.rest(method, path, &body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
    answer.json()
}

fn new() -> Value {
    json!({
        "ScheduleExpression": "cron(0 9 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5 },
        "StartDate": 1_795_600_000.0,
        "Description": "breakfast",
        "ActionAfterCompletion": "DELETE",
        "State": "DISABLED",
        "Target": {
            "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "Input": "{}",
            "SqsParameters": { "MessageGroupId": "g" },
            "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:d" },
            "RetryPolicy": { "MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60 },
        },
    })
}

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s";
    assert_eq!(call(&client, "POST", "/schedules/s", new()).await, json!({ "ScheduleArn": arn }));
    let mut expected = new();
    let now = json!(NOW as f64 / 1000.0);
    for (name, value) in [("Arn", arn), ("GroupName", "default"), ("Name", "s")] {
        expected[name] = value.into();
    }
    expected["CreationDate"] = now.clone();
    expected["LastModificationDate"] = now;
    assert_eq!(call(&client, "GET", "/schedules/s?groupName=default", Value::Null).await, expected);
    let listed = call(&client, "GET", "/schedules?State=DISABLED&NamePrefix=s", Value::Null).await;
    let summary = &listed["Schedules"][0];
    assert_eq!(summary["Target"], json!({ "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo" }));
    assert!(summary.get("ScheduleExpression").is_none(), "{summary}");
    let none = call(&client, "GET", "/schedules?State=ENABLED", Value::Null).await;
    assert_eq!(none, json!({ "Schedules": [] }));
    call(&client, "DELETE", "/schedules/s", Value::Null).await;
    assert_eq!(client.rest("GET", "/schedules/s", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn errors_have_the_codes_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    call(&client, "POST", "/schedules/s", new()).await;
    let without = |member: &str| {
        let mut request = new();
        request.as_object_mut().unwrap().remove(member);
        request
    };
    let with = |member: &str, value: Value| {
        let mut request = new();
        request[member] = value;
        request
    };
    let cases = [
        ("POST", "/schedules/s", new(), 409),
        ("PUT", "/schedules/none", new(), 404),
        ("DELETE", "/schedules/none", Value::Null, 404),
        ("POST", "/schedules/x", with("GroupName", json!("none")), 404),
        ("POST", "/schedules/x", without("Target"), 400),
        ("POST", "/schedules/x", without("FlexibleTimeWindow"), 400),
        ("POST", "/schedules/x", without("ScheduleExpression"), 400),
        ("POST", "/schedules/x", with("State", json!("ON")), 400),
        ("POST", "/schedules/x", with("FlexibleTimeWindow", json!({ "Mode": "FLEXIBLE" })), 400),
        ("GET", "/schedules?MaxResults=0", Value::Null, 400),
        ("GET", "/schedules?ScheduleGroup=none", Value::Null, 404),
        ("GET", "/schedule-groups/none", Value::Null, 404),
        ("DELETE", "/schedule-groups/default", Value::Null, 400),
    ];
    for (method, path, body, status) in cases {
        let answer = client.rest(method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn groups_have_tags_and_pages() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder).await;
    let tags = json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] });
    let made = call(&client, "POST", "/schedule-groups/g", tags).await;
    let arn = made["ScheduleGroupArn"].as_str().unwrap().to_owned();
    let path = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
    call(&client, "DELETE", &format!("{path}?TagKeys=a"), Value::Null).await;
    call(&client, "POST", &path, json!({ "Tags": [{ "Key": "c", "Value": "3" }] })).await;
    let tags = call(&client, "GET", &path, Value::Null).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "b", "Value": "2" }, { "Key": "c", "Value": "3" }]));
    let first = call(&client, "GET", "/schedule-groups?MaxResults=1", Value::Null).await;
    let token = first["NextToken"].as_str().unwrap();
    let second =
        call(&client, "GET", &format!("/schedule-groups?MaxResults=1&NextToken={token}"), Value::Null).await;
    let names = [&first, &second].map(|page| page["ScheduleGroups"][0]["Name"].clone());
    assert_eq!(names, ["default", "g"]);
    assert!(second.get("NextToken").is_none());
}
