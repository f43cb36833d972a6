//! Code signing: ebb keeps no configurations of it, and says so in the service's shapes.

use ebb_invoker::catalog::{CatalogError, NotFound};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Lambda;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest {
    code_signing_config_arn: Option<String>,
}

/// `ListCodeSigningConfigs`: there are none.
pub(super) async fn list(_lambda: Lambda, _call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &json!({ "CodeSigningConfigs": [] }))
}

/// Every operation on a configuration: there is none.
pub(super) async fn missing(_lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let arn = call.path.get("CodeSigningConfigArn");
    let message = format!("The Lambda code signing configuration {arn} can not be found.");
    Err(CatalogError::NotFound(NotFound::Other(message)).into())
}

/// `GetFunctionCodeSigningConfig`: the function has none.
pub(super) async fn of_function(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().function(&lambda.function(&call)?.name)?;
    json_response(StatusCode::OK, &json!({}))
}

/// `PutFunctionCodeSigningConfig`: there is none to put.
pub(super) async fn put(_lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PutRequest = call.json()?;
    let arn = request.code_signing_config_arn.unwrap_or_default();
    Err(CatalogError::CodeSigningConfigNotFound(arn).into())
}

/// `DeleteFunctionCodeSigningConfig`: it is gone already.
pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().function(&lambda.function(&call)?.name)?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
