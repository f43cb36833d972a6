//! Event buses, rules, schedules.

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use ebb_sources::bus::{ArchiveChange, BusChange, BusError, Input, NewRule, RuleState, RuleTarget};
use ebb_sources::delivery::RetryPolicy;
use ebb_sources::schedule::{Schedule, ScheduleTarget, SchedulerError};
use serde_json::{Map, Value as Json};

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

fn gone_bus<T>(result: Result<T, BusError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(BusError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

fn bus_change(own: &Properties<'_>) -> BusChange {
    BusChange {
        description: own.text("Description"),
        kms_key: own.text("KmsKeyIdentifier"),
        dead_letter: own.inner("DeadLetterConfig").text("Arn"),
        log_config: own.get("LogConfig").cloned(),
    }
}

pub(super) async fn create_bus(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (buses, name) = (&inner.services.buses, own.required("Name")?);
    buses.create_bus(&name, bus_change(&own), own.tags()).await.map_err(said)?;
    if let Some(policy) = own.document("Policy") {
        buses.set_policy(&name, &policy).await.map_err(said)?;
    }
    Ok(bus_made(inner, &name))
}

pub(super) async fn update_bus(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (buses, name) = (&inner.services.buses, own.required("Name")?);
    buses.update_bus(&name, bus_change(&own)).await.map_err(said)?;
    if let Some(policy) = own.document("Policy") {
        buses.set_policy(&name, &policy).await.map_err(said)?;
    }
    Ok(bus_made(inner, &name))
}

fn bus_made(inner: &Inner, name: &str) -> Made {
    let arn = inner.services.buses.bus_arn(name);
    Made::new(name, [("Arn", arn), ("Name", name.to_owned())])
}

pub(super) async fn delete_bus(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone_bus(inner.services.buses.delete_bus(&made.physical).await)
}

fn archive_change(own: &Properties<'_>) -> Result<ArchiveChange, Message> {
    Ok(ArchiveChange {
        description: own.text("Description"),
        pattern: own.document("EventPattern"),
        // Nought keeps events for ever.
        retention_days: Some(own.small("RetentionDays")?.unwrap_or(0)),
        kms_key: own.text("KmsKeyIdentifier"),
    })
}

pub(super) async fn create_archive(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let name = own.text("ArchiveName").unwrap_or_else(|| wanted.name.clone());
    let change = archive_change(&own)?;
    inner.services.buses.create_archive(&name, &own.required("SourceArn")?, change).await.map_err(said)?;
    Ok(archive_made(inner, &name))
}

pub(super) async fn update_archive(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let change = archive_change(&wanted.properties())?;
    inner.services.buses.update_archive(&before.physical, change).await.map_err(said)?;
    Ok(archive_made(inner, &before.physical))
}

fn archive_made(inner: &Inner, name: &str) -> Made {
    let arn = inner.services.buses.archive_arn(name);
    Made::new(name, [("Arn", arn), ("ArchiveName", name.to_owned())])
}

pub(super) async fn delete_archive(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone_bus(inner.services.buses.delete_archive(&made.physical).await)
}

/// The bus and the name of a rule, by its physical id: `name`, or `bus|name` on a bus of its own.
fn rule_of(physical: &str) -> (Option<&str>, &str) {
    match physical.split_once('|') {
        Some((bus, name)) => (Some(bus), name),
        None => (None, physical),
    }
}

pub(super) async fn put_rule(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let buses = &inner.services.buses;
    let name = own.text("Name").unwrap_or_else(|| rule_of(&wanted.name).1.to_owned());
    let state = match own.text("State").as_deref() {
        None | Some("ENABLED") => RuleState::Enabled,
        Some("DISABLED") => RuleState::Disabled,
        Some("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => {
            RuleState::EnabledWithAllCloudtrailManagementEvents
        }
        Some(other) => return Err(format!("State must be ENABLED or DISABLED, not {other}")),
    };
    let targets: Vec<RuleTarget> = own.list("Targets").iter().map(rule_target).collect::<Result<_, _>>()?;
    let bus = own.text("EventBusName");
    let rule = NewRule {
        name: name.clone(),
        bus: bus.clone(),
        pattern: own.document("EventPattern"),
        schedule: own.text("ScheduleExpression"),
        state: Some(state),
        description: own.text("Description"),
        role: own.text("RoleArn"),
        tags: own.tags(),
    };
    let rule = buses.put_rule(rule).await.map_err(said)?;
    let kept: Vec<&String> = targets.iter().map(|target| &target.id).collect();
    let old: Vec<String> = rule.targets.keys().filter(|id| !kept.contains(id)).cloned().collect();
    if !old.is_empty() {
        buses.remove_targets(bus.as_deref(), &name, &old).await.map_err(said)?;
    }
    if !targets.is_empty()
        && let Err(error) = buses.put_targets(bus.as_deref(), &name, targets).await
    {
        // A rule without its targets is not what was asked for.
        gone_bus(buses.delete_rule(bus.as_deref(), &name).await)?;
        return Err(said(error));
    }
    let own_bus = Some(rule.bus.as_str()).filter(|bus| *bus != "default");
    let physical = own_bus.map_or_else(|| name.clone(), |bus| format!("{bus}|{name}"));
    Ok(Made::new(physical, [("Arn", buses.rule_arn(&rule))]))
}

fn retry(own: &Properties<'_>) -> Result<Option<RetryPolicy>, Message> {
    if own.get("RetryPolicy").is_none() {
        return Ok(None);
    }
    let (given, defaults) = (own.inner("RetryPolicy"), RetryPolicy::default());
    Ok(Some(RetryPolicy {
        attempts: given.small("MaximumRetryAttempts")?.unwrap_or(defaults.attempts),
        age_seconds: given.small("MaximumEventAgeInSeconds")?.unwrap_or(defaults.age_seconds),
    }))
}

/// Members of a target that are for single kinds of them.
fn parameters(target: &Json, known: &[&str]) -> Map<String, Json> {
    let members = target.as_object().into_iter().flatten();
    let others = members.filter(|(name, _)| !known.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn rule_target(target: &Json) -> Result<RuleTarget, Message> {
    let own = Properties::of(target);
    let transformer = own.inner("InputTransformer");
    let input = match (own.document("Input"), own.text("InputPath"), own.get("InputTransformer")) {
        (Some(text), _, _) => Input::Constant(text),
        (None, Some(path), _) => Input::Path(path),
        (None, None, Some(_)) => Input::Transformer {
            paths: transformer.map("InputPathsMap"),
            template: transformer.required("InputTemplate")?,
        },
        (None, None, None) => Input::Whole,
    };
    const KNOWN: &[&str] = &[
        "Id",
        "Arn",
        "RoleArn",
        "Input",
        "InputPath",
        "InputTransformer",
        "DeadLetterConfig",
        "RetryPolicy",
        "SqsParameters",
    ];
    Ok(RuleTarget {
        id: own.required("Id")?,
        arn: own.required("Arn")?,
        role: own.text("RoleArn"),
        input,
        dead_letter: own.inner("DeadLetterConfig").text("Arn"),
        retry: retry(&own)?,
        message_group: own.inner("SqsParameters").text("MessageGroupId"),
        parameters: parameters(target, KNOWN),
    })
}

pub(super) async fn delete_rule(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let buses = &inner.services.buses;
    let (bus, name) = rule_of(&made.physical);
    if let Ok(rule) = buses.rule(bus, name) {
        let ids: Vec<String> = rule.targets.keys().cloned().collect();
        gone_bus(buses.remove_targets(bus, name, &ids).await)?;
    }
    gone_bus(buses.delete_rule(bus, name).await)
}

fn gone_schedule<T>(result: Result<T, SchedulerError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(SchedulerError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

fn schedule(inner: &Inner, wanted: &Wanted<'_>, name: String) -> Result<Schedule, Message> {
    let own = wanted.properties();
    let target = own.inner("Target");
    let time = |property: &str| match own.text(property) {
        None => Ok(None),
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .map(|time| Some(Timestamp(time.as_millisecond())))
            .map_err(|_| format!("{property} must be a time like 2026-01-31T12:00:00Z, not {text}")),
    };
    let window = own.inner("FlexibleTimeWindow");
    let bridge = target.inner("EventBridgeParameters");
    const KNOWN: &[&str] = &[
        "Arn",
        "RoleArn",
        "Input",
        "DeadLetterConfig",
        "RetryPolicy",
        "SqsParameters",
        "EventBridgeParameters",
    ];
    let now = inner.clock.now();
    Ok(Schedule {
        group: own.text("GroupName").unwrap_or_else(|| "default".to_owned()),
        name,
        expression: own.required("ScheduleExpression")?,
        timezone: own.text("ScheduleExpressionTimezone"),
        start: time("StartDate")?,
        end: time("EndDate")?,
        enabled: own.text("State").is_none_or(|state| state == "ENABLED"),
        description: own.text("Description"),
        window_minutes: match window.text("Mode").as_deref() {
            Some("FLEXIBLE") => window.small("MaximumWindowInMinutes")?,
            _ => None,
        },
        delete_after: false,
        kms_key: own.text("KmsKeyArn"),
        target: ScheduleTarget {
            arn: target.required("Arn")?,
            role: target.required("RoleArn")?,
            input: target.document("Input"),
            dead_letter: target.inner("DeadLetterConfig").text("Arn"),
            retry: retry(&target)?,
            message_group: target.inner("SqsParameters").text("MessageGroupId"),
            event: bridge.text("Source").zip(bridge.text("DetailType")),
            parameters: own.get("Target").map(|json| parameters(json, KNOWN)).unwrap_or_default(),
        },
        created: now,
        modified: now,
        fired: None,
        client_token: None,
    })
}

pub(super) async fn create_schedule(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let schedule = schedule(inner, wanted, wanted.named("Name"))?;
    let made = inner.services.scheduler.create(schedule).await.map_err(said)?;
    Ok(schedule_made(inner, &made))
}

pub(super) async fn update_schedule(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let schedule = schedule(inner, wanted, before.physical.clone())?;
    let made = inner.services.scheduler.update(schedule).await.map_err(said)?;
    Ok(schedule_made(inner, &made))
}

fn schedule_made(inner: &Inner, schedule: &Schedule) -> Made {
    let arn = inner.services.scheduler.arn(&schedule.group, &schedule.name);
    Made::new(schedule.name.clone(), [("Arn", arn)])
}

pub(super) async fn delete_schedule(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let group = Properties::of(&made.properties).text("GroupName").unwrap_or_else(|| "default".to_owned());
    gone_schedule(inner.services.scheduler.delete(&group, &made.physical).await)
}

pub(super) async fn create_group(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let name = wanted.named("Name");
    let tags: BTreeMap<String, String> = wanted.properties().tags();
    inner.services.scheduler.create_group(&name, tags).await.map_err(said)?;
    let arn = inner.services.scheduler.group_arn(&name);
    Ok(Made::new(name, [("Arn", arn)]))
}

pub(super) async fn delete_group(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone_schedule(inner.services.scheduler.delete_group(&made.physical).await)
}
