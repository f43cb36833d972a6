//! Types of resources: how each is made, changed and deleted, by the same calls that the AWS protocols make.
//!
//! Source of properties, `Ref` and `Fn::GetAtt` values: CloudFormation user guide, "AWS resource and property types
//! reference" (2026-11).

mod api_parts;
mod bucket_settings;
mod custom;
mod events;
mod functions;
mod http_api;
mod identity;
mod invocation;
mod kinds;
mod logs;
mod nested;
mod parameters;
mod properties;
mod queues;
mod rest_cors;
mod storage;
mod topics;

use std::collections::BTreeMap;

use ebb_model::Digest;
use serde_json::{Map, Value as Json};

use super::record::{MadeResource, StackOptions, StackRecord};
use super::{Inner, Stacks};
pub(crate) use kinds::not_a_runtime;
pub(super) use kinds::{FUNCTION, check, has_code, is_custom, is_supported, replaces};
use properties::Properties;

/// A resource that shall be there.
pub(super) struct Wanted<'a> {
    pub(super) logical: &'a str,
    pub(super) kind: &'a str,
    pub(super) properties: &'a Json,
    /// The name that it gets where its properties have none.
    pub(super) name: String,
    pub(super) owner: &'a Owner,
    pub(super) packages: &'a BTreeMap<String, Digest>,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// The port where a debugger reaches it, where it is a function.
    pub(super) inspect: Option<u16>,
}

/// The stack that has a resource.
pub(super) struct Owner {
    pub(super) id: String,
    pub(super) app: Option<String>,
    pub(super) options: StackOptions,
}

impl Owner {
    pub(super) fn of(stack: &StackRecord) -> Self {
        Self { id: stack.id.clone(), app: stack.app.clone(), options: stack.options.clone() }
    }
}

/// A resource that was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Made {
    /// What `Ref` gives.
    pub(super) physical: String,
    /// What `Fn::GetAtt` gives.
    pub(super) attributes: Map<String, Json>,
}

/// What came of a change.
pub(super) enum Change {
    /// The resource is as it shall be.
    Done(Made),
    /// It cannot be changed so: another must take its place.
    Replace,
}

/// What went wrong, for people.
type Message = String;

impl Made {
    fn new<const N: usize>(physical: impl Into<String>, attributes: [(&str, String); N]) -> Self {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), Json::String(value)));
        Self { physical: physical.into(), attributes: attributes.collect() }
    }
}

impl<'a> Wanted<'a> {
    fn properties(&self) -> Properties<'a> {
        Properties::of(self.properties)
    }

    /// Its own name, else the one that was made up for it.
    fn named(&self, property: &str) -> String {
        self.properties().text(property).unwrap_or_else(|| self.name.clone())
    }
}

/// What a resource that is about to be made will be called, as far as that is known before.
pub(super) fn intended(wanted: &Wanted<'_>) -> Made {
    let name = match kinds::name_property(wanted.kind) {
        Some(property) => wanted.named(property),
        None if ["AWS::Lambda::Permission", nested::KIND].contains(&wanted.kind) => wanted.name.clone(),
        None => String::new(),
    };
    Made::new(name, [])
}

/// Makes a resource.
pub(super) async fn create(stacks: &Stacks, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let inner: &Inner = &stacks.inner;
    match wanted.kind {
        kind if is_custom(kind) => custom::create(inner, wanted).await,
        nested::KIND => nested::create(stacks, wanted).await,
        "AWS::SSM::Parameter" => parameters::create(inner, wanted).await,
        "AWS::Lambda::Function" => functions::create(inner, wanted).await,
        "AWS::Lambda::Version" => invocation::create_version(inner, wanted).await,
        "AWS::Lambda::Alias" => invocation::create_alias(inner, wanted).await,
        "AWS::Lambda::Permission" => invocation::create_permission(inner, wanted).await,
        "AWS::Lambda::EventSourceMapping" => invocation::create_mapping(inner, wanted).await,
        "AWS::Lambda::EventInvokeConfig" => invocation::set_event_invoke(inner, wanted).await,
        "AWS::Lambda::Url" => invocation::create_url(inner, wanted).await,
        "AWS::Lambda::LayerVersion" => functions::create_layer(inner, wanted).await,
        "AWS::SQS::Queue" => queues::create(inner, wanted).await,
        "AWS::SQS::QueuePolicy" => queues::set_policy(inner, wanted).await,
        "AWS::SQS::QueueInlinePolicy" => queues::set_inline_policy(inner, wanted).await,
        "AWS::Events::Archive" => events::create_archive(inner, wanted).await,
        "AWS::Events::EventBus" => events::create_bus(inner, wanted).await,
        "AWS::Events::Rule" => events::put_rule(inner, wanted).await,
        "AWS::Scheduler::Schedule" => events::create_schedule(inner, wanted).await,
        "AWS::Scheduler::ScheduleGroup" => events::create_group(inner, wanted).await,
        "AWS::S3::Bucket" => storage::create_bucket(inner, wanted).await,
        "AWS::ApiGatewayV2::Api" => http_api::create_http(inner, wanted).await,
        "AWS::ApiGatewayV2::Stage" => http_api::put_stage(inner, wanted).await,
        "AWS::ApiGateway::RestApi" => http_api::create_rest(inner, wanted).await,
        "AWS::ApiGateway::Deployment" => http_api::create_deployment(inner, wanted).await,
        "AWS::ApiGateway::Stage" => http_api::put_rest_stage(inner, wanted).await,
        "AWS::S3::BucketPolicy" => storage::set_bucket_policy(inner, wanted).await,
        "AWS::Logs::LogGroup" => logs::create_group(inner, wanted).await,
        "AWS::Logs::SubscriptionFilter" => logs::create_filter(inner, wanted).await,
        "AWS::SNS::Topic" => topics::create(inner, wanted).await,
        "AWS::SNS::Subscription" => topics::subscribe(inner, wanted).await,
        "AWS::SNS::TopicPolicy" => topics::set_policy(inner, wanted).await,
        "AWS::IAM::Role" => identity::create_role(inner, wanted).await,
        "AWS::IAM::Policy" => identity::put_policy(inner, wanted).await,
        "AWS::IAM::ManagedPolicy" => identity::create_managed(inner, wanted).await,
        _ => api_parts::create(inner, wanted).await.unwrap_or_else(|| Ok(kinds::stored(inner, wanted))),
    }
}

/// Makes a resource what it shall be.
pub(super) async fn update(
    stacks: &Stacks,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Change, Message> {
    let inner: &Inner = &stacks.inner;
    let changed = super::run::changed(before, wanted);
    if kinds::replaces(wanted.kind, &changed) {
        return Ok(Change::Replace);
    }
    // Where its properties have no name, it keeps the one that it has.
    let wanted = &Wanted { name: before.physical.clone(), ..*wanted };
    let made = match wanted.kind {
        kind if is_custom(kind) => custom::update(inner, before, wanted).await?,
        nested::KIND => nested::update(stacks, before, wanted).await?,
        "AWS::SSM::Parameter" => parameters::update(inner, before, wanted).await?,
        "AWS::Lambda::Function" => functions::update(inner, before, wanted).await?,
        "AWS::Lambda::Alias" => invocation::update_alias(inner, before, wanted).await?,
        "AWS::Lambda::Permission" => {
            invocation::delete_permission(inner, before).await?;
            invocation::create_permission(inner, wanted).await?
        }
        "AWS::Lambda::EventSourceMapping" => invocation::update_mapping(inner, before, wanted).await?,
        "AWS::Lambda::EventInvokeConfig" => invocation::set_event_invoke(inner, wanted).await?,
        "AWS::Lambda::Url" => invocation::update_url(inner, before, wanted).await?,
        "AWS::SQS::Queue" => queues::update(inner, before, wanted).await?,
        "AWS::SQS::QueuePolicy" => queues::update_policy(inner, before, wanted).await?,
        "AWS::SQS::QueueInlinePolicy" => queues::set_inline_policy(inner, wanted).await?,
        "AWS::Events::Archive" => events::update_archive(inner, before, wanted).await?,
        "AWS::Events::EventBus" => events::update_bus(inner, wanted).await?,
        "AWS::Events::Rule" => events::put_rule(inner, wanted).await?,
        "AWS::Scheduler::Schedule" => events::update_schedule(inner, before, wanted).await?,
        "AWS::S3::Bucket" => storage::configure_bucket(inner, wanted, &before.physical).await?,
        "AWS::ApiGatewayV2::Api" => http_api::update_http(inner, before, wanted).await?,
        "AWS::ApiGatewayV2::Stage" => http_api::put_stage(inner, wanted).await?,
        "AWS::ApiGateway::RestApi" => http_api::update_rest(inner, before, wanted).await?,
        "AWS::ApiGateway::Stage" => http_api::put_rest_stage(inner, wanted).await?,
        "AWS::S3::BucketPolicy" => storage::set_bucket_policy(inner, wanted).await?,
        "AWS::Logs::LogGroup" => logs::update_group(inner, before, wanted).await?,
        "AWS::Logs::SubscriptionFilter" => logs::put_filter(inner, wanted).await?,
        "AWS::SNS::Topic" => topics::update(inner, before, wanted).await?,
        "AWS::SNS::Subscription" => topics::update_subscription(inner, before, wanted).await?,
        "AWS::SNS::TopicPolicy" => topics::set_policy(inner, wanted).await?,
        "AWS::IAM::Role" => identity::update_role(inner, before, wanted).await?,
        "AWS::IAM::Policy" => identity::update_policy(inner, before, wanted).await?,
        "AWS::IAM::ManagedPolicy" => identity::update_managed(inner, before, wanted).await?,
        _ => match api_parts::update(inner, before, wanted).await {
            Some(updated) => updated?,
            None => kinds::stored(inner, wanted),
        },
    };
    Ok(Change::Done(made))
}

/// Deletes a resource; one that is not there is as good as deleted.
pub(super) async fn delete(
    stacks: &Stacks,
    owner: &Owner,
    logical: &str,
    made: &MadeResource,
) -> Result<(), Message> {
    if made.physical.is_empty() {
        return Ok(());
    }
    let inner: &Inner = &stacks.inner;
    match made.kind.as_str() {
        kind if is_custom(kind) => custom::delete(inner, owner, logical, made).await,
        nested::KIND => nested::delete(stacks, made).await,
        "AWS::SSM::Parameter" => parameters::delete(inner, made).await,
        "AWS::Lambda::Function" => functions::delete(inner, made).await,
        "AWS::Lambda::Version" => invocation::delete_version(inner, made).await,
        "AWS::Lambda::Alias" => invocation::delete_alias(inner, made).await,
        "AWS::Lambda::Permission" => invocation::delete_permission(inner, made).await,
        "AWS::Lambda::EventSourceMapping" => invocation::delete_mapping(inner, made).await,
        "AWS::Lambda::EventInvokeConfig" => invocation::delete_event_invoke(inner, made).await,
        "AWS::Lambda::Url" => invocation::delete_url(inner, made).await,
        "AWS::Lambda::LayerVersion" => functions::delete_layer(inner, made).await,
        "AWS::SQS::Queue" => queues::delete(inner, made).await,
        "AWS::SQS::QueuePolicy" => queues::delete_policy(inner, made).await,
        "AWS::SQS::QueueInlinePolicy" => queues::clear_policy(inner, &made.physical).await,
        "AWS::Events::Archive" => events::delete_archive(inner, made).await,
        "AWS::Events::EventBus" => events::delete_bus(inner, made).await,
        "AWS::Events::Rule" => events::delete_rule(inner, made).await,
        "AWS::Scheduler::Schedule" => events::delete_schedule(inner, made).await,
        "AWS::Scheduler::ScheduleGroup" => events::delete_group(inner, made).await,
        "AWS::S3::Bucket" => storage::delete_bucket(inner, made).await,
        "AWS::ApiGatewayV2::Api" | "AWS::ApiGateway::RestApi" => http_api::delete_api(inner, made).await,
        "AWS::ApiGatewayV2::Stage" => http_api::delete_stage(inner, made).await,
        "AWS::ApiGateway::Deployment" => http_api::delete_deployment(inner, made).await,
        "AWS::ApiGateway::Stage" => http_api::delete_rest_stage(inner, made).await,
        "AWS::S3::BucketPolicy" => storage::delete_bucket_policy(inner, made).await,
        "AWS::Logs::LogGroup" => logs::delete_group(inner, made).await,
        "AWS::Logs::SubscriptionFilter" => logs::delete_filter(inner, made).await,
        "AWS::SNS::Topic" => topics::delete(inner, made).await,
        "AWS::SNS::Subscription" => topics::unsubscribe(inner, made).await,
        "AWS::SNS::TopicPolicy" => topics::delete_policy(inner, made).await,
        "AWS::IAM::Role" => identity::delete_role(inner, made).await,
        "AWS::IAM::Policy" => identity::delete_policy(inner, made).await,
        "AWS::IAM::ManagedPolicy" => identity::delete_managed(inner, made).await,
        _ => api_parts::delete(inner, made).await.unwrap_or(Ok(())),
    }
}

/// What an error says.
fn said(error: impl std::fmt::Display) -> Message {
    error.to_string()
}
