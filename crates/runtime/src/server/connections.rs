//! The connections to one server: kept alive between events that follow each other closely.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ebb_sandbox::Sandbox;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// The port that servers are told to listen on. Cloud Run's default.
pub(crate) const PORT: u16 = 8080;

/// How long a connection may have been idle to be used again. Servers close idle ones after some seconds (Node.js
/// after five, gunicorn after two), and a frozen server does so in the moment it runs again: a request that meets that
/// is lost. A new connection costs a tenth of a millisecond.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// Connections that are kept; more are closed after use.
const KEPT: usize = 16;

/// A connection that broke before a response was whole, or could not be made.
#[derive(Debug)]
pub(crate) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Broken {
    pub(super) fn new(error: &dyn fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Connects to a port inside of a sandbox; fails where nothing listens.
pub(crate) async fn connect(sandbox: &Sandbox, port: u16) -> io::Result<TcpStream> {
    let stream = sandbox.connect(port).await.map_err(io::Error::other)?;
    let stream = TcpStream::from_std(stream)?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        // A refused connection may look writable with its error taken already.
        None => stream.peer_addr().map(|_| stream),
    }
}

/// One connection. Dropping it closes it.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// The connections to one port of a server.
pub(crate) struct Connections {
    sandbox: Arc<Sandbox>,
    port: u16,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Connections {
    pub(crate) fn new(sandbox: Arc<Sandbox>, port: u16) -> Self {
        Self { sandbox, port, idle: Mutex::default() }
    }

    /// Connects; fails where nothing listens.
    pub(crate) async fn open(&self) -> io::Result<TcpStream> {
        connect(&self.sandbox, self.port).await
    }

    /// Sends a request, over an idle connection where there is one that is fresh, and waits for the response's head.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), Broken> {
        let mut request = request;
        while let Some(mut connection) = self.take() {
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    // It was closed before the request was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Broken::new(&error.into_error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.sender.send_request(request).await.map_err(|error| Broken::new(&error))?;
        Ok((response, connection))
    }

    /// Keeps a connection that was made before, for the first request.
    pub(crate) async fn adopt(&self, stream: TcpStream) {
        // Where it is of no use any more, another is made.
        let Ok(mut connection) = Connection::over(stream).await else { return };
        if connection.sender.ready().await.is_ok() {
            self.give_back(connection);
        }
    }

    /// Keeps a connection whose response was read to its end.
    pub(crate) fn give_back(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < IDLE_TIME);
        if idle.len() < KEPT {
            idle.push((Instant::now(), connection));
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, connection)| since.elapsed() < IDLE_TIME && !connection.sender.is_closed());
        // One that has not finished with its last response yet would queue the request behind it.
        let ready = idle.iter().rposition(|(_, connection)| connection.sender.is_ready())?;
        Some(idle.swap_remove(ready).1)
    }

    async fn connect(&self) -> Result<Connection, Broken> {
        let stream = self.open().await.map_err(|error| Broken::new(&error))?;
        Connection::over(stream).await
    }
}

impl Connection {
    async fn over(stream: TcpStream) -> Result<Self, Broken> {
        // Requests are small and awaited: none may linger for the next.
        let _ = stream.set_nodelay(true);
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| Broken::new(&error))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = driver.with_upgrades().await {
                tracing::debug!(%error, "a connection to a server ended early");
            }
        }));
        Ok(Self { sender, _driver: driver })
    }
}
