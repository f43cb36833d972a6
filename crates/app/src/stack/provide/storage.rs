//! Buckets.

use ebb_sources::bucket::{BucketError, Notification, NotificationTarget, Versioning};
use serde_json::Value as Json;

use super::super::Inner;
use super::super::record::MadeResource;
use super::bucket_settings::Settings;
use super::{Made, Message, Properties, Wanted, said};

fn gone_bucket<T>(result: Result<T, BucketError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(BucketError::NoSuchBucket) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

pub(super) async fn create_bucket(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let name = wanted.named("BucketName");
    inner.services.buckets.create(&name).await.map_err(|error| format!("bucket {name}: {error}"))?;
    match configure_bucket(inner, wanted, &name).await {
        Ok(made) => Ok(made),
        Err(message) => {
            gone_bucket(inner.services.buckets.delete(&name).await)?;
            Err(message)
        }
    }
}

/// Sets all that is configured of a bucket.
pub(super) async fn configure_bucket(
    inner: &Inner,
    wanted: &Wanted<'_>,
    name: &str,
) -> Result<Made, Message> {
    let own = wanted.properties();
    let buckets = &inner.services.buckets;
    let tags = own.tags();
    let versioning = match own.inner("VersioningConfiguration").text("Status").as_deref() {
        Some("Enabled") => Some(Versioning::Enabled),
        Some("Suspended") => Some(Versioning::Suspended),
        _ => None,
    };
    let settings = Settings::of(&own)?;
    let configured = buckets.set_lifecycle(name, settings.rules(), |bucket| {
        settings.apply(bucket);
        bucket.tags.clone_from(&tags);
        bucket.versioning = match (versioning, bucket.versioning) {
            (Some(wanted), _) => wanted,
            (None, Versioning::Never) => Versioning::Never,
            (None, Versioning::Enabled | Versioning::Suspended) => Versioning::Suspended,
        };
    });
    configured.await.map_err(said)?;
    let notifications = own.inner("NotificationConfiguration");
    let event_bus = notifications.get("EventBridgeConfiguration").is_some_and(|given| {
        Properties::of(given).boolean("EventBridgeEnabled").ok().flatten().unwrap_or(true)
    });
    let wanted = notified(&notifications, wanted.logical)?;
    let present = buckets.bucket(name).map_err(said)?;
    if present.notifications != wanted || present.event_bus != event_bus {
        buckets.set_notifications(name, wanted, event_bus).await.map_err(said)?;
    }
    let region = inner.services.catalog.region();
    Ok(Made::new(
        name,
        [
            ("Arn", format!("arn:aws:s3:::{name}")),
            ("DomainName", format!("{name}.s3.amazonaws.com")),
            ("RegionalDomainName", format!("{name}.s3.{region}.amazonaws.com")),
            ("DualStackDomainName", format!("{name}.s3.dualstack.{region}.amazonaws.com")),
            ("WebsiteURL", format!("http://{name}.s3-website-{region}.amazonaws.com")),
        ],
    ))
}

fn notified(own: &Properties<'_>, logical: &str) -> Result<Vec<Notification>, Message> {
    let lists = [
        ("LambdaConfigurations", "Function", NotificationTarget::Function),
        ("QueueConfigurations", "Queue", NotificationTarget::Queue),
        ("TopicConfigurations", "Topic", NotificationTarget::Topic),
    ];
    let mut notifications = Vec::new();
    for (list, target, kind) in lists {
        for given in own.list(list) {
            let one = Properties::of(given);
            let rules = one.inner("Filter").inner("S3Key").list("Rules");
            let rule = |name: &str| {
                let found = rules
                    .iter()
                    .map(Properties::of)
                    .find(|rule| rule.text("Name").is_some_and(|own| own.eq_ignore_ascii_case(name)));
                found.and_then(|rule| rule.text("Value"))
            };
            notifications.push(Notification {
                id: format!("{logical}-{}", notifications.len()),
                kind,
                arn: one.required(target)?,
                events: one.texts("Event").unwrap_or_default(),
                prefix: rule("prefix"),
                suffix: rule("suffix"),
            });
        }
    }
    Ok(notifications)
}

pub(super) async fn delete_bucket(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone_bucket(inner.services.buckets.delete(&made.physical).await)
        .map_err(|message| format!("bucket {}: {message}", made.physical))
}

pub(super) async fn set_bucket_policy(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (name, policy) = (own.required("Bucket")?, own.document("PolicyDocument").unwrap_or_default());
    // As the S3 API keeps it: the text of the policy, as a JSON string.
    let kept = Json::String(policy).to_string();
    let set = inner.services.buckets.configure(&name, |bucket| {
        bucket.settings.insert("policy".to_owned(), kept.clone());
        Ok(())
    });
    set.await.map_err(said)?;
    Ok(Made::new(name, []))
}

pub(super) async fn delete_bucket_policy(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let unset = inner.services.buckets.configure(&made.physical, |bucket| {
        bucket.settings.remove("policy");
        Ok(())
    });
    gone_bucket(unset.await)
}
