//! EventBridge: the event bus. JSON 1.1, target `AWSEvents`; shapes are those of the public model
//! (`events/2015-10-07/service-2.json`, 2026-11). What the operations do is in `ebb-sources`.

mod api_destinations;
mod archives;
mod buses;
mod connections;
mod constraints;
mod publish;
mod replays;
mod rules;
mod tags;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ebb_sources::bus::{BusError, EventBuses};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::wire::{
    Api, AwsError, Body, PageRequest, epoch_seconds as seconds, from_epoch_seconds as time, json_response,
};

/// The longest page, and the one where none is asked.
const PAGE: usize = 100;

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(buses: EventBuses) -> Api {
    Api::json("events", "application/x-amz-json-1.1", "AWSEvents", "InternalException", buses)
        .operation("CreateEventBus", buses::create)
        .keeping(constraints::CREATE_BUS)
        .operation("UpdateEventBus", buses::update)
        .operation("DescribeEventBus", buses::describe)
        .operation("ListEventBuses", buses::list)
        .keeping(constraints::LIST_BUSES)
        .operation("DeleteEventBus", buses::delete)
        .operation("PutPermission", buses::put_permission)
        .operation("RemovePermission", buses::remove_permission)
        .operation("PutRule", rules::put)
        .keeping(constraints::PUT_RULE)
        .operation("DescribeRule", rules::describe)
        .operation("ListRules", rules::list)
        .keeping(constraints::LIST)
        .operation("ListRuleNamesByTarget", rules::list_by_target)
        .operation("EnableRule", rules::enable)
        .operation("DisableRule", rules::disable)
        .operation("DeleteRule", rules::delete)
        .operation("PutTargets", targets::put)
        .keeping(constraints::PUT_TARGETS)
        .operation("RemoveTargets", targets::remove)
        .keeping(constraints::REMOVE_TARGETS)
        .operation("ListTargetsByRule", targets::list)
        .operation("PutEvents", publish::put)
        .operation("TestEventPattern", publish::test_pattern)
        .operation("CreateArchive", archives::create)
        .keeping(constraints::CREATE_ARCHIVE)
        .operation("UpdateArchive", archives::update)
        .keeping(constraints::UPDATE_ARCHIVE)
        .operation("DescribeArchive", archives::describe)
        .operation("ListArchives", archives::list)
        .keeping(constraints::LIST)
        .operation("DeleteArchive", archives::delete)
        .operation("StartReplay", replays::start)
        .keeping(constraints::START_REPLAY)
        .operation("DescribeReplay", replays::describe)
        .operation("ListReplays", replays::list)
        .keeping(constraints::LIST)
        .operation("CancelReplay", replays::cancel)
        .operation("CreateConnection", connections::create)
        .keeping(constraints::CREATE_CONNECTION)
        .operation("UpdateConnection", connections::update)
        .keeping(constraints::UPDATE_CONNECTION)
        .operation("DeauthorizeConnection", connections::deauthorize)
        .operation("DescribeConnection", connections::describe)
        .operation("ListConnections", connections::list)
        .keeping(constraints::LIST)
        .operation("DeleteConnection", connections::delete)
        .operation("CreateApiDestination", api_destinations::create)
        .keeping(constraints::CREATE_API_DESTINATION)
        .operation("UpdateApiDestination", api_destinations::update)
        .keeping(constraints::UPDATE_API_DESTINATION)
        .operation("DescribeApiDestination", api_destinations::describe)
        .operation("ListApiDestinations", api_destinations::list)
        .keeping(constraints::LIST)
        .operation("DeleteApiDestination", api_destinations::delete)
        .operation("TagResource", tags::tag)
        .operation("UntagResource", tags::untag)
        .operation("ListTagsForResource", tags::list)
        .build()
}

impl From<BusError> for AwsError {
    fn from(error: BusError) -> Self {
        let message = error.to_string();
        match error {
            BusError::NotFound(_) => Self::client("ResourceNotFoundException", message),
            BusError::Exists(_) => Self::client("ResourceAlreadyExistsException", message),
            BusError::Invalid(_) => Self::client("ValidationException", message),
            BusError::InvalidPattern(_) => Self::client("InvalidEventPatternException", message),
            BusError::LimitExceeded(_) => Self::client("LimitExceededException", message),
            BusError::InvalidState(_) => Self::client("IllegalStatusException", message),
            BusError::Store(error) => Self::internal(error),
        }
    }
}

/// A tag, as requests and answers have it.
#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value")]
    value: String,
}

fn tag_map(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect()
}

/// A member that must be there.
fn required<T>(value: Option<T>, name: &str) -> Result<T, AwsError> {
    value.ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be \
             null"
        ))
    })
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationException", message)
}

/// What is wrong with several members of a request, as the service says it.
fn violations(wrong: &[String]) -> AwsError {
    let errors = if wrong.len() == 1 { "error" } else { "errors" };
    invalid(format!("{} validation {errors} detected: {}", wrong.len(), wrong.join("; ")))
}

/// A filter of a list, and what states it may ask for: there is at most one filter.
fn check_filters(
    operation: &str,
    filters: [Option<&str>; 3],
    state: Option<&str>,
    states: &[&str],
) -> Result<(), AwsError> {
    if filters.iter().flatten().count() > 1 {
        return Err(invalid(format!(
            "At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
        )));
    }
    match state.filter(|state| !states.contains(state)) {
        Some(state) => Err(violations(&[format!(
            "Value '{state}' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            states.join(", ")
        )])),
        None => Ok(()),
    }
}

/// The answer of operations that say this.
fn done_with(answer: &Value) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &present(answer.clone()))
}

/// The answer of operations that have nothing to say.
fn done() -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &json!({}))
}

/// A page of a list under `member`.
fn listed<T>(
    member: &str,
    items: Vec<T>,
    (token, limit): (Option<&str>, Option<usize>),
    key: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Result<Response<Body>, AwsError> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(invalid(format!("Limit: {limit} is not between 1 and {PAGE}")));
    }
    let page = PageRequest::new(token, limit).map_err(|_| invalid("NextToken is not valid"))?;
    let (items, next) = page.cut(items, key);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.iter().map(show).collect());
    answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
    json_response(StatusCode::OK, &answer)
}

/// Takes members away that have no value.
fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        value => value,
    }
}
