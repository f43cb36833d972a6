//! A connection to a server that stopped being HTTP: bytes go both ways until one side ends it.

use bytes::{Bytes, BytesMut};
use ebb_invoker::{Ending, ResponseSink};
use http::Response;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::answer;
use super::connections::Broken;

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// Passes on the server's agreement, then what each side says, until the server ends the connection. The error is that of
/// the connection to it.
pub(super) async fn run(
    mut response: Response<Incoming>,
    mut sent: mpsc::Receiver<Bytes>,
    sink: &mut ResponseSink,
) -> Result<Ending, Broken> {
    let upgrade = hyper::upgrade::on(&mut response);
    let (parts, _) = response.into_parts();
    if let Err(too_large) = answer::begin(&parts, sink).await {
        return Ok(too_large);
    }
    sink.agree();
    let upgraded = upgrade.await.map_err(|error| Broken::new(&error))?;
    let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
    let up = async {
        while let Some(bytes) = sent.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The server hears that nothing more comes, and has the last word.
        let _ = write.shutdown().await;
    };
    let down = async {
        let mut piece = BytesMut::with_capacity(PIECE);
        // A server that is gone has ended the connection, too.
        while read.read_buf(&mut piece).await.is_ok_and(|count| count > 0) {
            if sink.chunk(piece.split().freeze()).await.is_err() {
                break;
            }
            piece.reserve(PIECE);
        }
    };
    let up = async {
        up.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
    Ok(Ending::Answered)
}
