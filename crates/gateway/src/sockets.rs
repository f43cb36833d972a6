//! Connections that are no longer HTTP: who owns them, and how they end with the edge.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns the tasks of upgraded connections.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    running: TaskTracker,
    stop: CancellationToken,
}

impl Sockets {
    /// Runs a connection; it watches [`Sockets::stopping`].
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(connection);
    }

    /// Cancelled when connections must end.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Ends all connections and waits for them.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}
