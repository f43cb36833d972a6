//! CloudFormation: stacks and change sets. The query protocol; shapes are those of the public model
//! (`cloudformation/2010-05-15/service-2.json`, 2026-11). What a stack is and does is in `ebb-app`, behind a
//! [`StackPort`].

mod change_sets;
mod port;
mod read;
mod show;
mod stacks;
mod templates;

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::wire::{Api, AwsError, Body, Call, PageRequest, QueryShapes, json_response};

pub use port::{
    ChangeSet, ChangeSetRequest, DeclaredParameter, Event, OnFailure, Options, Output, Resource,
    ResourceChange, Stack, StackPort, StackPortError, StackRequest, TemplateSummary,
};

const SHAPES: QueryShapes = QueryShapes {
    namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/",
    // All lists of this service are of the protocol's own form.
    inputs: &[],
    outputs: &[],
};

/// The length of a page.
const PAGE: usize = 100;

/// What the operations work on.
#[derive(Clone)]
pub struct CloudFormation {
    /// The stacks.
    pub stacks: Arc<dyn StackPort>,
}

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(state: CloudFormation) -> Api {
    Api::query_json("cloudformation", &SHAPES, "InternalFailure", state)
        .operation("CreateStack", stacks::create)
        .operation("UpdateStack", stacks::update)
        .operation("DeleteStack", stacks::delete)
        .operation("DescribeStacks", show::describe_stacks)
        .operation("ListStacks", show::list_stacks)
        .operation("DescribeStackEvents", show::describe_events)
        .operation("DescribeStackResources", show::describe_resources)
        .operation("DescribeStackResource", show::describe_resource)
        .operation("ListStackResources", show::list_resources)
        .operation("ListExports", show::list_exports)
        .operation("UpdateTerminationProtection", stacks::protect)
        .operation("GetTemplate", templates::get)
        .operation("GetTemplateSummary", templates::summarise)
        .operation("ValidateTemplate", templates::validate)
        .operation("CreateChangeSet", change_sets::create)
        .operation("DescribeChangeSet", change_sets::describe)
        .operation("ListChangeSets", change_sets::list)
        .operation("DeleteChangeSet", change_sets::delete)
        .operation("ExecuteChangeSet", change_sets::execute)
        .build()
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationError", message)
}

impl From<StackPortError> for AwsError {
    fn from(error: StackPortError) -> Self {
        let message = error.to_string();
        match error {
            StackPortError::NotFound(_) | StackPortError::Invalid(_) => invalid(message),
            StackPortError::Exists(_) => Self::client("AlreadyExistsException", message),
            StackPortError::NoChangeSet(_) => Self::new("ChangeSetNotFound", StatusCode::NOT_FOUND, message),
            StackPortError::BadChangeSet(_) => Self::client("InvalidChangeSetStatus", message),
            StackPortError::Capabilities(_) => Self::client("InsufficientCapabilitiesException", message),
            StackPortError::Internal(detail) => Self::internal(detail),
        }
    }
}

fn done(answer: &Value) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, answer)
}

/// A page of a list under `member`.
fn listed<T>(
    call: &Call,
    member: &str,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Result<Response<Body>, AwsError> {
    let given: Value = call.json()?;
    let page =
        PageRequest::new(given["NextToken"].as_str(), PAGE).map_err(|_| invalid("Invalid NextToken"))?;
    let (items, next) = page.cut(items, key);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.iter().map(show).collect());
    answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
    done(&Value::Object(answer))
}
