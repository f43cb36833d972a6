//! `GetFunction`, `GetFunctionConfiguration`, `ListFunctions`, `DeleteFunction`.

use std::collections::BTreeMap;

use ebb_invoker::catalog::Violations;
use ebb_model::Qualifier;
use http::{Response, StatusCode};
use serde::Serialize;

use super::configuration::FunctionConfiguration;
use super::pages::Page;
use super::{Lambda, packages};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetFunctionResponse {
    configuration: FunctionConfiguration,
    code: FunctionCodeLocation,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<Concurrency>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionCodeLocation {
    repository_type: &'static str,
    location: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Concurrency {
    reserved_concurrent_executions: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctionsResponse {
    functions: Vec<FunctionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn get_function(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let target = lambda.target(&call)?;
    let (function, version) = lambda.catalog().version(&target)?;
    let arn = lambda.catalog().arn(&target.name, target.qualifier.as_ref());
    let response = GetFunctionResponse {
        configuration: FunctionConfiguration::new(&version, &arn),
        code: FunctionCodeLocation {
            repository_type: "S3",
            location: packages::location(&lambda, &call, version.code.digest),
        },
        tags: function.tags.clone(),
        concurrency: function
            .reserved_concurrency
            .map(|reserved| Concurrency { reserved_concurrent_executions: reserved }),
    };
    json_response(StatusCode::OK, &response)
}

pub(super) async fn get_function_configuration(
    lambda: Lambda,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let target = lambda.target(&call)?;
    let (_, version) = lambda.catalog().version(&target)?;
    let arn = lambda.catalog().arn(&target.name, target.qualifier.as_ref());
    json_response(StatusCode::OK, &FunctionConfiguration::new(&version, &arn))
}

pub(super) async fn list_functions(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let mut violations = Violations::new();
    let query = &call.context.query;
    let all_versions = match query.get("FunctionVersion") {
        Some(text) => violations.choice("functionVersion", text, &[("ALL", ())]).is_some(),
        None => false,
    };
    violations.finish()?;
    let snapshot = lambda.catalog().snapshot();
    // Functions here have no copies in other regions, so asking for those of one master region changes nothing
    // unless it is another.
    let elsewhere = query
        .get("MasterRegion")
        .is_some_and(|region| region != "ALL" && region != call.context.region.as_str());
    let mut functions: Vec<_> = snapshot.functions.values().filter(|_| !elsewhere).collect();
    functions.sort_by(|one, other| one.name.cmp(&other.name));
    let versions = functions.into_iter().flat_map(|function| {
        let published = function.versions.values().filter(|_| all_versions);
        std::iter::once(&function.latest).chain(published)
    });
    let (versions, next_marker) =
        page.cut(versions.cloned().collect(), |version| format!("{}:{}", version.name, version.version));
    let show = |version: &std::sync::Arc<ebb_model::FunctionVersion>| {
        let qualifier = Qualifier::Version(version.version);
        let arn = lambda.catalog().arn(&version.name, Some(&qualifier).filter(|_| all_versions));
        FunctionConfiguration::listed(version, &arn)
    };
    let response = ListFunctionsResponse { functions: versions.iter().map(show).collect(), next_marker };
    json_response(StatusCode::OK, &response)
}

pub(super) async fn delete_function(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    lambda.catalog().delete(&lambda.target(&call)?).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
