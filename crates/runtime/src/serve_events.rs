//! Inside an instance: starts a server that listens on a port, and hands it the instance's events as requests.
//!
//! Speaks the Runtime API to the platform and HTTP to the server: an HTTP event (payload format 2.0) becomes the
//! request that it describes, and the answer is streamed back with its head as a prelude; any other event is a POST
//! of its JSON to a second port, which the world cannot reach. An answer is complete only when the server says, on that
//! port, that what goes on after it (`waitUntil`) is done: until then the instance must not be frozen.
//!
//! Runs as a process of its own inside the sandbox: the binary executes itself again. Its one thread is a tokio
//! runtime.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// The first argument that makes the binary this process.
pub const ARGUMENT: &str = "serve-events";

const USAGE: &str = "use: serve-events PORT EVENT_PORT PROGRAM [ARGUMENT...]";
/// How often it is tried whether the server listens.
const LISTENS_AGAIN: Duration = Duration::from_millis(2);
/// How long it takes at most to know that a server that broke off has ended.
const ENDING: Duration = Duration::from_millis(500);
/// The media type of a streamed answer that begins with its head.
const PRELUDE: &str = "application/vnd.awslambda.http-integration-response";
/// Between the head and the body of a streamed answer.
const DELIMITER: [u8; 8] = [0; 8];
/// Pieces of an answer on their way: what is read ahead of a slow reader.
const PIECES: usize = 8;

/// Headers of one connection, which are no part of a message that is passed on. Source: RFC 9110, section 7.6.1.
const HOP_BY_HOP: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

type Body = BoxBody<Bytes, Infallible>;

/// What went wrong with one event; the message is for the log and for those who may see it.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The two ports of the server, and the platform's.
struct Front {
    port: u16,
    event_port: u16,
    platform: u16,
}

/// An HTTP event, as far as it is a request.
///
/// Source: the API Gateway developer guide, "AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct RequestContext {
    http: RequestLine,
}

#[derive(Deserialize)]
struct RequestLine {
    method: String,
}

/// Starts the server and feeds it, to its end. Ends as the server does.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(feed(arguments)));
    match ran {
        Ok(code) => code,
        Err(Failure(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn feed(mut arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let usage = || Failure(USAGE.to_owned());
    let mut port = || arguments.next()?.to_str()?.parse::<u16>().ok();
    let (port, event_port) = (port().ok_or_else(usage)?, port().ok_or_else(usage)?);
    let program = arguments.next().ok_or_else(usage)?;
    let platform = std::env::var("AWS_LAMBDA_RUNTIME_API").ok();
    let platform = platform.and_then(|address| address.rsplit_once(':')?.1.parse().ok()).ok_or_else(usage)?;
    let mut server = Command::new(program)
        .args(arguments)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let front = Front { port, event_port, platform };
    tokio::select! {
        ended = front.feed() => ended.map(|()| ExitCode::SUCCESS),
        code = ended(&mut server) => Ok(code),
    }
}

async fn ended(server: &mut Child) -> ExitCode {
    let code = server.wait().await.ok().and_then(|status| status.code()).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

impl Front {
    async fn feed(&self) -> Result<(), Failure> {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            sleep(LISTENS_AGAIN).await;
        }
        loop {
            let next = Request::get("/2018-06-01/runtime/invocation/next").body(empty())?;
            let event = self.send(self.platform, next).await?;
            let id = event.headers().get("lambda-runtime-aws-request-id").cloned();
            let id = id.and_then(|id| id.to_str().map(str::to_owned).ok()).unwrap_or_default();
            let event = event.into_body().collect().await?.to_bytes();
            if let Err(Failure(why)) = self.handle(&id, &event).await {
                // Where the server is ending, that is the answer, and this process ends with it.
                sleep(ENDING).await;
                eprintln!("{why}");
                self.failed(&id, "Runtime.ServerError", &why).await?;
            }
        }
    }

    async fn handle(&self, id: &str, event: &Bytes) -> Result<(), Failure> {
        match serde_json::from_slice::<HttpEvent>(event) {
            Ok(request) => self.request(id, request).await,
            Err(_) => self.event(id, event).await,
        }
    }

    /// Passes a request on, and its answer back as it comes.
    async fn request(&self, id: &str, event: HttpEvent) -> Result<(), Failure> {
        let response = self.send(self.port, event.into_request()?).await?;
        let (parts, mut body) = response.into_parts();
        let (pieces, receiver) = mpsc::channel::<Bytes>(PIECES);
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(piece)), receiver))
        });
        let answer = Request::post(format!("/2018-06-01/runtime/invocation/{id}/response"))
            .header(CONTENT_TYPE, PRELUDE)
            .header("Lambda-Runtime-Function-Response-Mode", "streaming")
            .body(BodyExt::boxed(StreamBody::new(stream)))?;
        let reading = async move {
            // Fails only where the platform has hung up: nobody waits for the rest then.
            let mut open = pieces.send(prelude(&parts.status, &parts.headers)).await.is_ok();
            while open && let Some(frame) = body.frame().await {
                // What breaks off is cut: the reader sees by the length or the framing that it is not whole.
                let Ok(frame) = frame else { break };
                if let Ok(piece) = frame.into_data() {
                    open = pieces.send(piece).await.is_ok();
                }
            }
            drop(pieces);
            if self.port != self.event_port {
                self.settled().await;
            }
        };
        let (answered, ()) = tokio::join!(self.send(self.platform, answer), reading);
        answered.map(|_| ())
    }

    /// Waits until nothing goes on in the server that the last request began.
    async fn settled(&self) {
        let Ok(asked) = Request::get("/settled").header(HOST, "events").body(empty()) else { return };
        if let Ok(response) = self.send(self.event_port, asked).await {
            // Its end is what counts.
            let _ = response.into_body().collect().await;
        }
    }

    /// Passes on an event that is no request.
    async fn event(&self, id: &str, event: &Bytes) -> Result<(), Failure> {
        let posted = Request::post("/")
            .header(HOST, "events")
            .header(CONTENT_TYPE, "application/json")
            .body(full(event.clone()))?;
        let response = self.send(self.event_port, posted).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            let said: Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = |name: &str| said[name].as_str().map(str::to_owned);
            let kind = text("errorType").unwrap_or_else(|| format!("Http.{}", status.as_u16()));
            let message = text("errorMessage").unwrap_or_else(|| format!("the server answered {status}"));
            return self.failed(id, &kind, &message).await;
        }
        let answer =
            Request::post(format!("/2018-06-01/runtime/invocation/{id}/response")).body(full(body))?;
        self.send(self.platform, answer).await.map(|_| ())
    }

    async fn failed(&self, id: &str, kind: &str, message: &str) -> Result<(), Failure> {
        let object = json!({ "errorType": kind, "errorMessage": message });
        let request = Request::post(format!("/2018-06-01/runtime/invocation/{id}/error"))
            .body(full(object.to_string().into()))?;
        self.send(self.platform, request).await.map(|_| ())
    }

    /// One request on a connection of its own: on the loopback that costs nothing, and nothing is left over.
    async fn send(&self, port: u16, mut request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        }
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let sent = AbortOnDropHandle::new(tokio::spawn(async move { sender.send_request(request).await }));
        let response = sent.await?;
        drop(connection);
        Ok(response?)
    }
}

impl HttpEvent {
    fn into_request(self) -> Result<Request<Body>, Failure> {
        let target = match self.raw_query_string.as_str() {
            "" => self.raw_path,
            query => format!("{}?{query}", self.raw_path),
        };
        let body = match self.body {
            None => Bytes::new(),
            Some(text) if self.is_base64_encoded => base64::prelude::BASE64_STANDARD.decode(text)?.into(),
            Some(text) => text.into(),
        };
        let method = Method::from_bytes(self.request_context.http.method.as_bytes())?;
        let mut request = Request::builder().method(method).uri(target).body(full(body))?;
        for (name, value) in &self.headers {
            let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), value.as_str()) else {
                continue;
            };
            let length_or_hop = name == http::header::CONTENT_LENGTH || HOP_BY_HOP.contains(&name.as_str());
            if let (false, Ok(value)) = (length_or_hop, HeaderValue::from_bytes(value.as_bytes())) {
                request.headers_mut().insert(name, value);
            }
        }
        if !self.cookies.is_empty() {
            request.headers_mut().insert(COOKIE, HeaderValue::try_from(self.cookies.join("; "))?);
        }
        Ok(request)
    }
}

/// The head of an answer, as streamed answers begin with it. Source: the Lambda developer guide, "Response streaming".
fn prelude(status: &StatusCode, headers: &HeaderMap) -> Bytes {
    let mut fields = serde_json::Map::new();
    let mut cookies = Vec::new();
    for name in headers.keys().filter(|name| !HOP_BY_HOP.contains(&name.as_str())) {
        let values =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if name == SET_COOKIE {
            cookies.extend(values);
        } else {
            fields.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
        }
    }
    let head = json!({ "statusCode": status.as_u16(), "headers": fields, "cookies": cookies });
    let mut bytes = head.to_string().into_bytes();
    bytes.extend(DELIMITER);
    bytes.into()
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed()
}

fn empty() -> Body {
    full(Bytes::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_the_request_that_it_describes() {
        let event = json!({
            "rawPath": "/a%20b", "rawQueryString": "x=1&x=2", "cookies": ["a=1", "b=2"],
            "headers": { "host": "app.localhost", "content-length": "9", "connection": "close", "x-a": "é" },
            "requestContext": { "http": { "method": "PUT" } }, "body": "aGk=", "isBase64Encoded": true,
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let request = event.into_request().unwrap_or_else(|Failure(why)| panic!("{why}"));
        assert_eq!(
            (request.method().as_str(), request.uri().to_string().as_str()),
            ("PUT", "/a%20b?x=1&x=2")
        );
        let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes().to_vec());
        assert_eq!(header("cookie"), Some(b"a=1; b=2".to_vec()));
        assert_eq!(header("host"), Some(b"app.localhost".to_vec()));
        assert_eq!(header("x-a"), Some("é".as_bytes().to_vec()));
        assert_eq!((header("content-length"), header("connection")), (None, None));
    }

    #[test]
    fn the_head_of_an_answer_keeps_cookies_apart_and_joins_the_rest() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "a"), ("vary", "b"), ("connection", "x")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let head = prelude(&StatusCode::CREATED, &headers);
        let (head, delimiter) = head.split_at(head.len() - DELIMITER.len());
        assert_eq!(delimiter, DELIMITER);
        let head: Value = serde_json::from_slice(head).unwrap();
        assert_eq!(
            head,
            json!({ "statusCode": 201, "headers": { "vary": "a, b" }, "cookies": ["a=1", "b=2"] })
        );
    }
}
