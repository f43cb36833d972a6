//! Other services behind routes of HTTP APIs: messages to queues and events to buses.
//!
//! Source: API Gateway developer guide, "Integration subtype reference" (2026-11). The API calls them itself: the role of
//! the integration must be there, and is not asked.

use std::collections::BTreeMap;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use ebb_sources::bus::{EventBuses, NewEvent};
use ebb_sources::queue::{QueueMessage, Queues};
use serde_json::{Value, json};

use super::call::{ApiCall, Routed};
use super::mapping;
use super::refusal::ApiRefusal;
use super::variables;
use crate::payload::Answer;

/// The services that routes can lead to.
pub(crate) struct Services {
    pub(crate) queues: Queues,
    pub(crate) buses: EventBuses,
}

/// Calls the service that an integration's subtype names.
pub(crate) async fn call(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    subtype: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<Answer, ApiRefusal> {
    let sources = |expression: &str| variables::value(call, routed, expression);
    let value = |name: &str| parameters.get(name).and_then(|template| mapping::filled(template, &sources));
    let services = &call.shared.services;
    match subtype {
        "SQS-SendMessage" => {
            let url = value("QueueUrl").unwrap_or_default();
            let queue = services.queues.queue(url.rsplit('/').next().unwrap_or(&url));
            let message = QueueMessage {
                body: value("MessageBody").unwrap_or_default(),
                delay_seconds: value("DelaySeconds").and_then(|text| text.parse().ok()),
                group: value("MessageGroupId"),
                deduplication: value("MessageDeduplicationId"),
                ..QueueMessage::default()
            };
            let sent = match queue {
                Ok(queue) => services.queues.send(&queue, message, &call.account).await,
                Err(error) => Err(error),
            };
            Ok(match sent {
                Ok(sent) => xml(&format!(
                    "<SendMessageResponse><SendMessageResult><MessageId>{}</MessageId><MD5OfMessageBody>{}\
                     </MD5OfMessageBody></SendMessageResult><ResponseMetadata><RequestId>{}</RequestId>\
                     </ResponseMetadata></SendMessageResponse>",
                    sent.id, sent.body_md5, call.id
                )),
                Err(error) => refused(&error),
            })
        }
        "EventBridge-PutEvents" => {
            let resources = value("Resources").and_then(|text| serde_json::from_str(&text).ok());
            let event = NewEvent {
                bus: value("EventBusName"),
                source: value("Source"),
                detail_type: value("DetailType"),
                detail: value("Detail"),
                resources: resources.unwrap_or_default(),
                ..NewEvent::default()
            };
            Ok(match services.buses.publish(&[event]).await {
                Ok(answers) => {
                    let entries: Vec<Value> = answers.iter().map(entry).collect();
                    let failed = answers.iter().filter(|answer| answer.is_err()).count();
                    answer(StatusCode::OK, &json!({ "Entries": entries, "FailedEntryCount": failed }))
                }
                Err(error) => refused(&error),
            })
        }
        other => Err(ApiRefusal::NotBuilt(format!("the integration {other}"))),
    }
}

fn entry(answer: &Result<String, ebb_sources::bus::RefusedEvent>) -> Value {
    match answer {
        Ok(id) => json!({ "EventId": id }),
        Err(refused) => json!({ "ErrorCode": refused.code, "ErrorMessage": refused.message }),
    }
}

fn answer(status: StatusCode, body: &Value) -> Answer {
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"))]);
    Answer { status, headers, body: Bytes::from(body.to_string()) }
}

fn xml(text: &str) -> Answer {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/xml"))]);
    Answer { status: StatusCode::OK, headers, body: Bytes::from(format!("<?xml version=\"1.0\"?>{text}")) }
}

/// What the service says is told: the caller sent what it is about.
fn refused(error: &dyn std::fmt::Display) -> Answer {
    answer(StatusCode::BAD_REQUEST, &json!({ "message": error.to_string() }))
}
