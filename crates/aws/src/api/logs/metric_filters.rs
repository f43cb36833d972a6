//! Metric filters: what is to be counted in the events of a group.
//!
//! Source: the API reference, `PutMetricFilter` and `DescribeMetricFilters` (2026-11).

use ebb_invoker::logs::FilterPattern;
use ebb_sources::log_settings::MetricFilter;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Logs, TOO_LONG, check_length, done, invalid, log_error, page, required, setting_error, with_token,
};
use crate::wire::{AwsError, Body, Call, json_response};

/// The longest name of a filter.
const NAME: usize = 512;
/// The longest pattern.
const PATTERN: usize = 1024;
/// The longest name of a metric and of its namespace.
const METRIC: usize = 255;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    filter_name_prefix: Option<String>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    #[serde(default)]
    metric_transformations: Vec<Value>,
    limit: Option<usize>,
    next_token: Option<String>,
}

impl Request {
    fn group(&self) -> Result<String, AwsError> {
        let group = required(self.log_group_name.clone(), "logGroupName")?;
        if group.len() > NAME { Err(invalid(TOO_LONG)) } else { Ok(group) }
    }

    fn name(&self) -> Result<String, AwsError> {
        let name = required(self.filter_name.clone(), "filterName")?;
        check_length(&name, "filterName", NAME)?;
        if name.contains([':', '*']) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'filterName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [^:*]*"
            )));
        }
        Ok(name)
    }
}

pub(super) async fn put(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (group, name) = (request.group()?, request.name()?);
    let pattern = request.filter_pattern.unwrap_or_default();
    check_length(&pattern, "filterPattern", PATTERN)?;
    check_transformations(&request.metric_transformations)?;
    FilterPattern::parse(&pattern).map_err(|error| invalid(error.to_string()))?;
    logs.store.group(&group).await.map_err(log_error)?;
    let put = logs.settings.put_metric_filter(&group, &name, &pattern, request.metric_transformations);
    put.await.map_err(setting_error)?;
    done()
}

/// There is one, and it names its metric.
fn check_transformations(transformations: &[Value]) -> Result<(), AwsError> {
    let [only] = transformations else {
        let shown: Vec<String> = transformations.iter().map(shown_transformation).collect();
        let bound = if transformations.is_empty() { "greater" } else { "less" };
        return Err(invalid(format!(
            "1 validation error detected: Value '[{}]' at 'metricTransformations' failed to satisfy constraint: Member \
             must have length {bound} than or equal to 1",
            shown.join(", ")
        )));
    };
    for (member, most) in [("metricName", METRIC), ("metricNamespace", METRIC), ("metricValue", 100)] {
        let at = format!("metricTransformations.1.member.{member}");
        let value = required(only[member].as_str().map(str::to_owned), &at)?;
        check_length(&value, &at, most)?;
    }
    Ok(())
}

/// As the service shows one within an error (recorded 2025).
fn shown_transformation(transformation: &Value) -> String {
    let member = |name: &str| {
        let value = match &transformation[name] {
            Value::Null => "null".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("{name}={value}")
    };
    let members = ["metricName", "metricNamespace", "metricValue", "defaultValue", "unit", "dimensions"];
    format!("MetricTransformation({})", members.map(member).join(", "))
}

pub(super) async fn describe(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (metric, namespace) = (request.metric_name.as_deref(), request.metric_namespace.as_deref());
    check_length(request.filter_name_prefix.as_deref().unwrap_or_default(), "filterNamePrefix", NAME)?;
    check_length(metric.unwrap_or_default(), "metricName", METRIC)?;
    check_length(namespace.unwrap_or_default(), "metricNamespace", METRIC)?;
    if metric.is_some() != namespace.is_some() {
        return Err(invalid("Metric name and metric namespace must be specified together."));
    }
    let group = request.log_group_name.is_some().then(|| request.group()).transpose()?;
    if let Some(group) = &group {
        logs.store.group(group).await.map_err(log_error)?;
    }
    let mut filters = logs.settings.metric_filters(group.as_deref());
    if let Some(prefix) = &request.filter_name_prefix {
        filters.retain(|filter| filter.name.starts_with(prefix.as_str()));
    }
    if let (Some(metric), Some(namespace)) = (metric, namespace) {
        let makes = |one: &Value| one["metricName"] == metric && one["metricNamespace"] == namespace;
        filters.retain(|filter| filter.transformations.iter().any(makes));
    }
    let (page, next) = page(filters, request.limit, request.next_token.as_deref())?;
    let shown: Vec<Value> = page.iter().map(|filter| shown(filter)).collect();
    json_response(StatusCode::OK, &with_token(json!({ "metricFilters": shown }), next))
}

fn shown(filter: &MetricFilter) -> Value {
    json!({
        "filterName": filter.name,
        "filterPattern": filter.pattern,
        "metricTransformations": filter.transformations,
        "creationTime": filter.created.millis(),
        "logGroupName": filter.group,
        "applyOnTransformedLogs": false,
    })
}

pub(super) async fn delete(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (group, name) = (request.group()?, request.name()?);
    logs.store.group(&group).await.map_err(log_error)?;
    logs.settings.delete_metric_filter(&group, &name).await.map_err(setting_error)?;
    done()
}
