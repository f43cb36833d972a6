//! The envelope: a length, a kind, an id and a body.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before the body: the length, the kind and the id.
pub const HEADER_BYTES: usize = 9;

/// The longest body of a frame, in bytes: a largest event or answer (6 MiB) and room for its metadata.
pub const MAX_BODY: usize = 8 * 1024 * 1024;

/// What a frame means; the values are those on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Take on this function.
    Start = 0x01,
    /// Here is an event.
    Invoke = 0x02,
    /// Nobody waits for this event any more.
    Cancel = 0x03,
    /// End when no event is running.
    Shutdown = 0x04,
    /// Booted, holds no function yet.
    Hello = 0x41,
    /// The function is loaded.
    Ready = 0x42,
    /// The function could not be loaded.
    InitFailed = 0x43,
    /// The whole answer.
    Response = 0x44,
    /// The function failed.
    Failure = 0x45,
    /// The answer comes in pieces.
    StreamHead = 0x46,
    /// A piece of the answer.
    StreamChunk = 0x47,
    /// The end of the pieces.
    StreamEnd = 0x48,
    /// One log event.
    Log = 0x49,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Start,
        Self::Invoke,
        Self::Cancel,
        Self::Shutdown,
        Self::Hello,
        Self::Ready,
        Self::InitFailed,
        Self::Response,
        Self::Failure,
        Self::StreamHead,
        Self::StreamChunk,
        Self::StreamEnd,
        Self::Log,
    ];

    /// The kind with this value on the wire.
    #[must_use]
    pub fn from_wire(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == value)
    }
}

/// One frame, its body not looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it means.
    pub kind: Kind,
    /// The event that it belongs to, 0 where it belongs to none.
    pub id: u32,
    /// What it carries.
    pub body: Bytes,
}

/// A frame ready to be written: the head, then the payload, which is never copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The frame's header, and the small part of its body.
    pub head: Bytes,
    /// The rest of the body; empty for most kinds.
    pub payload: Bytes,
}

impl Encoded {
    /// Lays out a frame whose body is `prefix` followed by `payload`.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] where the body would be longer than [`MAX_BODY`].
    pub(crate) fn new(kind: Kind, id: u32, prefix: &[u8], payload: Bytes) -> Result<Self, FrameError> {
        let body = prefix.len() + payload.len();
        let length = match u32::try_from(body + HEADER_BYTES - 4) {
            Ok(length) if body <= MAX_BODY => length,
            _ => return Err(FrameError::TooLarge { kind, id, length: body as u64, max: MAX_BODY }),
        };
        let mut head = BytesMut::with_capacity(HEADER_BYTES + prefix.len());
        head.put_u32_le(length);
        head.put_u8(kind as u8);
        head.put_u32_le(id);
        head.put_slice(prefix);
        Ok(Self { head: head.freeze(), payload })
    }

    /// Both parts as one [`Buf`], for vectored writes.
    pub fn into_buf(self) -> impl Buf {
        self.head.chain(self.payload)
    }

    /// Appends both parts to a buffer, for small frames that are sent together.
    pub fn write_to(&self, buffer: &mut BytesMut) {
        buffer.reserve(self.head.len() + self.payload.len());
        buffer.put_slice(&self.head);
        buffer.put_slice(&self.payload);
    }
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame is longer than allowed. While decoding, it is skipped: decode again to go on with what follows it.
    #[error("a {kind:?} frame for event {id} has a body of {length} bytes, more than the {max} allowed")]
    TooLarge {
        /// Its kind.
        kind: Kind,
        /// Its event.
        id: u32,
        /// How long its body is, in bytes.
        length: u64,
        /// How long it may be, in bytes.
        max: usize,
    },
    /// The other end does not speak this protocol, or not this version of it. There is no going on.
    #[error("a frame has the unknown kind {kind:#04x}")]
    UnknownKind {
        /// The value in the place of the kind.
        kind: u8,
    },
    /// The other end does not speak this protocol. There is no going on.
    #[error("a frame claims a length of {length}, less than its own header has")]
    TooShort {
        /// The claimed length.
        length: u32,
    },
}

impl FrameError {
    /// Whether decoding may go on after it.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

/// Cuts frames off the front of a buffer that the caller fills.
#[derive(Debug)]
pub struct Decoder {
    max_body: usize,
    /// Bytes still to be thrown away of a frame that was too large.
    skip: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAX_BODY)
    }
}

impl Decoder {
    /// A decoder that refuses longer bodies than this many bytes.
    #[must_use]
    pub fn new(max_body: usize) -> Self {
        Self { max_body, skip: 0 }
    }

    /// Takes the next whole frame; none where more bytes are needed, for which it reserves room.
    ///
    /// # Errors
    /// [`FrameError`]; after [`FrameError::TooLarge`] decoding goes on, after the others the conversation is over.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if !self.skipped(buffer) || buffer.len() < HEADER_BYTES {
            return Ok(None);
        }
        let mut header = &buffer[..HEADER_BYTES];
        let length = header.get_u32_le();
        let kind = header.get_u8();
        let id = header.get_u32_le();
        let Some(body) = length.checked_sub(HEADER_BYTES as u32 - 4) else {
            return Err(FrameError::TooShort { length });
        };
        let kind = Kind::from_wire(kind).ok_or(FrameError::UnknownKind { kind })?;
        let length = body as usize;
        if length > self.max_body {
            buffer.advance(HEADER_BYTES);
            self.skip = u64::from(body);
            return Err(FrameError::TooLarge { kind, id, length: u64::from(body), max: self.max_body });
        }
        let total = HEADER_BYTES + length;
        if buffer.len() < total {
            buffer.reserve(total - buffer.len());
            return Ok(None);
        }
        buffer.advance(HEADER_BYTES);
        Ok(Some(Frame { kind, id, body: buffer.split_to(length).freeze() }))
    }

    /// Throws away what is left of a frame that was too large; whether all of it is gone.
    fn skipped(&mut self, buffer: &mut BytesMut) -> bool {
        let now = self.skip.min(buffer.len() as u64);
        buffer.advance(usize::try_from(now).unwrap_or(buffer.len()));
        self.skip -= now;
        self.skip == 0
    }
}

#[cfg(test)]
mod tests;
