use std::sync::Arc;

use ebb_model::Clock;
use ebb_sources::delivery::Targets;
use ebb_sources::log_settings::LogSettings;
use ebb_sources::log_subscriptions::{LogSubscriptionParts, LogSubscriptions};
use ebb_store::{Store, StoreConfig};
use serde_json::{Value, json};

use super::api;
use crate::testing::{Client, NOW, TestClock, account, keys};

const DAY: i64 = 24 * 60 * 60 * 1000;

struct Logs {
    client: Client,
    _folder: tempfile::TempDir,
}

impl Logs {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = TestClock::new();
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
        let settings = LogSettings::open(store.clone(), clock.clone()).await.unwrap();
        let region = ebb_model::Region::parse("us-east-1").unwrap();
        let targets = Targets::default();
        let parts = LogSubscriptionParts { store: store.clone(), clock, account: account(), region, targets };
        let subscriptions = LogSubscriptions::open(parts).await.unwrap();
        let logs = super::Logs { store: store.logs().clone(), settings, subscriptions };
        let client = Client::new(api(logs), &keys());
        Self { client, _folder: folder }
    }

    /// With a group `g` and a stream `s`.
    async fn ready() -> Self {
        let logs = Self::new().await;
        logs.ok("CreateLogGroup", json!({ "logGroupName": "g" })).await;
        logs.ok("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
        logs
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        let answer = self.client.json(&format!("Logs_20140328.{operation}"), &body).await;
        assert_eq!(answer.status, 200, "{operation} {body}: {}", answer.text);
        answer.json()
    }

    async fn refused(&self, operation: &str, body: Value, code: &str, told: &str) {
        let answer = self.client.json(&format!("Logs_20140328.{operation}"), &body).await;
        let error = answer.json();
        assert_eq!((answer.status, error["__type"].as_str().unwrap()), (400, code), "{operation} {body}");
        assert!(error["message"].as_str().unwrap().contains(told), "{error}");
    }

    async fn put(&self, stream: &str, events: &[(i64, &str)]) -> Value {
        self.ok("PutLogEvents", batch(stream, events)).await
    }
}

fn batch(stream: &str, events: &[(i64, &str)]) -> Value {
    let events: Vec<_> =
        events.iter().map(|(time, text)| json!({ "timestamp": NOW + time, "message": text })).collect();
    json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events })
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn names<'a>(answer: &'a Value, list: &str, member: &str) -> Vec<&'a str> {
    answer[list].as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[tokio::test]
async fn groups_are_made_listed_changed_and_deleted() {
    let logs = Logs::new().await;
    for name in ["/aws/lambda/b", "/aws/lambda/a", "other"] {
        let body = json!({ "logGroupName": name, "tags": { "team": "x" } });
        assert_eq!(logs.ok("CreateLogGroup", body).await, json!({}));
    }
    let again = json!({ "logGroupName": "other" });
    let told = "The specified log group already exists";
    logs.refused("CreateLogGroup", again.clone(), "ResourceAlreadyExistsException", told).await;
    logs.refused("CreateLogGroup", json!({ "logGroupName": "a b" }), "InvalidParameterException", "pattern")
        .await;

    let all = logs.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(names(&all, "logGroups", "logGroupName"), ["/aws/lambda/a", "/aws/lambda/b", "other"]);
    let group = &all["logGroups"][2];
    assert_eq!(group["arn"], "arn:aws:logs:us-east-1:000000000000:log-group:other:*");
    assert_eq!(group["logGroupArn"], "arn:aws:logs:us-east-1:000000000000:log-group:other");
    assert_eq!((&group["creationTime"], &group["storedBytes"]), (&json!(NOW), &json!(0)));
    assert!(group.get("retentionInDays").is_none());
    let prefixed = logs.ok("DescribeLogGroups", json!({ "logGroupNamePrefix": "/aws/" })).await;
    assert_eq!(names(&prefixed, "logGroups", "logGroupName").len(), 2);
    let found = logs.ok("DescribeLogGroups", json!({ "logGroupNamePattern": "lambda/b" })).await;
    assert_eq!(names(&found, "logGroups", "logGroupName"), ["/aws/lambda/b"]);
    let page = logs.ok("DescribeLogGroups", json!({ "limit": 2 })).await;
    let rest = logs.ok("DescribeLogGroups", json!({ "limit": 2, "nextToken": page["nextToken"] })).await;
    assert_eq!(names(&rest, "logGroups", "logGroupName"), ["other"]);
    assert!(rest.get("nextToken").is_none());

    logs.ok("PutRetentionPolicy", json!({ "logGroupName": "other", "retentionInDays": 7 })).await;
    let bad = json!({ "logGroupName": "other", "retentionInDays": 8 });
    logs.refused("PutRetentionPolicy", bad, "InvalidParameterException", "retentionInDays").await;
    let found = logs.ok("DescribeLogGroups", json!({ "logGroupNamePrefix": "other" })).await;
    assert_eq!(found["logGroups"][0]["retentionInDays"], 7);
    logs.ok("DeleteRetentionPolicy", json!({ "logGroupName": "other" })).await;
    logs.ok("DeleteLogGroup", json!({ "logGroupName": "other" })).await;
    let told = "The specified log group does not exist.";
    logs.refused("DeleteLogGroup", again, "ResourceNotFoundException", told).await;
}

#[tokio::test]
async fn tags_are_kept_under_both_names_of_their_operations() {
    let logs = Logs::ready().await;
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    logs.ok("TagLogGroup", json!({ "logGroupName": "g", "tags": { "a": "1", "b": "2" } })).await;
    logs.ok("TagResource", json!({ "resourceArn": arn, "tags": { "b": "3", "c": "4" } })).await;
    let tags = json!({ "tags": { "a": "1", "b": "3", "c": "4" } });
    assert_eq!(logs.ok("ListTagsForResource", json!({ "resourceArn": format!("{arn}:*") })).await, tags);
    logs.ok("UntagLogGroup", json!({ "logGroupName": "g", "tags": ["a"] })).await;
    logs.ok("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["b"] })).await;
    assert_eq!(
        logs.ok("ListTagsLogGroup", json!({ "logGroupName": "g" })).await,
        json!({ "tags": { "c": "4" } })
    );
}

#[tokio::test]
async fn streams_are_listed_by_name_or_by_their_last_event() {
    let logs = Logs::ready().await;
    let exists = json!({ "logGroupName": "g", "logStreamName": "s" });
    let told = "The specified log stream already exists";
    logs.refused("CreateLogStream", exists, "ResourceAlreadyExistsException", told).await;
    for name in ["a", "b"] {
        logs.ok("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": name })).await;
    }
    logs.put("a", &[(5, "late")]).await;
    logs.put("b", &[(-5, "early"), (1, "x")]).await;
    let check = async |body: Value, expected: &[&str]| {
        let mut body = body;
        body["logGroupName"] = "g".into();
        let found = logs.ok("DescribeLogStreams", body.clone()).await;
        assert_eq!(names(&found, "logStreams", "logStreamName"), expected, "{body}");
    };
    check(json!({}), &["a", "b", "s"]).await;
    check(json!({ "descending": true }), &["s", "b", "a"]).await;
    check(json!({ "logStreamNamePrefix": "b" }), &["b"]).await;
    check(json!({ "orderBy": "LastEventTime", "descending": true }), &["a", "b", "s"]).await;
    let found =
        logs.ok("DescribeLogStreams", json!({ "logGroupName": "g", "logStreamNamePrefix": "b" })).await;
    let stream = &found["logStreams"][0];
    assert_eq!(
        (&stream["firstEventTimestamp"], &stream["lastEventTimestamp"]),
        (&json!(NOW - 5), &json!(NOW + 1))
    );
    assert_eq!(stream["lastIngestionTime"], NOW);
    let both = json!({ "logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "b" });
    logs.refused("DescribeLogStreams", both, "InvalidParameterException", "LastEventTime").await;
    logs.ok("DeleteLogStream", json!({ "logGroupName": "g", "logStreamName": "a" })).await;
    check(json!({}), &["b", "s"]).await;
}

#[tokio::test]
async fn what_breaks_a_constraint_is_told_in_the_words_of_the_service() {
    let logs = Logs::ready().await;
    let constraint = |told: &str| format!("failed to satisfy constraint: Member must {told}");
    let invalid = "InvalidParameterException";
    let long = "x".repeat(513);
    for (operation, body, code, told) in [
        (
            "GetLogEvents",
            json!({ "logGroupName": "g", "logStreamName": "s", "limit": 10_001 }),
            invalid,
            constraint("have value less than or equal to 10000"),
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "g", "limit": 0 }),
            invalid,
            constraint("have value greater than or equal to 1"),
        ),
        (
            "DescribeLogGroups",
            json!({ "limit": 51 }),
            invalid,
            constraint("have value less than or equal to 50"),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupName": "g", "orderBy": "x" }),
            invalid,
            constraint("satisfy enum value set: [LogStreamName, LastEventTime]"),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:g:*" }),
            invalid,
            "at 'logGroupIdentifier' failed to satisfy constraint".to_owned(),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupIdentifier": "g", "logGroupName": "g" }),
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.".to_owned(),
        ),
        (
            "CreateLogGroup",
            json!({ "logGroupName": long }),
            invalid,
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.".to_owned(),
        ),
    ] {
        logs.refused(operation, body, code, &told).await;
    }
}

#[tokio::test]
async fn batches_are_held_to_the_documented_rules() {
    let logs = Logs::ready().await;
    let check = async |events: &[(i64, &str)], told: &str| {
        logs.refused("PutLogEvents", batch("s", events), "InvalidParameterException", told).await;
    };
    check(&[], "between 1 and 10000").await;
    check(&[(0, "")], "logEvents.1.member.message").await;
    check(&[(1, "b"), (0, "a")], "chronological order").await;
    check(&[(-DAY - 1, "a"), (0, "b")], "more than 24 hours").await;
    let large = "x".repeat(1024 * 1024);
    check(&[(0, &large)], "Upload too large: 1048602 bytes exceeds limit of 1048576").await;
    let missing = "The specified log stream does not exist.";
    logs.refused("PutLogEvents", batch("none", &[(0, "x")]), "ResourceNotFoundException", missing).await;

    let taken =
        logs.put("s", &[(-14 * DAY - 1, "old"), (-1, "in"), (2, "in too"), (DAY / 12 + 1, "new")]).await;
    assert_eq!(
        taken["rejectedLogEventsInfo"],
        json!({ "tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3 })
    );
    logs.ok("PutRetentionPolicy", json!({ "logGroupName": "g", "retentionInDays": 3 })).await;
    let expired = logs.put("s", &[(-4 * DAY, "expired"), (3, "kept")]).await;
    assert_eq!(expired["rejectedLogEventsInfo"], json!({ "expiredLogEventEndIndex": 1 }));
    let all = logs.ok("FilterLogEvents", json!({ "logGroupName": "g" })).await;
    assert_eq!(messages(&all), ["in", "in too", "kept"]);
}

#[tokio::test]
async fn a_stream_is_read_from_either_end_and_its_end_gives_the_same_token() {
    let logs = Logs::ready().await;
    let get = async |mut body: Value| {
        body["logGroupName"] = "g".into();
        body["logStreamName"] = "s".into();
        logs.ok("GetLogEvents", body).await
    };
    let empty = get(json!({ "startFromHead": true })).await;
    logs.put("s", &[(1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5")]).await;
    let after_empty = get(json!({ "nextToken": empty["nextForwardToken"] })).await;
    assert_eq!(messages(&after_empty).len(), 5);

    let first = get(json!({ "startFromHead": true, "limit": 2 })).await;
    assert_eq!(messages(&first), ["1", "2"]);
    let second = get(json!({ "nextToken": first["nextForwardToken"], "limit": 2 })).await;
    assert_eq!(messages(&second), ["3", "4"]);
    let back = get(json!({ "nextToken": second["nextBackwardToken"], "limit": 2 })).await;
    assert_eq!(messages(&back), ["1", "2"]);
    let third = get(json!({ "nextToken": second["nextForwardToken"], "limit": 2 })).await;
    assert_eq!(messages(&third), ["5"]);
    let end = get(json!({ "nextToken": third["nextForwardToken"], "limit": 2 })).await;
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &third["nextForwardToken"]));
    logs.put("s", &[(6, "6")]).await;
    assert_eq!(messages(&get(json!({ "nextToken": end["nextForwardToken"] })).await), ["6"]);

    let newest = get(json!({ "limit": 2 })).await;
    assert_eq!(messages(&newest), ["5", "6"]);
    let older = get(json!({ "nextToken": newest["nextBackwardToken"], "limit": 9 })).await;
    assert_eq!(messages(&older), ["1", "2", "3", "4"]);
    let start = get(json!({ "nextToken": older["nextBackwardToken"] })).await;
    assert_eq!((messages(&start).len(), &start["nextBackwardToken"]), (0, &older["nextBackwardToken"]));
    let part = get(json!({ "startTime": NOW + 2, "endTime": NOW + 4 })).await;
    assert_eq!(messages(&part), ["2", "3"]);
    assert_eq!(part["events"][0]["timestamp"], NOW + 2);

    let body = json!({ "logGroupName": "g", "logStreamName": "s", "nextToken": "nonsense" });
    logs.refused("GetLogEvents", body, "InvalidParameterException", "nextToken is invalid").await;
    let missing = json!({ "logGroupName": "g", "logStreamName": "none" });
    logs.refused("GetLogEvents", missing, "ResourceNotFoundException", "log stream does not exist").await;
}

#[tokio::test]
async fn many_streams_are_filtered_as_one() {
    let logs = Logs::ready().await;
    logs.ok("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "t" })).await;
    logs.put("s", &[(1, "ERROR one"), (3, r#"{"level": "error", "n": 3}"#)]).await;
    logs.put("t", &[(2, "ERROR two"), (4, "fine")]).await;
    let filter = async |mut body: Value| {
        body["logGroupName"] = "g".into();
        logs.ok("FilterLogEvents", body).await
    };
    assert_eq!(messages(&filter(json!({ "filterPattern": "ERROR" })).await), ["ERROR one", "ERROR two"]);
    let json_pattern = json!({ "filterPattern": "{ $.level = \"error\" && $.n >= 3 }" });
    assert_eq!(messages(&filter(json_pattern).await).len(), 1);
    assert_eq!(messages(&filter(json!({ "logStreamNames": ["t"] })).await), ["ERROR two", "fine"]);
    assert_eq!(messages(&filter(json!({ "logStreamNamePrefix": "s" })).await).len(), 2);
    let range = json!({ "startTime": NOW + 2, "endTime": NOW + 3 });
    assert_eq!(messages(&filter(range).await).len(), 2, "the end belongs to it");
    assert_eq!(messages(&filter(json!({ "startFromHead": false, "limit": 1 })).await), ["fine"]);

    let mut ids = Vec::new();
    let mut token = Value::Null;
    loop {
        let body =
            if token.is_null() { json!({ "limit": 3 }) } else { json!({ "limit": 3, "nextToken": token }) };
        let page = filter(body).await;
        ids.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["eventId"].as_str().unwrap().to_owned()),
        );
        match page.get("nextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 56));

    let bad = json!({ "logGroupName": "g", "filterPattern": "{ $.a = " });
    logs.refused("FilterLogEvents", bad, "InvalidParameterException", "Invalid filter pattern").await;
    let both = json!({ "logGroupName": "g", "logStreamNames": ["s"], "logStreamNamePrefix": "s" });
    logs.refused("FilterLogEvents", both, "InvalidParameterException", "cannot both").await;
    let neither = json!({ "filterPattern": "x" });
    logs.refused("FilterLogEvents", neither, "InvalidParameterException", "logGroupName").await;
}

#[tokio::test]
async fn a_filter_can_be_tried() {
    let logs = Logs::new().await;
    let body = json!({ "filterPattern": "%4\\d\\d%", "logEventMessages": ["200", "404", "x"] });
    let found = logs.ok("TestMetricFilter", body).await;
    let expected = json!([{ "eventNumber": 2, "eventMessage": "404", "extractedValues": {} }]);
    assert_eq!(found["matches"], expected);
}

#[tokio::test]
async fn what_is_not_built_is_named() {
    let logs = Logs::new().await;
    let told = "ebb does not implement logs:StartQuery yet";
    logs.refused("StartQuery", json!({}), "UnknownOperationException", told).await;
}

#[tokio::test]
async fn metric_filters_are_kept_and_end_with_their_group() {
    let logs = Logs::ready().await;
    let metric =
        json!([{"metricName": "m", "metricNamespace": "n/s", "metricValue": "1", "defaultValue": 0.0}]);
    let put = |name: &str| json!({"logGroupName": "g", "filterName": name, "filterPattern": "x", "metricTransformations": metric});
    logs.ok("PutMetricFilter", put("f1")).await;
    logs.ok("PutMetricFilter", put("f2")).await;
    let described = logs.ok("DescribeMetricFilters", json!({"filterNamePrefix": "f1"})).await;
    let expected = json!([{
        "filterName": "f1", "filterPattern": "x", "metricTransformations": metric, "creationTime": NOW,
        "logGroupName": "g", "applyOnTransformedLogs": false,
    }]);
    assert_eq!(described["metricFilters"], expected);
    let by_metric = json!({"metricName": "m", "metricNamespace": "n/s", "limit": 1});
    assert_eq!(
        names(&logs.ok("DescribeMetricFilters", by_metric).await, "metricFilters", "filterName"),
        ["f1"]
    );
    assert_eq!(logs.ok("DescribeLogGroups", json!({})).await["logGroups"][0]["metricFilterCount"], 2);
    logs.ok("DeleteMetricFilter", json!({"logGroupName": "g", "filterName": "f1"})).await;
    let gone = json!({"logGroupName": "g", "filterName": "f1"});
    logs.refused("DeleteMetricFilter", gone, "ResourceNotFoundException", "does not exist").await;
    let mut two = put("f3");
    two["metricTransformations"] = json!([metric[0], metric[0]]);
    logs.refused("PutMetricFilter", two, "InvalidParameterException", "less than or equal to 1").await;
    logs.refused("PutMetricFilter", put("a:b"), "InvalidParameterException", "regular expression").await;
    logs.refused("PutMetricFilter", put(&"x".repeat(513)), "InvalidParameterException", "equal to 512").await;
    logs.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(logs.ok("DescribeMetricFilters", json!({})).await["metricFilters"], json!([]));
}

#[tokio::test]
async fn resource_policies_are_kept_up_to_a_number() {
    let logs = Logs::new().await;
    let document = r#"{"Statement": []}"#;
    let put = |index: usize| json!({"policyName": format!("p{index}"), "policyDocument": document});
    for index in 0..10 {
        logs.ok("PutResourcePolicy", put(index)).await;
    }
    logs.refused("PutResourcePolicy", put(10), "LimitExceededException", "Resource limit exceeded.").await;
    let again = logs.ok("PutResourcePolicy", put(0)).await;
    let expected = json!({"policyName": "p0", "policyDocument": document, "lastUpdatedTime": NOW, "policyScope": "ACCOUNT"});
    assert_eq!(again["resourcePolicy"], expected);
    logs.ok("DeleteResourcePolicy", json!({"policyName": "p0"})).await;
    let gone = json!({"policyName": "p0"});
    logs.refused("DeleteResourcePolicy", gone, "ResourceNotFoundException", "[p0] does not exist").await;
    let described = logs.ok("DescribeResourcePolicies", json!({"limit": 3})).await;
    assert_eq!(names(&described, "resourcePolicies", "policyName"), ["p1", "p2", "p3"]);
}

#[tokio::test]
async fn subscription_filters_are_refused_in_the_words_of_the_service() {
    let logs = Logs::ready().await;
    let put = |group: &str, destination: &str| json!({ "logGroupName": group, "filterName": "f", "filterPattern": "", "destinationArn": destination });
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let foreign = "arn:aws:lambda:us-east-1:111111111111:function:f";
    for (body, code, told) in [
        (put("none", function), "ResourceNotFoundException", "The specified log group does not exist."),
        (
            put("g", foreign),
            "AccessDeniedException",
            "Cross-account lambda invocation passing is not allowed.",
        ),
        (
            put("g", "arn:aws:kinesis:r:0:stream/s"),
            "InvalidParameterException",
            "cannot be used without roleArn",
        ),
        (put("g", function), "InvalidParameterException", "Could not execute the lambda function."),
    ] {
        logs.refused("PutSubscriptionFilter", body, code, told).await;
    }
    let none = json!({ "logGroupName": "g" });
    assert_eq!(logs.ok("DescribeSubscriptionFilters", none).await, json!({ "subscriptionFilters": [] }));
    let absent = json!({ "logGroupName": "g", "filterName": "f" });
    let told = "The specified subscription filter does not exist.";
    logs.refused("DeleteSubscriptionFilter", absent, "ResourceNotFoundException", told).await;
}
