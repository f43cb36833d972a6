//! How an answer travels from the instance to whoever waits for it.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// How the caller wants the answer.
#[derive(Debug)]
pub enum Delivery {
    /// In the outcome, whole.
    Whole,
    /// Through this channel as it is written. Its capacity is the backpressure.
    Stream(mpsc::Sender<StreamPart>),
}

/// A piece of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// Comes first: the content type that the function gave.
    Head {
        /// `application/vnd.awslambda.http-integration-response` where an HTTP prelude starts the body.
        content_type: Option<String>,
    },
    /// Bytes of the body.
    Chunk(Bytes),
}

/// Where an instance writes its answer.
#[derive(Debug)]
pub struct ResponseSink {
    target: Target,
    limit: usize,
    written: usize,
    started: bool,
}

#[derive(Debug)]
enum Target {
    Whole(BytesMut, Option<Bytes>),
    Stream(mpsc::Sender<StreamPart>),
}

/// Why a write did not go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// The answer is larger than the limit; holds the size so far.
    TooLarge(usize),
    /// Nobody reads any more.
    Disconnected,
}

impl ResponseSink {
    /// A sink for one event, with the limit that applies to this delivery.
    #[must_use]
    pub fn new(delivery: Delivery, limit: usize) -> Self {
        let target = match delivery {
            Delivery::Whole => Target::Whole(BytesMut::new(), None),
            Delivery::Stream(sender) => Target::Stream(sender),
        };
        Self { target, limit, written: 0, started: false }
    }

    /// Starts a streamed answer.
    ///
    /// # Errors
    /// [`WriteError::Disconnected`] where nobody reads.
    pub async fn head(&mut self, content_type: Option<String>) -> Result<(), WriteError> {
        self.started = true;
        match &self.target {
            Target::Whole(..) => Ok(()),
            Target::Stream(sender) => {
                sender.send(StreamPart::Head { content_type }).await.map_err(|_| WriteError::Disconnected)
            }
        }
    }

    /// Writes a piece; waits while the reader is slow.
    ///
    /// # Errors
    /// [`WriteError`] where it is too much or nobody reads.
    pub async fn chunk(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        self.written += bytes.len();
        if self.written > self.limit {
            return Err(WriteError::TooLarge(self.written));
        }
        if !self.started {
            self.head(None).await?;
        }
        match &mut self.target {
            Target::Whole(buffer, _) => {
                buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Target::Stream(sender) => {
                sender.send(StreamPart::Chunk(bytes)).await.map_err(|_| WriteError::Disconnected)
            }
        }
    }

    /// Writes an answer that is whole already, without copying it.
    ///
    /// # Errors
    /// [`WriteError`] where it is too much or nobody reads.
    pub async fn whole(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        if let Target::Whole(buffer, whole) = &mut self.target
            && buffer.is_empty()
        {
            self.written = bytes.len();
            if self.written > self.limit {
                return Err(WriteError::TooLarge(self.written));
            }
            *whole = Some(bytes);
            return Ok(());
        }
        self.chunk(bytes).await
    }

    /// Whether any of the answer has been written.
    #[must_use]
    pub fn started(&self) -> bool {
        self.started || self.written > 0
    }

    /// What was collected: the answer where it was wanted whole, else the number of bytes that went by.
    #[must_use]
    pub fn into_response(self) -> ebb_model::Response {
        match self.target {
            Target::Whole(buffer, whole) => ebb_model::Response::Whole(whole.unwrap_or_else(|| buffer.freeze())),
            Target::Stream(_) => ebb_model::Response::Streamed(self.written as u64),
        }
    }
}
