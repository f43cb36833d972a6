//! Change sets.

use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::port::{ChangeSet, ChangeSetRequest, ResourceChange, Stack};
use super::read::{Wanted, truth};
use super::show::{pairs, present, time};
use super::{CloudFormation, done, invalid, listed};
use crate::wire::{AwsError, Body, Call};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    change_set_name: String,
    #[serde(default)]
    stack_name: Option<String>,
    #[serde(default)]
    change_set_type: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    disable_rollback: Option<String>,
}

pub(super) async fn create(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let named: Named = call.json()?;
    let wanted: Wanted = call.json()?;
    let creates = match named.change_set_type.as_deref() {
        None | Some("UPDATE") => false,
        Some("CREATE") => true,
        Some(other) => {
            return Err(invalid(format!("change sets of the type {other} are not built yet in ebb")));
        }
    };
    if creates {
        super::stacks::check_name(&wanted.stack_name)?;
    }
    let request = ChangeSetRequest {
        stack: wanted.stack_name.clone(),
        name: named.change_set_name,
        creates,
        description: named.description,
        wanted: wanted.request(&state).await?,
    };
    let set = state.stacks.create_change_set(request).await?;
    let stack = state.stacks.find(wanted.stack_name).await?;
    done(&json!({ "Id": set.id, "StackId": stack.id }))
}

pub(super) async fn describe(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let named: Named = call.json()?;
    let (stack, set) = state.stacks.change_set(named.stack_name.as_deref(), &named.change_set_name)?;
    let mut shown = show(&stack, &set);
    shown["Changes"] = set.changes.iter().map(show_change).collect();
    shown["Parameters"] = pairs(&set.parameters, "ParameterKey", "ParameterValue");
    shown["Capabilities"] = json!(set.options.capabilities);
    shown["NotificationARNs"] = json!(set.options.notification_arns);
    shown["Tags"] = pairs(&set.options.tags, "Key", "Value");
    done(&shown)
}

fn show(stack: &Stack, set: &ChangeSet) -> Value {
    present(json!({
        "ChangeSetName": set.name,
        "ChangeSetId": set.id,
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": set.description,
        "CreationTime": time(set.created),
        "ExecutionStatus": set.execution,
        "Status": set.status,
        "StatusReason": set.reason,
        "IncludeNestedStacks": false,
    }))
}

fn show_change(change: &ResourceChange) -> Value {
    let modified = change.action == "Modify";
    let details = change.changed.iter().map(|name| {
        json!({
            "Target": { "Attribute": "Properties", "Name": name,
                        "RequiresRecreation": if change.replaces { "Always" } else { "Never" } },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        })
    });
    let shown = json!({
        "Action": change.action,
        "LogicalResourceId": change.logical,
        "PhysicalResourceId": change.physical,
        "ResourceType": change.kind,
        "Replacement": modified.then_some(if change.replaces { "True" } else { "False" }),
        "Scope": if modified { json!(["Properties"]) } else { json!([]) },
        "Details": details.collect::<Vec<_>>(),
    });
    json!({ "Type": "Resource", "ResourceChange": present(shown) })
}

pub(super) async fn list(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct OfStack {
        stack_name: String,
    }
    let given: OfStack = call.json()?;
    let stack = state.stacks.find(given.stack_name).await?;
    listed(&call, "Summaries", stack.change_sets.clone(), |set| set.id.clone(), |set| show(&stack, set))
}

pub(super) async fn delete(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let named: Named = call.json()?;
    state.stacks.delete_change_set(named.stack_name, named.change_set_name).await?;
    done(&json!({}))
}

pub(super) async fn execute(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let named: Named = call.json()?;
    let keep = truth(named.disable_rollback.as_deref());
    state.stacks.execute_change_set(named.stack_name, named.change_set_name, keep).await?;
    done(&json!({}))
}
