//! Frames of `application/vnd.amazon.eventstream`, in which services stream events to clients.
//!
//! A message is a prelude (total length, headers' length, CRC-32 of both), headers, a payload and a CRC-32 of all
//! before it; integers are big-endian. Source: the AWS SDKs' reference, "Event stream encoding" (2026-11).

use bytes::{BufMut, Bytes, BytesMut};

/// The content type of an answer that is a stream of events.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Lengths and their checksum, and the checksum at the end.
const OVERHEAD: usize = 16;
/// The tag of a header whose value is text.
const STRING: u8 = 7;

/// An event: `:message-type: event`, its type, the type of its content, and the content.
#[must_use]
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Bytes {
    encode(
        &[(":event-type", event_type), (":content-type", content_type), (":message-type", "event")],
        payload,
    )
}

/// A modelled error in the middle of a stream; `payload` is its JSON.
#[must_use]
pub fn exception(exception_type: &str, payload: &[u8]) -> Bytes {
    let headers = [
        (":exception-type", exception_type),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    encode(&headers, payload)
}

/// One message with text headers.
fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let headers_length: usize = headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
    let total = OVERHEAD + headers_length + payload.len();
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(as_u32(total));
    frame.put_u32(as_u32(headers_length));
    let prelude = crc32fast::hash(&frame);
    frame.put_u32(prelude);
    for (name, value) in headers {
        frame.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        frame.put_slice(name.as_bytes());
        frame.put_u8(STRING);
        frame.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        frame.put_slice(value.as_bytes());
    }
    frame.put_slice(payload);
    let message = crc32fast::hash(&frame);
    frame.put_u32(message);
    frame.freeze()
}

fn as_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
