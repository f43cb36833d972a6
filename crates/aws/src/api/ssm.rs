//! Systems Manager, as far as its parameter store goes. The JSON protocol; shapes are those of the public model
//! (`ssm/2014-11-06/service-2.json`, 2026-11).

mod parameters;
mod paths;

use ebb_model::{Parameter, ParameterError};
use ebb_sources::parameters::ParameterStore;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::wire::{Api, AwsError, Body, Call, epoch_seconds, json_response};

/// The length of a page where none is asked, and the longest.
const PAGE: usize = 10;
const LONGEST_PAGE: usize = 50;

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(state: ParameterStore) -> Api {
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
