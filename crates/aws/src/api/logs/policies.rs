//! Resource policies: who else may write logs.
//!
//! Source: the API reference, `PutResourcePolicy` (2026-11).

use ebb_sources::log_settings::LogPolicy;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, check_length, done, invalid, page, required, setting_error, with_token};
use crate::wire::{AwsError, Body, Call, json_response};

/// The longest document.
const DOCUMENT: usize = 5120;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    policy_name: Option<String>,
    policy_document: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

pub(super) async fn put(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = required(request.policy_name, "policyName")?;
    let document = required(request.policy_document, "policyDocument")?;
    check_length(&document, "policyDocument", DOCUMENT)?;
    if !serde_json::from_str::<Value>(&document).is_ok_and(|document| document["Statement"].is_array()) {
        return Err(invalid("Invalid Policy Document"));
    }
    let policy = logs.settings.put_policy(&name, &document).await.map_err(setting_error)?;
    json_response(StatusCode::OK, &json!({ "resourcePolicy": shown(&policy) }))
}

pub(super) async fn describe(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (page, next) = page(logs.settings.policies(), request.limit, request.next_token.as_deref())?;
    let shown: Vec<Value> = page.iter().map(|policy| shown(policy)).collect();
    json_response(StatusCode::OK, &with_token(json!({ "resourcePolicies": shown }), next))
}

fn shown(policy: &LogPolicy) -> Value {
    json!({
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated.millis(),
        "policyScope": "ACCOUNT",
    })
}

pub(super) async fn delete(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = required(request.policy_name, "policyName")?;
    logs.settings.delete_policy(&name).await.map_err(setting_error)?;
    done()
}
