//! Serving one connection: HTTP/1.1 or HTTP/2, told apart by its first bytes.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Limits;
use crate::edge::{Connection, Edge};
use crate::sent_head::KeepingHeads;
use crate::write_deadline::WriteDeadline;

/// How every HTTP/2 connection with prior knowledge begins (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Streams of one HTTP/2 connection at a time.
const HTTP2_STREAMS: u32 = 200;

/// How long to wait before looking again at a connection that has sent a part of the preface.
const PREFACE_POLL: Duration = Duration::from_millis(20);

/// Owns everything that the edge spawns: the server waits for it, and ends what does not end by itself.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    running: TaskTracker,
    abort: CancellationToken,
}

impl Tasks {
    pub(crate) fn spawn<F>(&self, future: F)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let abort = self.abort.clone();
        self.running.spawn(async move { abort.run_until_cancelled(future).await });
    }

    /// Waits until all have ended.
    pub(crate) async fn ended(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Drops those that still run, and says how many they were.
    pub(crate) async fn abort(&self) -> usize {
        let left = self.running.len();
        self.abort.cancel();
        self.ended().await;
        left
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}

/// The protocol settings that every connection shares.
pub(crate) fn builder(limits: &Limits, tasks: Tasks) -> auto::Builder<Tasks> {
    let mut builder = auto::Builder::new(tasks);
    // hyper refuses what its buffer cannot hold with a 431 of its own; ours comes first, with a body.
    let head_bytes = limits.header_bytes + limits.target_bytes + 16 * 1024;
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(head_bytes.max(64 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.head_timeout)
        .keep_alive_timeout(limits.head_timeout);
    builder
}

/// Serves one connection to its end. `stopping` ends it where it has sent nothing yet; `watcher` where it has.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    builder: auto::Builder<Tasks>,
    stream: TcpStream,
    watcher: Watcher,
    stopping: CancellationToken,
) {
    let ends = match (stream.peer_addr(), stream.local_addr()) {
        (Ok(peer), Ok(local)) => Connection { peer, local },
        _ => return,
    };
    // Answers are written whole; waiting for more to fill a segment only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let begun = await_first_bytes(&stream, edge.config.limits.head_timeout);
    if !matches!(stopping.run_until_cancelled(begun).await, Some(Ok(()))) {
        return;
    }
    let (stream, heads) = KeepingHeads::new(stream, edge.config.limits.header_bytes);
    let io = WriteDeadline::new(TokioIo::new(stream), edge.config.limits.write_timeout);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let edge = edge.clone();
        let heads = heads.clone();
        // Streams of HTTP/2 share a connection, and have no cases.
        if request.version() >= Version::HTTP_2 {
            heads.end();
        } else if let Some(head) = heads.take() {
            request.extensions_mut().insert(head);
        }
        async move {
            let response = edge.handle(request, ends).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                heads.end();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = builder.serve_connection_with_upgrades(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(peer = %ends.peer, %error, "a connection ended early");
    }
}

/// Waits until the protocol can be told. hyper's detection has no deadline of its own, so a client that sends nothing,
/// or a part of the preface, would hold its connection for ever.
async fn await_first_bytes(stream: &TcpStream, within: Duration) -> io::Result<()> {
    let deadline = Instant::now() + within;
    let mut seen = [0; HTTP2_PREFACE.len()];
    loop {
        let count = timeout_at(deadline, stream.peek(&mut seen)).await??;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if count == HTTP2_PREFACE.len() || !HTTP2_PREFACE.starts_with(&seen[..count]) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(PREFACE_POLL).await;
    }
}
