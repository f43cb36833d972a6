//! The HTTP APIs inside an instance: the Runtime API and the Extensions API.
//!
//! They listen on one socket in the instance's own network namespace, so whoever connects is that instance.
//! Sources: the Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Using the Lambda
//! Extensions API to create extensions" (2026-11); error types and messages as the public interface emulator has them.

mod answers;
mod extension;
mod runtime;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::core::Core;
use answers::{Body, error, text};

/// After a connection could not be accepted.
pub(crate) const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What the Extensions API tells of the function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionFacts {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) handler: String,
    pub(crate) account: String,
}

/// The APIs of one instance.
#[derive(Debug)]
pub(crate) struct Api {
    core: Arc<Core>,
    facts: FunctionFacts,
}

impl Api {
    pub(crate) fn new(core: Arc<Core>, facts: FunctionFacts) -> Arc<Self> {
        Arc::new(Self { core, facts })
    }

    /// Serves connections until it is dropped, and with it all of them.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(Arc::clone(&self).connection(stream));
                    }
                    // A connection that went before it was taken, or too many open files: neither lasts.
                    Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Answers are small and awaited: none may linger for the next.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let api = Arc::clone(&self);
            async move { Ok::<_, Infallible>(api.route(request).await) }
        });
        // No timeouts: a frozen instance keeps its connections for as long as it is frozen.
        let server =
            http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
        if let Err(error) = server.await {
            tracing::debug!(%error, "a connection to the Runtime API ended early");
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let get = request.method() == Method::GET;
        let post = request.method() == Method::POST;
        match segments.as_slice() {
            ["2018-06-01", "ping"] if get => text("pong"),
            ["2018-06-01", "runtime", "invocation", "next"] if get => self.invocation_next().await,
            ["2018-06-01", "runtime", "invocation", id, "response"] if post => {
                self.invocation_response(id, request).await
            }
            ["2018-06-01", "runtime", "invocation", id, "error"] if post => {
                self.invocation_error(id, request).await
            }
            ["2018-06-01", "runtime", "init", "error"] if post => self.init_error(request).await,
            ["2018-06-01", "runtime", "restore", "next" | "error"] => error(
                404,
                "Restore.NotSupported",
                "This instance was not started from a snapshot: ebb keeps initialised instances instead",
            ),
            ["2020-01-01", "extension", "register"] if post => self.extension_register(request).await,
            ["2020-01-01", "extension", "event", "next"] if get => self.extension_next(&request).await,
            ["2020-01-01", "extension", "init", "error"] if post => {
                self.extension_error(request, false).await
            }
            ["2020-01-01", "extension", "exit", "error"] if post => self.extension_error(request, true).await,
            // The emulator's answer: a status that extensions take for done, with a body that says that it is not.
            ["2020-08-15", "logs"] => error(202, "Logs.NotSupported", "Logs API is not supported"),
            ["2022-07-01", "telemetry"] => {
                error(202, "Telemetry.NotSupported", "Telemetry API is not supported")
            }
            _ => error(404, "NotFound", &format!("There is no {} {path} here", request.method())),
        }
    }
}
