//! What a component prints: whole lines reach the process's own streams, and with them the function's log.
//!
//! Requests run side by side, so a line is held back until it is whole.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The longest part of a line that is held back, in bytes: that of a log event.
const HELD_BYTES: usize = 256 * 1024;
/// What is taken at a time.
const PERMIT_BYTES: usize = 64 * 1024;

/// Where lines go.
pub(crate) type Sink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// The process's own standard output, where the function's log begins. Both streams of a component go there: their
/// order is the order in which lines were completed.
pub(crate) fn process() -> Sink {
    Arc::new(|lines| {
        // A pipe that nobody reads from any more is the end of the process anyway.
        let _ = std::io::stdout().lock().write_all(lines).and_then(|()| std::io::stdout().flush());
    })
}

/// One stream of one component.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Held>);

struct Held {
    partial: Mutex<Vec<u8>>,
    sink: Sink,
}

impl Lines {
    pub(crate) fn new(sink: Sink) -> Self {
        Self(Arc::new(Held { partial: Mutex::default(), sink }))
    }

    fn take(&self, bytes: &[u8]) {
        let mut partial = self.0.partial.lock().unwrap_or_else(PoisonError::into_inner);
        partial.extend_from_slice(bytes);
        let whole = match partial.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if partial.len() >= HELD_BYTES => partial.len(),
            None => return,
        };
        (self.0.sink)(&partial[..whole]);
        partial.drain(..whole);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let partial = self.partial.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !partial.is_empty() {
            partial.push(b'\n');
            (self.sink)(partial);
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[async_trait::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_whole_and_the_rest_at_the_end() {
        let written = Arc::new(Mutex::new(Vec::<String>::new()));
        let seen = Arc::clone(&written);
        let sink: Sink =
            Arc::new(move |lines| seen.lock().unwrap().push(String::from_utf8_lossy(lines).into()));
        let lines = Lines::new(sink);
        for part in ["a", "b\nc", "d\ne\n", "f"] {
            lines.take(part.as_bytes());
        }
        let other = lines.clone();
        drop(lines);
        assert_eq!(*written.lock().unwrap(), ["ab\n", "cd\ne\n"]);
        drop(other);
        assert_eq!(*written.lock().unwrap(), ["ab\n", "cd\ne\n", "f\n"]);
    }
}
