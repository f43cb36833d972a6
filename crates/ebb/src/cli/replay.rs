//! `ebb replay`: dead letters back to where they come from, or an archive to its bus once more.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ebb_model::{Clock as _, RequestId, SystemClock};
use serde_json::{Value, json};

use super::client::Client;
use super::logs::{Since, parse_since};
use super::output::Output;
use super::send::{Kind, queue_url};
use super::{ClientArgs, Failure};

/// Time between two looks at how far it is.
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A dead-letter queue, or an archive of a bus
    name: String,
    /// Events of an archive from when on: 30s, 10m, 2h, 1d, or a time [default: all]
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// Do not wait for its end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: ReplayArgs) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.client).await?;
    let (name, may_be_archive) = match Kind::read(&args.name) {
        Kind::Queue(name) => (name, false),
        Kind::Any(name) => (name, true),
        Kind::Topic(_) | Kind::Bus(_) => {
            return Err(Failure::usage("a dead-letter queue or an archive is replayed", args.name));
        }
    };
    let done = match queue_url(&client, &name).await? {
        Some(url) => move_back(&client, &url, &args).await?,
        None if may_be_archive => replay(&client, &name, &args).await?,
        None => return Err(Failure::new("there is no such queue", name)),
    };
    let text = match &done {
        Value::Object(members) if !args.client.json => {
            let said: Vec<_> = members.iter().map(|(name, value)| format!("{name} {value}")).collect();
            said.join(", ").replace('"', "")
        }
        other => other.to_string(),
    };
    Output::new().line(&text);
    Ok(ExitCode::SUCCESS)
}

async fn move_back(client: &Client, url: &str, args: &ReplayArgs) -> Result<Value, Failure> {
    let ask = async |operation: &str, request: Value| {
        let answer = client.aws_json("sqs", &format!("AmazonSQS.{operation}"), &request).await;
        answer.map_err(|refused| refused.failure)
    };
    let asked = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let arn = ask("GetQueueAttributes", asked).await?["Attributes"]["QueueArn"].clone();
    ask("StartMessageMoveTask", json!({ "SourceArn": arn })).await?;
    loop {
        let tasks = ask("ListMessageMoveTasks", json!({ "SourceArn": arn, "MaxResults": 1 })).await?;
        let task = &tasks["Results"][0];
        let state = task["Status"].as_str().unwrap_or_default();
        if args.no_wait || state != "RUNNING" {
            if state == "FAILED" {
                let why = task["FailureReason"].as_str().unwrap_or("no reason was given");
                return Err(Failure::new(
                    format!("the messages could not be moved: {why}"),
                    args.name.clone(),
                ));
            }
            let moved = &task["ApproximateNumberOfMessagesMoved"];
            return Ok(json!({ "moved": moved, "state": state.to_ascii_lowercase() }));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn replay(client: &Client, name: &str, args: &ReplayArgs) -> Result<Value, Failure> {
    let ask = async |operation: &str, request: Value| {
        client.aws_json("events", &format!("AWSEvents.{operation}"), &request).await
    };
    let archive = match ask("DescribeArchive", json!({ "ArchiveName": name })).await {
        Ok(archive) => archive,
        Err(refused) if refused.not_there => {
            return Err(Failure::new("there is no queue and no archive of this name", name)
                .hint("`aws events list-archives` and `aws sqs list-queues` show what there is"));
        }
        Err(refused) => return Err(refused.failure),
    };
    let now = SystemClock.now().millis() / 1000 + 1;
    let begin = args.since.map_or(0, Since::millis) / 1000;
    let replay = format!("ebb-{}", RequestId::random());
    let request = json!({
        "ReplayName": replay, "EventSourceArn": archive["ArchiveArn"], "EventStartTime": begin, "EventEndTime": now,
        "Destination": { "Arn": archive["EventSourceArn"] },
    });
    ask("StartReplay", request).await.map_err(|refused| refused.failure)?;
    loop {
        let seen = ask("DescribeReplay", json!({ "ReplayName": replay })).await;
        let seen = seen.map_err(|refused| refused.failure)?;
        let state = seen["State"].as_str().unwrap_or_default();
        match state {
            "STARTING" | "RUNNING" if !args.no_wait => tokio::time::sleep(POLL).await,
            "FAILED" => {
                let why = seen["StateReason"].as_str().unwrap_or("no reason was given");
                return Err(Failure::new(format!("the replay failed: {why}"), replay));
            }
            _ => return Ok(json!({ "replay": replay, "state": state.to_ascii_lowercase() })),
        }
    }
}
