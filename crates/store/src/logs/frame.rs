//! Frames: a length, a CRC-32 and a payload, so that a torn or damaged record is known as such.

/// The largest payload that is believed, in bytes; a longer length is damage.
const MAX_PAYLOAD: usize = 64 * 1024 * 1024;
/// Length and checksum.
pub(super) const HEADER: usize = 8;
/// The largest frame, in bytes.
pub(super) const MAX_FRAME: usize = MAX_PAYLOAD + HEADER;

/// Appends a frame around what `fill` writes.
pub(super) fn write(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    fill(out);
    let payload = &out[start + HEADER..];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(payload);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEADER].copy_from_slice(&checksum.to_le_bytes());
}

/// The payload of the frame at the front of `bytes`, and what follows it; nothing where no whole frame stands there.
pub(super) fn read(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 || length > MAX_PAYLOAD {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*checksum)).then_some((payload, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            write(&mut out, |out| out.extend_from_slice(payload));
        }
        out
    }

    proptest! {
        #[test]
        fn frames_read_back_and_a_torn_tail_ends_the_reading(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..8),
            cut in 1usize..20,
        ) {
            let bytes = framed(&payloads);
            let torn = &bytes[..bytes.len() - cut.min(bytes.len())];
            let mut rest = torn;
            let mut count = 0;
            while let Some((payload, after)) = read(rest) {
                prop_assert_eq!(payload, payloads[count].as_slice());
                count += 1;
                rest = after;
            }
            prop_assert!(count < payloads.len());
        }

        #[test]
        fn a_changed_byte_is_noticed(payload in prop::collection::vec(any::<u8>(), 1..50), at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = framed(std::slice::from_ref(&payload));
            let at = HEADER + at.index(payload.len());
            bytes[at] ^= flip;
            prop_assert!(read(&bytes).is_none());
        }
    }
}
