//! Rules.

use ebb_sources::bus::{EventBuses, NewRule, Rule, RuleState};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, done, listed, present, required, tag_map};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    name_prefix: Option<String>,
    event_bus_name: Option<String>,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<RuleState>,
    description: Option<String>,
    role_arn: Option<String>,
    tags: Option<Vec<Tag>>,
    target_arn: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Request {
    fn page(&self) -> (Option<&str>, Option<usize>) {
        (self.next_token.as_deref(), self.limit)
    }

    fn bus(&self) -> &str {
        self.event_bus_name.as_deref().unwrap_or("default")
    }
}

pub(super) async fn put(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let new = NewRule {
        name: required(request.name, "name")?,
        bus: request.event_bus_name,
        pattern: some(request.event_pattern),
        schedule: some(request.schedule_expression),
        state: request.state,
        description: request.description,
        role: request.role_arn,
        tags: tag_map(request.tags),
    };
    let rule = buses.put_rule(new).await?;
    json_response(StatusCode::OK, &json!({ "RuleArn": buses.rule_arn(&rule) }))
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.bus(request.bus())?;
    let rule = buses.rule(Some(request.bus()), &required(request.name.clone(), "name")?)?;
    let mut shown = shown(&buses, &rule);
    shown["CreatedBy"] = call.context.account.as_str().into();
    json_response(StatusCode::OK, &shown)
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.bus(request.bus())?;
    let rules = buses.rules(request.bus(), request.name_prefix.as_deref().unwrap_or_default());
    listed("Rules", rules, request.page(), |rule| rule.name.clone(), |rule| shown(&buses, rule))
}

pub(super) async fn list_by_target(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.bus(request.bus())?;
    let arn = required(request.target_arn.clone(), "targetArn")?;
    let has = |rule: &Rule| rule.targets.values().any(|target| target.arn == arn);
    let rules = buses.rules(request.bus(), "").into_iter().filter(|rule| has(rule)).collect();
    listed("RuleNames", rules, request.page(), |rule| rule.name.clone(), |rule| rule.name.clone().into())
}

pub(super) async fn enable(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    turn(buses, call, RuleState::Enabled).await
}

pub(super) async fn disable(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    turn(buses, call, RuleState::Disabled).await
}

async fn turn(buses: EventBuses, call: Call, state: RuleState) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = required(request.name.clone(), "name")?;
    buses.bus(request.bus())?;
    buses.set_rule_state(Some(request.bus()), &name, state).await?;
    done()
}

pub(super) async fn delete(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.delete_rule(Some(request.bus()), &required(request.name.clone(), "name")?).await?;
    done()
}

fn shown(buses: &EventBuses, rule: &Rule) -> Value {
    present(json!({
        "Name": rule.name,
        "Arn": buses.rule_arn(rule),
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": rule.state,
        "Description": rule.description,
        "RoleArn": rule.role,
        "EventBusName": rule.bus,
    }))
}
