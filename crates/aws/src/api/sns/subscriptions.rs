//! Subscriptions and their attributes.

use ebb_sources::topic::{NewSubscription, Protocol, Subscription, Topics};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::topics::texts;
use super::{done, listed, read, required};
use crate::wire::{AwsError, Body, Call, Principal, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    topic_arn: Option<String>,
    protocol: Option<String>,
    endpoint: Option<String>,
    attributes: Option<Value>,
    return_subscription_arn: Option<String>,
    token: Option<String>,
    authenticate_on_unsubscribe: Option<String>,
    subscription_arn: Option<String>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    next_token: Option<String>,
}

pub(super) async fn subscribe(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let topic = required(request.topic_arn, "TopicArn")?;
    let protocol = required(request.protocol, "Protocol")?;
    let attributes = texts(request.attributes);
    // What is wrong with it is told before that ebb does not have a protocol.
    topics.check_filter(&topic, &attributes)?;
    let new = NewSubscription {
        protocol: Protocol::parse(&protocol)?,
        endpoint: required(request.endpoint, "Endpoint")?,
        attributes,
        principal: subscriber(&call.context.principal),
    };
    let subscription = topics.subscribe(&topic, new).await?;
    let wants_arn = request.return_subscription_arn.as_deref() == Some("true");
    let arn = if subscription.is_pending() && !wants_arn {
        "pending confirmation".to_owned()
    } else {
        topics.subscription_arn(&subscription)
    };
    json_response(StatusCode::OK, &json!({ "SubscriptionArn": arn }))
}

/// Who subscribes, as the service shows it: a user or a role. What has the key of the account is a user of it.
fn subscriber(principal: &Principal) -> String {
    match principal {
        Principal::Root { account } => format!("arn:aws:iam::{account}:user/root"),
        Principal::AssumedRole { .. } => principal.arn(),
    }
}

pub(super) async fn confirm(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let topic = required(request.topic_arn, "TopicArn")?;
    let token = required(request.token, "Token")?;
    let authenticate = request.authenticate_on_unsubscribe.as_deref() == Some("true");
    let subscription = topics.confirm(&topic, &token, true, authenticate).await?;
    json_response(StatusCode::OK, &json!({ "SubscriptionArn": topics.subscription_arn(&subscription) }))
}

pub(super) async fn unsubscribe(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    topics.unsubscribe(&required(request.subscription_arn, "SubscriptionArn")?, true).await?;
    done()
}

pub(super) async fn get_attributes(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let arn = required(request.subscription_arn, "SubscriptionArn")?;
    let attributes = topics.subscription_attributes(&arn)?;
    json_response(StatusCode::OK, &json!({ "Attributes": attributes }))
}

pub(super) async fn set_attributes(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let arn = required(request.subscription_arn, "SubscriptionArn")?;
    let name = required(request.attribute_name, "AttributeName")?;
    let value = request.attribute_value.unwrap_or_default();
    topics.set_subscription_attribute(&arn, &name, &value).await?;
    done()
}

pub(super) async fn list(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    page(&topics, &call, None, request.next_token.as_deref())
}

pub(super) async fn list_by_topic(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let topic = required(request.topic_arn, "TopicArn")?;
    page(&topics, &call, Some(&topic), request.next_token.as_deref())
}

fn page(
    topics: &Topics,
    call: &Call,
    topic: Option<&str>,
    token: Option<&str>,
) -> Result<Response<Body>, AwsError> {
    let all = topics.subscriptions(topic)?;
    let show = |subscription: &std::sync::Arc<Subscription>| {
        let arn = if subscription.is_pending() {
            "PendingConfirmation".to_owned()
        } else {
            topics.subscription_arn(subscription)
        };
        json!({
            "SubscriptionArn": arn,
            "Owner": call.context.account.as_str(),
            "Protocol": subscription.protocol.as_str(),
            "Endpoint": subscription.endpoint,
            "TopicArn": topics.arn(&subscription.topic),
        })
    };
    listed("Subscriptions", all, token, |one| topics.subscription_arn(one), show)
}
