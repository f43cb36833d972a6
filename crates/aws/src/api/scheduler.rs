//! EventBridge Scheduler: REST-JSON; shapes are those of the public model
//! (`scheduler/2021-06-30/service-2.json`, 2026-11). What the operations do is in `ebb-sources`.

mod constraints;
mod groups;
mod schedules;
#[cfg(test)]
mod tests;

use ebb_sources::schedule::{Scheduler, SchedulerError};
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value};

use crate::wire::{Api, AwsError, Body, Call, PageRequest, json_response};

/// The longest page, and the one where none is asked.
const PAGE: usize = 100;

/// The service.
#[must_use]
pub fn api(scheduler: Scheduler) -> Api {
    Api::rest_json("scheduler", "InternalServerException", scheduler)
        .route(Method::POST, "/schedules/{Name}", "CreateSchedule", schedules::create)
        .keeping(constraints::SCHEDULE)
        .route(Method::PUT, "/schedules/{Name}", "UpdateSchedule", schedules::update)
        .keeping(constraints::SCHEDULE)
        .route(Method::GET, "/schedules/{Name}", "GetSchedule", schedules::get)
        .route(Method::DELETE, "/schedules/{Name}", "DeleteSchedule", schedules::delete)
        .route(Method::GET, "/schedules", "ListSchedules", schedules::list)
        .route(Method::POST, "/schedule-groups/{Name}", "CreateScheduleGroup", groups::create)
        .keeping(constraints::GROUP)
        .route(Method::GET, "/schedule-groups/{Name}", "GetScheduleGroup", groups::get)
        .route(Method::DELETE, "/schedule-groups/{Name}", "DeleteScheduleGroup", groups::delete)
        .route(Method::GET, "/schedule-groups", "ListScheduleGroups", groups::list)
        .route(Method::POST, "/tags/{ResourceArn}", "TagResource", groups::tag)
        .route(Method::DELETE, "/tags/{ResourceArn}", "UntagResource", groups::untag)
        .route(Method::GET, "/tags/{ResourceArn}", "ListTagsForResource", groups::list_tags)
        .build()
}

impl From<SchedulerError> for AwsError {
    fn from(error: SchedulerError) -> Self {
        let message = error.to_string();
        match error {
            SchedulerError::NotFound(_) => {
                told(Self::new("ResourceNotFoundException", StatusCode::NOT_FOUND, message))
            }
            SchedulerError::Conflict(_) => {
                told(Self::new("ConflictException", StatusCode::CONFLICT, message))
            }
            SchedulerError::Invalid(_) => invalid(message),
            SchedulerError::Store(error) => Self::internal(error),
        }
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    told(AwsError::client("ValidationException", message))
}

/// An error with its message under the name that the service's model gives it, besides the common one.
fn told(error: AwsError) -> AwsError {
    let message = error.message.to_string();
    error.with("Message", message)
}

/// The page of a list that the query asks for, under `member`.
fn listed<T>(
    call: &Call,
    member: &str,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Result<Response<Body>, AwsError> {
    let query = &call.context.query;
    let size = query.get("MaxResults").map_or(Ok(PAGE), str::parse).unwrap_or(0);
    if !(1..=PAGE).contains(&size) {
        return Err(invalid(format!("MaxResults must be between 1 and {PAGE}.")));
    }
    let page = PageRequest::new(query.get("NextToken"), size)
        .map_err(|_| invalid("Invalid NextToken: no page gave it."))?;
    let (items, next) = page.cut(items, key);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.iter().map(show).collect());
    answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
    json_response(StatusCode::OK, &answer)
}
