//! The connections of WebSocket APIs that are open on this server.
//!
//! The sockets live in the edge; here is how whoever wants to send to one finds it. A connection is known only to the
//! server that holds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_model::{RequestId, Timestamp};
use tokio::sync::mpsc;

/// Messages that wait for a client; more make whoever sends wait.
const WAITING: usize = 32;
/// How long a client that does not read may make whoever sends wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub struct ApiConnection {
    /// Its id, unique on this server.
    pub id: String,
    /// Its API.
    pub api: String,
    /// Its stage.
    pub stage: String,
    /// Where the client is.
    pub source_ip: String,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub connected: Timestamp,
    active: AtomicI64,
    sender: mpsc::Sender<ToClient>,
}

/// Something for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToClient {
    /// A message.
    Message(Bytes),
    /// The end.
    Close,
}

/// Who opens a connection.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// The API.
    pub api: String,
    /// The stage.
    pub stage: String,
    /// Where the client is.
    pub source_ip: String,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// When.
    pub now: Timestamp,
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is not open here.
    #[error("the connection is gone")]
    Gone,
    /// The client does not read.
    #[error("the client does not read")]
    Slow,
}

/// All open connections.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<String, Arc<ApiConnection>>>,
}

impl ApiConnection {
    /// When something last went over it.
    #[must_use]
    pub fn last_active(&self) -> Timestamp {
        Timestamp(self.active.load(Ordering::Relaxed))
    }

    /// Notes that something went over it.
    pub fn touch(&self, now: Timestamp) {
        self.active.store(now.millis(), Ordering::Relaxed);
    }

    /// Hands something to the client. Cancel safe: then nothing was handed over.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, what: ToClient) -> Result<(), SendError> {
        match tokio::time::timeout(PATIENCE, self.sender.send(what)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SendError::Gone),
            Err(_) => Err(SendError::Slow),
        }
    }
}

impl Connections {
    /// A connection that is about to be opened, and what will come for its client. Nobody finds it before
    /// [`Connections::add`].
    #[must_use]
    pub fn prepare(new: NewConnection) -> (Arc<ApiConnection>, mpsc::Receiver<ToClient>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let uuid = RequestId::random().uuid();
        // As the service's ids are: fifteen characters of base64 and its padding.
        let id = STANDARD.encode(&uuid.as_bytes()[..11]);
        let connection = ApiConnection {
            id,
            api: new.api,
            stage: new.stage,
            source_ip: new.source_ip,
            user_agent: new.user_agent,
            connected: new.now,
            active: AtomicI64::new(new.now.millis()),
            sender,
        };
        (Arc::new(connection), receiver)
    }

    /// Lets it be found.
    pub fn add(&self, connection: Arc<ApiConnection>) {
        self.lock().insert(connection.id.clone(), connection);
    }

    /// Forgets one.
    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The open connection with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<ApiConnection>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<ApiConnection>>> {
        // Nothing is left half done while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_found_while_they_are_open() {
        let connections = Connections::default();
        let new = NewConnection {
            api: "a".into(),
            stage: "s".into(),
            source_ip: "127.0.0.1".into(),
            user_agent: None,
            now: Timestamp(5),
        };
        let (connection, mut receiver) = Connections::prepare(new);
        assert_eq!((connection.id.len(), connections.get(&connection.id).is_none()), (16, true));
        connections.add(connection.clone());
        let found = connections.get(&connection.id).unwrap();
        found.send(ToClient::Message("x".into())).await.unwrap();
        assert_eq!(receiver.recv().await, Some(ToClient::Message("x".into())));
        connections.remove(&connection.id);
        assert!(connections.get(&connection.id).is_none());
        drop(receiver);
        assert_eq!(found.send(ToClient::Close).await, Err(SendError::Gone));
    }
}
