//! Moving dead letters back.

use ebb_sources::queue::{MoveTask, MoveTaskState, QueueError, Queues};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{number, required};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    source_arn: Option<String>,
    destination_arn: Option<String>,
    #[serde(default, deserialize_with = "number")]
    max_number_of_messages_per_second: Option<u32>,
    task_handle: Option<String>,
    #[serde(default, deserialize_with = "number")]
    max_results: Option<usize>,
}

pub(super) async fn start(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let source = required(request.source_arn, "SourceArn")?;
    let rate = request.max_number_of_messages_per_second;
    let task = queues.start_move(&source, request.destination_arn.as_deref(), rate).await?;
    json_response(StatusCode::OK, &json!({ "TaskHandle": task.task_handle() }))
}

pub(super) async fn cancel(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let moved = queues.cancel_move(&required(request.task_handle, "TaskHandle")?).await?;
    json_response(StatusCode::OK, &json!({ "ApproximateNumberOfMessagesMoved": moved }))
}

pub(super) async fn list(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let source = required(request.source_arn, "SourceArn")?;
    queues.find(&source).map_err(|_| {
        QueueError::NotFound(
            "The resource that you specified for the SourceArn parameter doesn't exist.".to_owned(),
        )
    })?;
    let limit = request.max_results.unwrap_or(1).clamp(1, 10);
    let tasks: Vec<Value> = queues.moves(&source).iter().take(limit).map(|task| shown(task)).collect();
    json_response(StatusCode::OK, &json!({ "Results": tasks }))
}

fn shown(task: &MoveTask) -> Value {
    let mut shown = json!({
        "Status": task.state,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started.millis(),
    });
    // Only a task that runs can be named.
    if task.state == MoveTaskState::Running {
        shown["TaskHandle"] = task.task_handle().into();
    }
    let members = [
        ("DestinationArn", task.destination_arn.clone().map(Value::from)),
        ("MaxNumberOfMessagesPerSecond", task.per_second.map(Value::from)),
        ("FailureReason", task.failure.clone().map(Value::from)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}
