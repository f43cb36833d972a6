//! What ours is held against: the same handler in plain servers, and bare processes.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::load::Address;

/// A server that answers `hello` at any path.
pub(crate) struct Peer {
    pub(crate) address: Address,
    /// Keeps it alive.
    _owner: Owner,
}

enum Owner {
    Process(#[expect(dead_code, reason = "held for its drop")] Child),
    Task(JoinHandle<()>),
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Self::Task(task) = self {
            task.abort();
        }
    }
}

impl Peer {
    /// A server that runs as its own process and listens on this port.
    pub(crate) fn process(child: Child, port: u16, path: &str) -> Self {
        let address = Address { path: path.to_owned(), ..local(&port.to_string()) };
        Self { address, _owner: Owner::Process(child) }
    }

    /// Several of a kind.
    pub(crate) async fn several<F: Future<Output = Result<Self>>>(
        count: usize,
        start: impl Fn() -> F,
    ) -> Result<Vec<Self>> {
        let mut peers = Vec::new();
        for _ in 0..count {
            peers.push(start().await?);
        }
        Ok(peers)
    }
}

/// A plain server in another language: `program` runs `peers/SCRIPT`, which prints its port.
pub(crate) async fn server(program: &str, script: &str) -> Result<Peer> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let mut process = clean(program).arg(path).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = process.stdout.take().context("its output is piped")?;
    let port = BufReader::new(output).lines().next_line().await?.context("the peer printed no port")?;
    Ok(Peer { address: local(&port), _owner: Owner::Process(process) })
}

/// A bare hyper server in this process.
pub(crate) async fn hyper() -> Result<Peer> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port().to_string();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Ends with its connection.
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let hello = service_fn(|_| async {
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), hello)
                    .await;
            });
        }
    });
    Ok(Peer { address: local(&port), _owner: Owner::Task(task) })
}

/// The cheapest gateway that there can be: a bare hyper server in this process that passes each connection's requests on
/// over one connection to the next of these servers. What no platform with a process between its clients and its
/// functions can exceed.
pub(crate) async fn gateway(servers: &[Peer]) -> Result<Peer> {
    let upstream: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port().to_string();
    let task = tokio::spawn(async move {
        for address in upstream.into_iter().cycle() {
            let Ok((stream, _)) = listener.accept().await else { return };
            // Ends with its connection.
            tokio::spawn(pass_on(stream, address));
        }
    });
    Ok(Peer { address: local(&port), _owner: Owner::Task(task) })
}

async fn pass_on(stream: TcpStream, to: Address) -> Result<()> {
    stream.set_nodelay(true)?;
    let server = TcpStream::connect(&to.socket).await?;
    server.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(server)).await?;
    // Ends with its sender.
    tokio::spawn(connection);
    let sender = tokio::sync::Mutex::new(sender);
    let pass = service_fn(async |request| sender.lock().await.send_request(request).await);
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), pass).await?;
    Ok(())
}

fn local(port: &str) -> Address {
    Address { socket: format!("127.0.0.1:{port}"), host: "localhost".into(), path: "/".into() }
}

/// How long a bare process takes from spawn to exit, in a clean environment as instances have it.
pub(crate) async fn spawn(program: &str, args: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    let status =
        clean(program).args(args).stdout(Stdio::null()).status().await.with_context(|| program.to_owned())?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(start.elapsed())
}

/// A process with nothing but a path in its environment.
pub(crate) fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}
