//! Layers and the policies of their versions.

use ebb_invoker::catalog::{CatalogError, NewLayerVersion, NewPermission, Violations};
use ebb_model::LayerVersion;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::create::CodeMember;
use super::pages::Page;
use super::permissions::document;
use super::{Lambda, packages};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublishLayerVersionRequest {
    content: Option<CodeMember>,
    description: Option<String>,
    license_info: Option<String>,
    compatible_runtimes: Option<Vec<String>>,
    compatible_architectures: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerVersionSummary {
    layer_version_arn: String,
    version: u64,
    description: String,
    created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_runtimes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_architectures: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_info: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerVersionResponse {
    layer_arn: String,
    content: Content,
    #[serde(flatten)]
    summary: LayerVersionSummary,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    location: String,
    code_sha256: String,
    code_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListLayerVersionsResponse {
    layer_versions: Vec<LayerVersionSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayersListItem {
    layer_name: String,
    layer_arn: String,
    latest_matching_version: LayerVersionSummary,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListLayersResponse {
    layers: Vec<LayersListItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddLayerPermissionRequest {
    statement_id: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    organization_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddLayerPermissionResponse {
    statement: String,
    revision_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerPolicyResponse {
    policy: String,
    revision_id: String,
}

fn summary(version: &LayerVersion) -> LayerVersionSummary {
    LayerVersionSummary {
        layer_version_arn: version.arn.to_string(),
        version: version.arn.version,
        description: version.description.clone(),
        created_date: version.created.to_lambda_string(),
        compatible_runtimes: Some(version.compatible_runtimes.clone()),
        compatible_architectures: Some(version.compatible_architectures.clone()),
        license_info: version.license.clone(),
    }
}

fn shown(lambda: &Lambda, call: &Call, version: &LayerVersion) -> LayerVersionResponse {
    LayerVersionResponse {
        layer_arn: version.arn.layer.to_string(),
        content: Content {
            location: packages::location(lambda, call, version.digest),
            code_sha256: version.digest.to_base64(),
            code_size: version.size,
        },
        summary: summary(version),
    }
}

fn version_number(call: &Call) -> Result<i64, AwsError> {
    let text = call.path.get("VersionNumber");
    text.parse().map_err(|_| {
        let violations = Violations::one("versionNumber", text, "Member must be a number");
        CatalogError::Validation(violations).into()
    })
}

pub(super) async fn publish(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PublishLayerVersionRequest = call.json()?;
    let (names_runtimes, names_architectures) =
        (request.compatible_runtimes.is_some(), request.compatible_architectures.is_some());
    let new = NewLayerVersion {
        name: call.path.get("LayerName").to_owned(),
        content: request.content.map(CodeMember::source).transpose()?.flatten(),
        description: request.description.unwrap_or_default(),
        license: request.license_info,
        compatible_runtimes: request.compatible_runtimes.unwrap_or_default(),
        compatible_architectures: request.compatible_architectures.unwrap_or_default(),
    };
    let version = lambda.catalog().publish_layer(new).await?;
    let mut shown = shown(&lambda, &call, &version);
    // This answer has what the request had (recorded 2025).
    shown.summary.compatible_runtimes = shown.summary.compatible_runtimes.filter(|_| names_runtimes);
    shown.summary.compatible_architectures =
        shown.summary.compatible_architectures.filter(|_| names_architectures);
    json_response(StatusCode::CREATED, &shown)
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let version = lambda.catalog().layer_version(call.path.get("LayerName"), version_number(&call)?)?;
    json_response(StatusCode::OK, &shown(&lambda, &call, &version))
}

pub(super) async fn get_by_arn(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let arn = call.context.query.get("Arn").unwrap_or_default();
    let version = lambda.catalog().layer_version_by_arn(arn)?;
    json_response(StatusCode::OK, &shown(&lambda, &call, &version))
}

pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let number = version_number(&call)?;
    lambda.catalog().delete_layer_version(call.path.get("LayerName"), number).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn list_versions(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let query = &call.context.query;
    let versions = lambda.catalog().layer_versions(
        call.path.get("LayerName"),
        query.get("CompatibleRuntime"),
        query.get("CompatibleArchitecture"),
    )?;
    let (versions, next_marker) = page.cut(versions, |version| version.arn.version.to_string());
    let layer_versions = versions.iter().map(|version| summary(version)).collect();
    json_response(StatusCode::OK, &ListLayerVersionsResponse { layer_versions, next_marker })
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let query = &call.context.query;
    let layers =
        lambda.catalog().layers(query.get("CompatibleRuntime"), query.get("CompatibleArchitecture"))?;
    let (layers, next_marker) = page.cut(layers, |(arn, _)| arn.name.to_string());
    let show = |(arn, version): &(ebb_model::LayerArn, std::sync::Arc<LayerVersion>)| LayersListItem {
        layer_name: arn.name.to_string(),
        layer_arn: arn.to_string(),
        latest_matching_version: summary(version),
    };
    let layers = layers.iter().map(show).collect();
    json_response(StatusCode::OK, &ListLayersResponse { layers, next_marker })
}

pub(super) async fn add_permission(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: AddLayerPermissionRequest = call.json()?;
    let permission = NewPermission {
        statement_id: request.statement_id.unwrap_or_default(),
        action: request.action.unwrap_or_default(),
        principal: request.principal.unwrap_or_default(),
        principal_org_id: request.organization_id,
        revision: call.context.query.get("RevisionId").map(str::to_owned),
        ..NewPermission::default()
    };
    let number = version_number(&call)?;
    let (statement, revision) =
        lambda.catalog().add_layer_permission(call.path.get("LayerName"), number, &permission).await?;
    let response = AddLayerPermissionResponse {
        statement: serde_json::to_string(&statement).map_err(AwsError::internal)?,
        revision_id: revision.to_string(),
    };
    json_response(StatusCode::CREATED, &response)
}

pub(super) async fn remove_permission(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let number = version_number(&call)?;
    let (layer, statement) = (call.path.get("LayerName"), call.path.get("StatementId"));
    let known = call.context.query.get("RevisionId");
    lambda.catalog().remove_layer_permission(layer, number, statement, known).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn get_policy(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let policy = lambda.catalog().layer_policy(call.path.get("LayerName"), version_number(&call)?)?;
    let response =
        LayerPolicyResponse { policy: document(&policy)?, revision_id: policy.revision.to_string() };
    json_response(StatusCode::OK, &response)
}
