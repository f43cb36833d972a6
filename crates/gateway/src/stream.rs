//! Answers that are sent as they are written.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use ebb_invoker::{Boxed, InvokeError, StreamPart};
use ebb_model::{Outcome, RequestId};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::mpsc;

use crate::payload::{PRELUDE_CONTENT_TYPE, Prelude, PreludeReader};
use crate::refusal::Refusal;

/// Pieces in flight between an instance and its client. Few: a slow client is to slow the function down, not to fill
/// memory.
pub(crate) const PIECES_IN_FLIGHT: usize = 4;

type Running = Boxed<'static, Result<Outcome, InvokeError>>;

/// The function failed after the response had begun: the connection is cut so that the client sees that it is not
/// whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function failed while it was answering")]
pub(crate) struct BrokenStream;

/// An invocation whose answer goes by piece by piece. Owns the invocation: dropping it gives the invocation up.
pub(crate) struct StreamedBody {
    id: RequestId,
    first: Option<Bytes>,
    parts: mpsc::Receiver<StreamPart>,
    /// Until it has ended.
    running: Option<Running>,
    /// Once it has: whether it succeeded.
    ended_well: bool,
}

impl fmt::Debug for StreamedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedBody").field("id", &self.id).finish_non_exhaustive()
    }
}

impl StreamedBody {
    /// Waits until the answer has begun: gives status and headers, and the body to come.
    ///
    /// # Errors
    /// A [`Refusal`] where the function failed before it wrote anything.
    pub(crate) async fn start(
        id: RequestId,
        running: Running,
        parts: mpsc::Receiver<StreamPart>,
    ) -> Result<(Prelude, Self), Refusal> {
        let mut body = Self { id, first: None, parts, running: Some(running), ended_well: false };
        let prelude = match body.part().await? {
            Some(StreamPart::Head { content_type: Some(kind) }) if kind == PRELUDE_CONTENT_TYPE => {
                body.prelude().await?
            }
            Some(StreamPart::Head { content_type }) => plain(content_type.as_deref()),
            Some(StreamPart::Chunk(bytes)) => {
                body.first = Some(bytes);
                plain(None)
            }
            None => plain(None),
        };
        Ok((prelude, body))
    }

    async fn prelude(&mut self) -> Result<Prelude, Refusal> {
        let mut reader = PreludeReader::default();
        while let Some(part) = self.part().await? {
            let StreamPart::Chunk(bytes) = part else { continue };
            match reader.push(&bytes) {
                Ok(None) => {}
                Ok(Some((prelude, first))) => {
                    self.first = Some(first).filter(|bytes| !bytes.is_empty());
                    return Ok(prelude);
                }
                Err(invalid) => {
                    tracing::info!(request_id = %self.id, error = %invalid, "invalid streamed response");
                    return Err(Refusal::FunctionFailed);
                }
            }
        }
        tracing::info!(request_id = %self.id, "the streamed response ended inside its prelude");
        Err(Refusal::FunctionFailed)
    }

    /// The next part, before the response has begun; nothing at the end of an answer that went well.
    async fn part(&mut self) -> Result<Option<StreamPart>, Refusal> {
        loop {
            let Some(running) = &mut self.running else {
                return match self.parts.recv().await {
                    None if !self.ended_well => Err(Refusal::FunctionFailed),
                    part => Ok(part),
                };
            };
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return Ok(Some(part)),
                result = running => {
                    self.running = None;
                    self.ended_well = match &result {
                        Ok(outcome) => outcome.result.is_ok(),
                        Err(error) => {
                            note(self.id, error);
                            return Err(Refusal::from(error));
                        }
                    };
                }
            }
        }
    }

    /// The next bytes of the body; cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BrokenStream>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Lets the invocation end without anybody reading.
    pub(crate) async fn discard(&mut self) {
        while let Some(Ok(_)) = self.next().await {}
    }

    /// The next bytes of the body. An error where the function failed: what was sent is not whole.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenStream>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            let drained = match self.parts.poll_recv(context) {
                Poll::Ready(Some(StreamPart::Chunk(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Poll::Ready(Some(StreamPart::Head { .. })) => continue,
                Poll::Ready(None) => true,
                Poll::Pending => false,
            };
            let Some(running) = &mut self.running else {
                return match (drained, self.ended_well) {
                    (false, _) => Poll::Pending,
                    (true, true) => Poll::Ready(None),
                    (true, false) => Poll::Ready(Some(Err(BrokenStream))),
                };
            };
            match running.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => {
                    self.running = None;
                    if let Err(error) = &result {
                        note(self.id, error);
                    }
                    self.ended_well = result.is_ok_and(|outcome| outcome.result.is_ok());
                }
            }
        }
    }
}

fn note(id: RequestId, error: &InvokeError) {
    tracing::warn!(request_id = %id, %error, "a streamed invocation did not run");
}

/// The head of a stream without a prelude.
fn plain(content_type: Option<&str>) -> Prelude {
    let kind = content_type
        .and_then(|kind| HeaderValue::from_str(kind).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    Prelude { status: StatusCode::OK, headers: HeaderMap::from_iter([(CONTENT_TYPE, kind)]) }
}
