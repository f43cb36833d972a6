//! Up to ten messages at once.

use ebb_sources::queue::{Batch, Queues};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::codes;
use super::messages::{SendRequest, sender, shown_sent};
use super::{number, queue};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<T> {
    queue_url: Option<String>,
    #[serde(default = "Vec::new")]
    entries: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default, deserialize_with = "number")]
    visibility_timeout: Option<i64>,
}

pub(super) async fn send(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request<SendRequest> = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let entry = |mut entry: SendRequest| (entry.id.take().unwrap_or_default(), entry.message());
    let entries = request.entries.into_iter().map(entry).collect();
    let batch = queues.send_batch(&queue, entries, &sender(&call)).await?;
    answer(batch, |sent| sent.map(shown_sent).unwrap_or_default())
}

pub(super) async fn delete(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request<Entry> = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let entries = request.entries.into_iter().map(|entry| (entry.id, entry.receipt_handle)).collect();
    let batch = queues.delete_batch(&queue, entries).await?;
    answer(batch, |_| Map::new())
}

pub(super) async fn change_visibility(queues: Queues, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request<Entry> = call.json()?;
    let queue = queue(&queues, &call, request.queue_url.as_deref())?;
    let entry = |entry: Entry| {
        let seconds = entry.visibility_timeout.unwrap_or_default();
        (entry.id, entry.receipt_handle, seconds)
    };
    let entries = request.entries.into_iter().map(entry).collect();
    let batch = queues.change_visibility_batch(&queue, entries).await?;
    answer(batch, |_| Map::new())
}

fn answer<T>(
    batch: Batch<T>,
    show: impl Fn(Option<&T>) -> Map<String, Value>,
) -> Result<Response<Body>, AwsError> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in batch {
        match result {
            Ok(value) => {
                let mut shown = show(Some(&value));
                shown.insert("Id".to_owned(), id.into());
                successful.push(Value::Object(shown));
            }
            Err(error) => failed.push(json!({
                "Id": id, "SenderFault": true, "Code": codes(&error).1, "Message": error.to_string(),
            })),
        }
    }
    let mut answer = Map::new();
    if !successful.is_empty() {
        answer.insert("Successful".to_owned(), successful.into());
    }
    if !failed.is_empty() {
        answer.insert("Failed".to_owned(), failed.into());
    }
    json_response(StatusCode::OK, &answer)
}
