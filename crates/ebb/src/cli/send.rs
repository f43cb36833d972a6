//! `ebb send`: a message to a queue or a topic, or an event to a bus.

use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use ebb_model::RequestId;
use serde_json::{Value, json};

use super::client::{Client, encode};
use super::invoke::payload;
use super::output::Output;
use super::{ClientArgs, Failure};

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// A queue, topic or bus, by name or ARN; `queue:NAME`, `topic:NAME` or `bus:NAME` where a name means several
    name: String,
    /// What is sent: text, @FILE, or - for standard input; for a bus, the detail of the event as JSON
    #[arg(allow_hyphen_values = true)]
    payload: String,
    /// The message group, for FIFO queues and topics [default: ebb]
    #[arg(long)]
    group: Option<String>,
    /// The detail-type of an event for a bus
    #[arg(long = "type", value_name = "TYPE", default_value = "ebb send")]
    detail_type: String,
    /// The source of an event for a bus
    #[arg(long, default_value = "ebb.cli")]
    source: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// What something is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue(String),
    Topic(String),
    Bus(String),
    /// Whatever has the name.
    Any(String),
}

impl Kind {
    /// Reads a name, a name with its kind before it, or an ARN.
    pub(crate) fn read(text: &str) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["queue", name] | ["arn", _, "sqs", _, _, name] => Self::Queue((*name).to_owned()),
            ["topic", name] | ["arn", _, "sns", _, _, name] => Self::Topic((*name).to_owned()),
            ["bus", name] => Self::Bus((*name).to_owned()),
            ["arn", _, "events", _, _, bus] => Self::Bus(bus.trim_start_matches("event-bus/").to_owned()),
            _ => Self::Any(text.to_owned()),
        }
    }
}

pub(crate) async fn run(args: SendArgs) -> Result<ExitCode, Failure> {
    let body = String::from_utf8(payload(&args.payload)?.to_vec())
        .map_err(|_| Failure::new("messages are text in UTF-8", args.payload.clone()))?;
    let client = Client::connect(&args.client).await?;
    let id = match Kind::read(&args.name) {
        Kind::Queue(name) => match queue_url(&client, &name).await? {
            Some(url) => to_queue(&client, &url, body, &args).await?,
            None => return Err(nothing(&args.name)),
        },
        Kind::Topic(name) => to_topic(&client, &name, &body, &args).await?,
        Kind::Bus(name) => to_bus(&client, &name, body, &args).await?,
        Kind::Any(name) => match queue_url(&client, &name).await? {
            Some(url) => to_queue(&client, &url, body, &args).await?,
            None if has_bus(&client, &name).await? => to_bus(&client, &name, body, &args).await?,
            None if has_topic(&client, &name).await => to_topic(&client, &name, &body, &args).await?,
            None => return Err(nothing(&name)),
        },
    };
    let output = Output::new();
    output.line(&if args.client.json { json!({ "id": id }).to_string() } else { id });
    Ok(ExitCode::SUCCESS)
}

fn nothing(name: &str) -> Failure {
    Failure::new("there is no queue, bus or topic of this name", name)
        .hint("make one with `aws sqs create-queue`, `aws events create-event-bus` or `aws sns create-topic`")
}

/// The URL of a queue, where there is one.
pub(crate) async fn queue_url(client: &Client, name: &str) -> Result<Option<String>, Failure> {
    let asked = client.aws_json("sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": name })).await;
    match asked {
        Ok(answer) => Ok(answer["QueueUrl"].as_str().map(str::to_owned)),
        Err(refused) if refused.not_there => Ok(None),
        Err(refused) => Err(refused.failure),
    }
}

async fn has_bus(client: &Client, name: &str) -> Result<bool, Failure> {
    match client.aws_json("events", "AWSEvents.DescribeEventBus", &json!({ "Name": name })).await {
        Ok(_) => Ok(true),
        Err(refused) if refused.not_there => Ok(false),
        Err(refused) => Err(refused.failure),
    }
}

async fn to_queue(client: &Client, url: &str, body: String, args: &SendArgs) -> Result<String, Failure> {
    let mut request = json!({ "QueueUrl": url, "MessageBody": body });
    if url.ends_with(".fifo") {
        request["MessageGroupId"] = args.group.clone().unwrap_or_else(|| "ebb".to_owned()).into();
        request["MessageDeduplicationId"] = RequestId::random().to_string().into();
    } else if let Some(group) = &args.group {
        request["MessageGroupId"] = group.as_str().into();
    }
    let answer = client.aws_json("sqs", "AmazonSQS.SendMessage", &request).await.map_err(|r| r.failure)?;
    Ok(answer["MessageId"].as_str().unwrap_or_default().to_owned())
}

async fn to_bus(client: &Client, name: &str, detail: String, args: &SendArgs) -> Result<String, Failure> {
    if !serde_json::from_str::<Value>(&detail).is_ok_and(|detail| detail.is_object()) {
        return Err(Failure::new("the detail of an event is a JSON object", args.payload.clone()));
    }
    let entry = json!({
        "EventBusName": name, "Source": args.source, "DetailType": args.detail_type, "Detail": detail,
    });
    let answer = client
        .aws_json("events", "AWSEvents.PutEvents", &json!({ "Entries": [entry] }))
        .await
        .map_err(|refused| refused.failure)?;
    let entry = &answer["Entries"][0];
    match (entry["EventId"].as_str(), entry["ErrorMessage"].as_str()) {
        (Some(id), _) => Ok(id.to_owned()),
        (None, why) => Err(Failure::new(why.unwrap_or("the event was not taken"), args.name.clone())),
    }
}

async fn has_topic(client: &Client, name: &str) -> bool {
    let Ok(arn) = topic_arn(client, name).await else { return false };
    let form = format!("Action=GetTopicAttributes&Version=2010-03-31&TopicArn={}", encode(&arn));
    client.aws_query("sns", form).await.is_ok()
}

async fn to_topic(client: &Client, name: &str, body: &str, args: &SendArgs) -> Result<String, Failure> {
    let arn = topic_arn(client, name).await?;
    let mut form =
        format!("Action=Publish&Version=2010-03-31&TopicArn={}&Message={}", encode(&arn), encode(body));
    if name.ends_with(".fifo") {
        let group = args.group.as_deref().unwrap_or("ebb");
        let token = RequestId::random();
        form += &format!("&MessageGroupId={}&MessageDeduplicationId={token}", encode(group));
    }
    let answer = client.aws_query("sns", form).await?;
    Ok(element(&answer, "MessageId").unwrap_or_default())
}

async fn topic_arn(client: &Client, name: &str) -> Result<String, Failure> {
    let answer = client.aws_query("sts", "Action=GetCallerIdentity&Version=2011-06-15".to_owned()).await?;
    let account = element(&answer, "Account").unwrap_or_default();
    Ok(format!("arn:aws:sns:{}:{account}:{name}", client.region()))
}

/// The text of the first element of a name in an answer of the query protocol.
fn element(answer: &Bytes, name: &str) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(inner, _)| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        for (text, expected) in [
            ("orders", Kind::Any("orders".into())),
            ("queue:orders", Kind::Queue("orders".into())),
            ("topic:orders", Kind::Topic("orders".into())),
            ("bus:orders", Kind::Bus("orders".into())),
            ("arn:aws:sqs:us-east-1:000000000000:orders.fifo", Kind::Queue("orders.fifo".into())),
            ("arn:aws:sns:us-east-1:000000000000:orders", Kind::Topic("orders".into())),
            ("arn:aws:events:us-east-1:000000000000:event-bus/orders", Kind::Bus("orders".into())),
        ] {
            assert_eq!(Kind::read(text), expected, "{text}");
        }
    }
}
