//! Schedules.

use ebb_model::Timestamp;
use ebb_sources::delivery::RetryPolicy;
use ebb_sources::schedule::{DEFAULT_GROUP, Schedule, ScheduleTarget, Scheduler};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{invalid, listed};
use crate::wire::{AwsError, Body, Call, epoch_seconds, from_epoch_seconds, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    group_name: Option<String>,
    schedule_expression: Option<String>,
    schedule_expression_timezone: Option<String>,
    start_date: Option<f64>,
    end_date: Option<f64>,
    state: Option<String>,
    description: Option<String>,
    kms_key_arn: Option<String>,
    target: Option<Target>,
    flexible_time_window: Option<FlexibleTimeWindow>,
    action_after_completion: Option<String>,
    client_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FlexibleTimeWindow {
    mode: Option<String>,
    maximum_window_in_minutes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    arn: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    retry_policy: Option<Retry>,
    sqs_parameters: Option<SqsParameters>,
    event_bridge_parameters: Option<EventBridgeParameters>,
    /// `EcsParameters` and the like: kept as they are.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retry {
    maximum_event_age_in_seconds: Option<u32>,
    maximum_retry_attempts: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SqsParameters {
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventBridgeParameters {
    detail_type: Option<String>,
    source: Option<String>,
}

impl Request {
    fn schedule(self, name: &str) -> Result<Schedule, AwsError> {
        let window = self.flexible_time_window.ok_or_else(|| missing("flexibleTimeWindow"))?;
        Ok(Schedule {
            group: self.group_name.unwrap_or_else(|| DEFAULT_GROUP.to_owned()),
            name: name.to_owned(),
            expression: self.schedule_expression.ok_or_else(|| missing("scheduleExpression"))?,
            timezone: self.schedule_expression_timezone,
            start: self.start_date.map(from_epoch_seconds),
            end: self.end_date.map(from_epoch_seconds),
            enabled: one_of("state", self.state.as_deref(), ["ENABLED", "DISABLED"])? == "ENABLED",
            description: self.description,
            window_minutes: window.minutes()?,
            delete_after: one_of(
                "actionAfterCompletion",
                self.action_after_completion.as_deref(),
                ["NONE", "DELETE"],
            )? == "DELETE",
            kms_key: self.kms_key_arn,
            target: self.target.ok_or_else(|| missing("target"))?.read()?,
            created: Timestamp(0),
            modified: Timestamp(0),
            fired: None,
            client_token: self.client_token,
        })
    }
}

impl FlexibleTimeWindow {
    fn minutes(&self) -> Result<Option<u32>, AwsError> {
        let mode = self.mode.as_deref().ok_or_else(|| missing("flexibleTimeWindow.mode"))?;
        let mode = one_of("flexibleTimeWindow.mode", Some(mode), ["OFF", "FLEXIBLE"])?;
        match (mode, self.maximum_window_in_minutes) {
            // What is said of a window that is off changes nothing.
            ("OFF", _) => Ok(None),
            (_, None) => Err(invalid("The mode FLEXIBLE requires MaximumWindowInMinutes.")),
            (_, minutes) => Ok(minutes),
        }
    }
}

impl Target {
    fn read(self) -> Result<ScheduleTarget, AwsError> {
        let default = RetryPolicy::default();
        Ok(ScheduleTarget {
            arn: self.arn.ok_or_else(|| missing("target.arn"))?,
            role: self.role_arn.ok_or_else(|| missing("target.roleArn"))?,
            input: self.input,
            dead_letter: self.dead_letter_config.and_then(|config| config.arn),
            retry: self.retry_policy.map(|retry| RetryPolicy {
                attempts: retry.maximum_retry_attempts.unwrap_or(default.attempts),
                age_seconds: retry.maximum_event_age_in_seconds.unwrap_or(default.age_seconds),
            }),
            message_group: self.sqs_parameters.and_then(|parameters| parameters.message_group_id),
            event: self
                .event_bridge_parameters
                .and_then(|parameters| Some((parameters.source?, parameters.detail_type?))),
            parameters: self.others,
        })
    }
}

pub(super) async fn create(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let new = call.json::<Request>()?.schedule(call.path.get("Name"))?;
    made(&scheduler, &*scheduler.create(new).await?)
}

pub(super) async fn update(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let new = call.json::<Request>()?.schedule(call.path.get("Name"))?;
    made(&scheduler, &*scheduler.update(new).await?)
}

pub(super) async fn get(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let schedule = scheduler.schedule(group(&call), call.path.get("Name"))?;
    let mut answer = summary(&scheduler, &schedule);
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer[name] = value;
        }
    };
    let window = match schedule.window_minutes {
        None => json!({ "Mode": "OFF" }),
        Some(minutes) => json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes }),
    };
    let zone = schedule.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
    add("ScheduleExpression", Some(schedule.expression.clone().into()));
    add("ScheduleExpressionTimezone", Some(zone.into()));
    add("StartDate", schedule.start.map(epoch_seconds));
    add("EndDate", schedule.end.map(epoch_seconds));
    add("Description", schedule.description.clone().map(Value::from));
    add("KmsKeyArn", schedule.kms_key.clone().map(Value::from));
    add("FlexibleTimeWindow", Some(window));
    add("ActionAfterCompletion", Some(if schedule.delete_after { "DELETE" } else { "NONE" }.into()));
    add("Target", Some(target(&schedule.target)));
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn delete(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    scheduler.delete(group(&call), call.path.get("Name")).await?;
    json_response(StatusCode::OK, &json!({}))
}

pub(super) async fn list(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let query = &call.context.query;
    let group = query.get("ScheduleGroup");
    if let Some(group) = group {
        scheduler.group(group)?;
    }
    let prefix = query.get("NamePrefix").unwrap_or_default();
    let enabled = query.get("State").map(|state| state == "ENABLED");
    let mut schedules = scheduler.schedules();
    schedules.retain(|schedule| {
        group.is_none_or(|group| schedule.group == group)
            && schedule.name.starts_with(prefix)
            && enabled.is_none_or(|enabled| schedule.enabled == enabled)
    });
    let show = |schedule: &std::sync::Arc<Schedule>| {
        let mut shown = summary(&scheduler, schedule);
        shown["Target"] = json!({ "Arn": schedule.target.arn });
        shown
    };
    listed(&call, "Schedules", schedules, |schedule| format!("{}/{}", schedule.group, schedule.name), show)
}

/// The group in the query.
fn group(call: &Call) -> &str {
    call.context.query.get("groupName").unwrap_or(DEFAULT_GROUP)
}

fn made(scheduler: &Scheduler, schedule: &Schedule) -> Result<Response<Body>, AwsError> {
    let arn = scheduler.arn(&schedule.group, &schedule.name);
    json_response(StatusCode::OK, &json!({ "ScheduleArn": arn }))
}

/// What lists show of a schedule, but for its target.
fn summary(scheduler: &Scheduler, schedule: &Schedule) -> Value {
    json!({
        "Arn": scheduler.arn(&schedule.group, &schedule.name),
        "GroupName": schedule.group,
        "Name": schedule.name,
        "State": if schedule.enabled { "ENABLED" } else { "DISABLED" },
        "CreationDate": epoch_seconds(schedule.created),
        "LastModificationDate": epoch_seconds(schedule.modified),
    })
}

fn target(target: &ScheduleTarget) -> Value {
    let retry = target.retry.unwrap_or_default();
    let mut shown = target.parameters.clone();
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    add("Arn", target.arn.clone().into());
    add("RoleArn", target.role.clone().into());
    add(
        "RetryPolicy",
        json!({ "MaximumEventAgeInSeconds": retry.age_seconds, "MaximumRetryAttempts": retry.attempts }),
    );
    if let Some(input) = &target.input {
        add("Input", input.clone().into());
    }
    if let Some(arn) = &target.dead_letter {
        add("DeadLetterConfig", json!({ "Arn": arn }));
    }
    if let Some(group) = &target.message_group {
        add("SqsParameters", json!({ "MessageGroupId": group }));
    }
    if let Some((source, detail_type)) = &target.event {
        add("EventBridgeParameters", json!({ "Source": source, "DetailType": detail_type }));
    }
    shown.into()
}

/// A member with a few values, the first of which is the default.
fn one_of<'a>(name: &str, value: Option<&'a str>, values: [&'a str; 2]) -> Result<&'a str, AwsError> {
    match value {
        None => Ok(values[0]),
        Some(value) if values.contains(&value) => Ok(value),
        Some(value) => Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy \
             enum value set: [{}, {}]",
            values[0], values[1]
        ))),
    }
}

fn missing(name: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}
