//! Making, changing and deleting stacks.

use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::read::{Wanted, truth};
use super::{CloudFormation, done, invalid};
use crate::wire::{AwsError, Body, Call, form_list};

/// Refuses names that no stack can have.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if begins && name.len() <= 128 && name.chars().all(legal) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

pub(super) async fn create(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let wanted: Wanted = call.json()?;
    check_name(&wanted.stack_name)?;
    let request = wanted.request(&state).await?;
    let id = state.stacks.create(wanted.stack_name, request).await?;
    done(&json!({ "StackId": id }))
}

pub(super) async fn update(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let wanted: Wanted = call.json()?;
    let request = wanted.request(&state).await?;
    let id = state.stacks.update(wanted.stack_name, request).await?;
    done(&json!({ "StackId": id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Doomed {
    stack_name: String,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    retain_resources: Vec<String>,
}

pub(super) async fn delete(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let doomed: Doomed = call.json()?;
    state.stacks.delete(doomed.stack_name, doomed.retain_resources).await?;
    done(&json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Protected {
    stack_name: String,
    enable_termination_protection: String,
}

pub(super) async fn protect(state: CloudFormation, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Protected = call.json()?;
    let protected = truth(Some(&given.enable_termination_protection));
    let id = state.stacks.protect(given.stack_name, protected).await?;
    done(&json!({ "StackId": id }))
}
