//! The body of an answer, and what becomes of its component.

use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::request::{Failed, header};

/// How long a component may go on when its answer is complete.
const RUN_ON: Duration = Duration::from_secs(30);

/// A component that runs.
pub(crate) struct Guest {
    pub(crate) running: AbortOnDropHandle<()>,
    pub(crate) failed: Failed,
}

/// The body of an answer. Dropping it before its end ends the component.
pub(crate) struct Answer {
    body: Option<HyperOutgoingBody>,
    guest: Option<Guest>,
    /// What is still to come, where the answer says how long it is.
    left: Option<u64>,
}

impl Answer {
    /// The answer of a component that goes on writing it.
    pub(crate) fn of(
        response: Response<HyperOutgoingBody>,
        guest: Guest,
        without_body: bool,
    ) -> Response<Self> {
        let (mut parts, body) = response.into_parts();
        // Nobody but the host says how its component failed.
        parts.headers.remove(ebb_boot::FAILURE_HEADER);
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        if length.is_none() {
            parts.headers.insert(TRAILER, HeaderValue::from_static(ebb_boot::FAILURE_HEADER));
        }
        let left = if without_body { Some(0) } else { length };
        Response::from_parts(parts, Self { body: Some(body), guest: Some(guest), left })
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self { body: None, guest: None, left: None }
    }

    /// The body has ended: how its component failed, where it did.
    fn end(&mut self) -> Option<HeaderMap> {
        self.body = None;
        let guest = self.guest.take()?;
        let failure = guest.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(failure) => {
                let mut trailers = HeaderMap::new();
                trailers.insert(ebb_boot::FAILURE_HEADER, header(&failure));
                Some(trailers)
            }
            None => {
                guest.run_on();
                None
            }
        }
    }
}

impl Guest {
    /// Lets it do what is left for it to do.
    fn run_on(self) {
        // Ends by itself, or with the process.
        drop(tokio::spawn(async move {
            if timeout(RUN_ON, self.running).await.is_err() {
                eprintln!("the component ran on for {} s after its answer and was ended", RUN_ON.as_secs());
            }
        }));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let (Some(0), Some(guest)) = (self.left, self.guest.take()) {
            guest.run_on();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (self.left, frame.data_ref()) {
                    self.left = Some(left.saturating_sub(data.len() as u64));
                }
                Some(Ok(frame))
            }
            None => self.end().map(|trailers| Ok(Frame::trailers(trailers))),
            Some(Err(error)) => Some(self.end().map(Frame::trailers).ok_or(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        // Never by itself: how the component ended is only known at the end.
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
