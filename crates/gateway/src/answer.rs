//! Response bodies: whole, or as a function writes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::ports::PageBody;
use crate::stream::{BrokenStream, StreamedBody};

/// The body of a response.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// The function is still writing.
    Streamed(Box<StreamedBody>),
    /// A page of a website, as it is read.
    Page(PageBody),
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }

    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenStream;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenStream>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                Pin::new(body).poll_frame(context).map_err(|never: Infallible| match never {})
            }
            Self::Page(body) => Pin::new(body).poll_frame(context).map_err(|error| {
                tracing::warn!(%error, "a page of a website broke off");
                BrokenStream
            }),
            Self::Streamed(body) => {
                body.poll_next(context).map(|next| next.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Page(body) => body.size_hint(),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}
