//! A queue of the server under test, and clients that send to it and receive from it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;

/// Clients at one time, each with its next batch when the last is acknowledged.
pub(crate) const CLIENTS: usize = 32;
/// The most that `SendMessageBatch` takes.
pub(crate) const BATCH: usize = 10;
pub(crate) const BODY_BYTES: usize = 100;

/// A queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    api: Api,
    url: String,
}

/// What clients do with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    Send,
    /// Receive, and delete what was received.
    Receive,
}

impl Queue {
    pub(crate) async fn create(api: &Api, name: &str) -> Result<Self> {
        let made = api.target("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name})).await?;
        let url = made["QueueUrl"].as_str().context("no QueueUrl")?.to_owned();
        Ok(Self { api: api.clone(), url })
    }

    pub(crate) async fn arn(&self) -> Result<String> {
        let answer = self.call("GetQueueAttributes", json!({"AttributeNames": ["QueueArn"]})).await?;
        Ok(answer["Attributes"]["QueueArn"].as_str().context("no QueueArn")?.to_owned())
    }

    /// Sends one message.
    pub(crate) async fn send(&self, body: &str) -> Result<()> {
        self.call("SendMessage", json!({"MessageBody": body})).await.map(drop)
    }

    /// Sends at least so many messages.
    pub(crate) async fn fill(&self, messages: usize) -> Result<()> {
        let (queue, mut tasks) = (self.clone(), JoinSet::new());
        let share = messages.div_ceil(CLIENTS * BATCH);
        for _ in 0..CLIENTS {
            let queue = queue.clone();
            tasks.spawn(async move {
                for _ in 0..share {
                    queue.send_batch().await?;
                }
                Ok(0)
            });
        }
        total(tasks).await.map(drop)
    }

    /// Messages that all clients together handle in a second.
    pub(crate) async fn rate(&self, work: Work, seconds: f64) -> Result<f64> {
        let (start, mut tasks) = (Instant::now(), JoinSet::new());
        let end = start + Duration::from_secs_f64(seconds);
        for _ in 0..CLIENTS {
            let queue = self.clone();
            tasks.spawn(async move {
                let mut handled = 0;
                while Instant::now() < end {
                    handled += match work {
                        Work::Send => queue.send_batch().await?,
                        Work::Receive => queue.take_batch().await?,
                    };
                }
                Ok(handled)
            });
        }
        total(tasks).await.map(|handled| handled as f64 / start.elapsed().as_secs_f64())
    }

    async fn send_batch(&self) -> Result<usize> {
        let body = "x".repeat(BODY_BYTES);
        let entry = |number| json!({"Id": format!("{number}"), "MessageBody": body});
        let entries: Vec<_> = (0..BATCH).map(entry).collect();
        let answer = self.call("SendMessageBatch", json!({"Entries": entries})).await?;
        let sent = answer["Successful"].as_array().map_or(0, Vec::len);
        if sent != BATCH {
            bail!("{sent} of {BATCH} were accepted: {answer}");
        }
        Ok(sent)
    }

    async fn take_batch(&self) -> Result<usize> {
        let answer = self.call("ReceiveMessage", json!({"MaxNumberOfMessages": BATCH})).await?;
        let received = answer["Messages"].as_array().context("the queue was empty")?;
        let entry = |(number, message): (usize, &Value)| json!({"Id": format!("{number}"), "ReceiptHandle": message["ReceiptHandle"]});
        let entries: Vec<_> = received.iter().enumerate().map(entry).collect();
        let answer = self.call("DeleteMessageBatch", json!({"Entries": entries})).await?;
        Ok(answer["Successful"].as_array().map_or(0, Vec::len))
    }

    async fn call(&self, operation: &str, mut body: Value) -> Result<Value> {
        body["QueueUrl"] = json!(self.url);
        self.api.target("sqs", &format!("AmazonSQS.{operation}"), &body).await
    }
}

/// What all tasks did together.
pub(crate) async fn total(mut tasks: JoinSet<Result<usize>>) -> Result<usize> {
    let mut total = 0;
    while let Some(done) = tasks.join_next().await {
        total += done??;
    }
    Ok(total)
}
