//! Where the result of an event goes that nobody waited for.
//!
//! Today functions can be destinations; queues, topics and event buses are not built yet, and an event for them is
//! named in the log. Source: the Lambda developer guide, "Capturing records of Lambda asynchronous invocations"
//! (2026-11).

use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{FunctionReference, Invocation, Outcome, Response, Trigger};
use serde_json::{Value, json};

use super::accepted::Accepted;
use super::next::{Attempt, Condition, Policy};
use crate::Shared;

/// Sends the record of an event that is over to its destination, where it has one.
pub(crate) async fn send(
    shared: &Arc<Shared>,
    event: &Accepted,
    attempt: &Attempt,
    condition: Condition,
    policy: &Policy,
) {
    if condition != Condition::Success {
        tracing::warn!(condition = condition.as_str(), failures = event.failures, "an event was given up");
        dead_letter(shared, event);
    }
    let target = if condition == Condition::Success { &policy.on_success } else { &policy.on_failure };
    let Some(target) = target.as_deref().filter(|target| !target.is_empty()) else { return };
    let Some(function) = FunctionReference::parse(target).ok().filter(|_| target.contains(":lambda:")) else {
        not_built(target);
        return;
    };
    let record = record(shared, event, attempt, condition).to_string();
    let invocation = Invocation::new(function, Bytes::from(record), Trigger::Asynchronous);
    // Behind a pointer: accepting is what this is part of.
    if let Err(error) = Box::pin(super::accept(shared, invocation)).await {
        tracing::error!(destination = target, %error, "a destination did not take its record");
    }
}

fn dead_letter(shared: &Shared, event: &Accepted) {
    let snapshot = shared.catalog.snapshot();
    let Some(function) = snapshot.functions.get(&event.function) else { return };
    if let Some(target) = &function.latest.settings.dead_letter {
        not_built(target);
    }
}

fn not_built(target: &str) {
    let service = target.split(':').nth(2).unwrap_or("unknown");
    tracing::error!(
        destination = target,
        service,
        "a destination is not delivered: ebb has no such service yet"
    );
}

/// The record that a destination gets.
fn record(shared: &Shared, event: &Accepted, attempt: &Attempt, condition: Condition) -> Value {
    let qualifier = event.qualifier.as_ref().map_or_else(|| "$LATEST".to_owned(), ToString::to_string);
    let arn = shared.catalog.arn(&event.function, None);
    let ran = matches!(attempt, Attempt::Ended(_));
    let mut record = json!({
        "version": "1.0",
        "timestamp": shared.clock.now().to_rfc3339(),
        "requestContext": {
            "requestId": event.id,
            "functionArn": format!("{arn}:{qualifier}"),
            "condition": condition.as_str(),
            "approximateInvokeCount": event.failures + u32::from(ran),
        },
        "requestPayload": event.payload,
    });
    if let Attempt::Ended(outcome) = attempt {
        let mut context = json!({"statusCode": 200, "executedVersion": outcome.version});
        if outcome.result.is_err() {
            context["functionError"] = "Unhandled".into();
        }
        record["responseContext"] = context;
        record["responsePayload"] = answer(outcome);
    }
    record
}

fn answer(outcome: &Outcome) -> Value {
    let text = match &outcome.result {
        Ok(Response::Whole(bytes)) => bytes,
        Ok(Response::Streamed(_)) => return Value::Null,
        Err(failure) => &failure.payload,
    };
    // What a custom runtime answered need not be JSON.
    serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into())
}
