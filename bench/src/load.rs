//! Closed-loop load over HTTP/1.1: each connection sends its next request when the last is answered.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `127.0.0.1:PORT`.
    pub(crate) socket: String,
    /// The Host header.
    pub(crate) host: String,
    /// The path.
    pub(crate) path: String,
}

/// What one turn of load saw.
#[derive(Debug)]
pub(crate) struct Load {
    /// Answers per second.
    pub(crate) throughput: f64,
    /// Median latency.
    pub(crate) p50: Duration,
}

/// Sends requests for `seconds` over `connections` connections, which are spread over the addresses.
///
/// # Errors
/// Where any answer is not 200 with the body `hello`.
pub(crate) async fn run(addresses: &[Address], connections: usize, seconds: f64) -> Result<Load> {
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let mut tasks = Vec::new();
    for address in addresses.iter().cycle().take(connections) {
        let address = address.clone();
        tasks.push(tokio::spawn(async move { one_connection(&address, end).await }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    let p50 = *latencies.get(latencies.len() / 2).context("no request was answered in the time given")?;
    Ok(Load { throughput: latencies.len() as f64 / elapsed.as_secs_f64(), p50 })
}

/// One request over a new connection, and how long its answer took.
///
/// # Errors
/// Where the answer is not 200 with the body `hello`.
pub(crate) async fn once(address: &Address) -> Result<Duration> {
    let start = Instant::now();
    let mut sender = connect(address).await?;
    request(&mut sender, address).await?;
    Ok(start.elapsed())
}

async fn one_connection(address: &Address, end: Instant) -> Result<Vec<Duration>> {
    let mut sender = connect(address).await?;
    let mut latencies = Vec::new();
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(latencies);
        }
        request(&mut sender, address).await?;
        latencies.push(start.elapsed());
    }
}

async fn connect(address: &Address) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(&address.socket).await.with_context(|| address.socket.clone())?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with its sender.
    tokio::spawn(connection);
    Ok(sender)
}

async fn request(sender: &mut SendRequest<Empty<Bytes>>, address: &Address) -> Result<()> {
    sender.ready().await?;
    let request = Request::get(&address.path).header("host", &address.host).body(Empty::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK || body != "hello" {
        bail!("{}{}: {status} {}", address.host, address.path, String::from_utf8_lossy(&body));
    }
    Ok(())
}
