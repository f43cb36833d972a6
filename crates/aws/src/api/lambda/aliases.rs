//! `CreateAlias`, `GetAlias`, `UpdateAlias`, `DeleteAlias`, `ListAliases`.

use std::collections::BTreeMap;

use ebb_invoker::catalog::{AliasChange, Catalog, NewAlias};
use ebb_model::{Alias, FunctionName, Qualifier};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Lambda;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasRequest {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    revision_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoutingConfig {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasConfiguration {
    alias_arn: String,
    name: String,
    function_version: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_config: Option<RoutingConfig>,
    revision_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListAliasesResponse {
    aliases: Vec<AliasConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

impl RoutingConfig {
    /// The weights; a routing configuration without any takes those away that are there.
    fn weights(self) -> BTreeMap<String, f64> {
        self.additional_version_weights.unwrap_or_default()
    }
}

fn shown(catalog: &Catalog, function: &FunctionName, alias: &Alias) -> AliasConfiguration {
    let weights: BTreeMap<_, _> =
        alias.weights.iter().map(|(version, weight)| (version.to_string(), *weight)).collect();
    AliasConfiguration {
        alias_arn: catalog.arn(function, Some(&Qualifier::Alias(alias.name.clone()))).to_string(),
        name: alias.name.to_string(),
        function_version: alias.version.to_string(),
        description: alias.description.clone(),
        routing_config: Some(RoutingConfig { additional_version_weights: Some(weights) })
            .filter(|_| !alias.weights.is_empty()),
        revision_id: alias.revision.to_string(),
    }
}

pub(super) async fn create(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: AliasRequest = call.json()?;
    let new = NewAlias {
        name: request.name.unwrap_or_default(),
        version: request.function_version.unwrap_or_default(),
        description: request.description.unwrap_or_default(),
        weights: request.routing_config.map(RoutingConfig::weights),
    };
    let name = lambda.function(&call)?.name;
    let alias = lambda.catalog().create_alias(&name, &new).await?;
    json_response(StatusCode::CREATED, &shown(lambda.catalog(), &name, &alias))
}

pub(super) async fn update(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: AliasRequest = call.json()?;
    let change = AliasChange {
        version: request.function_version,
        description: request.description,
        weights: request.routing_config.map(RoutingConfig::weights),
        revision: request.revision_id,
    };
    let name = lambda.function(&call)?.name;
    let alias = lambda.catalog().update_alias(&name, call.path.get("Name"), &change).await?;
    json_response(StatusCode::OK, &shown(lambda.catalog(), &name, &alias))
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let name = lambda.function(&call)?.name;
    let alias = lambda.catalog().alias(&name, call.path.get("Name"))?;
    json_response(StatusCode::OK, &shown(lambda.catalog(), &name, &alias))
}

pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let name = lambda.function(&call)?.name;
    lambda.catalog().delete_alias(&name, call.path.get("Name")).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let name = lambda.function(&call)?.name;
    let aliases = lambda.catalog().aliases(&name, call.context.query.get("FunctionVersion"))?;
    let (aliases, next_marker) = page.cut(aliases, |alias| alias.name.to_string());
    let aliases = aliases.iter().map(|alias| shown(lambda.catalog(), &name, alias)).collect();
    json_response(StatusCode::OK, &ListAliasesResponse { aliases, next_marker })
}
