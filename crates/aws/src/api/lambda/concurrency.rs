//! Reserved concurrency (`PutFunctionConcurrency`, …) and provisioned concurrency
//! (`PutProvisionedConcurrencyConfig`, …).

use ebb_invoker::catalog::{CatalogError, ProvisionedConcurrency, ProvisionedStatus, Violations};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reserved {
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_concurrent_executions: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProvisionedRequest {
    provisioned_concurrent_executions: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Provisioned {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_arn: Option<String>,
    requested_provisioned_concurrent_executions: u32,
    available_provisioned_concurrent_executions: u32,
    allocated_provisioned_concurrent_executions: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    last_modified: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListProvisionedResponse {
    provisioned_concurrency_configs: Vec<Provisioned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

fn shown(config: ProvisionedConcurrency) -> Provisioned {
    let (status, status_reason) = match config.status {
        ProvisionedStatus::InProgress => ("IN_PROGRESS", None),
        ProvisionedStatus::Ready => ("READY", None),
        ProvisionedStatus::Failed(reason) => ("FAILED", Some(reason)),
    };
    Provisioned {
        function_arn: None,
        requested_provisioned_concurrent_executions: config.requested,
        available_provisioned_concurrent_executions: config.available,
        allocated_provisioned_concurrent_executions: config.available,
        status,
        status_reason,
        last_modified: config.last_modified.format("%Y-%m-%dT%H:%M:%S+0000"),
    }
}

fn required(value: Option<i64>, at: &str) -> Result<i64, AwsError> {
    value.ok_or_else(|| {
        let mut violations = Violations::new();
        violations.missing(at);
        CatalogError::Validation(violations).into()
    })
}

pub(super) async fn put_reserved(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Reserved = call.json()?;
    let asked = required(request.reserved_concurrent_executions, "reservedConcurrentExecutions")?;
    let reserved = lambda.catalog().set_reserved_concurrency(&lambda.function(&call)?, Some(asked)).await?;
    json_response(StatusCode::OK, &Reserved { reserved_concurrent_executions: reserved.map(i64::from) })
}

pub(super) async fn delete_reserved(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().set_reserved_concurrency(&lambda.function(&call)?, None).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn get_reserved(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let function = lambda.catalog().function(&lambda.function(&call)?.name)?;
    let reserved = function.reserved_concurrency.map(i64::from);
    json_response(StatusCode::OK, &Reserved { reserved_concurrent_executions: reserved })
}

pub(super) async fn put_provisioned(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: ProvisionedRequest = call.json()?;
    let asked = required(request.provisioned_concurrent_executions, "provisionedConcurrentExecutions")?;
    let config = lambda.catalog().set_provisioned_concurrency(&lambda.target(&call)?, asked).await?;
    json_response(StatusCode::ACCEPTED, &shown(config))
}

pub(super) async fn get_provisioned(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let config = lambda.catalog().provisioned_concurrency(&lambda.target(&call)?)?;
    json_response(StatusCode::OK, &shown(config))
}

pub(super) async fn delete_provisioned(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().delete_provisioned_concurrency(&lambda.target(&call)?).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn list_provisioned(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let configs = lambda.catalog().provisioned_concurrencies(&lambda.function(&call)?)?;
    let (configs, next_marker) = page.cut(configs, |config| config.arn.to_string());
    let show = |config: ProvisionedConcurrency| {
        let arn = config.arn.to_string();
        Provisioned { function_arn: Some(arn), ..shown(config) }
    };
    let provisioned_concurrency_configs = configs.into_iter().map(show).collect();
    json_response(StatusCode::OK, &ListProvisionedResponse { provisioned_concurrency_configs, next_marker })
}
