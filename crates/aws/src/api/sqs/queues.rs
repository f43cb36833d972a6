//! Queues: made, found, changed, listed and removed.

use std::collections::BTreeMap;

use ebb_sources::queue::{QueueError, Queues};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{done, number, queue, required, url};
use crate::wire::{AwsError, Body, Call, PageRequest, json_response};

/// The longest page of a list, and the one where none is asked.
const PAGE: usize = 1000;

/// Attributes that may be asked for. Source: SQS API reference, `GetQueueAttributes` (2026-11).
const ATTRIBUTES: [&str; 22] = [
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    queue_name: Option<String>,
    queue_url: Option<String>,
    queue_name_prefix: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
    attributes: Option<BTreeMap<String, Value>>,
    #[serde(alias = "tags")]
    tags: Option<BTreeMap<String, String>>,
    tag_keys: Option<Vec<String>>,
    label: Option<String>,
    #[serde(rename = "AWSAccountIds")]
    accounts: Option<Vec<String>>,
    actions: Option<Vec<String>>,
    next_token: Option<String>,
    #[serde(default, deserialize_with = "number")]
    max_results: Option<usize>,
}

impl Request {
    fn attributes(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let text = |(name, value): (&String, &Value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok((name.clone(), value.to_string())),
            _ => Err(QueueError::AttributeValue { name: name.clone(), reason: None }),
        };
        let attributes = self.attributes.iter().flatten().map(text).collect::<Result<_, _>>()?;
        Ok(attributes)
    }
}

pub(super) async fn create(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = required(request.queue_name.clone(), "QueueName")?;
    let tags = request.tags.clone().unwrap_or_default();
    let queue = queues.create(&name, &request.attributes()?, &tags).await?;
    json_response(StatusCode::OK, &json!({ "QueueUrl": url(&call, &queue.name) }))
}

pub(super) async fn delete(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    queues.delete(&queue.name).await?;
    done()
}

pub(super) async fn get_url(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queues.queue(&required(request.queue_name, "QueueName")?)?;
    json_response(StatusCode::OK, &json!({ "QueueUrl": url(&call, &queue.name) }))
}

pub(super) async fn list(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let names = queues.list(request.queue_name_prefix.as_deref().unwrap_or_default());
    let names = names.iter().map(|queue| queue.name.clone()).collect();
    listed(&call, &request, "QueueUrls", names)
}

pub(super) async fn list_sources(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let sources = queues.dead_letter_sources(&queue.name);
    listed(&call, &request, "queueUrls", sources.iter().map(|queue| queue.name.clone()).collect())
}

fn listed(
    call: &Call,
    request: &Request,
    member: &str,
    names: Vec<String>,
) -> Result<Response<Body>, AwsError> {
    let size = request.max_results.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        let message = format!(
            "Value {size} for parameter MaxResults is invalid. Reason: it must be between 1 and {PAGE}."
        );
        return Err(QueueError::Parameter(message).into());
    }
    let page = PageRequest::new(request.next_token.as_deref(), size)
        .map_err(|_| QueueError::Parameter("Invalid or expired next token.".to_owned()))?;
    let (names, next) = page.cut(names, Clone::clone);
    let mut answer = Map::new();
    if !names.is_empty() {
        answer.insert(member.to_owned(), names.iter().map(|name| url(call, name)).collect());
    }
    // Without MaxResults the service gives no token.
    answer.extend(
        next.filter(|_| request.max_results.is_some()).map(|next| ("NextToken".to_owned(), next.into())),
    );
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn get_attributes(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let names = &request.attribute_names;
    if let Some(unknown) = names.iter().find(|name| !ATTRIBUTES.contains(&name.as_str())) {
        return Err(QueueError::UnknownAttribute(unknown.clone()).into());
    }
    if names.is_empty() {
        return done();
    }
    let mut attributes = queues.attributes(&queue).await?;
    attributes.retain(|name, _| names.iter().any(|asked| asked == "All" || asked == name));
    let answer = if attributes.is_empty() { json!({}) } else { json!({ "Attributes": attributes }) };
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn set_attributes(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    queues.set_attributes(&queue.name, &request.attributes()?).await?;
    done()
}

pub(super) async fn purge(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    queues.purge(&queue.name).await?;
    done()
}

pub(super) async fn tag(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let tags = request.tags.filter(|tags| !tags.is_empty());
    let tags = required(tags, "Tags")?;
    queues.change_tags(&queue.name, |own| own.extend(tags.clone())).await?;
    done()
}

pub(super) async fn untag(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let keys = required(request.tag_keys, "TagKeys")?;
    if keys.is_empty() {
        let message = "Tag keys must be between 1 and 128 characters in length.";
        return Err(QueueError::Parameter(message.to_owned()).into());
    }
    queues.change_tags(&queue.name, |own| own.retain(|key, _| !keys.contains(key))).await?;
    done()
}

pub(super) async fn list_tags(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let answer = if queue.tags.is_empty() { json!({}) } else { json!({ "Tags": queue.tags }) };
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn add_permission(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let label = required(request.label, "Label")?;
    let accounts = required(request.accounts.filter(|accounts| !accounts.is_empty()), "AWSAccountIds")?;
    let actions = required(request.actions.filter(|actions| !actions.is_empty()), "Actions")?;
    queues.add_permission(&queue.name, &label, &accounts, &actions).await?;
    done()
}

pub(super) async fn remove_permission(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    queues.remove_permission(&queue.name, &required(request.label, "Label")?).await?;
    done()
}
