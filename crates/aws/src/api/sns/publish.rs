//! Publishing.

use std::collections::BTreeMap;

use ebb_sources::delivery::Attribute;
use ebb_sources::topic::{Published, TopicError, TopicMessage, Topics};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    data_type: Option<String>,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl AttributeValue {
    /// `at` is where the attributes stand in the request.
    fn read(self, at: &str, name: &str) -> Result<Attribute, AwsError> {
        let data_type = self.data_type.ok_or_else(|| {
            let message = format!(
                "1 validation error detected: Value null at '{at}.{name}.member.dataType' failed to satisfy \
                 constraint: Member must not be null"
            );
            AwsError::client("ValidationError", message)
        })?;
        let kind = data_type.split('.').next().unwrap_or_default();
        let (field, value, other) = match kind {
            "Binary" => ("Binary", self.binary_value, self.string_value),
            _ => ("String", self.string_value, self.binary_value),
        };
        if value.is_none() && other.is_some() && matches!(kind, "Binary" | "String" | "Number") {
            let message =
                format!("The message attribute '{name}' with type '{data_type}' must use field '{field}'.");
            return Err(TopicError::Value(message).into());
        }
        Ok(Attribute { data_type, value: value.unwrap_or_default() })
    }
}

impl Request {
    /// The message; `at` is where it stands in the request.
    fn message(self, at: &str) -> Result<TopicMessage, AwsError> {
        let at = format!("{at}messageAttributes");
        let attributes = match self.message_attributes {
            Some(Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| {
                    let value: AttributeValue = serde_json::from_value(value).unwrap_or_default();
                    let attribute = value.read(&at, &name)?;
                    Ok((name, attribute))
                })
                .collect::<Result<_, AwsError>>()?,
            _ => BTreeMap::new(),
        };
        Ok(TopicMessage {
            message: self.message.unwrap_or_default(),
            subject: self.subject,
            structure: self.message_structure,
            attributes,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
            trace: None,
        })
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
    let trace = call.context.header("x-amzn-trace-id").map(str::to_owned);
    let message = TopicMessage { trace, ..request.message("")? };
    let published = topics.publish(&arn, message).await?;
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
    let entry = |(index, mut entry): (usize, Request)| {
        let at = format!("publishBatchRequestEntries.{}.member.", index + 1);
        let trace = call.context.header("x-amzn-trace-id").map(str::to_owned);
        let id = entry.id.take().unwrap_or_default();
        Ok((id, TopicMessage { trace, ..entry.message(&at)? }))
    };
    let entries = request.publish_batch_request_entries.into_iter().enumerate().map(entry);
    let entries = entries.collect::<Result<_, AwsError>>()?;
    let show = |(id, published): (String, Published)| {
        let mut shown = shown(&published);
        shown.insert("Id".to_owned(), id.into());
        shown
    };
    let successful: Vec<_> = topics.publish_batch(&arn, entries).await?.into_iter().map(show).collect();
    json_response(StatusCode::OK, &json!({ "Successful": successful, "Failed": [] }))
}

fn shown(published: &Published) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("MessageId".to_owned(), published.id.as_str().into());
    shown.extend(
        published.sequence.as_ref().map(|place| ("SequenceNumber".to_owned(), place.as_str().into())),
    );
    shown
}
