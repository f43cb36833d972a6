//! How an answer travels from the instance to whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// How the caller wants the answer.
#[derive(Debug)]
pub enum Delivery {
    /// In the outcome, whole.
    Whole,
    /// Through this channel as it is written. Its capacity is the backpressure.
    Stream(mpsc::Sender<StreamPart>),
    /// The same, of a request that asks to become another protocol, which goes both ways.
    Tunnel(Tunnel),
}

/// The two directions of a connection that may stop being HTTP.
#[derive(Debug)]
pub struct Tunnel {
    /// What comes from the function.
    pub answer: mpsc::Sender<StreamPart>,
    /// What the client sends once the function has agreed with status 101; it closes when the client does.
    pub sent: mpsc::Receiver<Bytes>,
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
///
/// A reader that goes away does not stop the function, as on Lambda: what it writes from then on is counted and
/// dropped, and it runs to its end within its timeout.
#[derive(Debug)]
pub struct ResponseSink {
    target: Target,
    /// What the client sends, where the connection may stop being HTTP.
    sent: Option<mpsc::Receiver<Bytes>>,
    /// Whether it has.
    agreed: Arc<AtomicBool>,
    limit: usize,
    written: usize,
    started: bool,
}

#[derive(Debug)]
enum Target {
    /// Collected, unless it came whole.
    Whole(BytesMut, Option<Bytes>),
    Stream(mpsc::Sender<StreamPart>),
}

/// Why a write did not go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// The answer is larger than the limit; holds the size so far.
    TooLarge(usize),
}

impl ResponseSink {
    /// A sink for one event, with the limit that applies to this delivery.
    #[must_use]
    pub fn new(delivery: Delivery, limit: usize) -> Self {
        let (target, sent) = match delivery {
            Delivery::Whole => (Target::Whole(BytesMut::new(), None), None),
            Delivery::Stream(sender) => (Target::Stream(sender), None),
            Delivery::Tunnel(Tunnel { answer, sent }) => (Target::Stream(answer), Some(sent)),
        };
        Self { target, sent, agreed: Arc::default(), limit, written: 0, started: false }
    }

    /// What the client sends from now on, where the request asks to become another protocol: an instance that takes this
    /// may agree to it.
    pub fn take_sent(&mut self) -> Option<mpsc::Receiver<Bytes>> {
        self.sent.take()
    }

    /// The instance has agreed to the other protocol: the event lasts as long as the connection does.
    pub fn agree(&self) {
        self.agreed.store(true, Relaxed);
    }

    /// Whether an instance has agreed.
    pub(crate) fn agreement(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.agreed)
    }

    /// Starts a streamed answer; waits while the reader is slow.
    ///
    /// # Errors
    /// As [`ResponseSink::chunk`], where there was too much before.
    pub async fn head(&mut self, content_type: Option<String>) -> Result<(), WriteError> {
        self.count(0)?;
        self.started = true;
        self.send(StreamPart::Head { content_type }).await;
        Ok(())
    }

    /// Writes a piece; waits while the reader is slow.
    ///
    /// # Errors
    /// [`WriteError`] where it is too much.
    pub async fn chunk(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        self.count(bytes.len())?;
        if !self.started {
            self.head(None).await?;
        }
        if let Target::Whole(buffer, _) = &mut self.target {
            buffer.extend_from_slice(&bytes);
        } else {
            self.send(StreamPart::Chunk(bytes)).await;
        }
        Ok(())
    }

    /// Writes an answer that is whole already, without copying it.
    ///
    /// # Errors
    /// [`WriteError`] where it is too much.
    pub async fn whole(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        if let Target::Whole(buffer, whole) = &mut self.target
            && buffer.is_empty()
        {
            *whole = Some(bytes.clone());
            return self.count(bytes.len());
        }
        self.chunk(bytes).await
    }

    fn count(&mut self, more: usize) -> Result<(), WriteError> {
        self.written += more;
        if self.written > self.limit { Err(WriteError::TooLarge(self.written)) } else { Ok(()) }
    }

    async fn send(&self, part: StreamPart) {
        if let Target::Stream(sender) = &self.target {
            // A closed channel is a reader that went away.
            let _ = sender.send(part).await;
        }
    }

    /// Whether the answer is wanted whole, as a function's own answer.
    #[must_use]
    pub fn wants_whole(&self) -> bool {
        matches!(self.target, Target::Whole(..))
    }

    /// Resolves when whoever reads the answer has gone away; never where it is collected.
    pub fn reader_gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let sender = match &self.target {
            Target::Stream(sender) => Some(sender.clone()),
            Target::Whole(..) => None,
        };
        async move {
            match sender {
                Some(sender) => sender.closed().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Bytes of the answer so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written as u64
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
            Target::Whole(buffer, whole) => {
                ebb_model::Response::Whole(whole.unwrap_or_else(|| buffer.freeze()))
            }
            Target::Stream(_) => ebb_model::Response::Streamed(self.written as u64),
        }
    }
}

#[cfg(test)]
mod tests;
