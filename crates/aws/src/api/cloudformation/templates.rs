//! Templates: of stacks, and what they declare.

use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::port::{DeclaredParameter, TemplateSummary};
use super::read::Wanted;
use super::show::{named, present};
use super::{CloudFormation, done};
use crate::wire::{AwsError, Body, Call};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    #[serde(default)]
    stack_name: Option<String>,
    #[serde(default)]
    change_set_name: Option<String>,
    #[serde(default)]
    template_stage: Option<String>,
}

pub(super) async fn get(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    let template = match &asked.change_set_name {
        Some(name) => state.stacks.change_set(asked.stack_name.as_deref(), name)?.1.input.template,
        None => {
            let stack = named(&state, asked.stack_name).await?;
            match asked.template_stage.as_deref() {
                Some("Processed") => state.stacks.processed(&stack.name)?.to_string(),
                _ => stack.input.template,
            }
        }
    };
    done(&json!({ "TemplateBody": template, "StagesAvailable": ["Original", "Processed"] }))
}

/// The summary of the template that a request has, or that of the stack that it names.
async fn summary(state: &CloudFormation, call: &Call) -> Result<TemplateSummary, AwsError> {
    let wanted: Wanted = call.json()?;
    let template = match wanted.stack_name.is_empty() {
        true => wanted.template(state).await?.unwrap_or_default(),
        false => state.stacks.find(wanted.stack_name).await?.input.template,
    };
    Ok(state.stacks.summary(&template)?)
}

fn show_parameter(own: &DeclaredParameter, with_type: bool) -> Value {
    let mut shown = json!({
        "ParameterKey": own.name, "DefaultValue": own.default, "NoEcho": own.hidden, "Description": own.description,
    });
    if with_type {
        shown["ParameterType"] = own.kind.as_str().into();
        if !own.allowed.is_empty() {
            shown["ParameterConstraints"] = json!({ "AllowedValues": own.allowed });
        }
    }
    present(shown)
}

fn show(summary: &TemplateSummary, with_types: bool) -> Value {
    let parameters = summary.parameters.iter().map(|own| show_parameter(own, with_types));
    json!({
        "Description": summary.description,
        "Parameters": parameters.collect::<Vec<_>>(),
        "Capabilities": summary.capability.into_iter().collect::<Vec<_>>(),
        "CapabilitiesReason": summary.capability_reason,
        "DeclaredTransforms": summary.transforms,
    })
}

pub(super) async fn summarise(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let summary = summary(&state, &call).await?;
    let mut shown = show(&summary, true);
    shown["ResourceTypes"] = json!(summary.resource_types);
    shown["Version"] = "2010-09-09".into();
    shown["Metadata"] = summary.metadata.map_or(Value::Null, |metadata| metadata.to_string().into());
    done(&present(shown))
}

pub(super) async fn validate(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    done(&present(show(&summary(&state, &call).await?, false)))
}
