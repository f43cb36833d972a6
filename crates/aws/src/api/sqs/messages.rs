//! Messages, one by one.

use std::collections::BTreeMap;

use ebb_sources::queue::{
    MessageAttribute, QueueMessage, Queues, ReceiveRequest, Received, Sent, attributes_md5, md5_hex,
};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{done, number, queue, required};
use crate::wire::{AwsError, Body, Call, Principal, json_response};

/// A message of a request: alone, or as an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendRequest {
    pub(super) id: Option<String>,
    queue_url: Option<String>,
    message_body: Option<String>,
    #[serde(default, deserialize_with = "number")]
    delay_seconds: Option<i64>,
    message_attributes: Option<BTreeMap<String, AttributeValue>>,
    message_system_attributes: Option<BTreeMap<String, AttributeValue>>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeValue {
    data_type: Option<String>,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl AttributeValue {
    fn read(self) -> MessageAttribute {
        let data_type = self.data_type.unwrap_or_default();
        let binary = data_type.starts_with("Binary");
        let value = if binary { self.binary_value } else { self.string_value };
        MessageAttribute { data_type, value: value.unwrap_or_default() }
    }
}

impl SendRequest {
    pub(super) fn message(self) -> QueueMessage {
        let read = |attributes: Option<BTreeMap<String, AttributeValue>>| {
            attributes.into_iter().flatten().map(|(name, value)| (name, value.read())).collect()
        };
        QueueMessage {
            body: self.message_body.unwrap_or_default(),
            attributes: read(self.message_attributes),
            system_attributes: read(self.message_system_attributes),
            delay_seconds: self.delay_seconds,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
        }
    }
}

pub(super) async fn send(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: SendRequest = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let mut message = request.message();
    // The trace of the request is the message's, unless the message names one.
    let trace = call.context.header("x-amzn-trace-id").filter(|_| message.system_attributes.is_empty());
    if let Some(trace) = trace {
        let trace = MessageAttribute { data_type: "String".to_owned(), value: trace.to_owned() };
        message.system_attributes.insert("AWSTraceHeader".to_owned(), trace);
    }
    let mut sent = queues.send(&queue, message, &sender(&call)).await?;
    if trace.is_some() {
        // The client did not send what this is the digest of.
        sent.system_attributes_md5 = None;
    }
    json_response(StatusCode::OK, &shown_sent(&sent))
}

/// Who sends, as `SenderId` says it.
pub(super) fn sender(call: &Call) -> String {
    match &call.context.principal {
        Principal::Root { account } => account.to_string(),
        principal @ Principal::AssumedRole { .. } => principal.user_id(),
    }
}

pub(super) fn shown_sent(sent: &Sent) -> Map<String, Value> {
    let members = [
        ("MD5OfMessageBody", Some(&sent.body_md5)),
        ("MD5OfMessageAttributes", sent.attributes_md5.as_ref()),
        ("MD5OfMessageSystemAttributes", sent.system_attributes_md5.as_ref()),
        ("MessageId", Some(&sent.id)),
        ("SequenceNumber", sent.sequence.as_ref()),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into()))).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    #[serde(default, deserialize_with = "number")]
    max_number_of_messages: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    visibility_timeout: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    wait_time_seconds: Option<i64>,
    receive_request_attempt_id: Option<String>,
}

pub(super) async fn receive(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Receive = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let asked = ReceiveRequest {
        limit: request.max_number_of_messages,
        visibility_seconds: request.visibility_timeout,
        wait_seconds: request.wait_time_seconds,
        max_bytes: None,
        attempt: request.receive_request_attempt_id.clone(),
    };
    let received = queues.receive(&queue, &asked).await?;
    let messages: Vec<Value> = received.iter().map(|message| request.shown(message)).collect();
    let answer = if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) };
    json_response(StatusCode::OK, &answer)
}

impl Receive {
    fn shown(&self, received: &Received) -> Value {
        let message = &received.message;
        let mut shown = json!({
            "MessageId": message.id,
            "ReceiptHandle": received.receipt.as_str(),
            "MD5OfBody": md5_hex(message.body.as_bytes()),
            "Body": message.body,
        });
        let system: Map<String, Value> =
            received.system_attributes().into_iter().filter(|(name, _)| self.wants_system(name)).collect();
        if !system.is_empty() {
            shown["Attributes"] = system.into();
        }
        let attributes: BTreeMap<String, MessageAttribute> = message
            .attributes
            .iter()
            .filter(|(name, _)| self.wants(name))
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        if let Some(digest) = attributes_md5(&attributes) {
            shown["MD5OfMessageAttributes"] = digest.into();
            shown["MessageAttributes"] = attributes
                .iter()
                .map(|(name, attribute)| (name.clone(), shown_attribute(attribute)))
                .collect();
        }
        shown
    }

    fn wants_system(&self, name: &str) -> bool {
        let mut asked = self.attribute_names.iter().chain(&self.message_system_attribute_names);
        asked.any(|asked| asked == "All" || asked == name)
    }

    /// `All`, `*`, `.*`, a name, or the beginning of one as in `foo.*`.
    fn wants(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|asked| {
            ["All", "*", name].contains(&asked.as_str())
                || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
        })
    }
}

fn shown_attribute(attribute: &MessageAttribute) -> Value {
    let member = if attribute.is_binary() { "BinaryValue" } else { "StringValue" };
    json!({ "DataType": attribute.data_type, member: attribute.value })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    #[serde(default, deserialize_with = "number")]
    visibility_timeout: Option<i64>,
}

pub(super) async fn delete(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Receipt = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    queues.delete_message(&queue, &required(request.receipt_handle, "ReceiptHandle")?).await?;
    done()
}

pub(super) async fn change_visibility(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Receipt = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let seconds = required(request.visibility_timeout, "VisibilityTimeout")?;
    queues.change_visibility(&queue, &required(request.receipt_handle, "ReceiptHandle")?, seconds).await?;
    done()
}
