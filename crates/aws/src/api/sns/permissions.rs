//! Statements in the policies of topics.

use ebb_sources::topic::Topics;
use http::Response;
use serde::Deserialize;

use super::{done, list as elements, read, required};
use crate::wire::{AwsError, Body, Call};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    topic_arn: Option<String>,
    label: Option<String>,
    #[serde(rename = "AWSAccountId", default = "Vec::new", deserialize_with = "elements")]
    accounts: Vec<String>,
    #[serde(default = "Vec::new", deserialize_with = "elements")]
    action_name: Vec<String>,
}

pub(super) async fn add(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let (arn, label) = (required(request.topic_arn, "TopicArn")?, required(request.label, "Label")?);
    topics.add_permission(&arn, &label, &request.accounts, &request.action_name).await?;
    done()
}

pub(super) async fn remove(topics: Topics, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = read(&call)?;
    let (arn, label) = (required(request.topic_arn, "TopicArn")?, required(request.label, "Label")?);
    topics.remove_permission(&arn, &label).await?;
    done()
}
