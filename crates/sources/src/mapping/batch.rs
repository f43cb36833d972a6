//! Batches of messages as events of functions, and what functions say of them.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::pattern::Pattern;
use crate::queue::{MessageAttribute, Received, attributes_md5, md5_hex};

/// A message as a record of an event. Source: the Lambda developer guide, "Example standard queue message event".
pub(super) fn record(message: &Received, queue_arn: &str) -> Value {
    let stored = &message.message;
    let attributes: Map<String, Value> =
        stored.attributes.iter().map(|(name, attribute)| (name.clone(), shown(attribute))).collect();
    let mut record = json!({
        "messageId": stored.id,
        "receiptHandle": message.receipt.as_str(),
        "body": stored.body,
        "attributes": Value::Object(message.system_attributes().into_iter().collect()),
        "messageAttributes": attributes,
        "md5OfBody": md5_hex(stored.body.as_bytes()),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(':').nth(3).unwrap_or_default(),
    });
    if let Some(digest) = attributes_md5(&stored.attributes) {
        record["md5OfMessageAttributes"] = digest.into();
    }
    record
}

fn shown(attribute: &MessageAttribute) -> Value {
    let value = if attribute.is_binary() { "binaryValue" } else { "stringValue" };
    json!({
        value: attribute.value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    })
}

/// Whether one of the patterns wants a record: its body as JSON where it is, or as the text that it is.
pub(super) fn wanted(patterns: &[Pattern], record: &Value) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let parsed = record["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    let parsed = parsed.filter(Value::is_object).map(|body| {
        let mut record = record.clone();
        record["body"] = body;
        record
    });
    patterns.iter().any(|pattern| {
        pattern.matches(record) || parsed.as_ref().is_some_and(|parsed| pattern.matches(parsed))
    })
}

/// The ids of the messages that failed, by the function's answer: none, some, or all where it makes no sense.
pub(super) fn failed<'a>(answer: &[u8], ids: &HashSet<&'a str>) -> HashSet<&'a str> {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return ids.clone() };
    let failures = match (&answer, answer.get("batchItemFailures")) {
        // Nothing said, nothing failed.
        (Value::Null | Value::Object(_), None | Some(Value::Null)) => return HashSet::new(),
        (_, Some(Value::Array(failures))) => failures,
        _ => return ids.clone(),
    };
    let mut failed = HashSet::new();
    for failure in failures {
        let id = failure["itemIdentifier"].as_str().unwrap_or_default();
        match ids.get(id) {
            Some(id) => failed.insert(*id),
            None => return ids.clone(),
        };
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_says_which_messages_failed() {
        let ids = HashSet::from(["a", "b"]);
        for (answer, expected) in [
            ("null", vec![]),
            ("{}", vec![]),
            (r#"{"batchItemFailures": null}"#, vec![]),
            (r#"{"batchItemFailures": []}"#, vec![]),
            (r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#, vec!["b"]),
            (r#"{"batchItemFailures": [{"itemIdentifier": "x"}]}"#, vec!["a", "b"]),
            (r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#, vec!["a", "b"]),
            (r#"{"batchItemFailures": [{"other": "a"}]}"#, vec!["a", "b"]),
            (r#"{"batchItemFailures": "a"}"#, vec!["a", "b"]),
            ("not JSON", vec!["a", "b"]),
            ("\"text\"", vec!["a", "b"]),
        ] {
            assert_eq!(failed(answer.as_bytes(), &ids), expected.into_iter().collect(), "{answer}");
        }
    }

    #[test]
    fn a_filter_looks_into_bodies_that_are_json() {
        let patterns =
            |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).expect(text)).collect::<Vec<_>>();
        let record = |body: &str| json!({"body": body, "messageId": "1"});
        for (filter, body, expected) in [
            (&[][..], "x", true),
            (&[r#"{"body": {"kind": ["a"]}}"#], r#"{"kind": "a"}"#, true),
            (&[r#"{"body": {"kind": ["a"]}}"#], r#"{"kind": "b"}"#, false),
            (&[r#"{"body": {"kind": ["a"]}}"#], "a", false),
            (&[r#"{"body": ["a"]}"#], "a", true),
            (&[r#"{"body": ["x"]}"#, r#"{"body": {"n": [{"numeric": [">", 1]}]}}"#], r#"{"n": 2}"#, true),
        ] {
            assert_eq!(wanted(&patterns(filter), &record(body)), expected, "{filter:?} {body}");
        }
    }
}
