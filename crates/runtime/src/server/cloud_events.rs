//! Events as CloudEvents: what servers of Google's functions frameworks are told of what happened.
//!
//! What of the platform has a counterpart at Google's has the type and the data of that: objects of buckets those of
//! Cloud Storage, messages of topics and queues those of Pub/Sub. Everything else keeps its own names. Sources: the
//! CloudEvents specification 1.0, "HTTP Protocol Binding", binary mode, and "Google CloudEvents" (2026-11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_invoker::Event;
use http::header::{CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::{Map, Value, json};

/// A CloudEvent, its attributes by name.
#[derive(Debug, Clone, PartialEq)]
struct CloudEvent {
    attributes: Map<String, Value>,
    data: Option<Value>,
}

/// The requests that tell of an event, one for each thing that happened.
pub(super) fn requests(event: &Event) -> Vec<Request<Full<Bytes>>> {
    let payload: Value = serde_json::from_slice(&event.payload).unwrap_or_default();
    of(&payload, event).iter().map(request).collect()
}

fn of(payload: &Value, event: &Event) -> Vec<CloudEvent> {
    if let Some(records) = payload.get("Records").and_then(Value::as_array) {
        let told: Option<Vec<CloudEvent>> = records.iter().map(|record| of_record(record, event)).collect();
        if let Some(told) = told.filter(|told| !told.is_empty()) {
            return told;
        }
    }
    if payload.get("specversion").is_some()
        && let Value::Object(attributes) = payload
    {
        let mut attributes = attributes.clone();
        let data = attributes.remove("data");
        return vec![CloudEvent { attributes, data }];
    }
    if let (Some(kind), Some(source)) = (text(payload, "detail-type"), text(payload, "source")) {
        let id = text(payload, "id").unwrap_or_default();
        let data = payload.get("detail").cloned();
        return vec![CloudEvent::new(id, kind, source, text(payload, "time"), data)];
    }
    let source = format!("//ebb/functions/{}", event.arn.name);
    vec![CloudEvent::new(&event.id.to_string(), "ebb.invocation.v1", &source, None, Some(payload.clone()))]
}

/// None where a record is of no service that has a counterpart.
fn of_record(record: &Value, event: &Event) -> Option<CloudEvent> {
    if let Some(message) = record.get("Sns") {
        return of_topic(record, message);
    }
    match text(record, "eventSource")? {
        "aws:s3" => of_bucket(record),
        "aws:sqs" => of_queue(record, event),
        _ => None,
    }
}

fn of_bucket(record: &Value) -> Option<CloudEvent> {
    let name = text(record, "eventName")?;
    let kind = if name.starts_with("ObjectRemoved") { "deleted" } else { "finalized" };
    let (bucket, object) = (record.pointer("/s3/bucket/name")?.as_str()?, record.pointer("/s3/object")?);
    let key = text(object, "key")?.replace('+', " ");
    let key = percent_encoding::percent_decode_str(&key).decode_utf8_lossy().into_owned();
    let time = text(record, "eventTime");
    let sequence = text(object, "sequencer").unwrap_or("0");
    let generation = u64::from_str_radix(sequence, 16).unwrap_or_default().to_string();
    let size = object.get("size").and_then(Value::as_u64).unwrap_or_default();
    let data = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{key}/{generation}"),
        "bucket": bucket,
        "name": key,
        "size": size.to_string(),
        "etag": text(object, "eTag"),
        "generation": generation,
        "metageneration": "1",
        "storageClass": "STANDARD",
        "timeCreated": time,
        "updated": time,
    });
    let id = record.pointer("/responseElements/x-amz-request-id").and_then(Value::as_str);
    let id = format!("{}-{sequence}", id.unwrap_or_default());
    let source = format!("//storage.googleapis.com/projects/_/buckets/{bucket}");
    let kind = format!("google.cloud.storage.object.v1.{kind}");
    let mut told = CloudEvent::new(&id, &kind, &source, time, Some(data));
    told.attributes.insert("subject".to_owned(), format!("objects/{key}").into());
    told.attributes.insert("bucket".to_owned(), bucket.into());
    Some(told)
}

fn of_topic(record: &Value, message: &Value) -> Option<CloudEvent> {
    let topic = text(message, "TopicArn")?.rsplit(':').next()?;
    let attributes = values(message.get("MessageAttributes"), "Value");
    let id = text(message, "MessageId")?;
    let subscription = text(record, "EventSubscriptionArn").and_then(|arn| arn.rsplit(':').next());
    let time = text(message, "Timestamp");
    Some(published(topic, id, text(message, "Message")?, &attributes, time, subscription))
}

fn of_queue(record: &Value, event: &Event) -> Option<CloudEvent> {
    let queue = text(record, "eventSourceARN")?.rsplit(':').next()?;
    let attributes = values(record.get("messageAttributes"), "stringValue");
    let id = text(record, "messageId")?;
    let sent = record.pointer("/attributes/SentTimestamp").and_then(Value::as_str)?.parse().ok()?;
    let time = ebb_model::Timestamp(sent).to_rfc3339();
    let name = event.arn.name.to_string();
    Some(published(queue, id, text(record, "body")?, &attributes, Some(&time), Some(&name)))
}

/// A message of Pub/Sub.
fn published(
    topic: &str,
    id: &str,
    body: &str,
    attributes: &Map<String, Value>,
    time: Option<&str>,
    subscription: Option<&str>,
) -> CloudEvent {
    let subscription = subscription.unwrap_or(topic);
    let data = json!({
        "message": {
            "data": STANDARD.encode(body),
            "attributes": attributes,
            "messageId": id,
            "message_id": id,
            "publishTime": time,
            "publish_time": time,
        },
        "subscription": format!("projects/ebb/subscriptions/{subscription}"),
    });
    let source = format!("//pubsub.googleapis.com/projects/ebb/topics/{topic}");
    CloudEvent::new(id, "google.cloud.pubsub.topic.v1.messagePublished", &source, time, Some(data))
}

/// The texts of message attributes, as both services have them.
fn values(attributes: Option<&Value>, member: &str) -> Map<String, Value> {
    let all = attributes.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.get(member)?.clone()))).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

impl CloudEvent {
    fn new(id: &str, kind: &str, source: &str, time: Option<&str>, data: Option<Value>) -> Self {
        let mut attributes = Map::new();
        for (name, value) in [("specversion", "1.0"), ("id", id), ("type", kind), ("source", source)] {
            attributes.insert(name.to_owned(), value.into());
        }
        if let Some(time) = time {
            attributes.insert("time".to_owned(), time.into());
        }
        Self { attributes, data }
    }
}

/// The request in binary mode: attributes are headers, the data is the body.
fn request(told: &CloudEvent) -> Request<Full<Bytes>> {
    let body = told.data.as_ref().map(Value::to_string).unwrap_or_default();
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &told.attributes {
        let value = value.as_str().map_or_else(|| value.to_string(), encoded);
        let header = if name == "datacontenttype" { "content-type".to_owned() } else { format!("ce-{name}") };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(header.as_bytes()), HeaderValue::from_str(&value))
        {
            headers.insert(name, value);
        }
    }
    request
}

/// A value as a header has it. Source: the binding, section "HTTP Header Values".
fn encoded(text: &str) -> String {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%';
    let mut encoded = String::new();
    for byte in text.bytes() {
        if plain(byte) { encoded.push(char::from(byte)) } else { encoded += &format!("%{byte:02X}") }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::event;
    use super::*;

    fn told(payload: &Value) -> Vec<(String, String, Value)> {
        let of = of(payload, &event(payload));
        let attribute = |one: &CloudEvent, name: &str| one.attributes[name].as_str().unwrap().to_owned();
        of.iter()
            .map(|one| {
                (attribute(one, "type"), attribute(one, "source"), one.data.clone().unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn objects_are_those_of_cloud_storage() {
        let record = |name: &str| {
            json!({ "Records": [{
                "eventSource": "aws:s3", "eventName": name, "eventTime": "2026-01-01T00:00:00.000Z",
                "s3": { "bucket": { "name": "b" }, "object": { "key": "a+b%2Fc.txt", "size": 3, "sequencer": "0A" } },
            }] })
        };
        for (name, kind) in [("ObjectCreated:Put", "finalized"), ("ObjectRemoved:Delete", "deleted")] {
            let [(found, source, data)] = &told(&record(name))[..] else { panic!("one event") };
            assert_eq!(*found, format!("google.cloud.storage.object.v1.{kind}"));
            assert_eq!(source, "//storage.googleapis.com/projects/_/buckets/b");
            assert_eq!((&data["name"], &data["size"]), (&json!("a b/c.txt"), &json!("3")));
        }
    }

    #[test]
    fn messages_are_those_of_pub_sub() {
        let of_topic = json!({ "Records": [{
            "EventSource": "aws:sns", "EventSubscriptionArn": "arn:aws:sns:r:0:t:sub",
            "Sns": {
                "TopicArn": "arn:aws:sns:r:0:t", "MessageId": "1", "Message": "hi", "Timestamp": "2026-01-01T00:00:00.000Z",
                "MessageAttributes": { "k": { "Type": "String", "Value": "v" } },
            },
        }] });
        let of_queue = json!({ "Records": [{
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:r:0:t", "messageId": "1", "body": "hi",
            "attributes": { "SentTimestamp": "1767225600000" },
            "messageAttributes": { "k": { "dataType": "String", "stringValue": "v" } },
        }] });
        for payload in [of_topic, of_queue] {
            let [(kind, source, data)] = &told(&payload)[..] else { panic!("one event") };
            assert_eq!(kind, "google.cloud.pubsub.topic.v1.messagePublished");
            assert_eq!(source, "//pubsub.googleapis.com/projects/ebb/topics/t");
            assert_eq!(data["message"]["data"], "aGk=");
            assert_eq!(data["message"]["attributes"], json!({ "k": "v" }));
        }
    }

    #[test]
    fn other_events_keep_their_names() {
        let check = |payload: Value, kind: &str, data: Value| {
            let [(found, _, found_data)] = &told(&payload)[..] else { panic!("one event") };
            assert_eq!((found.as_str(), found_data), (kind, &data));
        };
        check(
            json!({ "id": "1", "detail-type": "Order Placed", "source": "shop", "detail": { "k": 1 } }),
            "Order Placed",
            json!({ "k": 1 }),
        );
        check(
            json!({ "specversion": "1.0", "id": "1", "type": "t.v1", "source": "s", "data": [1] }),
            "t.v1",
            json!([1]),
        );
        check(json!({ "k": 1 }), "ebb.invocation.v1", json!({ "k": 1 }));
    }

    #[test]
    fn attributes_are_headers() {
        let told = CloudEvent::new("1", "Order Placed", "é", None, Some(json!({ "k": 1 })));
        let request = request(&told);
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!((header("ce-type"), header("ce-source")), ("Order%20Placed", "%C3%A9"));
        assert_eq!((header("ce-specversion"), header("content-type")), ("1.0", "application/json"));
    }
}
