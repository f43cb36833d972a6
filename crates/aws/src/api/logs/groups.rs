//! Groups and streams.

use std::collections::BTreeMap;

use ebb_store::logs::{GroupInfo, LogStore, StreamInfo};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    Logs, TOO_LONG, done, group_name, invalid, log_error, of_arn, page, required, setting_error,
    subscriptions, with_token,
};
use crate::wire::{AwsError, Body, Call, RequestContext, json_response};

/// Days that a retention policy may name. Source: the API reference, `PutRetentionPolicy`.
const RETENTION_DAYS: [u32; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    4383,
];

/// What these operations take, each its own part of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
    retention_in_days: Option<u32>,
    tags: Option<serde_json::Value>,
    tag_keys: Option<Vec<String>>,
    resource_arn: Option<String>,
}

impl Request {
    fn group(&self) -> Result<String, AwsError> {
        group_name(self.log_group_name.clone(), self.log_group_identifier.clone())
    }

    fn stream(&self) -> Result<String, AwsError> {
        required(self.log_stream_name.clone(), "logStreamName")
    }

    /// The group that `resourceArn` names.
    fn resource(&self) -> Result<&str, AwsError> {
        self.resource_arn.as_deref().map(of_arn).ok_or_else(|| invalid("resourceArn is missing"))
    }

    fn tags(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let tags = self.tags.clone().unwrap_or_else(|| json!({}));
        serde_json::from_value(tags).map_err(|_| invalid("tags is a map of texts"))
    }

    /// The names of tags to take away: `UntagLogGroup` calls them `tags`, `UntagResource` `tagKeys`.
    fn tag_names(&self) -> Result<Vec<String>, AwsError> {
        match (&self.tag_keys, &self.tags) {
            (Some(keys), _) => Ok(keys.clone()),
            (None, Some(tags)) => {
                serde_json::from_value(tags.clone()).map_err(|_| invalid("tags is a list of texts"))
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    fn page<T>(&self, all: Vec<T>) -> Result<(Vec<T>, Option<String>), AwsError> {
        page(all, self.limit, self.next_token.as_deref())
    }
}

pub(super) async fn create_group(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.group()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '#');
    if name.len() > 512 {
        return Err(invalid(TOO_LONG));
    }
    if !name.chars().all(legal) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    logs.create_group(&name, request.tags()?).await.map_err(log_error)?;
    done()
}

pub(super) async fn delete_group(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let group = call.json::<Request>()?.group()?;
    logs.store.delete_group(&group).await.map_err(log_error)?;
    logs.settings.forget_group(&group).await.map_err(setting_error)?;
    logs.subscriptions.forget_group(&group).await.map_err(subscriptions::error)?;
    done()
}

pub(super) async fn describe_groups(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    if request.log_group_name_prefix.is_some() && request.log_group_name_pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let mut groups = logs.store.groups().await.map_err(log_error)?;
    if let Some(prefix) = &request.log_group_name_prefix {
        groups.retain(|group| group.name.starts_with(prefix.as_str()));
    }
    if let Some(pattern) = &request.log_group_name_pattern {
        groups.retain(|group| group.name.contains(pattern.as_str()));
    }
    let (page, next) = request.page(groups)?;
    let filters = |group: &GroupInfo| logs.settings.metric_filters(Some(&group.name)).len();
    let shown: Vec<_> = page.iter().map(|group| show_group(group, filters(group), &call.context)).collect();
    json_response(StatusCode::OK, &with_token(json!({ "logGroups": shown }), next))
}

/// The names of groups and no more. The pattern is a part of a name, or what one begins with.
pub(super) async fn list_groups(logs: Logs, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mut groups = logs.store.groups().await.map_err(log_error)?;
    if let Some(pattern) = &request.log_group_name_pattern {
        let wanted = |name: &str| match pattern.strip_prefix('^') {
            Some(prefix) => name.starts_with(prefix),
            None => name.contains(pattern.as_str()),
        };
        groups.retain(|group| wanted(&group.name));
    }
    let (page, next) = request.page(groups)?;
    let show = |group: &GroupInfo| {
        json!({
            "logGroupName": group.name, "logGroupArn": group_arn(&group.name, &call.context),
            "logGroupClass": "STANDARD",
        })
    };
    let shown: Vec<_> = page.iter().map(show).collect();
    json_response(StatusCode::OK, &with_token(json!({ "logGroups": shown }), next))
}

fn group_arn(name: &str, context: &RequestContext) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", context.region, context.account)
}

fn show_group(group: &GroupInfo, filters: usize, context: &RequestContext) -> serde_json::Value {
    let arn = group_arn(&group.name, context);
    let mut shown = json!({
        "logGroupName": group.name,
        "creationTime": group.created.millis(),
        "metricFilterCount": filters,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
    });
    if let Some(days) = group.retention_days {
        shown["retentionInDays"] = days.into();
    }
    shown
}

pub(super) async fn create_stream(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let stream = request.stream()?;
    if stream.len() > 512 {
        return Err(invalid(TOO_LONG));
    }
    if stream.contains([':', '*']) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{stream}' at 'logStreamName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [^:*]*"
        )));
    }
    logs.create_stream(&request.group()?, &stream).await.map_err(log_error)?;
    done()
}

pub(super) async fn delete_stream(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    logs.delete_stream(&request.group()?, &request.stream()?).await.map_err(log_error)?;
    done()
}

pub(super) async fn describe_streams(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let group = request.group()?;
    let mut streams = logs.streams(&group).await.map_err(log_error)?;
    if let Some(prefix) = &request.log_stream_name_prefix {
        streams.retain(|stream| stream.name.starts_with(prefix.as_str()));
    }
    match request.order_by.as_deref() {
        None | Some("LogStreamName") => streams.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("LastEventTime") if request.log_stream_name_prefix.is_none() => {
            streams.sort_by_key(|stream| stream.events.map(|(_, last)| last));
        }
        Some("LastEventTime") => {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some(other) => {
            return Err(invalid(format!(
                "1 validation error detected: Value '{other}' at 'orderBy' failed to satisfy constraint: Member must \
                 satisfy enum value set: [LogStreamName, LastEventTime]"
            )));
        }
    }
    if request.descending {
        streams.reverse();
    }
    let (page, next) = request.page(streams)?;
    let shown: Vec<_> = page.iter().map(|stream| show_stream(stream, &group, &call.context)).collect();
    json_response(StatusCode::OK, &with_token(json!({ "logStreams": shown }), next))
}

fn show_stream(stream: &StreamInfo, group: &str, context: &RequestContext) -> serde_json::Value {
    let (region, account, name) = (&context.region, &context.account, &stream.name);
    let mut shown = json!({
        "logStreamName": name,
        "creationTime": stream.created.millis(),
        "arn": format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{name}"),
        "storedBytes": 0,
    });
    if let Some((first, last)) = stream.events {
        // Ignored by whoever gets it, and still shown.
        shown["uploadSequenceToken"] = "1".into();
        shown["firstEventTimestamp"] = first.millis().into();
        shown["lastEventTimestamp"] = last.millis().into();
    }
    if let Some(ingested) = stream.last_ingestion {
        shown["lastIngestionTime"] = ingested.millis().into();
    }
    shown
}

pub(super) async fn put_retention(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let days = request.retention_in_days.ok_or_else(|| invalid("retentionInDays is missing"))?;
    if !RETENTION_DAYS.contains(&days) {
        return Err(invalid(format!("retentionInDays: {days} is not one of {RETENTION_DAYS:?}")));
    }
    logs.set_retention(&request.group()?, Some(days)).await.map_err(log_error)?;
    done()
}

pub(super) async fn delete_retention(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    logs.set_retention(&call.json::<Request>()?.group()?, None).await.map_err(log_error)?;
    done()
}

pub(super) async fn tag_group(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    tag(&logs, &request.group()?, request.tags()?).await
}

pub(super) async fn tag_resource(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    tag(&logs, request.resource()?, request.tags()?).await
}

async fn tag(
    logs: &LogStore,
    group: &str,
    tags: BTreeMap<String, String>,
) -> Result<Response<Body>, AwsError> {
    logs.change_tags(group, move |own| own.extend(tags)).await.map_err(log_error)?;
    done()
}

pub(super) async fn untag_group(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    untag(&logs, &request.group()?, request.tag_names()?).await
}

pub(super) async fn untag_resource(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    untag(&logs, request.resource()?, request.tag_names()?).await
}

async fn untag(logs: &LogStore, group: &str, names: Vec<String>) -> Result<Response<Body>, AwsError> {
    logs.change_tags(group, move |own| own.retain(|name, _| !names.contains(name)))
        .await
        .map_err(log_error)?;
    done()
}

pub(super) async fn list_group_tags(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    list_tags(&logs, &call.json::<Request>()?.group()?).await
}

pub(super) async fn list_resource_tags(
    Logs { store: logs, .. }: Logs,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    list_tags(&logs, call.json::<Request>()?.resource()?).await
}

async fn list_tags(logs: &LogStore, group: &str) -> Result<Response<Body>, AwsError> {
    let group = logs.group(group).await.map_err(log_error)?;
    json_response(StatusCode::OK, &json!({ "tags": group.tags }))
}
