//! Custom resources: a function, or whoever listens to a topic, makes them, and says so at an address that it is given.
//!
//! Source: CloudFormation user guide, "Custom resources", "Custom resource request and response objects" (2026-11). What
//! is different here: a function that fails is told at once, and is not waited for until the timeout.

use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::Delivery;
use ebb_model::{FunctionReference, Invocation, RequestId, Trigger};
use ebb_sources::topic::TopicMessage;
use serde_json::{Map, Value as Json, json};

use super::super::Inner;
use super::super::callbacks::{Answer, Expected, PATH};
use super::super::record::MadeResource;
use super::properties::text_of;
use super::{Made, Message, Owner, Properties, Wanted, said};

/// How long an answer may take, in seconds, where the resource does not say.
const TIMEOUT: u32 = 3600;
/// How long the answer of a function that ended may still be on its way.
const GRACE: Duration = Duration::from_secs(2);

/// What is asked of whoever makes it.
struct Request<'a> {
    /// `Create`, `Update` or `Delete`.
    action: &'static str,
    owner: &'a Owner,
    logical: &'a str,
    kind: &'a str,
    properties: &'a Json,
    before: Option<&'a MadeResource>,
}

pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let request = request("Create", wanted, None);
    let answer = ask(inner, &request).await?;
    let physical = answer.physical_resource_id.clone().filter(|id| !id.is_empty());
    match (succeeded(answer), physical) {
        (Ok(attributes), Some(physical)) => Ok(Made { physical, attributes }),
        (Ok(_), None) => Err("Invalid PhysicalResourceId".to_owned()),
        (Err(message), physical) => {
            // What it left behind it shall remove, if it can.
            if let Some(physical) = physical {
                let made = half_made(wanted, physical);
                let _ = delete(inner, wanted.owner, wanted.logical, &made).await;
            }
            Err(message)
        }
    }
}

pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let answer = ask(inner, &request("Update", wanted, Some(before))).await?;
    let physical = answer.physical_resource_id.clone().filter(|id| !id.is_empty());
    let attributes = succeeded(answer)?;
    Ok(Made { physical: physical.unwrap_or_else(|| before.physical.clone()), attributes })
}

pub(super) async fn delete(
    inner: &Inner,
    owner: &Owner,
    logical: &str,
    made: &MadeResource,
) -> Result<(), Message> {
    let (kind, properties) = (made.kind.as_str(), &made.properties);
    let request = Request { action: "Delete", owner, logical, kind, properties, before: Some(made) };
    succeeded(ask(inner, &request).await?).map(drop)
}

fn request<'a>(
    action: &'static str,
    wanted: &'a Wanted<'_>,
    before: Option<&'a MadeResource>,
) -> Request<'a> {
    let Wanted { owner, logical, kind, properties, .. } = wanted;
    Request { action, owner, logical, kind, properties, before }
}

fn half_made(wanted: &Wanted<'_>, physical: String) -> MadeResource {
    MadeResource {
        kind: wanted.kind.to_owned(),
        physical,
        attributes: Map::new(),
        properties: wanted.properties.clone(),
        retained: false,
        order: 0,
        updated: ebb_model::Timestamp(0),
    }
}

fn succeeded(answer: Answer) -> Result<Map<String, Json>, Message> {
    match answer.status.as_str() {
        "SUCCESS" => Ok(answer.data.unwrap_or_default()),
        _ => Err(format!(
            "Received response status [{}] from custom resource. Message returned: {}",
            answer.status,
            answer.reason.as_deref().unwrap_or("none")
        )),
    }
}

/// Asks, and waits for the answer.
async fn ask(inner: &Inner, request: &Request<'_>) -> Result<Answer, Message> {
    let own = Properties::of(request.properties);
    let token = own.required("ServiceToken")?;
    let timeout = Duration::from_secs(own.small("ServiceTimeout")?.unwrap_or(TIMEOUT).into());
    let mut expected = inner.callbacks.expect();
    let event = event(inner, request, &expected).to_string();
    if token.contains(":sns:") {
        let message = TopicMessage {
            message: event,
            subject: Some("AWS CloudFormation custom resource request".into()),
            ..TopicMessage::default()
        };
        inner.services.topics.publish(&token, message).await.map_err(said)?;
    } else {
        let failed = run(inner, &token, event);
        tokio::pin!(failed);
        let answered = tokio::time::timeout(timeout, async {
            tokio::select! {
                biased;
                answer = &mut expected.answer => return answer.map_err(|_| late(&expected.token)),
                failed = &mut failed => if let Some(message) = failed? {
                    let answer = tokio::time::timeout(GRACE, &mut expected.answer).await;
                    return answer.ok().and_then(Result::ok).ok_or(message);
                },
            }
            (&mut expected.answer).await.map_err(|_| late(&expected.token))
        });
        return answered.await.unwrap_or_else(|_| Err(late(&expected.token)));
    }
    match tokio::time::timeout(timeout, &mut expected.answer).await {
        Ok(Ok(answer)) => Ok(answer),
        _ => Err(late(&expected.token)),
    }
}

/// Runs the function; gives what it fails with, where it does.
async fn run(inner: &Inner, token: &str, event: String) -> Result<Option<Message>, Message> {
    let function = FunctionReference::parse(token).map_err(said)?;
    let invocation = Invocation::new(function, Bytes::from(event), Trigger::Asynchronous);
    let outcome = inner.services.invoker.invoke(invocation, Delivery::Whole).await.map_err(said)?;
    Ok(outcome.result.err().map(|failure| {
        let said = String::from_utf8_lossy(&failure.payload);
        format!("the function of the custom resource failed: {said}{}", hint(&said))
    }))
}

/// What the functions of tools take for granted, and a server may not have yet.
fn hint(said: &str) -> &'static str {
    if said.contains("'@aws-sdk/") {
        " (`ebb runtimes add node-sdk` installs the AWS SDK for the Node.js runtimes)"
    } else if said.contains("'boto3'") || said.contains("'botocore'") {
        " (`ebb runtimes add python-sdk` installs boto3 for the Python runtimes)"
    } else {
        ""
    }
}

fn late(token: &str) -> Message {
    format!(
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId \
         [{token}]. If you are using the Python cfn-response module, you may need to update your Lambda function code."
    )
}

fn event(inner: &Inner, request: &Request<'_>, expected: &Expected<'_>) -> Json {
    let mut event = json!({
        "RequestType": request.action,
        "ServiceToken": request.properties["ServiceToken"],
        "ResponseURL": format!("{}{PATH}{}", inner.control, expected.token),
        "StackId": request.owner.id,
        "RequestId": RequestId::random().to_string(),
        "LogicalResourceId": request.logical,
        "ResourceType": request.kind,
        "ResourceProperties": written(request.properties),
    });
    if let Some(before) = request.before {
        event["PhysicalResourceId"] = before.physical.as_str().into();
        if request.action == "Update" {
            event["OldResourceProperties"] = written(&before.properties);
        }
    }
    event
}

/// Properties as functions get them: every scalar is a text.
fn written(value: &Json) -> Json {
    match value {
        Json::Array(items) => items.iter().map(written).collect(),
        Json::Object(entries) => {
            entries.iter().map(|(name, value)| (name.clone(), written(value))).collect::<Map<_, _>>().into()
        }
        scalar => text_of(scalar).map_or(Json::Null, Json::String),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_texts_for_functions() {
        let properties = json!({ "A": 5, "B": [true, "x"], "C": { "D": 1.5 }, "ServiceTimeout": 60 });
        let expected = json!({ "A": "5", "B": ["true", "x"], "C": { "D": "1.5" }, "ServiceTimeout": "60" });
        assert_eq!(written(&properties), expected);
    }

    #[test]
    fn an_answer_that_is_no_success_says_why() {
        let answer = |text: &str| succeeded(serde_json::from_str(text).unwrap());
        assert_eq!(answer(r#"{"Status":"SUCCESS","Data":{"a":1},"LogicalResourceId":"x"}"#).unwrap()["a"], 1);
        let failed = answer(r#"{"Status":"FAILED","Reason":"no room"}"#).unwrap_err();
        assert!(failed.ends_with("Message returned: no room"), "{failed}");
    }
}
