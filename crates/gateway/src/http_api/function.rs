//! Functions behind routes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::{Delivery, InvokeError};
use ebb_model::{FunctionFailure, FunctionReference, Invocation, Response as FunctionResponse, Trigger};

use super::call::ApiCall;
use super::refusal::ApiRefusal;
use crate::edge::Edge;

/// How a function is called.
pub(crate) struct FunctionCall<'a> {
    /// The integration's or authorizer's URI.
    pub(crate) uri: &'a str,
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) api_id: &'a str,
    /// What stands after the API's id in the ARN that the function's policy must allow.
    pub(crate) source: &'a str,
    /// Whether a role stands for the API, so that the function's own policy is not asked.
    pub(crate) by_role: bool,
    pub(crate) timeout: Duration,
}

/// Calls a function and gives what it returned.
///
/// # Errors
/// [`ApiRefusal`]; the reason is in the log.
pub(crate) async fn call(
    edge: &Edge,
    call: &ApiCall<'_>,
    function: &FunctionCall<'_>,
    event: Bytes,
) -> Result<Bytes, ApiRefusal> {
    run(edge, call, function, event).await?.map_err(|_| ApiRefusal::IntegrationFailed)
}

/// Calls a function and gives what it returned, or how it failed.
///
/// # Errors
/// [`ApiRefusal`] where it did not run, or too long; the reason is in the log.
pub(crate) async fn run(
    edge: &Edge,
    call: &ApiCall<'_>,
    function: &FunctionCall<'_>,
    event: Bytes,
) -> Result<Result<Bytes, FunctionFailure>, ApiRefusal> {
    let id = call.id;
    let invocation = invocation(edge, call, function, event)?;
    let running = edge.functions.invoke(invocation, Delivery::Whole);
    let Ok(outcome) = tokio::time::timeout(function.timeout, running).await else {
        tracing::info!(request_id = %id, "a function took longer than its integration allows");
        return Err(ApiRefusal::TimedOut);
    };
    let outcome = outcome.map_err(|error| {
        tracing::warn!(request_id = %id, %error, "an invocation did not run");
        match error {
            InvokeError::NotFound(_) => ApiRefusal::NotCallable,
            InvokeError::ShuttingDown => ApiRefusal::Edge(crate::refusal::Refusal::ShuttingDown),
            InvokeError::PayloadTooLarge { .. } => ApiRefusal::Edge(crate::refusal::Refusal::BodyTooLarge),
            _ => ApiRefusal::IntegrationFailed,
        }
    })?;
    match outcome.result {
        Ok(FunctionResponse::Whole(payload)) => Ok(Ok(payload)),
        Ok(FunctionResponse::Streamed(_)) => Err(ApiRefusal::IntegrationFailed),
        Err(failure) => Ok(Err(failure)),
    }
}

/// Hands a function its event for later.
///
/// # Errors
/// [`ApiRefusal`]; the reason is in the log.
pub(crate) async fn accept(
    edge: &Edge,
    call: &ApiCall<'_>,
    function: &FunctionCall<'_>,
    event: Bytes,
) -> Result<(), ApiRefusal> {
    let mut invocation = invocation(edge, call, function, event)?;
    invocation.trigger = Trigger::Direct;
    edge.functions.accept(invocation).await.map(drop).map_err(|error| {
        tracing::warn!(request_id = %call.id, %error, "an event was not accepted");
        ApiRefusal::IntegrationFailed
    })
}

/// The invocation of a function that the API may call.
fn invocation(
    edge: &Edge,
    call: &ApiCall<'_>,
    function: &FunctionCall<'_>,
    event: Bytes,
) -> Result<Invocation, ApiRefusal> {
    let id = call.id;
    let Some(reference) = reference(function.uri, function.variables) else {
        tracing::warn!(request_id = %id, uri = function.uri, "an API's URI names no function");
        return Err(ApiRefusal::NotCallable);
    };
    if !function.by_role {
        let caller = call.gateway(function.api_id, function.source);
        edge.functions.granted(&reference, &caller).map_err(|missing| {
            tracing::warn!(request_id = %id, "{missing}");
            ApiRefusal::NotCallable
        })?;
    }
    let mut invocation = Invocation::new(reference, event, Trigger::Http);
    invocation.trace = call.trace.clone();
    Ok(invocation)
}

/// The function in a URI: its ARN, alone or in
/// `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`, with stage variables filled in.
fn reference(uri: &str, variables: &BTreeMap<String, String>) -> Option<FunctionReference> {
    let uri = with_variables(uri, variables);
    let arn = match uri.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").unwrap_or(rest),
        None => &uri,
    };
    FunctionReference::parse(arn).ok()
}

/// `${stageVariables.NAME}` filled in; what is not set is left out.
pub(crate) fn with_variables(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${stageVariables.") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else { return out };
        out.push_str(variables.get(name).map_or("", String::as_str));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_functions_with_stage_variables_filled_in() {
        let variables =
            BTreeMap::from([("fn".to_owned(), "shop".to_owned()), ("alias".to_owned(), "live".to_owned())]);
        let arn = "arn:aws:lambda:us-east-1:000000000000:function";
        for (uri, expected) in [
            (format!("{arn}:f"), Some(format!("{arn}:f"))),
            (
                format!(
                    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}:f:live/invocations"
                ),
                Some(format!("{arn}:f:live")),
            ),
            (
                format!("{arn}:${{stageVariables.fn}}:${{stageVariables.alias}}"),
                Some(format!("{arn}:shop:live")),
            ),
            ("https://a.example".to_owned(), None),
        ] {
            let expected = expected.map(|arn| FunctionReference::parse(&arn).unwrap());
            assert_eq!(reference(&uri, &variables), expected, "{uri}");
        }
    }
}
