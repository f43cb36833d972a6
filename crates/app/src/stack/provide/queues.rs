//! Queues and their policies.

use std::collections::BTreeMap;

use ebb_sources::queue::QueueError;

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

/// Properties that are attributes of the same name.
const ATTRIBUTES: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// What attributes have that no property says. Source: SQS API reference, `SetQueueAttributes` (2026-11).
const DEFAULTS: &[(&str, &str)] = &[
    ("ContentBasedDeduplication", "false"),
    ("DelaySeconds", "0"),
    ("KmsMasterKeyId", ""),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("RedrivePolicy", ""),
    ("RedriveAllowPolicy", ""),
    ("VisibilityTimeout", "30"),
];

fn attributes(own: &Properties<'_>) -> BTreeMap<String, String> {
    let set = |name: &&str| Some(((*name).to_owned(), own.document(name)?));
    ATTRIBUTES.iter().filter_map(set).collect()
}

pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let fifo = own.boolean("FifoQueue")?.unwrap_or(false);
    let name = match own.text("QueueName") {
        Some(name) => name,
        None if fifo => format!("{}.fifo", wanted.name.chars().take(75).collect::<String>()),
        None => wanted.name.clone(),
    };
    let mut attributes = attributes(&own);
    if !fifo {
        // Saying that it is none is not allowed in the request.
        attributes.remove("FifoQueue");
    }
    if inner.services.queues.queue(&name).is_ok() {
        return Err(format!("a queue named {name} is there already"));
    }
    let queue = inner.services.queues.create(&name, &attributes, &own.tags()).await.map_err(said)?;
    Ok(made(inner, &queue.name))
}

pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let name = name_of(&before.physical);
    let mut wanted_attributes = attributes(&wanted.properties());
    wanted_attributes.remove("FifoQueue");
    for (attribute, default) in DEFAULTS {
        if before.properties.get(attribute).is_some() {
            wanted_attributes.entry((*attribute).to_owned()).or_insert_with(|| (*default).to_owned());
        }
    }
    let queues = &inner.services.queues;
    if !wanted_attributes.is_empty() {
        queues.set_attributes(name, &wanted_attributes).await.map_err(said)?;
    }
    let tags = wanted.properties().tags();
    queues.change_tags(name, |own| own.clone_from(&tags)).await.map_err(said)?;
    Ok(made(inner, name))
}

pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    match inner.services.queues.delete(name_of(&made.physical)).await {
        Ok(()) | Err(QueueError::NoSuchQueue) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

fn made(inner: &Inner, name: &str) -> Made {
    let url = format!("{}/{}/{name}", inner.api, inner.services.catalog.account());
    let arn = inner.services.queues.arn(name);
    Made::new(url.clone(), [("Arn", arn), ("QueueName", name.to_owned()), ("QueueUrl", url)])
}

/// The name in a queue's URL.
fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

pub(super) async fn set_policy(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let policy = own.document("PolicyDocument").unwrap_or_default();
    for queue in own.texts("Queues").unwrap_or_default() {
        let attributes = BTreeMap::from([("Policy".to_owned(), policy.clone())]);
        inner.services.queues.set_attributes(name_of(&queue), &attributes).await.map_err(said)?;
    }
    Ok(Made::new(wanted.name.clone(), [("Id", wanted.name.clone())]))
}

pub(super) async fn update_policy(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let now = wanted.properties().texts("Queues").unwrap_or_default();
    for queue in Properties::of(&before.properties).texts("Queues").unwrap_or_default() {
        if !now.contains(&queue) {
            clear_policy(inner, &queue).await?;
        }
    }
    set_policy(inner, wanted).await
}

pub(super) async fn delete_policy(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    for queue in Properties::of(&made.properties).texts("Queues").unwrap_or_default() {
        clear_policy(inner, &queue).await?;
    }
    Ok(())
}

pub(super) async fn set_inline_policy(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let queue = own.required("Queue")?;
    let policy = own.document("PolicyDocument").unwrap_or_default();
    let attributes = BTreeMap::from([("Policy".to_owned(), policy)]);
    inner.services.queues.set_attributes(name_of(&queue), &attributes).await.map_err(said)?;
    Ok(Made::new(queue, []))
}

/// Takes the policy of a queue away; one that is gone has none.
pub(super) async fn clear_policy(inner: &Inner, queue: &str) -> Result<(), Message> {
    let attributes = BTreeMap::from([("Policy".to_owned(), String::new())]);
    match inner.services.queues.set_attributes(name_of(queue), &attributes).await {
        Ok(()) | Err(QueueError::NoSuchQueue) => Ok(()),
        Err(error) => Err(said(error)),
    }
}
