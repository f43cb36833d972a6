//! What of the platform's services invokes functions of apps: mappings, notifications, subscriptions and rules.
//!
//! A trigger is recognised by where it leads: it is not recorded apart from the plan. What it needs (a queue, a bucket) is
//! made where it is not there, and noted in the app's record, so that it goes with the app as long as nothing is in it.

use std::collections::{BTreeMap, BTreeSet};

use ebb_invoker::catalog::{CatalogError, NewPermission, Target};
use ebb_sources::bucket::{BucketError, Notification, NotificationTarget};
use ebb_sources::bus::{BusError, Input, NewRule, RuleState, RuleTarget};
use ebb_sources::mapping::{MappingChange, MappingError};
use ebb_sources::queue::QueueError;
use ebb_sources::topic::{NewSubscription, Protocol, TopicError};
use serde_json::json;

use super::{AppError, Apps};
use crate::plan::{Plan, TriggerSource};
use crate::stack::StackServices;

/// Names the statement by which buckets and buses may invoke a function.
const STATEMENT: &str = "ebb-app-trigger";

/// A trigger with the full name and the ARN of its function.
struct Wanted<'a> {
    function: String,
    arn: String,
    /// The ARN of who makes it.
    principal: String,
    /// Seconds that its function may take.
    timeout: u32,
    on: &'a TriggerSource,
}

impl Apps {
    /// Makes the triggers of an app what its plan says. `made` is what the app made before; what it makes now is added.
    pub(super) async fn set_triggers(
        &self,
        plan: &Plan,
        old: Option<&Plan>,
        made: &mut BTreeSet<String>,
    ) -> Result<(), AppError> {
        let wanted = self.wanted_triggers(plan);
        for trigger in &wanted {
            self.set_trigger(&plan.app, trigger, made).await?;
        }
        if let Some(old) = old {
            for gone in self.wanted_triggers(old) {
                let kept = wanted.iter().any(|kept| kept.arn == gone.arn && same_place(kept.on, gone.on));
                if !kept {
                    self.remove_trigger(&plan.app, &gone).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes the triggers of an app that is removed, and what it made for them.
    pub(super) async fn remove_triggers(&self, plan: &Plan, made: &BTreeSet<String>) -> Result<(), AppError> {
        for gone in self.wanted_triggers(plan) {
            self.remove_trigger(&plan.app, &gone).await?;
        }
        let services = self.inner.stacks.services();
        let own: Vec<String> = self.wanted_triggers(plan).into_iter().map(|wanted| wanted.arn).collect();
        for arn in made {
            if is_used(services, arn, &own) {
                continue;
            }
            let name = arn.rsplit(':').next().unwrap_or_default();
            let removed = match arn.split(':').nth(2) {
                Some("sqs") => match services.queues.delete(name).await {
                    Ok(()) | Err(QueueError::NoSuchQueue) => Ok(()),
                    Err(error) => Err(error.to_string()),
                },
                // One that holds something is somebody's data by now.
                Some("s3") => match services.buckets.delete(name).await {
                    Ok(())
                    | Err(BucketError::NoSuchBucket | BucketError::NotEmpty | BucketError::VersionsLeft) => {
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                },
                Some("sns") => match services.topics.delete(arn).await {
                    Ok(()) | Err(TopicError::NotFound(_)) => Ok(()),
                    Err(error) => Err(error.to_string()),
                },
                _ => Ok(()),
            };
            removed.map_err(|error| failed(&plan.app, arn, &error))?;
        }
        Ok(())
    }

    fn wanted_triggers<'a>(&self, plan: &'a Plan) -> Vec<Wanted<'a>> {
        let wanted = plan.triggers.iter().filter_map(|trigger| {
            let function = plan.functions.iter().find(|function| function.name == trigger.function)?;
            let name = plan.function_name(function).ok()?;
            let arn = self.inner.catalog.arn(&name, None).to_string();
            Some(Wanted {
                function: name.to_string(),
                arn,
                principal: self.role(),
                timeout: function.timeout,
                on: &trigger.on,
            })
        });
        wanted.collect()
    }

    async fn set_trigger(
        &self,
        app: &str,
        wanted: &Wanted<'_>,
        made: &mut BTreeSet<String>,
    ) -> Result<(), AppError> {
        let services = self.inner.stacks.services();
        let set = match wanted.on {
            TriggerSource::Queue { name, attempts, dead_letter, .. } => {
                let policy = attempts.zip(dead_letter.as_deref());
                ensure_queue(services, wanted, name, policy, made)
                    .await
                    .map_err(|why| failed(app, name, &why))?;
                set_mapping(services, wanted, name).await
            }
            TriggerSource::Bucket { name, events, prefix, suffix } => {
                let notification = Notification {
                    id: notification_id(app, &wanted.function, wanted.on),
                    kind: NotificationTarget::Function,
                    arn: wanted.arn.clone(),
                    events: events.clone(),
                    prefix: Some(prefix.clone()).filter(|prefix| !prefix.is_empty()),
                    suffix: Some(suffix.clone()).filter(|suffix| !suffix.is_empty()),
                };
                self.permit(wanted, "s3.amazonaws.com").await?;
                set_bucket(services, name, notification, made).await
            }
            TriggerSource::Topic { name } => {
                self.permit(wanted, "sns.amazonaws.com").await?;
                set_topic(services, wanted, name, made).await
            }
            TriggerSource::Bus { pattern } => {
                self.permit(wanted, "events.amazonaws.com").await?;
                set_rule(services, app, wanted, pattern).await
            }
        };
        set.map_err(|error| failed(app, &wanted.function, &error))
    }

    /// Lets a service invoke the function.
    async fn permit(&self, wanted: &Wanted<'_>, principal: &str) -> Result<(), AppError> {
        let target =
            Target { name: wanted.function.parse().map_err(crate::InvalidPlan::from)?, qualifier: None };
        let statement = NewPermission {
            statement_id: format!("{STATEMENT}-{}", principal.split('.').next().unwrap_or_default()),
            action: "lambda:InvokeFunction".to_owned(),
            principal: principal.to_owned(),
            source_arn: None,
            source_account: None,
            event_source_token: None,
            function_url_auth_type: None,
            principal_org_id: None,
            invoked_via_function_url: None,
            revision: None,
        };
        match self.inner.catalog.add_permission(&target, &statement).await {
            Ok(_) | Err(CatalogError::Conflict(_)) => Ok(()),
            Err(error) => Err(failed(&wanted.function, principal, &error.to_string())),
        }
    }

    async fn remove_trigger(&self, app: &str, gone: &Wanted<'_>) -> Result<(), AppError> {
        let services = self.inner.stacks.services();
        let removed = match gone.on {
            TriggerSource::Queue { name, .. } => remove_mapping(services, gone, name).await,
            TriggerSource::Bucket { name, .. } => {
                remove_notification(services, name, &notification_id(app, &gone.function, gone.on)).await
            }
            TriggerSource::Topic { name } => remove_subscription(services, gone, name).await,
            TriggerSource::Bus { .. } => remove_rule(services, &rule_name(&gone.function)).await,
        };
        removed.map_err(|error| failed(app, &gone.function, &error))
    }
}

/// Whether something that an app made is of use to others by now, than to functions with these ARNs.
fn is_used(services: &StackServices, arn: &str, own: &[String]) -> bool {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let foreign = |function: &String| !own.contains(function);
    match arn.split(':').nth(2) {
        Some("sqs") => {
            let mappings = services.mappings.list(Some(arn), None).unwrap_or_default();
            mappings.iter().any(|mapping| foreign(&mapping.function_arn))
        }
        Some("sns") => services.topics.subscriptions(Some(arn)).is_ok_and(|list| !list.is_empty()),
        Some("s3") => services.buckets.bucket(name).is_ok_and(|bucket| !bucket.notifications.is_empty()),
        _ => false,
    }
}

/// Whether two triggers of one function are one, though their settings may differ.
fn same_place(a: &TriggerSource, b: &TriggerSource) -> bool {
    match (a, b) {
        (TriggerSource::Queue { name: a, .. }, TriggerSource::Queue { name: b, .. })
        | (TriggerSource::Topic { name: a }, TriggerSource::Topic { name: b }) => a == b,
        (TriggerSource::Bus { .. }, TriggerSource::Bus { .. }) => true,
        _ => a == b,
    }
}

/// Makes the queue of a trigger, where there is none.
async fn ensure_queue(
    services: &StackServices,
    wanted: &Wanted<'_>,
    name: &str,
    redrive: Option<(u32, &str)>,
    made: &mut BTreeSet<String>,
) -> Result<(), String> {
    if services.queues.queue(name).is_err() {
        // A message must stay hidden for as long as its function may take.
        let visibility = (wanted.timeout.saturating_mul(2)).clamp(30, 43_200);
        let mut attributes = BTreeMap::from([("VisibilityTimeout".to_owned(), visibility.to_string())]);
        if let Some((attempts, dead_letter)) = redrive {
            make_queue(services, dead_letter, &BTreeMap::new(), made).await?;
            let arn = services.queues.arn(dead_letter);
            let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": attempts });
            attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        make_queue(services, name, &attributes, made).await?;
    }
    Ok(())
}

/// Leads a queue to a function.
async fn set_mapping(services: &StackServices, wanted: &Wanted<'_>, name: &str) -> Result<(), String> {
    let TriggerSource::Queue { batch, reports_failures, window, at_once, .. } = wanted.on else {
        return Ok(());
    };
    let (batch, reports, window, at_once) = (*batch, *reports_failures, window.unwrap_or(0), *at_once);
    let arn = services.queues.arn(name);
    let change = MappingChange {
        function: Some(wanted.arn.clone()),
        enabled: Some(true),
        batch_size: Some(batch),
        reports_failures: Some(reports),
        window_seconds: Some(window),
        maximum_concurrency: Some(at_once),
        ..MappingChange::default()
    };
    let present = services.mappings.list(Some(&arn), Some(&wanted.arn)).map_err(|error| error.to_string())?;
    match present.first() {
        Some(mapping)
            if mapping.batch_size == batch
                && mapping.reports_failures == reports
                && mapping.window_seconds == window
                && mapping.maximum_concurrency == at_once =>
        {
            Ok(())
        }
        Some(mapping) => services.mappings.update(&mapping.id, change).await.map(drop),
        None => match services.mappings.create(&arn, change, BTreeMap::new()).await {
            Ok(_) | Err(MappingError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        },
    }
    .map_err(|error| error.to_string())
}

async fn make_queue(
    services: &StackServices,
    name: &str,
    attributes: &BTreeMap<String, String>,
    made: &mut BTreeSet<String>,
) -> Result<(), String> {
    if services.queues.queue(name).is_ok() {
        return Ok(());
    }
    let queue = services.queues.create(name, attributes, &BTreeMap::new()).await;
    queue.map_err(|error| format!("the queue {name}: {error}"))?;
    made.insert(services.queues.arn(name));
    Ok(())
}

async fn remove_mapping(services: &StackServices, gone: &Wanted<'_>, queue: &str) -> Result<(), String> {
    let arn = services.queues.arn(queue);
    // Where the function is gone, so are its mappings.
    for mapping in services.mappings.list(Some(&arn), Some(&gone.arn)).unwrap_or_default() {
        match services.mappings.delete(&mapping.id).await {
            Ok(_) | Err(MappingError::NotFound(_) | MappingError::InUse) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// Names the notification of a trigger.
fn notification_id(app: &str, function: &str, on: &TriggerSource) -> String {
    let TriggerSource::Bucket { prefix, suffix, .. } = on else { return format!("ebb-app-{app}") };
    format!("ebb-app-{app}-{function}-{prefix}-{suffix}")
}

async fn set_bucket(
    services: &StackServices,
    name: &str,
    notification: Notification,
    made: &mut BTreeSet<String>,
) -> Result<(), String> {
    let said = |error: BucketError| format!("the bucket {name}: {error}");
    let bucket = match services.buckets.bucket(name) {
        Ok(bucket) => bucket,
        Err(_) => {
            let bucket = services.buckets.create(name).await.map_err(said)?;
            made.insert(format!("arn:aws:s3:::{name}"));
            bucket
        }
    };
    if bucket.notifications.contains(&notification) {
        return Ok(());
    }
    let mut all = bucket.notifications.clone();
    all.retain(|present| present.id != notification.id);
    all.push(notification);
    services.buckets.set_notifications(name, all, bucket.event_bus).await.map_err(said)
}

async fn remove_notification(services: &StackServices, name: &str, id: &str) -> Result<(), String> {
    let Ok(bucket) = services.buckets.bucket(name) else { return Ok(()) };
    let mut all = bucket.notifications.clone();
    all.retain(|present| present.id != id);
    if all.len() == bucket.notifications.len() {
        return Ok(());
    }
    let set = services.buckets.set_notifications(name, all, bucket.event_bus).await;
    set.map_err(|error| format!("the bucket {name}: {error}"))
}

async fn set_topic(
    services: &StackServices,
    wanted: &Wanted<'_>,
    name: &str,
    made: &mut BTreeSet<String>,
) -> Result<(), String> {
    let said = |error: TopicError| format!("the topic {name}: {error}");
    let arn = services.topics.arn(name);
    if services.topics.topic(&arn).is_err() {
        services.topics.create(name, BTreeMap::new(), BTreeMap::new()).await.map_err(said)?;
        made.insert(arn.clone());
    }
    let subscription = NewSubscription {
        protocol: Protocol::Lambda,
        endpoint: wanted.arn.clone(),
        attributes: BTreeMap::new(),
        principal: wanted.principal.clone(),
    };
    services.topics.subscribe(&arn, subscription).await.map(drop).map_err(said)
}

async fn remove_subscription(services: &StackServices, gone: &Wanted<'_>, name: &str) -> Result<(), String> {
    let topics = &services.topics;
    for one in topics.subscriptions(Some(&topics.arn(name))).unwrap_or_default() {
        if one.endpoint == gone.arn {
            match topics.unsubscribe(&topics.subscription_arn(&one), true).await {
                Ok(()) | Err(TopicError::NotFound(_)) => {}
                Err(error) => return Err(format!("the topic {name}: {error}")),
            }
        }
    }
    Ok(())
}

/// Names the rule of a function.
fn rule_name(function: &str) -> String {
    format!("ebb-app-{function}").chars().take(64).collect()
}

async fn set_rule(
    services: &StackServices,
    app: &str,
    wanted: &Wanted<'_>,
    pattern: &str,
) -> Result<(), String> {
    let name = rule_name(&wanted.function);
    let rule = NewRule {
        name: name.clone(),
        bus: None,
        pattern: Some(pattern.to_owned()),
        schedule: None,
        state: Some(RuleState::Enabled),
        description: Some(format!("made by the app {app}")),
        role: None,
        tags: BTreeMap::new(),
    };
    services.buses.put_rule(rule).await.map_err(|error| error.to_string())?;
    let target = RuleTarget {
        id: "function".to_owned(),
        arn: wanted.arn.clone(),
        role: None,
        input: Input::Whole,
        dead_letter: None,
        retry: None,
        message_group: None,
        parameters: serde_json::Map::new(),
    };
    services.buses.put_targets(None, &name, vec![target]).await.map(drop).map_err(|error| error.to_string())
}

async fn remove_rule(services: &StackServices, name: &str) -> Result<(), String> {
    if let Ok(rule) = services.buses.rule(None, name) {
        let ids: Vec<String> = rule.targets.keys().cloned().collect();
        match services.buses.remove_targets(None, name, &ids).await {
            Ok(_) | Err(BusError::NotFound(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    match services.buses.delete_rule(None, name).await {
        Ok(()) | Err(BusError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn failed(app: &str, what: &str, error: &str) -> AppError {
    AppError::Trigger { app: app.to_owned(), what: what.to_owned(), why: error.to_owned() }
}
