//! ECR, as far as tools ask before they remove a service: there are no images here, and so no repositories.
//!
//! Source: the ECR API reference, `DescribeRepositories` (`ecr/2015-09-21/service-2.json`, 2026-11).

use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::wire::{Api, AwsError, Body, Call, json_response};

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api() -> Api {
    let target = "AmazonEC2ContainerRegistry_V20150921";
    Api::json("ecr", "application/x-amz-json-1.1", target, "ServerException", ())
        .operation("DescribeRepositories", describe_repositories)
        .build()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    repository_names: Vec<String>,
}

async fn describe_repositories((): (), call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    match asked.repository_names.first() {
        None => json_response(StatusCode::OK, &json!({ "repositories": [] })),
        Some(name) => {
            let account = call.context.principal.account();
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id '{account}'"
            );
            Err(AwsError::client("RepositoryNotFoundException", message))
        }
    }
}
