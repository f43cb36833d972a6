//! The AWS API of the server under test, signed as an SDK signs it.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ebb_aws::wire::sigv4::{SigningScope, sign};
use ebb_model::{AccessKeyId, Clock as _, Credentials, SecretAccessKey, SystemClock};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A client with the root key.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
    credentials: Credentials,
}

impl Api {
    /// `credentials` is the text of the file that the server wrote.
    pub(crate) fn new(endpoint: &str, credentials: &str) -> Result<Self> {
        let value = |name: &str| {
            let line = credentials.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            line.map(|value| value.trim().to_owned()).with_context(|| format!("no {name} in the credentials"))
        };
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            endpoint: endpoint.to_owned(),
            credentials: Credentials {
                access_key_id: AccessKeyId(value("aws_access_key_id")?),
                secret_access_key: SecretAccessKey::new(value("aws_secret_access_key")?),
                session_token: None,
            },
        })
    }

    /// Creates a function of one file.
    pub(crate) async fn create(&self, name: &str, zip: &str) -> Result<()> {
        let body = json!({
            "FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "MemorySize": 128,
            "Role": "arn:aws:iam::000000000000:role/bench", "Code": {"ZipFile": zip},
        });
        self.call("POST", "/2015-03-31/functions", &body).await.map(drop)
    }

    /// Gives a function a URL that anybody may call; the URL's host.
    pub(crate) async fn url(&self, name: &str) -> Result<String> {
        let permission = json!({
            "StatementId": "public", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        });
        self.call("POST", &format!("/2015-03-31/functions/{name}/policy"), &permission).await?;
        let answer = self
            .call("POST", &format!("/2021-10-31/functions/{name}/url"), &json!({"AuthType": "NONE"}))
            .await?;
        let url = answer["FunctionUrl"].as_str().context("no FunctionUrl")?;
        Ok(url.trim_start_matches("http://").trim_end_matches('/').to_owned())
    }

    /// Lets a function have this many instances at most.
    pub(crate) async fn reserve(&self, name: &str, instances: usize) -> Result<()> {
        let path = format!("/2017-10-31/functions/{name}/concurrency");
        self.call("PUT", &path, &json!({"ReservedConcurrentExecutions": instances})).await.map(drop)
    }

    /// Has a queue's messages start a function, one at a time.
    pub(crate) async fn map_queue(&self, queue: &str, function: &str) -> Result<()> {
        let body = json!({"EventSourceArn": queue, "FunctionName": function, "BatchSize": 1});
        self.call("POST", "/2015-03-31/event-source-mappings", &body).await.map(drop)
    }

    /// The lines that a function has printed with this word in them.
    pub(crate) async fn printed(&self, function: &str, word: &str) -> Result<Vec<String>> {
        let (mut lines, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut body = json!({"logGroupName": format!("/aws/lambda/{function}"), "filterPattern": word});
            if !token.is_null() {
                body["nextToken"] = token;
            }
            let page = self.target("logs", "Logs_20140328.FilterLogEvents", &body).await?;
            let events = page["events"].as_array().context("no events")?;
            lines.extend(events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned));
            token = page["nextToken"].clone();
            if token.is_null() {
                return Ok(lines);
            }
        }
    }

    /// A counter of the server as a whole, or of all functions together.
    pub(crate) async fn counter(&self, name: &str) -> Result<f64> {
        let page = self.send("ebb", "GET", "/_ebb/metrics", None, Bytes::new()).await?;
        let page = String::from_utf8_lossy(&page);
        let of_it = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = page.lines().filter(|line| of_it(line)).map(|line| {
            let value = line.rsplit(' ').next().unwrap_or(line);
            value.parse::<f64>().with_context(|| format!("not a number: {line}"))
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        if values.is_empty() {
            bail!("no {name} among the metrics");
        }
        Ok(values.iter().sum())
    }

    /// An operation of Lambda.
    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.send("lambda", method, path, None, serde_json::to_vec(body)?.into()).await?;
        value(&answer)
    }

    /// An operation of a service that is named by a header.
    pub(crate) async fn target(&self, service: &str, operation: &str, body: &Value) -> Result<Value> {
        let answer =
            self.send(service, "POST", "/", Some(operation), serde_json::to_vec(body)?.into()).await?;
        value(&answer)
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        operation: Option<&str>,
        body: Bytes,
    ) -> Result<Bytes> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        request = match operation {
            Some(operation) => {
                request.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", operation)
            }
            None => request.header("content-type", "application/json"),
        };
        let request = request.body(())?;
        let (mut parts, ()) = request.into_parts();
        let scope = SigningScope { region: "us-east-1", service };
        sign(&mut parts, &body, &self.credentials, scope, SystemClock.now());
        let response = self.http.request(Request::from_parts(parts, Full::new(body))).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }
}

fn value(answer: &[u8]) -> Result<Value> {
    Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(answer)? })
}
