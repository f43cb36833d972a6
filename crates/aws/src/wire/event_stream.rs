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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a message as the specification says, apart from the writer.
    fn decode(frame: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
        let u32_at = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        let (total, headers) = (u32_at(0) as usize, u32_at(4) as usize);
        assert_eq!(total, frame.len());
        assert_eq!(u32_at(8), crc32fast::hash(&frame[..8]));
        assert_eq!(u32_at(total - 4), crc32fast::hash(&frame[..total - 4]));
        let mut rest = &frame[12..12 + headers];
        let mut found = Vec::new();
        while let [length, after @ ..] = rest {
            let (name, after) = after.split_at(usize::from(*length));
            assert_eq!(after[0], 7);
            let length = usize::from(u16::from_be_bytes([after[1], after[2]]));
            let (value, after) = after[3..].split_at(length);
            found.push((
                String::from_utf8(name.to_vec()).unwrap(),
                String::from_utf8(value.to_vec()).unwrap(),
            ));
            rest = after;
        }
        (found, frame[12 + headers..total - 4].to_vec())
    }

    fn check(frame: &[u8], headers: &[(&str, &str)], payload: &[u8]) {
        let expected: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(decode(frame), (expected, payload.to_vec()));
    }

    #[test]
    fn messages_have_headers_payload_and_checksums() {
        check(
            &event("PayloadChunk", "application/octet-stream", b"abc"),
            &[
                (":event-type", "PayloadChunk"),
                (":content-type", "application/octet-stream"),
                (":message-type", "event"),
            ],
            b"abc",
        );
        check(
            &exception("SessionTimeoutException", b"{}"),
            &[
                (":exception-type", "SessionTimeoutException"),
                (":content-type", "application/json"),
                (":message-type", "exception"),
            ],
            b"{}",
        );
    }

    /// The example of the specification: an empty message.
    #[test]
    fn the_smallest_message_is_known() {
        let expected = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(encode(&[], b"").as_ref(), expected);
    }
}
