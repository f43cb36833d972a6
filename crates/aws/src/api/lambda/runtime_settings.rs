//! `GetRuntimeManagementConfig`, `PutRuntimeManagementConfig`, `GetFunctionRecursionConfig`,
//! `PutFunctionRecursionConfig`.

use ebb_invoker::catalog::{RecursiveLoop, RuntimeManagement};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutManagementRequest {
    update_runtime_on: Option<String>,
    runtime_version_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManagementResponse {
    function_arn: String,
    update_runtime_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecursionRequest {
    recursive_loop: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionResponse {
    recursive_loop: &'static str,
}

fn management(config: RuntimeManagement) -> ManagementResponse {
    ManagementResponse {
        function_arn: config.arn.to_string(),
        update_runtime_on: config.update_on,
        runtime_version_arn: config.runtime_version,
    }
}

fn recursion(value: RecursiveLoop) -> RecursionResponse {
    RecursionResponse {
        recursive_loop: match value {
            RecursiveLoop::Allow => "Allow",
            RecursiveLoop::Terminate => "Terminate",
        },
    }
}

pub(super) async fn get_management(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let config = lambda.catalog().runtime_management(&lambda.target(&call)?)?;
    json_response(StatusCode::OK, &management(config))
}

pub(super) async fn put_management(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PutManagementRequest = call.json()?;
    let mode = request.update_runtime_on.unwrap_or_default();
    let version = request.runtime_version_arn.as_deref();
    let config = lambda.catalog().set_runtime_management(&lambda.target(&call)?, &mode, version).await?;
    json_response(StatusCode::OK, &management(config))
}

pub(super) async fn get_recursion(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let value = lambda.catalog().recursion(&lambda.function(&call)?)?;
    json_response(StatusCode::OK, &recursion(value))
}

pub(super) async fn put_recursion(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PutRecursionRequest = call.json()?;
    let value = request.recursive_loop.unwrap_or_default();
    let value = lambda.catalog().set_recursion(&lambda.function(&call)?, &value).await?;
    json_response(StatusCode::OK, &recursion(value))
}
