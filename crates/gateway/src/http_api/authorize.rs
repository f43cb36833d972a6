//! Who may make a request.

use ebb_sources::http_api::{RestMatch, Route};
use serde_json::Value;

use super::call::ApiCall;
use super::refusal::ApiRefusal;
use crate::edge::Edge;
use crate::ports::{Caller, SignedRequest};

/// A request that may go on, with what is known of whoever made it.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// What the authorizer adds to the event.
    pub(crate) context: Option<Value>,
    /// Who signed.
    pub(crate) caller: Option<Caller>,
}

/// Asks whoever a route of an HTTP API says.
pub(crate) async fn http(edge: &Edge, call: &ApiCall<'_>, route: &Route) -> Result<Passed, ApiRefusal> {
    match route.authorization_type.as_str() {
        "NONE" => Ok(Passed::default()),
        "AWS_IAM" => signed(edge, call, ApiRefusal::Forbidden),
        other => Err(ApiRefusal::NotBuilt(format!("authorizers of the type {other}"))),
    }
}

/// Asks whoever a method of a REST API says.
pub(crate) async fn rest(
    edge: &Edge,
    call: &ApiCall<'_>,
    matched: &RestMatch<'_>,
) -> Result<Passed, ApiRefusal> {
    match matched.method.authorization_type.as_str() {
        "NONE" => Ok(Passed::default()),
        "AWS_IAM" => signed(edge, call, ApiRefusal::NoRoute),
        other => Err(ApiRefusal::NotBuilt(format!("authorizers of the type {other}"))),
    }
}

/// Whoever signs with a key of this account may call.
fn signed(edge: &Edge, call: &ApiCall<'_>, unsigned: ApiRefusal) -> Result<Passed, ApiRefusal> {
    let parts = call.parts;
    let request =
        SignedRequest { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: &call.body };
    let caller = edge.authenticator.authenticate(&request).map_err(|error| {
        tracing::info!(request_id = %call.id, %error, "a signed route was called without a valid signature");
        if parts.headers.contains_key(::http::header::AUTHORIZATION) {
            ApiRefusal::Forbidden
        } else {
            unsigned
        }
    })?;
    if caller.account != edge.config.account {
        return Err(ApiRefusal::Forbidden);
    }
    Ok(Passed { context: None, caller: Some(caller) })
}
