//! Nested stacks whose templates are in buckets: each is a stack of its own, and a resource of the one around it.
//!
//! Source: CloudFormation user guide, "Split a template into reusable pieces using nested stacks", and the reference of
//! `AWS::CloudFormation::Stack` (2026-11). What is different here: a template that changed under the same address is not
//! looked at again.

use ebb_invoker::Boxed;
use serde_json::{Map, Value as Json};

use super::super::prepare::Prepared;
use super::super::record::{MadeResource, OnFailure, StackOptions, StackRecord};
use super::super::{StackError, StackInput, Stacks};
use super::{Made, Message, Wanted, said};

pub(super) const KIND: &str = "AWS::CloudFormation::Stack";

pub(super) fn create<'a>(stacks: &'a Stacks, wanted: &'a Wanted<'_>) -> Boxed<'a, Result<Made, Message>> {
    Box::pin(async move {
        let (input, options) = (input(stacks, wanted).await?, options(wanted));
        let mut child = stacks.fresh(&wanted.name, stacks.new_id(&wanted.name), None);
        child.managed = true;
        child.parent = Some(wanted.owner.id.clone());
        let prepared = prepared(stacks, &child, &input)?;
        change(stacks, child, (prepared, input, options), "CREATE").await
    })
}

pub(super) fn update<'a>(
    stacks: &'a Stacks,
    before: &'a MadeResource,
    wanted: &'a Wanted<'_>,
) -> Boxed<'a, Result<Made, Message>> {
    Box::pin(async move {
        let child = stacks.get(&before.physical).map_err(said)?;
        let (input, options) = (input(stacks, wanted).await?, options(wanted));
        let prepared = prepared(stacks, &child, &input)?;
        if stacks.is_same(&child, &prepared, &options).map_err(said)? {
            return Ok(made(&child));
        }
        change(stacks, StackRecord::clone(&child), (prepared, input, options), "UPDATE").await
    })
}

pub(super) fn delete<'a>(stacks: &'a Stacks, made: &'a MadeResource) -> Boxed<'a, Result<(), Message>> {
    Box::pin(async move {
        let Ok(child) = stacks.get(&made.physical) else { return Ok(()) };
        let mut child = StackRecord::clone(&child);
        stacks.status(&mut child, "DELETE_IN_PROGRESS", None);
        stacks.save(&child).await.map_err(said)?;
        stacks.raze(&mut child, &[]).await.map_err(said)
    })
}

/// The stack around it holds the turn, so it is carried out here and now.
async fn change(
    stacks: &Stacks,
    mut child: StackRecord,
    (prepared, input, options): (Prepared, StackInput, StackOptions),
    verb: &str,
) -> Result<Made, Message> {
    child.options = options;
    child.parameters = prepared.shown_parameters();
    child.description = prepared.description();
    stacks.status(&mut child, &format!("{verb}_IN_PROGRESS"), Some("User Initiated"));
    stacks.save(&child).await.map_err(said)?;
    let done = stacks.change(&mut child, &prepared, input, verb).await;
    let past = if verb == "CREATE" { "created" } else { "updated" };
    done.map_err(|error| format!("Embedded stack {} was not successfully {past}: {error}", child.id))?;
    Ok(made(&child))
}

fn prepared(stacks: &Stacks, child: &StackRecord, input: &StackInput) -> Result<Prepared, Message> {
    let pseudo = stacks.pseudo(&child.name, &child.id);
    Prepared::new(input, pseudo, &stacks.elsewhere()).map_err(said)
}

async fn input(stacks: &Stacks, wanted: &Wanted<'_>) -> Result<StackInput, Message> {
    let own = wanted.properties();
    let url = own.required("TemplateURL")?;
    let template = stacks.template_at(&url).await.map_err(|error: StackError| error.to_string())?;
    let mut parameters = own.map("Parameters");
    // Lists are given as texts with commas.
    let lists = own.get("Parameters").and_then(Json::as_object).into_iter().flatten();
    parameters.extend(lists.filter_map(|(name, value)| {
        let items: Option<Vec<String>> = value.as_array()?.iter().map(super::properties::text_of).collect();
        Some((name.clone(), items?.join(",")))
    }));
    Ok(StackInput {
        file: url,
        template,
        parameters,
        environment: wanted.environment.clone(),
        ..StackInput::default()
    })
}

/// What was said of the stack around it counts for this one; where it fails, that one decides what stays.
fn options(wanted: &Wanted<'_>) -> StackOptions {
    let mut options = wanted.owner.options.clone();
    options.tags.extend(wanted.properties().tags());
    options.termination_protection = false;
    if options.on_failure == OnFailure::Rollback {
        options.on_failure = OnFailure::Delete;
    }
    options
}

fn made(child: &StackRecord) -> Made {
    let output = |output: &super::super::StackOutput| {
        (format!("Outputs.{}", output.name), Json::String(output.value.clone()))
    };
    Made { physical: child.id.clone(), attributes: child.outputs.iter().map(output).collect::<Map<_, _>>() }
}
