use bytes::{BufMut, BytesMut};

use super::*;

fn decode_all(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
    let mut buffer = BytesMut::from(bytes);
    let mut seen = Vec::new();
    loop {
        match decoder.decode(&mut buffer) {
            Ok(None) => return seen,
            Ok(Some(frame)) => seen.push(Ok(frame)),
            Err(error) => {
                let goes_on = error.is_recoverable();
                seen.push(Err(error));
                if !goes_on {
                    return seen;
                }
            }
        }
    }
}

fn wire(kind: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32_le(5 + body.len() as u32);
    out.put_u8(kind);
    out.put_u32_le(id);
    out.put_slice(body);
    out
}

#[test]
fn a_frame_has_the_documented_layout() {
    let encoded = Encoded::new(Kind::Response, 0x0102, b"ab", Bytes::from_static(b"cd")).unwrap();
    let mut buffer = BytesMut::new();
    encoded.write_to(&mut buffer);
    assert_eq!(&buffer[..], b"\x09\0\0\0\x44\x02\x01\0\0abcd");
}

#[test]
fn kinds_keep_their_values() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_wire(kind as u8), Some(kind));
    }
    assert_eq!(Kind::from_wire(0), None);
}

#[test]
fn a_frame_that_is_too_large_is_skipped_and_the_next_is_read() {
    let mut bytes = wire(Kind::Response as u8, 7, &[b'x'; 11]);
    bytes.extend(wire(Kind::Ready as u8, 0, b""));
    let expected = [
        Err(FrameError::TooLarge { kind: Kind::Response, id: 7, length: 11, max: 10 }),
        Ok(Frame { kind: Kind::Ready, id: 0, body: Bytes::new() }),
    ];
    assert_eq!(decode_all(&mut Decoder::new(10), &bytes), expected);
    // The same when it trickles in.
    let mut decoder = Decoder::new(10);
    let trickled: Vec<_> = {
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in bytes {
            buffer.put_u8(byte);
            match decoder.decode(&mut buffer) {
                Ok(None) => {}
                Ok(Some(frame)) => seen.push(Ok(frame)),
                Err(error) => seen.push(Err(error)),
            }
        }
        seen
    };
    assert_eq!(trickled, expected);
}

#[test]
fn nonsense_is_told_apart() {
    let unknown = decode_all(&mut Decoder::default(), &wire(0x20, 0, b""));
    assert_eq!(unknown, [Err(FrameError::UnknownKind { kind: 0x20 })]);
    let short = decode_all(&mut Decoder::default(), &[4, 0, 0, 0, 0x42, 0, 0, 0, 0]);
    assert_eq!(short, [Err(FrameError::TooShort { length: 4 })]);
}

#[test]
fn a_frame_that_is_too_large_cannot_be_made() {
    let made = Encoded::new(Kind::Invoke, 1, b"", Bytes::from(vec![0; MAX_BODY + 1]));
    assert!(matches!(made, Err(FrameError::TooLarge { kind: Kind::Invoke, id: 1, .. })));
}
