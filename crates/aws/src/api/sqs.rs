//! SQS: queues. JSON 1.0, target `AmazonSQS`, and the older query protocol; shapes are those of the public model
//! (`sqs/2012-11-05/service-2.json`, 2026-11). What the operations do is in `ebb-sources`.

mod batch;
mod errors;
mod messages;
mod moves;
mod queues;
mod shapes;
#[cfg(test)]
mod tests;

use ebb_sources::queue::{Queue, QueueError, Queues};
use http::{Response, StatusCode};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::wire::{Api, AwsError, Body, Call, json_response};

/// The service. All operations of the model are there.
#[must_use]
pub fn api(queues: Queues) -> Api {
    Api::json("sqs", "application/x-amz-json-1.0", "AmazonSQS", "InternalFailure", queues)
        .operation("CreateQueue", queues::create)
        .at_root()
        .operation("DeleteQueue", queues::delete)
        .operation("GetQueueUrl", queues::get_url)
        .operation("ListQueues", queues::list)
        .at_root()
        .operation("GetQueueAttributes", queues::get_attributes)
        .operation("SetQueueAttributes", queues::set_attributes)
        .operation("PurgeQueue", queues::purge)
        .operation("ListDeadLetterSourceQueues", queues::list_sources)
        .operation("TagQueue", queues::tag)
        .operation("UntagQueue", queues::untag)
        .operation("ListQueueTags", queues::list_tags)
        .operation("AddPermission", queues::add_permission)
        .operation("RemovePermission", queues::remove_permission)
        .operation("SendMessage", messages::send)
        .operation("ReceiveMessage", messages::receive)
        .operation("DeleteMessage", messages::delete)
        .operation("ChangeMessageVisibility", messages::change_visibility)
        .operation("SendMessageBatch", batch::send)
        .operation("DeleteMessageBatch", batch::delete)
        .operation("ChangeMessageVisibilityBatch", batch::change_visibility)
        .operation("StartMessageMoveTask", moves::start)
        .operation("CancelMessageMoveTask", moves::cancel)
        .operation("ListMessageMoveTasks", moves::list)
        .also_query(&shapes::SHAPES)
        .whole()
        .build()
}

/// The queue that a request names by its URL; older clients name it by the path that they call.
fn queue(queues: &Queues, call: &Call, url: Option<&str>) -> Result<Arc<Queue>, AwsError> {
    let path = call.context.path.as_str();
    let url = url.filter(|url| !url.is_empty()).or_else(|| (path.len() > 1).then_some(path));
    let url = url.ok_or_else(|| QueueError::Missing("QueueUrl".to_owned()))?;
    let queue = queues.find(url)?;
    let action = call.context.operation.trim_end_matches("Batch");
    // Whoever locks himself out can change the policy all the same.
    if ["SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "PurgeQueue"]
        .contains(&action)
    {
        queues.check_denied(&queue, action)?;
    }
    Ok(queue)
}

/// The URL of a queue, at the address by which the client reached the server.
fn url(call: &Call, name: &str) -> String {
    format!("{}/{}/{name}", call.context.base_url, call.context.account)
}

/// A number, which the query protocol has as a text.
fn number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr,
{
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| D::Error::custom(format!("{text:?} is not such a number")))
        }
        Some(value) => {
            let text = value.to_string();
            text.parse().map(Some).map_err(|_| D::Error::custom(format!("{text} is not such a number")))
        }
    }
}

/// A member that must be there.
fn required<T>(value: Option<T>, name: &str) -> Result<T, AwsError> {
    value.ok_or_else(|| QueueError::Missing(name.to_owned()).into())
}

/// The answer of operations that have nothing to say.
fn done() -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &json!({}))
}
