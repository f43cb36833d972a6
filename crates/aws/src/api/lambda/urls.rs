//! `CreateFunctionUrlConfig`, `GetFunctionUrlConfig`, `UpdateFunctionUrlConfig`, `DeleteFunctionUrlConfig`,
//! `ListFunctionUrlConfigs`.

use ebb_invoker::catalog::{UrlChange, UrlConfig};
use ebb_model::{InvokeMode, UrlAuth, UrlCors};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UrlRequest {
    auth_type: Option<String>,
    invoke_mode: Option<String>,
    cors: Option<Cors>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_methods: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expose_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionUrlConfig {
    function_url: String,
    function_arn: String,
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoke_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<Cors>,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_time: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListUrlsResponse {
    function_url_configs: Vec<FunctionUrlConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl From<Cors> for UrlCors {
    fn from(cors: Cors) -> Self {
        Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age: cors.max_age,
        }
    }
}

impl From<UrlCors> for Cors {
    fn from(cors: UrlCors) -> Self {
        Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age: cors.max_age,
        }
    }
}

impl From<UrlRequest> for UrlChange {
    fn from(request: UrlRequest) -> Self {
        Self { auth: request.auth_type, mode: request.invoke_mode, cors: request.cors.map(UrlCors::from) }
    }
}

fn shown(lambda: &Lambda, config: UrlConfig) -> FunctionUrlConfig {
    let url = config.url;
    FunctionUrlConfig {
        function_url: lambda.edge.function_url(&url.id, lambda.catalog().region()),
        function_arn: config.arn.to_string(),
        auth_type: match url.auth {
            UrlAuth::None => "NONE",
            UrlAuth::AwsIam => "AWS_IAM",
        },
        invoke_mode: Some(match url.mode {
            InvokeMode::Buffered => "BUFFERED",
            InvokeMode::ResponseStream => "RESPONSE_STREAM",
        }),
        cors: url.cors.map(Cors::from),
        creation_time: url.created.to_rfc3339(),
        last_modified_time: Some(url.last_modified.to_rfc3339()),
    }
}

/// The answer to a change: with the mode only where a request ever named it (recorded 2025).
fn shown_change(lambda: &Lambda, config: UrlConfig) -> FunctionUrlConfig {
    let named = config.url.mode_named;
    let shown = shown(lambda, config);
    FunctionUrlConfig { invoke_mode: shown.invoke_mode.filter(|_| named), ..shown }
}

pub(super) async fn create(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: UrlRequest = call.json()?;
    let config = lambda.catalog().create_url(&lambda.target(&call)?, &request.into()).await?;
    // A new one has no time of change yet in the service's answer.
    let response = FunctionUrlConfig { last_modified_time: None, ..shown_change(&lambda, config) };
    json_response(StatusCode::CREATED, &response)
}

pub(super) async fn update(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: UrlRequest = call.json()?;
    let config = lambda.catalog().update_url(&lambda.target(&call)?, &request.into()).await?;
    json_response(StatusCode::OK, &shown_change(&lambda, config))
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let config = lambda.catalog().url(&lambda.target(&call)?)?;
    json_response(StatusCode::OK, &shown(&lambda, config))
}

pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().delete_url(&lambda.target(&call)?).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let configs = lambda.catalog().urls(&lambda.function(&call)?)?;
    let (configs, next_marker) = page.cut(configs, |config| config.url.id.clone());
    let function_url_configs = configs.into_iter().map(|config| shown(&lambda, config)).collect();
    json_response(StatusCode::OK, &ListUrlsResponse { function_url_configs, next_marker })
}
