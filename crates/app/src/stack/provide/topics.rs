//! Topics, their subscriptions and policies.

use std::collections::BTreeMap;

use ebb_sources::topic::{NewSubscription, Protocol, TopicError};
use serde_json::Value as Json;

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

const ATTRIBUTES: [&str; 8] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
];
const OF_SUBSCRIPTIONS: [&str; 6] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
];

fn gone<T>(result: Result<T, TopicError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(TopicError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// Attributes as the service takes them: all of them texts.
fn attributes(own: &Properties<'_>, names: &[&str]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), own.document(name)?))).collect()
}

pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let mut name = wanted.named("TopicName");
    if own.boolean("FifoTopic")? == Some(true) && !name.ends_with(".fifo") {
        name.push_str(".fifo");
    }
    let topics = &inner.services.topics;
    let topic = topics.create(&name, attributes(&own, &ATTRIBUTES), own.tags()).await.map_err(said)?;
    let made = made(inner, &topic.name);
    if let Err(message) = subscribe_all(inner, &made.physical, &own).await {
        gone(topics.delete(&made.physical).await)?;
        return Err(message);
    }
    Ok(made)
}

/// Makes the subscriptions that a topic has in itself.
async fn subscribe_all(inner: &Inner, topic: &str, own: &Properties<'_>) -> Result<(), Message> {
    for given in own.list("Subscription") {
        let given = Properties::of(given);
        let new = subscription(inner, &given, BTreeMap::new())?;
        inner.services.topics.subscribe(topic, new).await.map_err(said)?;
    }
    Ok(())
}

fn subscription(
    inner: &Inner,
    own: &Properties<'_>,
    attributes: BTreeMap<String, String>,
) -> Result<NewSubscription, Message> {
    Ok(NewSubscription {
        protocol: Protocol::parse(&own.required("Protocol")?).map_err(said)?,
        endpoint: own.text("Endpoint").unwrap_or_default(),
        attributes,
        principal: format!("arn:aws:iam::{}:root", inner.services.catalog.account()),
    })
}

pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let (own, topics) = (wanted.properties(), &inner.services.topics);
    let old = Properties::of(&before.properties);
    for name in ATTRIBUTES.iter().filter(|name| **name != "FifoTopic") {
        if own.document(name) != old.document(name) {
            let value = own.document(name).unwrap_or_default();
            topics.set_attribute(&before.physical, name, &value).await.map_err(said)?;
        }
    }
    let (tags, present) = (own.tags(), topics.tags(&before.physical).map_err(said)?);
    let lost: Vec<String> = present.into_keys().filter(|key| !tags.contains_key(key)).collect();
    topics.untag(&before.physical, &lost).await.map_err(said)?;
    topics.tag(&before.physical, tags).await.map_err(said)?;
    if own.get("Subscription") != old.get("Subscription") {
        let kept = |given: &Properties<'_>, one: &ebb_sources::topic::Subscription| {
            given
                .list("Subscription")
                .iter()
                .any(|own| own["Endpoint"].as_str() == Some(one.endpoint.as_str()))
        };
        for one in topics.subscriptions(Some(&before.physical)).map_err(said)? {
            // Those that others made stay.
            if kept(&old, &one) && !kept(&own, &one) {
                gone(topics.unsubscribe(&topics.subscription_arn(&one), true).await)?;
            }
        }
        subscribe_all(inner, &before.physical, &own).await?;
    }
    Ok(made(inner, before.physical.rsplit(':').next().unwrap_or(&before.physical)))
}

fn arn(inner: &Inner, name: &str) -> String {
    let catalog = &inner.services.catalog;
    format!("arn:aws:sns:{}:{}:{name}", catalog.region(), catalog.account())
}

fn made(inner: &Inner, name: &str) -> Made {
    let arn = arn(inner, name);
    Made::new(arn.clone(), [("TopicArn", arn), ("TopicName", name.to_owned())])
}

pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    // What was about to be made is known by its name.
    let physical =
        if made.physical.starts_with("arn:") { made.physical.clone() } else { arn(inner, &made.physical) };
    gone(inner.services.topics.delete(&physical).await)
}

pub(super) async fn subscribe(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let topic = own.required("TopicArn")?;
    let new = subscription(inner, &own, attributes(&own, &OF_SUBSCRIPTIONS))?;
    let made = inner.services.topics.subscribe(&topic, new).await.map_err(said)?;
    let arn = inner.services.topics.subscription_arn(&made);
    Ok(Made::new(arn.clone(), [("Arn", arn)]))
}

pub(super) async fn update_subscription(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let (own, old) = (wanted.properties(), Properties::of(&before.properties));
    for name in OF_SUBSCRIPTIONS {
        if own.document(name) != old.document(name) {
            let value = own.document(name).unwrap_or_default();
            let set = inner.services.topics.set_subscription_attribute(&before.physical, name, &value);
            set.await.map_err(said)?;
        }
    }
    Ok(Made::new(before.physical.clone(), [("Arn", before.physical.clone())]))
}

pub(super) async fn unsubscribe(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone(inner.services.topics.unsubscribe(&made.physical, true).await)
}

pub(super) async fn set_policy(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let policy = own.document("PolicyDocument").unwrap_or_default();
    for topic in own.texts("Topics").unwrap_or_default() {
        inner.services.topics.set_attribute(&topic, "Policy", &policy).await.map_err(said)?;
    }
    Ok(Made::new(wanted.name.clone(), [("Id", wanted.name.clone())]))
}

/// Topics get the policy back that they have by themselves.
pub(super) async fn delete_policy(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let listed = |value: &Json| Properties::of(value).texts("Topics").unwrap_or_default();
    for topic in listed(&made.properties) {
        gone(inner.services.topics.set_attribute(&topic, "Policy", "").await)?;
    }
    Ok(())
}
