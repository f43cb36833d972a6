//! CloudWatch Logs: what functions print. JSON 1.1, target `Logs_20140328`; shapes are those of the public model
//! (`logs/2014-03-28/service-2.json`, 2026-11).
//!
//! `groups.rs` has groups and streams, `put.rs` and `events.rs` what is in them, `subscriptions.rs` who is called with it;
//! `metric_filters.rs` and `policies.rs` what is only kept. Everything else is in the store.

mod events;
mod groups;
mod metric_filters;
mod policies;
mod put;
mod subscriptions;
#[cfg(test)]
mod tests;
mod token;

use ebb_sources::log_settings::{LogSettingError, LogSettings};
use ebb_sources::log_subscriptions::LogSubscriptions;
use ebb_store::logs::{LogError, LogStore, Subject};
use http::{Response, StatusCode};

use crate::wire::{Api, AwsError, Body, json_response};

/// What is said of a long name.
const TOO_LONG: &str = "Invalid LogGroup or LogStream, both must have length less than or equal to 512.";
/// The longest page of things that are described, and the one where none is asked.
const PAGE: usize = 50;

/// What the operations need.
#[derive(Debug, Clone)]
pub struct Logs {
    /// Groups, streams and events.
    pub store: LogStore,
    /// What is kept besides.
    pub settings: LogSettings,
    /// Who is called with events.
    pub subscriptions: LogSubscriptions,
}

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(logs: Logs) -> Api {
    Api::json("logs", "application/x-amz-json-1.1", "Logs_20140328", "ServiceUnavailableException", logs)
        .operation("CreateLogGroup", groups::create_group)
        .operation("DeleteLogGroup", groups::delete_group)
        .operation("DescribeLogGroups", groups::describe_groups)
        .operation("ListLogGroups", groups::list_groups)
        .operation("CreateLogStream", groups::create_stream)
        .operation("DeleteLogStream", groups::delete_stream)
        .operation("DescribeLogStreams", groups::describe_streams)
        .operation("PutRetentionPolicy", groups::put_retention)
        .operation("DeleteRetentionPolicy", groups::delete_retention)
        .operation("TagLogGroup", groups::tag_group)
        .operation("UntagLogGroup", groups::untag_group)
        .operation("ListTagsLogGroup", groups::list_group_tags)
        .operation("TagResource", groups::tag_resource)
        .operation("UntagResource", groups::untag_resource)
        .operation("ListTagsForResource", groups::list_resource_tags)
        .operation("PutLogEvents", put::put)
        .operation("GetLogEvents", events::get)
        .operation("FilterLogEvents", events::filter)
        .operation("TestMetricFilter", events::test_filter)
        .operation("PutMetricFilter", metric_filters::put)
        .operation("DescribeMetricFilters", metric_filters::describe)
        .operation("DeleteMetricFilter", metric_filters::delete)
        .operation("PutSubscriptionFilter", subscriptions::put)
        .operation("DescribeSubscriptionFilters", subscriptions::describe)
        .operation("DeleteSubscriptionFilter", subscriptions::delete)
        .operation("PutResourcePolicy", policies::put)
        .operation("DescribeResourcePolicies", policies::describe)
        .operation("DeleteResourcePolicy", policies::delete)
        .build()
}

fn setting_error(error: LogSettingError) -> AwsError {
    match error {
        LogSettingError::Missing(_) => AwsError::client("ResourceNotFoundException", error.to_string()),
        LogSettingError::Limit => AwsError::client("LimitExceededException", error.to_string()),
        LogSettingError::Store(error) => AwsError::internal(error),
    }
}

fn log_error(error: LogError) -> AwsError {
    match error {
        LogError::Exists(subject) => AwsError::client(
            "ResourceAlreadyExistsException",
            format!("The specified {subject} already exists"),
        ),
        LogError::Missing(subject) => missing(subject),
        LogError::Io { .. } | LogError::Closed => AwsError::internal(error),
    }
}

fn missing(subject: Subject) -> AwsError {
    AwsError::client("ResourceNotFoundException", format!("The specified {subject} does not exist."))
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}

/// Checks the length of a text.
fn check_length(value: &str, name: &str, most: usize) -> Result<(), AwsError> {
    if value.chars().count() <= most {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have length \
         less than or equal to {most}"
    )))
}

/// The page of `all` that a request asks for, and the token of the next.
fn page<T>(
    all: Vec<T>,
    limit: Option<usize>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    let limit = limit.unwrap_or(PAGE);
    check_limit(limit, PAGE)?;
    let start: usize = match token {
        Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
        None => 0,
    };
    let next = (start + limit < all.len()).then(|| (start + limit).to_string());
    Ok((all.into_iter().skip(start).take(limit).collect(), next))
}

/// An answer, with the token of the next page where there is one.
fn with_token(mut answer: serde_json::Value, next: Option<String>) -> serde_json::Value {
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    answer
}

/// Checks the length of a page.
fn check_limit(limit: usize, most: usize) -> Result<(), AwsError> {
    let (bound, value) = match limit {
        0 => ("greater", 1),
        limit if limit > most => ("less", most),
        _ => return Ok(()),
    };
    Err(invalid(format!(
        "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value \
         {bound} than or equal to {value}"
    )))
}

/// A member that must be there.
fn required(value: Option<String>, name: &str) -> Result<String, AwsError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be \
             null"
        ))
    })
}

/// The answer of operations that have nothing to say.
fn done() -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &serde_json::json!({}))
}

/// The group that a request names, by name or by ARN.
fn group_name(name: Option<String>, identifier: Option<String>) -> Result<String, AwsError> {
    match (name, identifier) {
        (Some(name), None) if !name.is_empty() => Ok(name),
        (None, Some(identifier)) if identifier.contains('*') => Err(invalid(
            "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w#+=/:,.@-]*",
        )),
        (None, Some(identifier)) => Ok(of_arn(&identifier).to_owned()),
        (Some(_), Some(_)) => Err(AwsError::client(
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )),
        _ => Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given")),
    }
}

/// The group's name in `arn:aws:logs:REGION:ACCOUNT:log-group:NAME[:*]`; a plain name is itself.
fn of_arn(text: &str) -> &str {
    match text.split_once(":log-group:") {
        Some((_, name)) => name.strip_suffix(":*").unwrap_or(name),
        None => text,
    }
}
