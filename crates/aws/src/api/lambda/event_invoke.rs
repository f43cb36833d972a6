//! `PutFunctionEventInvokeConfig`, `UpdateFunctionEventInvokeConfig`, `GetFunctionEventInvokeConfig`,
//! `DeleteFunctionEventInvokeConfig`, `ListFunctionEventInvokeConfigs`.

use ebb_invoker::catalog::EventInvokeChange;
use ebb_model::{EventInvokeConfig, FunctionArn};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventInvokeRequest {
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<DestinationConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_success: Option<DestinationMember>,
    on_failure: Option<DestinationMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationMember {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionEventInvokeConfig {
    /// Seconds since the epoch, with milliseconds.
    last_modified: f64,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListEventInvokeResponse {
    function_event_invoke_configs: Vec<FunctionEventInvokeConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl From<EventInvokeRequest> for EventInvokeChange {
    fn from(request: EventInvokeRequest) -> Self {
        let destinations =
            request.destination_config.unwrap_or(DestinationConfig { on_success: None, on_failure: None });
        Self {
            max_event_age_seconds: request.maximum_event_age_in_seconds,
            max_retry_attempts: request.maximum_retry_attempts,
            on_success: destinations.on_success.map(|member| member.destination),
            on_failure: destinations.on_failure.map(|member| member.destination),
        }
    }
}

fn shown((arn, config): (FunctionArn, EventInvokeConfig)) -> FunctionEventInvokeConfig {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double for 285,000 years")]
    let last_modified = config.last_modified.millis() as f64 / 1000.0;
    FunctionEventInvokeConfig {
        last_modified,
        function_arn: arn.to_string(),
        maximum_retry_attempts: config.max_retry_attempts,
        maximum_event_age_in_seconds: config.max_event_age_seconds,
        destination_config: DestinationConfig {
            on_success: Some(DestinationMember { destination: config.on_success }),
            on_failure: Some(DestinationMember { destination: config.on_failure }),
        },
    }
}

pub(super) async fn put(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    set(&lambda, &call, false).await
}

pub(super) async fn update(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    set(&lambda, &call, true).await
}

async fn set(lambda: &Lambda, call: &Call, keep: bool) -> Result<Response<Body>, AwsError> {
    let request: EventInvokeRequest = call.json()?;
    let config = lambda.catalog().set_event_invoke(&lambda.target(call)?, &request.into(), keep).await?;
    json_response(StatusCode::OK, &shown(config))
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &shown(lambda.catalog().event_invoke(&lambda.target(&call)?)?))
}

pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().delete_event_invoke(&lambda.target(&call)?).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let configs = lambda.catalog().event_invokes(&lambda.function(&call)?)?;
    let (configs, next_marker) = page.cut(configs, |(arn, _)| arn.to_string());
    let function_event_invoke_configs = configs.into_iter().map(shown).collect();
    json_response(StatusCode::OK, &ListEventInvokeResponse { function_event_invoke_configs, next_marker })
}
