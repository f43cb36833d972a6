//! Stacks, their resources and what happened to them.

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use http::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::port::{Event, Resource, Stack};
use super::{CloudFormation, done, invalid, listed};
use crate::wire::{AwsError, Body, Call, form_list};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    #[serde(default)]
    stack_name: Option<String>,
    #[serde(default)]
    physical_resource_id: Option<String>,
    #[serde(default)]
    logical_resource_id: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    stack_status_filter: Vec<String>,
}

/// An object without the members that are null.
pub(super) fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

pub(super) fn time(at: Timestamp) -> Value {
    at.to_rfc3339().into()
}

/// Pairs as lists of objects.
pub(super) fn pairs(map: &BTreeMap<String, String>, key: &str, value: &str) -> Value {
    map.iter().map(|(name, text)| json!({ key: name, value: text })).collect()
}

/// The stack that a request names.
pub(super) async fn named(state: &CloudFormation, name: Option<String>) -> Result<Stack, AwsError> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| invalid("StackName must be specified"))?;
    Ok(state.stacks.find(name).await?)
}

pub(super) async fn describe_stacks(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let stacks = match given.stack_name.filter(|name| !name.is_empty()) {
        Some(name) => vec![state.stacks.find(name).await?],
        None => state.stacks.all().await?.into_iter().filter(|stack| stack.deleted.is_none()).collect(),
    };
    listed(&call, "Stacks", stacks, |stack| stack.id.clone(), show_stack)
}

fn show_stack(stack: &Stack) -> Value {
    let outputs = stack.outputs.iter().map(|output| {
        present(json!({
            "OutputKey": output.name, "OutputValue": output.value, "Description": output.description,
            "ExportName": output.export,
        }))
    });
    let executed = stack.change_sets.iter().find(|set| set.execution == "EXECUTE_COMPLETE");
    present(json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": executed.map(|set| &set.id),
        "Description": stack.description,
        "Parameters": pairs(&stack.parameters, "ParameterKey", "ParameterValue"),
        "CreationTime": time(stack.created),
        "LastUpdatedTime": stack.updated.map(time),
        "DeletionTime": stack.deleted.map(time),
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.options.on_failure == super::port::OnFailure::DoNothing,
        "NotificationARNs": stack.options.notification_arns,
        "Capabilities": stack.options.capabilities,
        "Outputs": outputs.collect::<Vec<_>>(),
        "RoleARN": stack.options.role_arn,
        "Tags": pairs(&stack.options.tags, "Key", "Value"),
        "EnableTerminationProtection": stack.options.termination_protection,
        "ParentId": stack.parent,
        "RootId": stack.parent,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
    }))
}

pub(super) async fn list_stacks(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let wanted = |stack: &Stack| {
        given.stack_status_filter.is_empty() || given.stack_status_filter.contains(&stack.status)
    };
    let stacks = state.stacks.all().await?.into_iter().filter(wanted).collect();
    listed(
        &call,
        "StackSummaries",
        stacks,
        |stack: &Stack| stack.id.clone(),
        |stack| {
            present(json!({
                "StackId": stack.id,
                "StackName": stack.name,
                "TemplateDescription": stack.description,
                "CreationTime": time(stack.created),
                "LastUpdatedTime": stack.updated.map(time),
                "DeletionTime": stack.deleted.map(time),
                "StackStatus": stack.status,
                "StackStatusReason": stack.reason,
                "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
            }))
        },
    )
}

pub(super) async fn describe_events(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let stack = named(&state, given.stack_name).await?;
    let show = |event: &Event| {
        present(json!({
            "StackId": stack.id,
            "EventId": event.id,
            "StackName": stack.name,
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "Timestamp": time(event.at),
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
        }))
    };
    listed(&call, "StackEvents", stack.events.clone(), |event| event.id.clone(), show)
}

/// What last happened to a resource, with the reason.
fn state_of<'a>(stack: &'a Stack, logical: &str) -> (&'a str, Option<&'a str>) {
    let last = stack
        .events
        .iter()
        .find(|event| event.logical == logical && event.kind != "AWS::CloudFormation::Stack");
    last.map_or(("CREATE_COMPLETE", None), |event| (event.status.as_str(), event.reason.as_deref()))
}

fn show_resource(stack: &Stack, logical: &str, resource: &Resource, time_member: &str) -> Value {
    let (status, reason) = state_of(stack, logical);
    present(json!({
        "LogicalResourceId": logical,
        "PhysicalResourceId": resource.physical,
        "ResourceType": resource.kind,
        time_member: time(resource.updated),
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "DriftInformation": { "StackResourceDriftStatus": "NOT_CHECKED" },
    }))
}

fn with_stack(stack: &Stack, mut shown: Value) -> Value {
    shown["StackName"] = stack.name.as_str().into();
    shown["StackId"] = stack.id.as_str().into();
    shown
}

pub(super) async fn describe_resources(
    state: CloudFormation,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let stack = match (&given.stack_name, &given.physical_resource_id) {
        (None, Some(physical)) => {
            let has = |stack: &Stack| stack.resources.values().any(|own| own.physical == *physical);
            let found = state.stacks.all().await?.into_iter().find(has);
            found.ok_or_else(|| invalid(format!("Stack for {physical} does not exist")))?
        }
        _ => named(&state, given.stack_name.clone()).await?,
    };
    let wanted = stack.resources.iter().filter(|(logical, own)| {
        given.logical_resource_id.as_ref().is_none_or(|wanted| wanted == *logical)
            && given.physical_resource_id.as_ref().is_none_or(|wanted| *wanted == own.physical)
    });
    let shown: Vec<Value> = wanted
        .map(|(logical, own)| with_stack(&stack, show_resource(&stack, logical, own, "Timestamp")))
        .collect();
    done(&json!({ "StackResources": shown }))
}

pub(super) async fn describe_resource(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let stack = named(&state, given.stack_name).await?;
    let logical = given.logical_resource_id.unwrap_or_default();
    let own = stack
        .resources
        .get(&logical)
        .ok_or_else(|| invalid(format!("Resource {logical} does not exist for stack {}", stack.name)))?;
    let shown = with_stack(&stack, show_resource(&stack, &logical, own, "LastUpdatedTimestamp"));
    done(&json!({ "StackResourceDetail": shown }))
}

pub(super) async fn list_resources(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let stack = named(&state, given.stack_name).await?;
    let resources: Vec<(String, Resource)> = stack.resources.clone().into_iter().collect();
    listed(
        &call,
        "StackResourceSummaries",
        resources,
        |(logical, _)| logical.clone(),
        |(logical, own)| show_resource(&stack, logical, own, "LastUpdatedTimestamp"),
    )
}

pub(super) async fn list_exports(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let stacks = state.stacks.all().await?;
    let mut exports = Vec::new();
    for stack in stacks.iter().filter(|stack| stack.deleted.is_none()) {
        for output in &stack.outputs {
            let exported =
                output.export.as_ref().map(|name| (stack.id.clone(), name.clone(), output.value.clone()));
            exports.extend(exported);
        }
    }
    listed(
        &call,
        "Exports",
        exports,
        |(_, name, _)| name.clone(),
        |(id, name, value)| json!({ "ExportingStackId": id, "Name": name, "Value": value }),
    )
}
