//! Talking to the server: signed requests, and what went wrong with them.

use std::time::Duration;

use bytes::Bytes;
use ebb_aws::wire::sigv4::{SigningScope, sign};
use ebb_console::{ErrorBody, Health};
use ebb_model::{Clock as _, SystemClock};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::ClientArgs;
use super::failure::Failure;
use super::server::Server;

/// Time for the connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Time for an answer. A function may run for fifteen minutes.
const ANSWER: Duration = Duration::from_secs(16 * 60);

/// Characters that stand for themselves in a path segment or a query value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A connection to a server that answered.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    server: Server,
    region: String,
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why an AWS operation was refused.
pub(crate) struct Refused {
    /// What it was about is not there.
    pub(crate) not_there: bool,
    pub(crate) failure: Failure,
}

/// A request to be signed.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query, encoded.
    pub(crate) target: String,
    /// The signing name of the service.
    pub(crate) service: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Client {
    /// Finds the server and asks it how it is.
    pub(crate) async fn connect(args: &ClientArgs) -> Result<Self, Failure> {
        Self::to(Server::find(args)?).await
    }

    /// A client for this server, once it answers.
    pub(crate) async fn to(server: Server) -> Result<Self, Failure> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        let mut client = Self { http, region: String::new(), server };
        let request = Request::get(format!("{}/_ebb/health", client.server.endpoint)).body(Full::default());
        let answer = client.exchange(request).await?;
        let health: Health = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::new("what answers is not ebb", client.server.endpoint.clone()))?;
        client.region = client.server.region.clone().unwrap_or(health.region);
        Ok(client)
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.server.endpoint
    }

    /// Sends a signed request; any answer of the server will do.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.server.endpoint, call.target);
        let mut builder = Request::builder().method(call.method).uri(url);
        for (name, value) in call.headers {
            builder = builder.header(name, value);
        }
        let (mut parts, body) =
            builder.body(call.body).map_err(|error| self.failed(&error.to_string()))?.into_parts();
        let scope = SigningScope { region: &self.region, service: call.service };
        sign(&mut parts, &body, &self.server.credentials, scope, SystemClock.now());
        self.exchange(Ok(Request::from_parts(parts, Full::new(body)))).await
    }

    /// Sends a request to ebb's own API; gives the answer's document, or the server's error.
    pub(crate) async fn ebb<T: DeserializeOwned>(
        &self,
        method: Method,
        target: String,
        body: Bytes,
    ) -> Result<T, Failure> {
        let headers = match body.is_empty() {
            true => vec![],
            false => vec![("content-type", ebb_console::upload::CONTENT_TYPE.to_owned())],
        };
        let answer = self.send(Call { method, target, service: "ebb", headers, body }).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.failed(&format!("the server's answer is not understood: {error}")))
    }

    /// The region that requests are signed for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Asks for an operation of an AWS service that speaks JSON.
    pub(crate) async fn aws_json(
        &self,
        service: &str,
        operation: &str,
        request: &serde_json::Value,
    ) -> Result<serde_json::Value, Refused> {
        let other = |failure| Refused { not_there: false, failure };
        let headers = vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", operation.to_owned()),
        ];
        let body = request.to_string().into();
        let call = Call { method: Method::POST, target: "/".to_owned(), service, headers, body };
        let answer = self.send(call).await.map_err(other)?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(said);
        }
        let code = said["__type"].as_str().unwrap_or_default();
        let not_there = ["QueueDoesNotExist", "NonExistentQueue", "ResourceNotFoundException"]
            .iter()
            .any(|missing| code.ends_with(missing));
        Err(Refused { not_there, failure: self.refused(&answer) })
    }

    /// Asks for an operation of an AWS service that speaks the query protocol; gives the XML.
    pub(crate) async fn aws_query(&self, service: &str, form: String) -> Result<Bytes, Failure> {
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let call = Call { method: Method::POST, target: "/".to_owned(), service, headers, body: form.into() };
        let answer = self.send(call).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(self.refused(&answer)) }
    }

    /// The failure that an error answer stands for.
    pub(crate) fn refused(&self, answer: &Answer) -> Failure {
        if let Ok(said) = serde_json::from_slice::<ErrorBody>(&answer.body) {
            return Failure::new(said.error, self.server.endpoint.clone()).maybe_hint(said.hint);
        }
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = ["message", "Message"].iter().find_map(|key| said.get(key)?.as_str());
        let what = message.map_or_else(|| format!("the server answers {}", answer.status), str::to_owned);
        let failure = Failure::new(what, self.server.endpoint.clone());
        match answer.status {
            StatusCode::FORBIDDEN => failure.hint(
                "the key is not this server's: unset AWS_ACCESS_KEY_ID, or take the key from DATA/credentials",
            ),
            _ => failure,
        }
    }

    async fn exchange(&self, request: http::Result<Request<Full<Bytes>>>) -> Result<Answer, Failure> {
        let request = request.map_err(|error| self.failed(&error.to_string()))?;
        let answering = async {
            let response = self.http.request(request).await.map_err(|error| self.unreachable(&error))?;
            let (parts, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| self.failed(&format!("the answer broke off: {error}")))?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        let late = |_| self.failed("the server did not answer in time");
        tokio::time::timeout(ANSWER, answering).await.map_err(late)?
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        if error.is_connect() {
            return self
                .failed("no server answers")
                .hint("start one with `ebb serve` or `ebb dev`, or name another with EBB_ENDPOINT");
        }
        let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        self.failed(&format!("the request failed: {error} {source}"))
    }

    fn failed(&self, what: &str) -> Failure {
        Failure::new(what, self.server.endpoint.clone())
    }
}

/// `text` as a path segment or a query value.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
