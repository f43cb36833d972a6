//! The api port: the AWS protocols on `/`, ebb's own API and health below `/_ebb/`. The same service answers the
//! calls that instances make.

mod origin;

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use ebb_app::Stacks;
use ebb_aws::AwsService;
use ebb_aws::api::s3::S3Api;
use ebb_aws::api::sns::TopicLinks;
use ebb_aws::wire::{Body, full_body};
use ebb_console::Console;
use ebb_gateway::Gateway;
use ebb_sources::topic::Topics;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time that running requests get when the server stops.
const DRAIN: Duration = Duration::from_secs(12);
/// Time for the head of a request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after an accept failed for want of something (file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The largest upload to ebb's own API: a packed app.
const UPLOAD_BYTES: usize = 300 * 1024 * 1024;
/// More than any response of a custom resource may have.
const RESPONSE_BYTES: usize = 64 * 1024;

/// The gateway, which is made after the api port.
pub(crate) type LateGateway = Arc<OnceLock<Gateway>>;

/// The service behind the api port. A cheap handle: clone it for each connection.
#[derive(Clone)]
pub(crate) struct ApiPort {
    aws: AwsService,
    /// Apart from the other services: its bodies are streams of any length.
    s3: S3Api,
    /// What the links in messages of topics lead to: nobody signs those requests.
    links: TopicLinks,
    console: Console,
    /// Take the answers of custom resources, which nobody signs.
    stacks: Stacks,
    gateway: LateGateway,
}

impl ApiPort {
    pub(crate) fn new(
        aws: AwsService,
        s3: S3Api,
        (topics, stacks): (&Topics, &Stacks),
        console: Console,
        gateway: LateGateway,
    ) -> Self {
        let links = TopicLinks::new(topics.clone());
        Self { aws, s3, links, console, stacks: stacks.clone(), gateway }
    }

    /// Takes the answer of a custom resource.
    async fn custom_resource(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if request.method() != Method::PUT {
            return refused(StatusCode::METHOD_NOT_ALLOWED, "responses of custom resources are put");
        }
        let body = Limited::new(request.into_body(), RESPONSE_BYTES).collect().await;
        let answered = match body {
            Ok(body) => self.stacks.answered(&path, &body.to_bytes()),
            Err(_) => Err("the response did not arrive"),
        };
        match answered {
            Ok(()) => Response::new(full_body(Bytes::new())),
            Err(why) => refused(StatusCode::BAD_REQUEST, why),
        }
    }

    /// Passes on a request that an app makes of itself.
    async fn origin(&self, request: Request<Bytes>) -> Response<Body> {
        match (self.gateway.get(), origin::Asked::read(request)) {
            (Some(gateway), Ok(asked)) => gateway.origin(asked.request, asked.client).await,
            (None, _) => refused(StatusCode::SERVICE_UNAVAILABLE, "the edge is not there yet"),
            (_, Err(why)) => refused(StatusCode::BAD_REQUEST, why),
        }
    }

    /// Serves connections until `stop`, then lets running requests end.
    pub(crate) async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let (tasks, graceful) = (TaskTracker::new(), GracefulShutdown::new());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(self.clone().connection(stream, graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        tasks.close();
        let drained = async {
            graceful.shutdown().await;
            tasks.wait().await;
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(left = tasks.len(), "requests were still running when the api port stopped");
        }
        Ok(())
    }

    /// Serves one connection to its end.
    pub(crate) async fn connection(self, stream: TcpStream, watcher: Watcher) {
        // Small answers must not wait for the acknowledgement of the last; a socket that cannot be set still works.
        let _ = stream.set_nodelay(true);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder.http2().timer(TokioTimer::new());
        let service = service_fn(|request| {
            let port = self.clone();
            async move { Ok::<_, Infallible>(port.answer(request).await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        // A client that breaks off is no event: whoever waits for the answer is gone.
        let _ = watcher.watch(connection.into_owned()).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !is_own(request.uri().path()) {
            let (parts, body) = request.into_parts();
            if self.links.wants(&parts) {
                return self.links.handle(&parts).await;
            }
            if let Some(page) = self.s3.website(&parts).await {
                return page;
            }
            let for_s3 = self.s3.wants(&parts);
            let request = Request::from_parts(parts, body);
            return if for_s3 { self.s3.handle(request).await } else { self.aws.handle(request).await };
        }
        if Stacks::is_answer(request.uri().path()) {
            return self.custom_resource(request).await;
        }
        if ebb_console::is_open(request.uri().path()) {
            let (parts, _) = request.into_parts();
            return self.console.handle(Request::from_parts(parts, bytes::Bytes::new())).await;
        }
        match self.aws.open(request, UPLOAD_BYTES).await {
            Ok(request) if request.uri().path() == origin::PATH => self.origin(request).await,
            Ok(request) => self.console.handle(request).await,
            Err(refusal) => refusal,
        }
    }
}

/// Whether a path is of ebb's own API, not of a service.
pub(crate) fn is_own(path: &str) -> bool {
    path.starts_with("/_ebb/")
}

/// An answer that says why there is none.
fn refused(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(full_body(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response
}
