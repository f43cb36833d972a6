//! Event source mappings.

use std::collections::BTreeMap;

use ebb_invoker::catalog::Violations;
use ebb_sources::mapping::{Mapping, MappingChange, MappingError};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Lambda;
use super::pages::Page;
use crate::wire::{AwsError, Body, Call, epoch_seconds, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    event_source_arn: Option<String>,
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    filter_criteria: Option<FilterCriteria>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<Value>,
    self_managed_event_source: Option<Value>,
    starting_position: Option<String>,
    destination_config: Option<Value>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: Option<String>,
}

impl Request {
    fn change(self) -> MappingChange {
        let limit = |config: &Value| {
            config["MaximumConcurrency"].as_u64().and_then(|limit| u32::try_from(limit).ok())
        };
        MappingChange {
            function: self.function_name,
            enabled: self.enabled,
            batch_size: self.batch_size,
            window_seconds: self.maximum_batching_window_in_seconds,
            filters: self
                .filter_criteria
                .map(|criteria| criteria.filters.into_iter().filter_map(|filter| filter.pattern).collect()),
            reports_failures: self
                .function_response_types
                .map(|types| types.iter().any(|one| one == "ReportBatchItemFailures")),
            maximum_concurrency: self.scaling_config.as_ref().map(limit),
        }
    }
}

impl From<MappingError> for AwsError {
    fn from(error: MappingError) -> Self {
        let message = error.to_string();
        match error {
            MappingError::NotFound(_) => {
                Self::new("ResourceNotFoundException", StatusCode::NOT_FOUND, message)
            }
            MappingError::Exists(_) => Self::new("ResourceConflictException", StatusCode::CONFLICT, message),
            MappingError::InUse => Self::new("ResourceInUseException", StatusCode::BAD_REQUEST, message),
            MappingError::Invalid(_) => Self::client("InvalidParameterValueException", message),
            MappingError::Store(error) => Self::internal(error),
        }
    }
}

pub(super) async fn create(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let mut request: Request = call.json()?;
    if request.self_managed_event_source.is_some() {
        let message = "ebb has no event source mappings for Kafka yet; queues are built.";
        return Err(MappingError::Invalid(message.to_owned()).into());
    }
    let source = request.event_source_arn.take().unwrap_or_default();
    check_position(&source, request.starting_position.as_deref())?;
    if source.split(':').nth(2) == Some("sqs") && request.destination_config.is_some() {
        let message = "Unsupported DestinationConfig parameter for given event source mapping type.";
        return Err(MappingError::Invalid(message.to_owned()).into());
    }
    let tags = request.tags.take().unwrap_or_default();
    let mapping = lambda.mappings.create(&source, request.change(), tags).await?;
    answer(&lambda, &mapping)
}

/// Streams need a position to start at, and not every kind has every one.
fn check_position(source: &str, position: Option<&str>) -> Result<(), AwsError> {
    const POSITIONS: [(&str, ()); 3] = [("LATEST", ()), ("AT_TIMESTAMP", ()), ("TRIM_HORIZON", ())];
    let mut violations = Violations::new();
    if let Some(position) = position {
        violations.choice("startingPosition", position, &POSITIONS);
    }
    violations.finish()?;
    let service = source.split(':').nth(2).unwrap_or_default();
    match (service, position) {
        ("dynamodb" | "kinesis", None) => {
            let mut violations = Violations::new();
            violations.missing("startingPosition");
            Err(MappingError::Invalid(format!("{violations}.")).into())
        }
        ("dynamodb", Some("AT_TIMESTAMP")) => {
            Err(MappingError::Invalid(format!("Unsupported starting position for arn type: {source}")).into())
        }
        _ => Ok(()),
    }
}

pub(super) async fn get(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let mapping = lambda.mappings.mapping(call.path.get("UUID"))?;
    json_response(StatusCode::OK, &shown(&lambda, &mapping))
}

pub(super) async fn list(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let page = Page::read(&call)?;
    let query = &call.context.query;
    let all = lambda.mappings.list(query.get("EventSourceArn"), query.get("FunctionName"))?;
    let (mappings, next) = page.cut(all, |mapping| mapping.id.clone());
    let mappings: Vec<Value> = mappings.iter().map(|mapping| shown(&lambda, mapping)).collect();
    let mut answer = json!({ "EventSourceMappings": mappings });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn update(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mapping = lambda.mappings.update(call.path.get("UUID"), request.change()).await?;
    answer(&lambda, &mapping)
}

pub(super) async fn delete(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let mapping = lambda.mappings.delete(call.path.get("UUID")).await?;
    answer(&lambda, &mapping)
}

fn answer(lambda: &Lambda, mapping: &Mapping) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::ACCEPTED, &shown(lambda, mapping))
}

fn shown(lambda: &Lambda, mapping: &Mapping) -> Value {
    let catalog = lambda.catalog();
    let modified = epoch_seconds(mapping.modified);
    let mut shown = json!({
        "UUID": mapping.id,
        "EventSourceMappingArn": format!(
            "arn:aws:lambda:{}:{}:event-source-mapping:{}", catalog.region(), catalog.account(), mapping.id
        ),
        "EventSourceArn": mapping.source_arn,
        "FunctionArn": mapping.function_arn,
        "State": mapping.state(),
        "StateTransitionReason": "USER_INITIATED",
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_seconds,
        "FunctionResponseTypes": if mapping.reports_failures { json!(["ReportBatchItemFailures"]) } else { json!([]) },
        "LastModified": modified,
    });
    if !mapping.filters.is_empty() {
        let filters: Vec<Value> =
            mapping.filters.iter().map(|pattern| json!({ "Pattern": pattern })).collect();
        shown["FilterCriteria"] = json!({ "Filters": filters });
    }
    if let Some(limit) = mapping.maximum_concurrency {
        shown["ScalingConfig"] = json!({ "MaximumConcurrency": limit });
    }
    shown
}
