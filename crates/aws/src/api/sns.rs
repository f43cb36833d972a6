//! SNS: topics. The query protocol; shapes are those of the public model (`sns/2010-03-31/service-2.json`, 2026-11).
//! What the operations do is in `ebb-sources`.

mod errors;
mod links;
mod permissions;
mod publish;
mod shapes;
mod subscriptions;
mod tags;
#[cfg(test)]
mod tests;
mod topics;

use ebb_sources::topic::{TopicError, Topics};
use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::wire::{Api, AwsError, Body, Call, PageRequest, form_list as list, json_response};

pub use links::TopicLinks;

/// The length of a page: nobody can ask for another.
const PAGE: usize = 100;

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(topics: Topics) -> Api {
    Api::query_json("sns", &shapes::SHAPES, "InternalError", topics)
        .operation("CreateTopic", topics::create)
        .operation("DeleteTopic", topics::delete)
        .operation("ListTopics", topics::list)
        .operation("GetTopicAttributes", topics::get_attributes)
        .operation("SetTopicAttributes", topics::set_attributes)
        .operation("Subscribe", subscriptions::subscribe)
        .operation("ConfirmSubscription", subscriptions::confirm)
        .operation("Unsubscribe", subscriptions::unsubscribe)
        .operation("GetSubscriptionAttributes", subscriptions::get_attributes)
        .operation("SetSubscriptionAttributes", subscriptions::set_attributes)
        .operation("ListSubscriptions", subscriptions::list)
        .operation("ListSubscriptionsByTopic", subscriptions::list_by_topic)
        .operation("Publish", publish::publish)
        .operation("PublishBatch", publish::publish_batch)
        .operation("AddPermission", permissions::add)
        .operation("RemovePermission", permissions::remove)
        .operation("TagResource", tags::tag)
        .operation("UntagResource", tags::untag)
        .operation("ListTagsForResource", tags::list)
        .build()
}

/// The request; a list or a map without members is an empty text in a form.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, AwsError> {
    call.json().map_err(|error| TopicError::Invalid(error.message).into())
}

/// A member that must be there.
fn required<T>(value: Option<T>, name: &str) -> Result<T, AwsError> {
    value.ok_or_else(|| TopicError::Invalid(format!("{name} Reason: no value for required parameter")).into())
}

/// A page of a list under `member`.
fn listed<T>(
    member: &str,
    items: Vec<T>,
    token: Option<&str>,
    key: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Result<Response<Body>, AwsError> {
    let page = PageRequest::new(token, PAGE).map_err(|_| TopicError::Invalid("NextToken".to_owned()))?;
    let (items, next) = page.cut(items, key);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.iter().map(show).collect());
    answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
    json_response(StatusCode::OK, &answer)
}

/// The answer of operations that have nothing to say.
fn done() -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &json!({}))
}
