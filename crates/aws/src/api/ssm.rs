//! Systems Manager, as far as its parameter store goes. The JSON protocol; shapes are those of the public model
//! (`ssm/2014-11-06/service-2.json`, 2026-11). Who has the parameters is behind a [`ParameterPort`].

mod parameters;
mod paths;

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{NewParameter, Parameter, ParameterError};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::wire::{Api, AwsError, Body, Call, epoch_seconds, json_response};

/// The length of a page where none is asked, and the longest.
const PAGE: usize = 10;
const LONGEST_PAGE: usize = 50;

/// Has the parameters. The binary wires it.
pub trait ParameterPort: Send + Sync + 'static {
    /// All parameters, by name.
    fn all(&self) -> Vec<Arc<Parameter>>;

    /// A parameter.
    fn get(&self, name: &str) -> Result<Arc<Parameter>, ParameterError>;

    /// Gives a parameter a value; gives the number of the version.
    fn put(&self, new: NewParameter) -> Boxed<'_, Result<u64, ParameterError>>;

    /// Deletes a parameter; gives whether it was there.
    fn delete<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<bool, ParameterError>>;

    /// Adds tags to a parameter and takes others away.
    fn tag<'a>(
        &'a self,
        name: &'a str,
        added: BTreeMap<String, String>,
        removed: Vec<String>,
    ) -> Boxed<'a, Result<(), ParameterError>>;
}

type Parameters = Arc<dyn ParameterPort>;

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(state: Parameters) -> Api {
    Api::json("ssm", "application/x-amz-json-1.1", "AmazonSSM", "InternalServerError", state)
        .operation("PutParameter", parameters::put)
        .operation("GetParameter", parameters::get)
        .operation("GetParameters", parameters::get_several)
        .operation("GetParameterHistory", parameters::history)
        .operation("GetParametersByPath", paths::by_path)
        .operation("DescribeParameters", paths::describe)
        .operation("DeleteParameter", parameters::delete)
        .operation("DeleteParameters", parameters::delete_several)
        .operation("AddTagsToResource", parameters::add_tags)
        .operation("RemoveTagsFromResource", parameters::remove_tags)
        .operation("ListTagsForResource", parameters::list_tags)
        .build()
}

impl From<ParameterError> for AwsError {
    fn from(error: ParameterError) -> Self {
        let message = error.to_string();
        match error {
            // The service says nothing but the code.
            ParameterError::NotFound(_) => Self::client("ParameterNotFound", ""),
            ParameterError::NoVersion { .. } => Self::client("ParameterVersionNotFound", message),
            ParameterError::Exists => Self::client("ParameterAlreadyExists", message),
            ParameterError::Unmatched(_) => Self::client("ParameterPatternMismatchException", message),
            ParameterError::Invalid(_) => Self::client("ValidationException", message),
            ParameterError::Internal(detail) => Self::internal(detail),
        }
    }
}

fn done(answer: &Value) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, answer)
}

fn arn(call: &Call, name: &str) -> String {
    let (region, account) = (&call.context.region, &call.context.account);
    format!("arn:aws:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}

/// A parameter as the calls that give values show it.
fn shown(call: &Call, parameter: &Parameter, number: Option<u64>) -> Option<Value> {
    let version = parameter.version(number)?;
    Some(json!({
        "Name": parameter.name,
        "Type": version.kind,
        "Value": version.value,
        "Version": version.number,
        "LastModifiedDate": epoch_seconds(version.modified),
        "ARN": arn(call, &parameter.name),
        "DataType": "text",
    }))
}
