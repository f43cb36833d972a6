//! A connection of a client that became a WebSocket of a function: bytes go both ways, and are not looked at.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::stream::StreamedBody;

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// What the function has for its last words once the client is gone.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Passes on what each side says until both are done. Dropping the answer ends the invocation, so that the function sees
/// that its client is gone.
pub(crate) async fn run(
    upgrade: OnUpgrade,
    from_client: mpsc::Sender<Bytes>,
    mut answer: StreamedBody,
    stopping: CancellationToken,
) {
    let both = async {
        let client = match upgrade.await {
            Ok(client) => TokioIo::new(client),
            Err(error) => return tracing::debug!(%error, "a connection did not become a WebSocket"),
        };
        let (mut read, mut write) = tokio::io::split(client);
        let up = async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            while read.read_buf(&mut piece).await.is_ok_and(|count| count > 0) {
                if from_client.send(piece.split().freeze()).await.is_err() {
                    break;
                }
                piece.reserve(PIECE);
            }
        };
        let down = async move {
            while let Some(Ok(bytes)) = answer.next().await {
                if write.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            // A client that is gone has nothing to be told.
            let _ = write.shutdown().await;
        };
        tokio::pin!(down);
        tokio::select! {
            () = &mut down => {}
            () = up => {
                let _ = timeout(LAST_WORDS, down).await;
            }
        }
    };
    stopping.run_until_cancelled(both).await;
}
