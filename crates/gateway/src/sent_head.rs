//! The heads of requests as they were sent: events of payload format 1.0 show the names of headers in the case that the
//! client wrote, which is lost where a request is a [`http::HeaderMap`]. Only HTTP/1 has cases.
//!
//! A connection keeps what was read since something was last written, up to the end of a head; what handles a request
//! takes that. Where a client sends requests without waiting for answers, the later ones have none.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::HeaderName;
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

/// The head of one request, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct SentHead(Arc<[u8]>);

impl SentHead {
    /// Of a request that nobody sent, with headers of these names.
    pub(crate) fn of(names: &[String]) -> Self {
        let lines: String = names.iter().map(|name| format!("\r\n{name}:")).collect();
        Self(lines.into_bytes().into())
    }

    /// A header's name as the client wrote it, where it is in the head.
    pub(crate) fn name(&self, name: &HeaderName) -> Option<&str> {
        let lines = self.0.split(|&byte| byte == b'\n').skip(1);
        let mut names = lines.filter_map(|line| line.split(|&byte| byte == b':').next());
        let sent = names.find(|sent| sent.eq_ignore_ascii_case(name.as_str().as_bytes()))?;
        std::str::from_utf8(sent).ok()
    }
}

/// What a connection has read of a head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    bytes: Vec<u8>,
    /// Whether the head is complete, and what follows is a body.
    complete: bool,
    /// Whether no head of HTTP/1 comes any more.
    ended: bool,
}

impl Heads {
    /// The head that was read last; none where it was taken before.
    pub(crate) fn take(&self) -> Option<SentHead> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.complete = true;
        let bytes = std::mem::take(&mut reading.bytes);
        (!bytes.is_empty()).then(|| SentHead(bytes.into()))
    }

    /// Keeps nothing from now on: the connection speaks HTTP/2, or became something else than HTTP.
    pub(crate) fn end(&self) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Reading { ended: true, ..Reading::default() };
    }

    fn read(&self, bytes: &[u8], most: usize) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.complete || reading.ended {
            return;
        }
        // The end may have begun before these bytes.
        let seen = reading.bytes.len().saturating_sub(END.len() - 1);
        reading.bytes.extend_from_slice(bytes);
        let end = reading.bytes[seen..].windows(END.len()).position(|window| window == END);
        if let Some(end) = end {
            reading.bytes.truncate(seen + end);
        }
        reading.complete = end.is_some() || reading.bytes.len() > most;
    }

    /// What is read from now on is another request.
    fn written(&self) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Reading { ended: reading.ended, ..Reading::default() };
    }
}

/// A connection that keeps the heads that it reads.
pub(crate) struct KeepingHeads<T> {
    inner: T,
    heads: Heads,
    /// The longest head that is kept.
    most: usize,
}

impl<T> KeepingHeads<T> {
    pub(crate) fn new(inner: T, most: usize) -> (Self, Heads) {
        let heads = Heads::default();
        (Self { inner, heads: heads.clone(), most }, heads)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for KeepingHeads<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.heads.read(&buffer.filled()[before..], self.most);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for KeepingHeads<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heads.written();
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.heads.written();
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of `x-one` after these reads.
    fn seen(reads: &[&str]) -> Option<String> {
        let heads = Heads::default();
        reads.iter().for_each(|bytes| heads.read(bytes.as_bytes(), 100));
        Some(heads.take()?.name(&HeaderName::from_static("x-one"))?.to_owned())
    }

    #[test]
    fn names_are_as_they_were_sent_however_they_come() {
        for (reads, expected) in [
            (&["GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n"][..], Some("X-One")),
            (&["GET / HTTP/1.1\r\nX-O", "ne: 1\r\n\r", "\nX-ONE: body"], Some("X-One")),
            (&["GET / HTTP/1.1\r\nx-ONE:1\r\n\r\n"], Some("x-ONE")),
            (&["GET /X-One: HTTP/1.1\r\n\r\nX-One: 1"], None),
            (&[], None),
        ] {
            assert_eq!(seen(reads).as_deref(), expected, "{reads:?}");
        }
    }

    #[test]
    fn a_body_is_no_head_and_an_answer_begins_another() {
        let heads = Heads::default();
        let name = HeaderName::from_static("a");
        heads.read(b"POST / HTTP/1.1\r\nA: 1\r\n\r\n", 100);
        assert_eq!(heads.take().unwrap().name(&name), Some("A"));
        heads.read(b"a: 2\r\n\r\n", 100);
        assert!(heads.take().is_none());
        heads.written();
        heads.read(b"GET / HTTP/1.1\r\na: 1\r\n\r\n", 100);
        assert_eq!(heads.take().unwrap().name(&name), Some("a"));
        heads.end();
        heads.written();
        heads.read(b"frames", 100);
        assert!(heads.take().is_none(), "nothing is kept of what is no HTTP/1");
    }
}
