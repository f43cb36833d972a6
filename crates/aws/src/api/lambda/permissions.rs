//! `AddPermission`, `RemovePermission`, `GetPolicy`.

use ebb_invoker::catalog::NewPermission;
use ebb_model::{Policy, Statement};
use http::{Response, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};

use super::Lambda;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddPermissionRequest {
    statement_id: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    revision_id: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    function_url_auth_type: Option<String>,
    #[serde(default, deserialize_with = "lenient_bool")]
    invoked_via_function_url: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddPermissionResponse {
    statement: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetPolicyResponse {
    policy: String,
    revision_id: String,
}

/// A policy in the form of IAM.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'static str,
    id: &'static str,
    statement: &'a [Statement],
}

/// Some clients send a boolean as text.
fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Bool(bool),
        Text(String),
    }
    let given = Option::<Given>::deserialize(deserializer)?;
    Ok(given.map(|given| match given {
        Given::Bool(value) => value,
        Given::Text(text) => text.eq_ignore_ascii_case("true"),
    }))
}

/// A policy as JSON text.
pub(super) fn document(policy: &Policy) -> Result<String, AwsError> {
    let document = Document { version: "2012-10-17", id: "default", statement: &policy.statements };
    serde_json::to_string(&document).map_err(AwsError::internal)
}

pub(super) async fn add(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: AddPermissionRequest = call.json()?;
    let permission = NewPermission {
        statement_id: request.statement_id.unwrap_or_default(),
        action: request.action.unwrap_or_default(),
        principal: request.principal.unwrap_or_default(),
        source_arn: request.source_arn,
        source_account: request.source_account,
        event_source_token: request.event_source_token,
        function_url_auth_type: request.function_url_auth_type,
        principal_org_id: request.principal_org_id,
        invoked_via_function_url: request.invoked_via_function_url,
        revision: request.revision_id,
    };
    let target = lambda.target(&call)?;
    let statement = lambda.catalog().add_permission(&target, &permission).await?;
    let statement = serde_json::to_string(&statement).map_err(AwsError::internal)?;
    json_response(StatusCode::CREATED, &AddPermissionResponse { statement })
}

pub(super) async fn remove(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let target = lambda.target(&call)?;
    let known = call.context.query.get("RevisionId");
    lambda.catalog().remove_permission(&target, call.path.get("StatementId"), known).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let policy = lambda.catalog().policy(&lambda.target(&call)?)?;
    let response = GetPolicyResponse { policy: document(&policy)?, revision_id: policy.revision.to_string() };
    json_response(StatusCode::OK, &response)
}
