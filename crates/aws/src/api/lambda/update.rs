//! `UpdateFunctionCode` and `UpdateFunctionConfiguration`.

use ebb_invoker::catalog::CodeUpdate;
use http::{Response, StatusCode};
use serde::Deserialize;

use super::Lambda;
use super::configuration::FunctionConfiguration;
use super::create::{CodeMember, SettingsMembers};
use super::versions::arn_of;
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateFunctionCodeRequest {
    #[serde(flatten)]
    code: CodeMember,
    architectures: Option<Vec<String>>,
    publish: Option<bool>,
    dry_run: Option<bool>,
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateFunctionConfigurationRequest {
    revision_id: Option<String>,
    #[serde(flatten)]
    settings: SettingsMembers,
}

pub(super) async fn code(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: UpdateFunctionCodeRequest = call.json()?;
    let update = CodeUpdate {
        code: request.code.source()?,
        architectures: request.architectures,
        publish: request.publish.unwrap_or(false),
        dry_run: request.dry_run.unwrap_or(false),
        revision: request.revision_id,
    };
    let target = lambda.function(&call)?;
    let (_, version) = lambda.catalog().update_code(&target, update).await?;
    let arn = arn_of(lambda.catalog(), &version);
    json_response(StatusCode::OK, &FunctionConfiguration::new(&version, &arn))
}

pub(super) async fn configuration(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: UpdateFunctionConfigurationRequest = call.json()?;
    let target = lambda.function(&call)?;
    let input = request.settings.input();
    let revision = request.revision_id.as_deref();
    let (_, version) = lambda.catalog().update_settings(&target, &input, revision).await?;
    let arn = arn_of(lambda.catalog(), &version);
    json_response(StatusCode::OK, &FunctionConfiguration::new(&version, &arn))
}
