//! Log groups, and the functions that are called with what is written to them.

use ebb_sources::log_subscriptions::{SubscriptionError, SubscriptionFilter};
use ebb_store::logs::LogError;

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

fn gone_group(result: Result<(), LogError>) -> Result<(), Message> {
    match result {
        Ok(()) | Err(LogError::Missing(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

pub(super) async fn create_group(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let name = wanted.named("LogGroupName");
    let days = wanted.properties().small("RetentionInDays")?;
    let logs = inner.store.logs();
    match logs.create_group(&name, wanted.properties().tags()).await {
        // A function that ran before made it.
        Ok(()) | Err(LogError::Exists(_)) => {}
        Err(error) => return Err(said(error)),
    }
    logs.set_retention(&name, days).await.map_err(said)?;
    Ok(group_made(inner, &name))
}

pub(super) async fn update_group(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let days = wanted.properties().small("RetentionInDays")?;
    inner.store.logs().set_retention(&before.physical, days).await.map_err(said)?;
    Ok(group_made(inner, &before.physical))
}

fn group_made(inner: &Inner, name: &str) -> Made {
    let catalog = &inner.services.catalog;
    let (region, account) = (catalog.region(), catalog.account());
    Made::new(name, [("Arn", format!("arn:aws:logs:{region}:{account}:log-group:{name}:*"))])
}

pub(super) async fn delete_group(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone_group(inner.store.logs().delete_group(&made.physical).await)?;
    inner.services.log_subscriptions.forget_group(&made.physical).await.map_err(said)
}

pub(super) async fn create_filter(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let group = wanted.properties().required("LogGroupName")?;
    let name = wanted.named("FilterName");
    // To put it would change somebody else's.
    if inner.services.log_subscriptions.of_group(&group).iter().any(|filter| filter.name == name) {
        return Err(format!("log group {group} has a subscription filter {name} already"));
    }
    put_filter(inner, wanted).await
}

pub(super) async fn put_filter(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (group, name) = (own.required("LogGroupName")?, wanted.named("FilterName"));
    let filter = SubscriptionFilter {
        group: group.clone(),
        name: name.clone(),
        pattern: own.required("FilterPattern")?,
        destination: own.required("DestinationArn")?,
        distribution: own.text("Distribution").unwrap_or_else(|| "ByLogStream".to_owned()),
        created: inner.clock.now(),
    };
    match inner.services.log_subscriptions.put(filter).await {
        Ok(()) => Ok(Made::new(name, [])),
        Err(SubscriptionError::Group(LogError::Missing(_))) => {
            Err(format!("log group {group} does not exist"))
        }
        Err(error) => Err(said(error)),
    }
}

pub(super) async fn delete_filter(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let group = Properties::of(&made.properties).required("LogGroupName")?;
    match inner.services.log_subscriptions.delete(&group, &made.physical).await {
        Ok(()) | Err(SubscriptionError::Missing) => Ok(()),
        Err(error) => Err(said(error)),
    }
}
