//! The edge over real connections, in front of functions that are closures.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::{Boxed, Delivery, InvokeError, StreamPart, ThrottleReason};
use ebb_model::{
    AccountId, FailureKind, FunctionFailure, FunctionName, FunctionReference, FunctionUrl, Invocation,
    InvokeMode, Outcome, Region, Report, RequestId, Response as FunctionResponse, ServiceCaller, Timestamp,
    UrlAuth, UrlCors, Version,
};
use http::header::AGE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{GatewayConfig, Limits};
use crate::ports::{
    AppFile, AppRequest, AppRoute, AppRoutes, AuthenticationError, Caller, Functions, RequestAuthenticator,
    RouteMatch, RouteTarget, SignedRequest, UrlTarget,
};
use crate::server::Gateway;

type Run = dyn Fn(Invocation, Delivery) -> Boxed<'static, Result<Outcome, InvokeError>> + Send + Sync;

struct Fake {
    mode: InvokeMode,
    auth: UrlAuth,
    cors: Option<UrlCors>,
    run: Box<Run>,
}

impl Functions for Fake {
    fn url(&self, id: &str) -> Option<UrlTarget> {
        (id == "known").then(|| UrlTarget {
            function: FunctionReference::named(FunctionName::parse("f").unwrap()),
            url: FunctionUrl {
                id: id.into(),
                auth: self.auth,
                mode_named: false,
                mode: self.mode,
                cors: self.cors.clone(),
                created: Timestamp(0),
                last_modified: Timestamp(0),
            },
        })
    }

    fn granted(&self, _: &FunctionReference, _: &ServiceCaller) -> Result<(), String> {
        Ok(())
    }

    fn invoke(
        &self,
        invocation: Invocation,
        delivery: Delivery,
    ) -> Boxed<'static, Result<Outcome, InvokeError>> {
        (self.run)(invocation, delivery)
    }

    fn accept(&self, invocation: Invocation) -> Boxed<'static, Result<RequestId, InvokeError>> {
        Box::pin(async move { Ok(invocation.id) })
    }
}

struct Key;

impl RequestAuthenticator for Key {
    fn authenticate(&self, request: &SignedRequest<'_>) -> Result<Caller, AuthenticationError> {
        match request.headers.get("authorization") {
            Some(key) if key == "right" => Ok(Caller {
                access_key: "AKIA1".into(),
                account: AccountId::parse("000000000000").unwrap(),
                arn: "arn:aws:iam::000000000000:root".into(),
                user_id: "000000000000".into(),
            }),
            _ => Err(AuthenticationError("no".into())),
        }
    }
}

struct Shop;

impl AppRoutes for Shop {
    fn route(&self, app: &str, request: &AppRequest<'_>) -> AppRoute {
        let function = |background, rewritten| {
            RouteMatch::Function(RouteTarget {
                function: FunctionReference::named(FunctionName::parse("shop").unwrap()),
                matched_prefix: "/".into(),
                mode: InvokeMode::Buffered,
                background,
                rate_limit: None,
                rewritten,
            })
        };
        let to = match (app, request.path) {
            ("shop", "/none") => RouteMatch::NoRoute,
            ("shop", "/later") => function(true, None),
            ("shop", "/old") => function(false, Some(("/new".to_owned(), "a=1".to_owned()))),
            ("shop", "/file.txt") => RouteMatch::File(AppFile {
                path: "file.txt".to_owned(),
                content: "digest".to_owned(),
                status: StatusCode::OK,
            }),
            ("shop", "/gone") => RouteMatch::Answer {
                status: StatusCode::PERMANENT_REDIRECT,
                location: Some(HeaderValue::from_static("/here")),
            },
            ("shop", _) => function(false, None),
            _ => RouteMatch::NoApp,
        };
        AppRoute { to, headers: HeaderMap::from_iter([(AGE, HeaderValue::from_static("7"))]) }
    }

    fn file(&self, file: &AppFile) -> Boxed<'static, Option<Bytes>> {
        let content = Bytes::from(format!("content of {}", file.path));
        Box::pin(async move { Some(content) })
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(fake: Fake, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let account = AccountId::parse("000000000000").unwrap();
        let config = GatewayConfig::new("localhost", Region::parse("us-east-1").unwrap(), account);
        let own = BTreeMap::from([("Shop.Example.com".to_owned(), "shop".to_owned())]);
        let mut config = config.with_domains(own);
        config.limits = limits;
        let gateway = Gateway::with_functions(config, Arc::new(fake), Arc::new(Key), Arc::new(Shop), None);
        let stop = CancellationToken::new();
        let token = stop.clone();
        let serving = tokio::spawn(async move { gateway.serve(listener, token).await });
        Self { address, stop, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request` (lines without `host` and the end) with `body`, and reads until the server closes.
    async fn send(&self, host: &str, request: &str, body: &[u8]) -> String {
        let mut stream = self.connect().await;
        let head = format!("{request}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, request: &str) -> String {
        self.send(URL, request, b"").await
    }
}

const URL: &str = "known.lambda-url.us-east-1.localhost";

fn outcome(invocation: &Invocation, result: Result<FunctionResponse, FunctionFailure>) -> Outcome {
    Outcome { id: invocation.id, version: Version::Latest, result, report: Report::default(), log_tail: None }
}

fn failure() -> FunctionFailure {
    FunctionFailure {
        kind: FailureKind::Error,
        payload: Bytes::from_static(b"{\"errorMessage\":\"private\"}"),
    }
}

fn buffered(run: impl Fn(&Invocation) -> Result<Bytes, InvokeError> + Send + Sync + 'static) -> Fake {
    let run = move |invocation: Invocation, _: Delivery| -> Boxed<'static, Result<Outcome, InvokeError>> {
        let result = run(&invocation);
        Box::pin(async move { Ok(outcome(&invocation, Ok(FunctionResponse::Whole(result?)))) })
    };
    Fake { mode: InvokeMode::Buffered, auth: UrlAuth::None, cors: None, run: Box::new(run) }
}

/// A function that answers with its own event.
fn echo() -> Fake {
    buffered(|invocation| Ok(invocation.payload.clone()))
}

fn streamed<F, Fut>(run: F) -> Fake
where
    F: Fn(mpsc::Sender<StreamPart>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), FunctionFailure>> + Send + 'static,
{
    let run = move |invocation: Invocation,
                    delivery: Delivery|
          -> Boxed<'static, Result<Outcome, InvokeError>> {
        let Delivery::Stream(sender) = delivery else { panic!("a streaming URL asked for a whole answer") };
        let running = run(sender);
        Box::pin(
            async move { Ok(outcome(&invocation, running.await.map(|()| FunctionResponse::Streamed(0)))) },
        )
    };
    Fake { mode: InvokeMode::ResponseStream, auth: UrlAuth::None, cors: None, run: Box::new(run) }
}

fn head(content_type: Option<&str>) -> StreamPart {
    StreamPart::Head { content_type: content_type.map(str::to_owned) }
}

fn chunk(bytes: &'static [u8]) -> StreamPart {
    StreamPart::Chunk(Bytes::from_static(bytes))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        let count = stream.read_buf(&mut seen).await.unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[tokio::test]
async fn hosts_lead_to_functions_or_to_a_refusal() {
    let server = Server::start(echo(), Limits::default()).await;
    for (host, path, expected, word) in [
        (URL, "/", "200", "\"apiId\":\"known\""),
        ("KNOWN.lambda-url.us-east-1.localhost:1234", "/", "200", "\"x-forwarded-port\":\"1234\""),
        ("shop.localhost", "/a", "200", "\"apiId\":\"shop\""),
        ("shop.localhost", "/none", "404", "no route"),
        ("shop.example.com:8440", "/a", "200", "\"domainName\":\"shop.example.com\""),
        ("www.shop.example.com", "/", "404", "NAME.localhost"),
        ("other.localhost", "/", "404", "other"),
        ("unknown.lambda-url.us-east-1.localhost", "/", "403", "{\"Message\":null}"),
        ("127.0.0.1", "/", "404", "NAME.localhost"),
    ] {
        let answer = server.send(host, &format!("GET {path} HTTP/1.1"), b"").await;
        assert_eq!(status(&answer), expected, "{host}{path}: {answer}");
        assert!(answer.contains(word), "{host}{path}: {answer}");
    }
}

#[tokio::test]
async fn bodies_arrive_however_they_are_sent() {
    let server = Server::start(echo(), Limits::default()).await;
    let sized =
        server.send(URL, "POST / HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 5", b"hello").await;
    let chunked = "POST / HTTP/1.1\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked";
    let chunked = server.send(URL, chunked, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n").await;
    for answer in [sized, chunked] {
        let event: Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(event["body"], "hello");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_continue_is_told_to() {
    let server = Server::start(echo(), Limits { body_bytes: 10, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    let request = |length: usize| {
        format!("POST / HTTP/1.1\r\nhost: {URL}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
    };
    stream.write_all(request(5).as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    stream.write_all(b"hello").await.unwrap();
    read_until(&mut stream, "isBase64Encoded").await;
    let mut stream = server.connect().await;
    stream.write_all(request(11).as_bytes()).await.unwrap();
    read_until(&mut stream, "413").await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = Server::start(echo(), Limits::default()).await;
    let mut stream = server.connect().await;
    for n in 0..5 {
        stream.write_all(format!("GET /{n} HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\"isBase64Encoded\":false}").await;
        assert!(answer.contains(&format!("\"rawPath\":\"/{n}\"")), "{answer}");
    }
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_spoken() {
    let server = Server::start(echo(), Limits::default()).await;
    let io = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Full<Bytes>>(executor, io)
            .await
            .unwrap();
    let driving = tokio::spawn(connection);
    let request = http::Request::post(format!("http://{URL}/p?q=1")).header("x-a", "b");
    let answer = sender.send_request(request.body(http_body_util::Full::from("x")).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    let event: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/2.0");
    assert_eq!(
        (&event["headers"]["host"], &event["rawQueryString"]),
        (&Value::from(URL), &Value::from("q=1"))
    );
    drop(sender);
    driving.abort();
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused() {
    let limits = Limits { target_bytes: 100, header_bytes: 300, body_bytes: 10, ..Limits::default() };
    let server = Server::start(echo(), limits).await;
    let long = "a".repeat(400);
    for (request, body, expected) in [
        (format!("GET /{long} HTTP/1.1"), String::new(), "414"),
        (format!("GET / HTTP/1.1\r\nx-long: {long}"), String::new(), "431"),
        (format!("GET / HTTP/1.1\r\nx-huge: {}", "a".repeat(200_000)), String::new(), "431"),
        ("POST / HTTP/1.1\r\ncontent-length: 400".into(), long.clone(), "413"),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked".into(),
            "b\r\n12345678901\r\n0\r\n\r\n".into(),
            "413",
        ),
        ("POST / HTTP/1.1\r\ncontent-length: 10".into(), "1234567890".into(), "200"),
    ] {
        let answer = server.send(URL, &request, body.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{}", &request[..20]);
    }
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let short = Duration::from_millis(50);
    let limits = Limits { head_timeout: short, body_timeout: short, ..Limits::default() };
    let server = Server::start(echo(), limits).await;
    for sent in ["", "P", "PRI * HTTP/2", "GET / HTTP/1.1\r\nhost: x"] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Ends because the server closes; what it says first does not matter.
        let _ = stream.read_to_end(&mut rest).await;
    }
    let answer = server.send(URL, "POST / HTTP/1.1\r\ncontent-length: 10", b"half").await;
    assert_eq!(status(&answer), "408", "{answer}");
}

#[tokio::test]
async fn failures_are_told_without_detail() {
    for (fake, expected, word) in [
        (
            buffered(|_| Err(InvokeError::Throttled(ThrottleReason::ReservedConcurrency))),
            "429",
            "ReservedFunction",
        ),
        (
            buffered(|_| Err(InvokeError::Throttled(ThrottleReason::AccountConcurrency))),
            "429",
            "retry-after: 1\r\n",
        ),
        (buffered(|_| Err(InvokeError::ShuttingDown)), "503", "retry-after: 1\r\n"),
        (buffered(|_| Err(InvokeError::Internal("private".into()))), "500", "Internal Server Error"),
        (buffered(|_| Err(InvokeError::NotFound("private".into()))), "403", "Forbidden"),
        (buffered(|_| Err(InvokeError::PayloadTooLarge { limit: 1 })), "413", "too large"),
        (
            buffered(|_| Err(InvokeError::RuntimeUnavailable("private".into()))),
            "502",
            "Internal Server Error",
        ),
        (buffered(|_| Ok(Bytes::from_static(b"private"))), "502", "Internal Server Error"),
        (streamed(|_| async { Err(failure()) }), "502", "Internal Server Error"),
    ] {
        let answer = Server::start(fake, Limits::default()).await.get("GET / HTTP/1.1").await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains(word) && !answer.contains("private"), "{answer}");
    }
}

#[tokio::test]
async fn heads_and_empty_answers_have_no_body() {
    let answers = |text: &'static str| buffered(move |_| Ok(Bytes::from_static(text.as_bytes())));
    let server = Server::start(answers(r#"{"statusCode": 200, "body": "hello"}"#), Limits::default()).await;
    let answer = server.get("HEAD / HTTP/1.1").await;
    assert!(
        status(&answer) == "200" && body(&answer).is_empty() && answer.contains("content-length: 5"),
        "{answer}"
    );
    let server = Server::start(answers(r#"{"statusCode": 204, "body": "hello"}"#), Limits::default()).await;
    let answer = server.get("GET / HTTP/1.1").await;
    assert!(status(&answer) == "204" && body(&answer).is_empty(), "{answer}");
    let server = Server::start(echo(), Limits::default()).await;
    assert_eq!(status(&server.get("OPTIONS / HTTP/1.1").await), "200");
}

#[tokio::test]
async fn signed_urls_take_the_signed_only() {
    let server = Server::start(Fake { auth: UrlAuth::AwsIam, ..echo() }, Limits::default()).await;
    let answer = server.get("GET / HTTP/1.1").await;
    assert!(
        status(&answer) == "403" && answer.contains("x-amzn-errortype: AccessDeniedException"),
        "{answer}"
    );
    let answer = server.get("GET / HTTP/1.1\r\nauthorization: right").await;
    assert!(status(&answer) == "200" && answer.contains("\"accessKey\":\"AKIA1\""), "{answer}");
}

#[tokio::test]
async fn preflights_never_reach_the_function() {
    let cors = UrlCors { allow_origins: Some(vec!["https://a".into()]), ..UrlCors::default() };
    let fake = Fake {
        cors: Some(cors),
        auth: UrlAuth::AwsIam,
        ..buffered(|_| panic!("a preflight reached the function"))
    };
    let server = Server::start(fake, Limits::default()).await;
    let preflight = "OPTIONS / HTTP/1.1\r\norigin: https://a\r\naccess-control-request-method: PUT";
    let answer = server.get(preflight).await;
    assert!(
        status(&answer) == "200" && answer.contains("access-control-allow-origin: https://a"),
        "{answer}"
    );
    let refused = server.get("PUT / HTTP/1.1\r\norigin: https://a").await;
    assert!(
        status(&refused) == "403" && refused.contains("access-control-allow-origin: https://a"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_streamed_answer_arrives_while_it_is_written() {
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let fake = streamed(move |sender| {
        let released = released.lock().unwrap().take();
        async move {
            sender.send(head(Some("application/vnd.awslambda.http-integration-response"))).await.unwrap();
            sender
                .send(chunk(br#"{"statusCode": 207, "headers": {"x-a": "1"}, "cookies": ["c=1"]}"#))
                .await
                .unwrap();
            sender.send(chunk(&[0; 8])).await.unwrap();
            sender.send(chunk(b"first")).await.unwrap();
            released.unwrap().await.unwrap();
            sender.send(chunk(b"second")).await.unwrap();
            Ok(())
        }
    });
    let server = Server::start(fake, Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
    let begun = read_until(&mut stream, "first").await;
    assert_eq!(status(&begun), "207");
    assert!(begun.contains("x-a: 1") && begun.contains("set-cookie: c=1"), "{begun}");
    release.send(()).unwrap();
    read_until(&mut stream, "second\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_without_a_prelude_is_a_200() {
    for (kind, expected) in [(None, "application/octet-stream"), (Some("text/html"), "text/html")] {
        let fake = streamed(move |sender| async move {
            sender.send(head(kind)).await.unwrap();
            sender.send(chunk(b"hi")).await.unwrap();
            Ok(())
        });
        let answer = Server::start(fake, Limits::default()).await.get("GET / HTTP/1.1").await;
        assert!(
            status(&answer) == "200" && answer.contains(&format!("content-type: {expected}")),
            "{answer}"
        );
        assert!(answer.ends_with("2\r\nhi\r\n0\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_cut_not_ended() {
    let fake = streamed(|sender| async move {
        sender.send(head(None)).await.unwrap();
        sender.send(chunk(b"half")).await.unwrap();
        Err(failure())
    });
    let server = Server::start(fake, Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains("0\r\n\r\n") && !answer.contains("private"), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let (dropped, seen) = oneshot::channel::<()>();
    let dropped = std::sync::Mutex::new(Some(dropped));
    let fake = streamed(move |sender| {
        let held = dropped.lock().unwrap().take();
        async move {
            let _held = held;
            sender.send(head(None)).await.unwrap();
            while sender.send(chunk(&[0; 64 * 1024])).await.is_ok() {}
            Ok(())
        }
    });
    let limits = Limits { write_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = Server::start(fake, limits).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(seen.await.is_err(), "the invocation's future was not dropped");
}

#[tokio::test]
async fn a_client_that_leaves_gives_the_invocation_up() {
    let (dropped, seen) = oneshot::channel::<()>();
    let dropped = std::sync::Mutex::new(Some(dropped));
    let (started, starting) = oneshot::channel::<()>();
    let started = std::sync::Mutex::new(Some(started));
    let run = move |_: Invocation, _: Delivery| -> Boxed<'static, Result<Outcome, InvokeError>> {
        let held = dropped.lock().unwrap().take();
        started.lock().unwrap().take().unwrap().send(()).unwrap();
        Box::pin(async move {
            let _held = held;
            std::future::pending().await
        })
    };
    let fake = Fake { run: Box::new(run), ..echo() };
    let server = Server::start(fake, Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
    starting.await.unwrap();
    drop(stream);
    assert!(seen.await.is_err(), "the invocation's future was not dropped");
}

#[tokio::test]
async fn a_shutdown_lets_running_requests_end() {
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let (started, starting) = oneshot::channel::<()>();
    let started = std::sync::Mutex::new(Some(started));
    let run = move |invocation: Invocation, _: Delivery| -> Boxed<'static, Result<Outcome, InvokeError>> {
        let released = released.lock().unwrap().take();
        started.lock().unwrap().take().unwrap().send(()).unwrap();
        Box::pin(async move {
            released.unwrap().await.unwrap();
            Ok(outcome(&invocation, Ok(FunctionResponse::Whole(Bytes::from_static(b"1")))))
        })
    };
    let server = Server::start(Fake { run: Box::new(run), ..echo() }, Limits::default()).await;
    let idle = server.connect().await;
    let mut stream = server.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {URL}\r\n\r\n").as_bytes()).await.unwrap();
    starting.await.unwrap();
    server.stop.cancel();
    release.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "200");
    server.serving.await.unwrap().unwrap();
    drop(idle);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn apps_have_files_redirects_rewrites_and_work_for_later() {
    let server = Server::start(echo(), Limits::default()).await;
    for (path, expected) in [
        ("/file.txt", &["200 OK", "content of file.txt", "age: 7", "etag: \"digest\""][..]),
        ("/gone", &["308 Permanent Redirect", "location: /here"]),
        ("/later", &["202 Accepted"]),
        ("/old?b=2", &["200 OK", "\"rawPath\":\"/new\"", "\"rawQueryString\":\"a=1\"", "\"path\":\"/old\""]),
        ("/none", &["404 Not Found"]),
    ] {
        let answer = server.send("shop.localhost", &format!("GET {path} HTTP/1.1"), b"").await;
        for part in expected {
            assert!(answer.contains(part), "{path}: {part} in {answer}");
        }
    }
}
