//! Where the result of an event goes that nobody waited for: functions, and through a port whatever else there is.
//!
//! What follows from an event is committed together with its end, so that a crash neither loses nor repeats it. Source:
//! the Lambda developer guide, "Capturing records of Lambda asynchronous invocations" (2026-11).

use std::collections::BTreeMap;

use bytes::Bytes;
use ebb_model::{FunctionReference, Invocation, Outcome, RequestId, Response, Timestamp, Trigger};
use ebb_store::NewWork;
use serde_json::{Value, json};

use super::QUEUE;
use super::accepted::Accepted;
use super::next::{Attempt, Condition, Policy};
use super::steps;
use crate::Shared;
use crate::run::read_json;

/// The most of an error's message that a dead letter repeats, in bytes.
const ERROR_MESSAGE_BYTES: usize = 1024;

/// Carries results to queues, topics and event buses. The invoker owns this port; whoever delivers implements it.
pub trait ResultCarrier: Send + Sync + 'static {
    /// The work that delivers a result, to be committed with the end of its event.
    fn carry(&self, result: CarriedResult) -> NewWork;
}

/// A result on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedResult {
    /// The id of the event.
    pub id: RequestId,
    /// The ARN of what gets it.
    pub target: String,
    /// The record, or for a dead letter the event as it was.
    pub body: String,
    /// Attributes of a dead letter, with their types.
    pub attributes: BTreeMap<String, (&'static str, String)>,
    /// What an event bus calls it.
    pub detail_type: String,
    /// The function, with the qualifier that was invoked.
    pub function_arn: String,
    /// Now.
    pub at: Timestamp,
}

/// What follows from an event that is over.
pub(crate) fn consequences(
    shared: &Shared,
    event: &Accepted,
    attempt: &Attempt,
    condition: Condition,
    policy: &Policy,
) -> Vec<NewWork> {
    let mut work = Vec::new();
    if condition != Condition::Success {
        tracing::warn!(condition = condition.as_str(), failures = event.failures, "an event was given up");
        work.extend(dead_letter(shared, event, attempt));
    }
    let target = if condition == Condition::Success { &policy.on_success } else { &policy.on_failure };
    let Some(target) = target.as_deref().filter(|target| !target.is_empty()) else { return work };
    let body = record(shared, event, attempt, condition).to_string();
    if target.contains(":lambda:") {
        work.extend(invoke(shared, target, body, event));
    } else {
        let outcome = if condition == Condition::Success { "Success" } else { "Failure" };
        let detail_type = format!("Lambda Function Invocation Result - {outcome}");
        let (target, attributes) = (target.to_owned(), BTreeMap::new());
        let (function_arn, at) = (invoked_arn(shared, event), shared.clock.now());
        let carried = CarriedResult { id: event.id, target, body, attributes, detail_type, function_arn, at };
        work.push(shared.results.carry(carried));
    }
    work
}

/// Another function, whose event is the record.
fn invoke(shared: &Shared, target: &str, body: String, of: &Accepted) -> Option<NewWork> {
    let invoke = || {
        let function = FunctionReference::parse(target).map_err(|error| error.to_string())?;
        let invocation = Invocation::new(function, Bytes::from(body), Trigger::Asynchronous);
        let payload = read_json(&invocation.payload).map_err(|error| error.to_string())?;
        let now = shared.clock.now();
        let event = Accepted::new(&invocation, payload, now);
        steps::accepted(shared, &event, Some(of.id.to_string()));
        let body = event.to_bytes();
        Ok::<_, String>(NewWork { queue: QUEUE, body, due: now, watched: None })
    };
    invoke()
        .inspect_err(|error| tracing::error!(destination = target, error, "a destination takes no record"))
        .ok()
}

/// The event as it was, for the dead-letter queue or topic of the function.
fn dead_letter(shared: &Shared, event: &Accepted, attempt: &Attempt) -> Option<NewWork> {
    let snapshot = shared.catalog.snapshot();
    let function = snapshot.functions.get(&event.function)?;
    let target = function.latest.settings.dead_letter.clone()?;
    let (code, message) = match attempt {
        Attempt::Ended(outcome) => ("200", error_message(outcome)),
        Attempt::NotRun(error) => ("500", error.to_string()),
        Attempt::TooLate => ("500", "The event waited for longer than it may.".to_owned()),
    };
    let attributes = [
        ("RequestID", ("String", event.id.to_string())),
        ("ErrorCode", ("Number", code.to_owned())),
        ("ErrorMessage", ("String", message)),
    ];
    Some(shared.results.carry(CarriedResult {
        id: event.id,
        target,
        body: event.payload.get().to_owned(),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        detail_type: "Lambda Function Invocation Result - Failure".to_owned(),
        function_arn: invoked_arn(shared, event),
        at: shared.clock.now(),
    }))
}

pub(super) fn error_message(outcome: &Outcome) -> String {
    let object = match answer(outcome) {
        Value::Object(object) => object.get("errorMessage").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let mut message = object.unwrap_or_else(|| "unknown".to_owned());
    while message.len() > ERROR_MESSAGE_BYTES {
        message.pop();
    }
    message
}

pub(super) fn invoked_arn(shared: &Shared, event: &Accepted) -> String {
    let qualifier = event.qualifier.as_ref().map_or_else(|| "$LATEST".to_owned(), ToString::to_string);
    format!("{}:{qualifier}", shared.catalog.arn(&event.function, None))
}

/// The record that a destination gets.
fn record(shared: &Shared, event: &Accepted, attempt: &Attempt, condition: Condition) -> Value {
    let ran = matches!(attempt, Attempt::Ended(_));
    let mut record = json!({
        "version": "1.0",
        "timestamp": shared.clock.now().to_rfc3339(),
        "requestContext": {
            "requestId": event.id,
            "functionArn": invoked_arn(shared, event),
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
