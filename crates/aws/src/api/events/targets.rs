//! Targets of rules.

use std::collections::BTreeMap;

use ebb_sources::bus::{EventBuses, Input, RefusedTarget, RuleTarget};
use ebb_sources::delivery::RetryPolicy;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{invalid, listed, present, required};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    rule: Option<String>,
    event_bus_name: Option<String>,
    targets: Option<Vec<Target>>,
    ids: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    id: Option<String>,
    arn: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<Transformer>,
    dead_letter_config: Option<Value>,
    retry_policy: Option<Retry>,
    sqs_parameters: Option<Value>,
    /// Parameters of kinds of targets.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transformer {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    input_template: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retry {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
}

pub(super) async fn put(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let rule = required(request.rule, "rule")?;
    let targets = required(request.targets.filter(|targets| !targets.is_empty()), "targets")?;
    let targets = targets.into_iter().map(Target::read).collect::<Result<_, _>>()?;
    buses.bus(request.event_bus_name.as_deref().unwrap_or("default"))?;
    let refused = buses.put_targets(request.event_bus_name.as_deref(), &rule, targets).await?;
    answer(&refused)
}

pub(super) async fn remove(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (rule, ids) = (required(request.rule, "rule")?, required(request.ids, "ids")?);
    buses.bus(request.event_bus_name.as_deref().unwrap_or("default"))?;
    let refused = buses.remove_targets(request.event_bus_name.as_deref(), &rule, &ids).await?;
    answer(&refused)
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.bus(request.event_bus_name.as_deref().unwrap_or("default"))?;
    let rule = buses.rule(request.event_bus_name.as_deref(), &required(request.rule, "rule")?)?;
    let targets = rule.targets.values().cloned().collect();
    let page = (request.next_token.as_deref(), request.limit);
    listed("Targets", targets, page, |target: &RuleTarget| target.id.clone(), shown)
}

impl Target {
    fn read(self) -> Result<RuleTarget, AwsError> {
        let transformer = self.input_transformer.map(|transformer| {
            let template =
                required(transformer.input_template, "targets.1.member.inputTransformer.inputTemplate")?;
            Ok::<_, AwsError>(Input::Transformer { paths: transformer.input_paths_map, template })
        });
        let id = required(self.id, "targets.1.member.id")?;
        let given =
            [self.input.map(Input::Constant), self.input_path.map(Input::Path), transformer.transpose()?];
        let mut given = given.into_iter().flatten();
        let input = given.next().unwrap_or_default();
        if given.next().is_some() {
            return Err(invalid(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            )));
        }
        let defaults = RetryPolicy::default();
        let group = self.sqs_parameters.as_ref().and_then(|parameters| parameters["MessageGroupId"].as_str());
        Ok(RuleTarget {
            id,
            arn: required(self.arn, "targets.1.member.arn")?,
            role: self.role_arn,
            input,
            dead_letter: self.dead_letter_config.and_then(|config| config["Arn"].as_str().map(str::to_owned)),
            retry: self.retry_policy.map(|retry| RetryPolicy {
                attempts: retry.maximum_retry_attempts.unwrap_or(defaults.attempts),
                age_seconds: retry.maximum_event_age_in_seconds.unwrap_or(defaults.age_seconds),
            }),
            message_group: group.map(str::to_owned),
            parameters: self.others,
        })
    }
}

fn shown(target: &RuleTarget) -> Value {
    let mut shown = json!({
        "Id": target.id,
        "Arn": target.arn,
        "RoleArn": target.role,
        "DeadLetterConfig": target.dead_letter.as_ref().map(|arn| json!({ "Arn": arn })),
        "RetryPolicy": target.retry.map(|retry| json!({
            "MaximumRetryAttempts": retry.attempts, "MaximumEventAgeInSeconds": retry.age_seconds,
        })),
        "SqsParameters": target.message_group.as_ref().map(|group| json!({ "MessageGroupId": group })),
    });
    match &target.input {
        Input::Whole => {}
        Input::Constant(text) => shown["Input"] = text.as_str().into(),
        Input::Path(path) => shown["InputPath"] = path.as_str().into(),
        Input::Transformer { paths, template } => {
            shown["InputTransformer"] = json!({ "InputPathsMap": paths, "InputTemplate": template });
        }
    }
    for (name, value) in &target.parameters {
        shown[name] = value.clone();
    }
    present(shown)
}

fn answer(refused: &[RefusedTarget]) -> Result<Response<Body>, AwsError> {
    let show = |target: &RefusedTarget| json!({ "TargetId": target.id, "ErrorCode": target.code, "ErrorMessage": target.message });
    let entries: Vec<Value> = refused.iter().map(show).collect();
    json_response(StatusCode::OK, &json!({ "FailedEntryCount": entries.len(), "FailedEntries": entries }))
}
