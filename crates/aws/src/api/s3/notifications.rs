//! Who hears of what happens in a bucket.

use ebb_sources::bucket::{Buckets, Notification, NotificationTarget};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::convert;
use super::errors::with_details;

pub(super) async fn put(
    buckets: &Buckets,
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
    let input = request.input;
    let given = input.notification_configuration;
    let mut notifications = Vec::new();
    for one in given.lambda_function_configurations.unwrap_or_default() {
        notifications.push(notification(
            NotificationTarget::Function,
            one.lambda_function_arn,
            one.id,
            one.events,
            one.filter,
        )?);
    }
    for one in given.queue_configurations.unwrap_or_default() {
        notifications.push(notification(
            NotificationTarget::Queue,
            one.queue_arn,
            one.id,
            one.events,
            one.filter,
        )?);
    }
    for one in given.topic_configurations.unwrap_or_default() {
        notifications.push(notification(
            NotificationTarget::Topic,
            one.topic_arn,
            one.id,
            one.events,
            one.filter,
        )?);
    }
    check_arns(&notifications)?;
    notifications.iter().try_for_each(Notification::check).map_err(convert::error)?;
    let mut pairs = notifications.iter().enumerate();
    if pairs.any(|(at, one)| notifications[at + 1..].iter().any(|other| one.overlaps(other))) {
        return Err(s3_error!(
            InvalidArgument,
            "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        ));
    }
    if !input.skip_destination_validation.unwrap_or_default() {
        check_destinations(buckets, &input.bucket, &notifications)?;
    }
    let event_bus = given.event_bridge_configuration.is_some();
    buckets.set_notifications(&input.bucket, notifications, event_bus).await.map_err(convert::error)?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput::default()))
}

/// Refuses what is no ARN of such a target, with what is told of it.
fn check_arns(notifications: &[Notification]) -> S3Result<()> {
    let Some(wrong) = notifications.iter().find(|notification| !notification.is_arn_of_kind()) else {
        return Ok(());
    };
    let name = match wrong.kind {
        NotificationTarget::Function => "CloudFunction",
        NotificationTarget::Queue => "Queue",
        NotificationTarget::Topic => "Topic",
    };
    let error = s3_error!(InvalidArgument, "The ARN could not be parsed");
    Err(with_details(error, &[("ArgumentName", name), ("ArgumentValue", &wrong.arn)]))
}

/// Refuses notifications that would reach nobody. Source: S3 user guide, "Granting permissions to publish event
/// notification messages to a destination" (2026-11); what is told of each was recorded 2025.
fn check_destinations(buckets: &Buckets, name: &str, notifications: &[Notification]) -> S3Result<()> {
    let bucket = buckets.bucket(name).map_err(convert::error)?;
    let unreachable = buckets.unreachable(&bucket, notifications);
    if unreachable.is_empty() {
        return Ok(());
    }
    let mut details = Vec::new();
    for (number, (notification, why)) in (1..).zip(&unreachable) {
        let arn = &notification.arn;
        let is_missing = why.code == "RESOURCE_NOT_FOUND";
        let told = match notification.kind {
            NotificationTarget::Function => {
                format!("Not authorized to invoke function [{arn}]: {}", why.message)
            }
            NotificationTarget::Queue if is_missing => "The destination queue does not exist".to_owned(),
            NotificationTarget::Topic if is_missing => "The destination topic does not exist".to_owned(),
            NotificationTarget::Queue => {
                format!(
                    "Permissions on the destination queue do not allow S3 to publish notifications from this bucket: {}",
                    why.message
                )
            }
            NotificationTarget::Topic => {
                format!(
                    "Permissions on the destination topic do not allow S3 to publish notifications from this bucket: {}",
                    why.message
                )
            }
        };
        details.push((format!("ArgumentName{number}"), arn.clone()));
        details.push((format!("ArgumentValue{number}"), told));
    }
    let details: Vec<(&str, &str)> =
        details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let error = s3_error!(InvalidArgument, "Unable to validate the following destination configurations");
    Err(with_details(error, &details))
}

fn notification(
    kind: NotificationTarget,
    arn: String,
    id: Option<String>,
    events: Vec<Event>,
    filter: Option<NotificationConfigurationFilter>,
) -> S3Result<Notification> {
    let (mut prefix, mut suffix) = (None, None);
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    for rule in rules {
        if rule.name.is_none() || rule.value.is_none() {
            return Err(convert::malformed());
        }
        let name = rule.name.as_ref().map(|name| name.as_str().to_ascii_lowercase()).unwrap_or_default();
        let place = match name.as_str() {
            "prefix" => &mut prefix,
            "suffix" => &mut suffix,
            _ => {
                let error = s3_error!(InvalidArgument, "filter rule name must be either prefix or suffix");
                let name = rule.name.as_ref().map(FilterRuleName::as_str).unwrap_or_default();
                return Err(with_details(
                    error,
                    &[("ArgumentName", "FilterRule.Name"), ("ArgumentValue", name)],
                ));
            }
        };
        if place.replace(rule.value.unwrap_or_default()).is_some() {
            return Err(s3_error!(
                InvalidArgument,
                "Cannot specify more than one prefix or suffix rule in a filter."
            ));
        }
    }
    let id = id.unwrap_or_else(|| ebb_model::RequestId::random().to_string());
    let events = events.into_iter().map(String::from).collect();
    Ok(Notification { id, kind, arn, events, prefix, suffix })
}

pub(super) fn get(
    buckets: &Buckets,
    request: &S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let filter = |one: &Notification| {
        let rule = |name: &str, value: &Option<String>| {
            let value = value.clone()?;
            Some(FilterRule { name: Some(FilterRuleName::from(name.to_owned())), value: Some(value) })
        };
        let rules: Vec<FilterRule> =
            [rule("Prefix", &one.prefix), rule("Suffix", &one.suffix)].into_iter().flatten().collect();
        (!rules.is_empty()).then_some(NotificationConfigurationFilter {
            key: Some(S3KeyFilter { filter_rules: Some(rules) }),
        })
    };
    let of = |kind: NotificationTarget| bucket.notifications.iter().filter(move |one| one.kind == kind);
    let events = |one: &Notification| one.events.iter().cloned().map(Event::from).collect();
    let functions: Vec<_> = of(NotificationTarget::Function)
        .map(|one| LambdaFunctionConfiguration {
            id: Some(one.id.clone()),
            lambda_function_arn: one.arn.clone(),
            events: events(one),
            filter: filter(one),
        })
        .collect();
    let queues: Vec<_> = of(NotificationTarget::Queue)
        .map(|one| QueueConfiguration {
            id: Some(one.id.clone()),
            queue_arn: one.arn.clone(),
            events: events(one),
            filter: filter(one),
        })
        .collect();
    let topics: Vec<_> = of(NotificationTarget::Topic)
        .map(|one| TopicConfiguration {
            id: Some(one.id.clone()),
            topic_arn: one.arn.clone(),
            events: events(one),
            filter: filter(one),
        })
        .collect();
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: bucket.event_bus.then(EventBridgeConfiguration::default),
        lambda_function_configurations: (!functions.is_empty()).then_some(functions),
        queue_configurations: (!queues.is_empty()).then_some(queues),
        topic_configurations: (!topics.is_empty()).then_some(topics),
    }))
}
