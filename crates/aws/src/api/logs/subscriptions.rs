//! Subscription filters: functions that are called with events.
//!
//! Source: the API reference, `PutSubscriptionFilter` and `DescribeSubscriptionFilters` (2026-11).

use ebb_sources::log_subscriptions::{SubscriptionError, SubscriptionFilter};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, check_length, done, invalid, log_error, page, required, with_token};
use crate::wire::{AwsError, Body, Call, json_response};

/// The longest name of a filter.
const NAME: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    filter_name_prefix: Option<String>,
    destination_arn: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

impl Request {
    async fn group(&self, logs: &Logs) -> Result<String, AwsError> {
        let group = required(self.log_group_name.clone(), "logGroupName")?;
        logs.store.group(&group).await.map_err(log_error)?;
        Ok(group)
    }

    fn name(&self) -> Result<String, AwsError> {
        let name = required(self.filter_name.clone(), "filterName")?;
        check_length(&name, "filterName", NAME)?;
        Ok(name)
    }
}

pub(super) async fn put(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    let destination = required(request.destination_arn.clone(), "destinationArn")?;
    check_destination(&destination, request.role_arn.as_deref(), call.context.account.as_str())?;
    let group = required(request.log_group_name, "logGroupName")?;
    let pattern = request.filter_pattern.unwrap_or_default();
    let distribution = request.distribution.unwrap_or_else(|| "ByLogStream".to_owned());
    let created = call.context.received;
    let filter = SubscriptionFilter { group, name, pattern, destination, distribution, created };
    logs.subscriptions.put(filter).await.map_err(error)?;
    done()
}

/// What the form of a destination tells already (recorded 2025).
fn check_destination(arn: &str, role: Option<&str>, account: &str) -> Result<(), AwsError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let (vendor, owner) =
        (parts.get(2).copied().unwrap_or_default(), parts.get(4).copied().unwrap_or_default());
    match vendor {
        "lambda" if owner != account => Err(AwsError::client(
            "AccessDeniedException",
            "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross \
             account lambda triggers.",
        )),
        "kinesis" | "firehose" if role.is_none() => {
            Err(invalid(format!("destinationArn for vendor {vendor} cannot be used without roleArn")))
        }
        _ => Ok(()),
    }
}

pub(super) async fn describe(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let group = request.group(&logs).await?;
    let prefix = request.filter_name_prefix.unwrap_or_default();
    let mut filters = logs.subscriptions.of_group(&group);
    filters.retain(|filter| filter.name.starts_with(&prefix));
    let (page, next) = page(filters, request.limit, request.next_token.as_deref())?;
    let shown: Vec<Value> = page.iter().map(|filter| shown(filter)).collect();
    json_response(StatusCode::OK, &with_token(json!({ "subscriptionFilters": shown }), next))
}

fn shown(filter: &SubscriptionFilter) -> Value {
    json!({
        "filterName": filter.name,
        "logGroupName": filter.group,
        "filterPattern": filter.pattern,
        "destinationArn": filter.destination,
        "distribution": filter.distribution,
        "applyOnTransformedLogs": false,
        "creationTime": filter.created.millis(),
    })
}

pub(super) async fn delete(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (group, name) = (request.group(&logs).await?, request.name()?);
    logs.subscriptions.delete(&group, &name).await.map_err(error)?;
    done()
}

pub(super) fn error(error: SubscriptionError) -> AwsError {
    let message = error.to_string();
    match error {
        SubscriptionError::Missing => AwsError::client("ResourceNotFoundException", message),
        SubscriptionError::Limit => AwsError::client("LimitExceededException", message),
        SubscriptionError::Group(error) => log_error(error),
        SubscriptionError::NotLet(_)
        | SubscriptionError::OwnGroup
        | SubscriptionError::NoFunction(_)
        | SubscriptionError::Pattern(_)
        | SubscriptionError::Distribution(_) => invalid(message),
        SubscriptionError::Store(error) => AwsError::internal(error),
    }
}
