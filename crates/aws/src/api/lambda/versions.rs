//! `PublishVersion` and `ListVersionsByFunction`.

use ebb_invoker::catalog::{Catalog, Publish};
use ebb_model::{FunctionArn, FunctionVersion, Qualifier, Version};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use super::configuration::FunctionConfiguration;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublishVersionRequest {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListVersionsResponse {
    versions: Vec<FunctionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// The ARN under which an answer shows a version: `$LATEST` is shown without a qualifier.
pub(super) fn arn_of(catalog: &Catalog, version: &FunctionVersion) -> FunctionArn {
    let qualifier = Qualifier::Version(version.version);
    let published = Some(&qualifier).filter(|_| version.version != Version::Latest);
    catalog.arn(&version.name, published)
}

pub(super) async fn publish(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PublishVersionRequest = call.json()?;
    let publish = Publish {
        description: request.description.filter(|text| !text.is_empty()),
        code_sha256: request.code_sha256.filter(|text| !text.is_empty()),
        revision: request.revision_id,
    };
    let target = lambda.function(&call)?;
    let (_, version) = lambda.catalog().publish_version(&target, &publish).await?;
    let arn = arn_of(lambda.catalog(), &version);
    json_response(StatusCode::CREATED, &FunctionConfiguration::new(&version, &arn))
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let target = lambda.function(&call)?;
    let function = lambda.catalog().function(&target.name)?;
    let all = std::iter::once(&function.latest).chain(function.versions.values()).cloned().collect();
    let (versions, next_marker) =
        page.cut(all, |version: &std::sync::Arc<FunctionVersion>| version.version.to_string());
    let show = |version: &std::sync::Arc<FunctionVersion>| {
        let qualifier = Qualifier::Version(version.version);
        FunctionConfiguration::listed(version, &lambda.catalog().arn(&target.name, Some(&qualifier)))
    };
    json_response(
        StatusCode::OK,
        &ListVersionsResponse { versions: versions.iter().map(show).collect(), next_marker },
    )
}
