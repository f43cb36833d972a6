//! Publishing.

use std::collections::BTreeMap;

use ebb_sources::delivery::Attribute;
use ebb_sources::topic::{Published, TopicError, TopicMessage, Topics};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::code;
use super::{list as elements, read, required};
use crate::wire::{AwsError, Body, Call, json_response};

/// A message of a request: alone, or as an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    id: Option<String>,
    topic_arn: Option<String>,
    target_arn: Option<String>,
    phone_number: Option<String>,
    message: Option<String>,
    subject: Option<String>,
    message_structure: Option<String>,
    message_attributes: Option<Value>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AttributeValue {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl AttributeValue {
    fn read(self) -> Attribute {
        let binary = self.data_type.starts_with("Binary");
        let value = if binary { self.binary_value } else { self.string_value };
        Attribute { data_type: self.data_type, value: value.unwrap_or_default() }
    }
}

impl Request {
    fn message(self) -> TopicMessage {
        let attributes = match self.message_attributes {
            Some(Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| {
                    let value: AttributeValue = serde_json::from_value(value).unwrap_or_default();
                    (name, value.read())
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        TopicMessage {
            message: self.message.unwrap_or_default(),
            subject: self.subject,
            structure: self.message_structure,
            attributes,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
        }
    }

    fn target(&self) -> Result<String, AwsError> {
        if self.phone_number.is_some() {
            let message = "PhoneNumber: ebb sends no text messages".to_owned();
            return Err(TopicError::Unsupported(message).into());
        }
        let arn = self.topic_arn.clone().or_else(|| self.target_arn.clone());
        if arn.as_deref().is_some_and(|arn| arn.contains(":endpoint/") || arn.contains(":app/")) {
            let message = "TargetArn: ebb has no mobile push; publish to a topic".to_owned();
            return Err(TopicError::Unsupported(message).into());
        }
        required(arn, "TopicArn or TargetArn")
    }
}

pub(super) async fn publish(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let arn = request.target()?;
    let published = topics.publish(&arn, request.message()).await?;
    json_response(StatusCode::OK, &shown(&published))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchRequest {
    topic_arn: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "elements")]
    publish_batch_request_entries: Vec<Request>,
}

pub(super) async fn publish_batch(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: BatchRequest = read(&call)?;
    let arn = required(request.topic_arn, "TopicArn")?;
    let entry = |mut entry: Request| (entry.id.take().unwrap_or_default(), entry.message());
    let entries = request.publish_batch_request_entries.into_iter().map(entry).collect();
    let (mut successful, mut failed): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (id, result) in topics.publish_batch(&arn, entries).await? {
        match result {
            Ok(published) => {
                let mut shown = shown(&published);
                shown.insert("Id".to_owned(), id.into());
                successful.push(shown.into());
            }
            Err(error) => failed.push(json!({
                "Id": id, "Code": code(&error).0, "Message": error.to_string(), "SenderFault": true,
            })),
        }
    }
    json_response(StatusCode::OK, &json!({ "Successful": successful, "Failed": failed }))
}

fn shown(published: &Published) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("MessageId".to_owned(), published.id.as_str().into());
    shown.extend(
        published.sequence.as_ref().map(|place| ("SequenceNumber".to_owned(), place.as_str().into())),
    );
    shown
}
