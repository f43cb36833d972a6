//! `Invoke` and `InvokeAsync`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_invoker::Delivery;
use ebb_invoker::catalog::{CatalogError, Violations};
use ebb_model::{Invocation, Outcome, TraceHeader, Trigger};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::Lambda;
use crate::wire::{AwsError, Body, Call, empty_response, full_body, json_response};

pub(super) const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The client context that the service takes. Source: the Lambda API reference, `Invoke`, parameter `ClientContext`.
const CLIENT_CONTEXT_BYTES: usize = 3583;

/// How a caller wants a function to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

const TYPES: &[(&str, InvocationType)] = &[
    ("Event", InvocationType::Event),
    ("RequestResponse", InvocationType::RequestResponse),
    ("DryRun", InvocationType::DryRun),
];

/// The invocation that a request asks for. It has the id of the request, so that the function, its log and the
/// caller know it by the same name.
pub(super) fn read(lambda: &Lambda, call: &Call) -> Result<(Invocation, InvocationType), AwsError> {
    let context = &call.context;
    let mut violations = Violations::new();
    let kind = match context.header("x-amz-invocation-type") {
        None => Some(InvocationType::RequestResponse),
        Some(text) => violations.choice("invocationType", text, TYPES),
    };
    let tail = match context.header("x-amz-log-type") {
        None => Some(false),
        Some(text) => violations.choice("logType", text, &[("None", false), ("Tail", true)]),
    };
    violations.finish()?;
    let target = lambda.target(call)?;
    let trace = context.header(TRACE_ID.as_str()).filter(|text| text.contains("Root="));
    let invocation = Invocation {
        id: context.request_id,
        payload: if call.body.is_empty() { Bytes::from_static(b"{}") } else { call.body.clone() },
        client_context: context.header("x-amz-client-context").map(client_context).transpose()?,
        trace: trace.map_or_else(TraceHeader::fresh, |text| TraceHeader(text.to_owned())),
        wants_log_tail: tail == Some(true),
        ..Invocation::new(target.reference(), Bytes::new(), Trigger::Direct)
    };
    Ok((invocation, kind.unwrap_or(InvocationType::RequestResponse)))
}

/// Base64 of a JSON object.
fn client_context(text: &str) -> Result<String, AwsError> {
    let refused = |why: String| AwsError::client("InvalidRequestContentException", why);
    if text.len() > CLIENT_CONTEXT_BYTES {
        return Err(refused(format!(
            "Client context must be no larger than {CLIENT_CONTEXT_BYTES} bytes, was {} bytes",
            text.len()
        )));
    }
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let object =
        decoded.filter(|json| serde_json::from_str::<Value>(json).is_ok_and(|value| value.is_object()));
    object.ok_or_else(|| refused("Client context must be a valid Base64-encoded JSON object.".to_owned()))
}

pub(super) async fn invoke(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let (invocation, kind) = read(&lambda, &call)?;
    match kind {
        InvocationType::DryRun => {
            lambda.invoker.check(&invocation)?;
            Ok(empty_response(StatusCode::NO_CONTENT))
        }
        InvocationType::Event => {
            lambda.invoker.accept(invocation).await?;
            Ok(empty_response(StatusCode::ACCEPTED))
        }
        InvocationType::RequestResponse => {
            let trace = invocation.trace.clone();
            let outcome = lambda.invoker.invoke(invocation, Delivery::Whole).await?;
            Ok(answer(outcome, &trace))
        }
    }
}

fn answer(outcome: Outcome, trace: &TraceHeader) -> Response<Body> {
    let (failed, payload) = match outcome.result {
        Ok(ebb_model::Response::Whole(payload)) => (false, payload),
        // Only asked for whole, it cannot have been streamed.
        Ok(ebb_model::Response::Streamed(_)) => (false, Bytes::new()),
        Err(failure) => (true, failure.payload),
    };
    let mut response = Response::new(full_body(payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(EXECUTED_VERSION, &outcome.version.to_string());
    if failed {
        insert(FUNCTION_ERROR, "Unhandled");
    }
    if let Some(tail) = outcome.log_tail {
        insert(LOG_RESULT, &STANDARD.encode(tail));
    }
    insert(TRACE_ID, &trace.0);
    response
}

/// The old way to send an event; it takes any JSON document and says no more than that it was taken.
pub(super) async fn invoke_async(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let target = lambda.function(&call)?;
    if target.qualifier.is_some() {
        return Err(CatalogError::InvalidParameter(
            "InvokeAsync takes no qualifier; use Invoke with InvocationType Event.".to_owned(),
        )
        .into());
    }
    let payload = if call.body.is_empty() { Bytes::from_static(b"{}") } else { call.body.clone() };
    let invocation = Invocation {
        id: call.context.request_id,
        ..Invocation::new(target.reference(), payload, Trigger::Direct)
    };
    lambda.invoker.accept(invocation).await?;
    json_response(StatusCode::ACCEPTED, &json!({}))
}
