//! Puts the values of variables into the compiled configuration of a worker: what it is started with is known only then.

use std::collections::HashMap;
use std::io;

use ebb_model::worker_package::VARIABLE;

/// The unit of messages.
const WORD: usize = 8;
/// How pointers say that they lead to a list, and of bytes.
const LIST: u64 = 1;
const OF_BYTES: u64 = 2;

/// The configuration, in which each text that begins with [`VARIABLE`] is replaced by the variable's value, or by nothing
/// where it has none. A new text stands at the end of its segment, and what led to the old one leads there.
///
/// Source: the documentation of Cap'n Proto, "Encoding", "Lists" and "Serialization Over a Stream".
///
/// # Errors
/// Where this is no such message.
pub(super) fn fill_in(message: &[u8], value: impl Fn(&str) -> Option<String>) -> io::Result<Vec<u8>> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the configuration of the worker is damaged");
    let number = |at: usize| {
        let bytes = message.get(at..at + 4).ok_or_else(broken)?;
        Ok::<_, io::Error>(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    };
    let count = number(0)? + 1;
    let mut rest = message.get((4 + 4 * count).next_multiple_of(WORD)..).ok_or_else(broken)?;
    let mut segments = Vec::new();
    for index in 0..count {
        let (segment, after) = rest.split_at_checked(number(4 + 4 * index)? * WORD).ok_or_else(broken)?;
        segments.push(fill_in_segment(segment, &value).ok_or_else(broken)?);
        rest = after;
    }
    let mut filled = Vec::with_capacity(message.len());
    let sizes = segments.iter().map(|segment| segment.len() / WORD);
    for number in std::iter::once(count - 1).chain(sizes) {
        filled.extend(u32::try_from(number).map_err(|_| broken())?.to_le_bytes());
    }
    filled.resize(filled.len().next_multiple_of(WORD), 0);
    filled.extend(segments.concat());
    Ok(filled)
}

/// None where it is damaged, or too large to hold the values.
fn fill_in_segment(segment: &[u8], value: &impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let mut filled = segment.to_vec();
    let places = places(segment);
    if places.is_empty() {
        return Some(filled);
    }
    for (at, word) in segment.chunks_exact(WORD).enumerate() {
        let pointer = u64::from_le_bytes(word.try_into().ok()?);
        let Some(variable) = target(at, pointer).and_then(|(target, size)| {
            places.get(&target).filter(|variable| VARIABLE.len() + variable.len() + 1 == size)
        }) else {
            continue;
        };
        let text = value(variable).unwrap_or_default();
        let pointer = pointer_to(at, filled.len() / WORD, text.len() + 1)?;
        filled[at * WORD..][..WORD].copy_from_slice(&pointer.to_le_bytes());
        filled.extend(text.into_bytes());
        // Texts end with a zero, and lists with a whole word.
        filled.push(0);
        filled.resize(filled.len().next_multiple_of(WORD), 0);
    }
    Some(filled)
}

/// The words at which texts begin that stand for variables, and whose.
fn places(segment: &[u8]) -> HashMap<usize, &str> {
    let of_variable = |(at, word): (usize, &[u8])| {
        // Most words are decided by their first byte.
        if word.first() != VARIABLE.as_bytes().first() {
            return None;
        }
        let name = segment[at * WORD..].strip_prefix(VARIABLE.as_bytes())?;
        let end = name.iter().position(|byte| *byte == 0)?;
        Some((at, std::str::from_utf8(&name[..end]).ok()?))
    };
    segment.chunks_exact(WORD).enumerate().filter_map(of_variable).collect()
}

/// Where the word at `at` leads, and the size, where it is a pointer to bytes of this segment.
fn target(at: usize, pointer: u64) -> Option<(usize, usize)> {
    if pointer & 0b11 != LIST || pointer >> 32 & 0b111 != OF_BYTES {
        return None;
    }
    // The lower half, of which the two lowest bits are the kind; the rest is signed.
    let offset = i64::from((pointer & 0xffff_ffff) as u32 as i32 >> 2);
    let target = usize::try_from(i64::try_from(at).ok()? + 1 + offset).ok()?;
    Some((target, usize::try_from(pointer >> 35).ok()?))
}

/// What leads from the word at `at` to `size` bytes at a later word.
fn pointer_to(at: usize, target: usize, size: usize) -> Option<u64> {
    let offset = u64::try_from(target.checked_sub(at + 1)?).ok().filter(|offset| *offset < 1 << 29)?;
    let size = u64::try_from(size).ok().filter(|size| *size < 1 << 29)?;
    Some(LIST | offset << 2 | OF_BYTES << 32 | size << 35)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One segment: pointers to these texts, and the texts.
    fn message(texts: &[&str]) -> Vec<u8> {
        let mut words = vec![0_u8; texts.len() * WORD];
        for (at, text) in texts.iter().enumerate() {
            let pointer = pointer_to(at, words.len() / WORD, text.len() + 1).unwrap();
            words[at * WORD..][..WORD].copy_from_slice(&pointer.to_le_bytes());
            words.extend(text.bytes().chain([0]));
            words.resize(words.len().next_multiple_of(WORD), 0);
        }
        let mut message = vec![0, 0, 0, 0];
        message.extend(u32::try_from(words.len() / WORD).unwrap().to_le_bytes());
        message.extend(words);
        message
    }

    fn texts(message: &[u8], count: usize) -> Vec<String> {
        let size = u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize;
        let segment = &message[8..];
        assert_eq!(segment.len(), size * WORD);
        let text = |at: usize| {
            let pointer = u64::from_le_bytes(segment[at * WORD..][..WORD].try_into().unwrap());
            let (target, size) = target(at, pointer).unwrap();
            let bytes = &segment[target * WORD..][..size];
            String::from_utf8(bytes.strip_suffix(&[0]).unwrap().to_vec()).unwrap()
        };
        (0..count).map(text).collect()
    }

    #[test]
    fn variables_are_replaced_and_nothing_else() {
        let given = [
            "ebb-environment:KEY",
            "ebb-environment",
            "",
            "an ebb-environment:KEY",
            "ebb-environment:NONE",
            "ebb-environment:KEY",
        ];
        let long = "v".repeat(1000);
        let value = |name: &str| (name == "KEY").then(|| long.clone());
        let filled = fill_in(&message(&given), value).unwrap();
        let expected = [&long, "ebb-environment", "", "an ebb-environment:KEY", "", &long];
        assert_eq!(texts(&filled, given.len()), expected);
        // Nothing to do.
        let plain = message(&["a", "b"]);
        assert_eq!(fill_in(&plain, |_| Some("x".into())).unwrap(), plain);
    }

    #[test]
    fn each_segment_has_its_own_texts() {
        let (one, two) = (message(&["ebb-environment:A"]), message(&["ebb-environment:B", "x"]));
        let mut both = vec![1, 0, 0, 0];
        both.extend([&one[4..8], &two[4..8], &[0; 4], &one[8..], &two[8..]].concat());
        let filled = fill_in(&both, |name| Some(name.repeat(20))).unwrap();
        assert_eq!(filled.len() % WORD, 0);
        let text = String::from_utf8_lossy(&filled);
        assert!(text.contains(&"A".repeat(20)) && text.contains(&"B".repeat(20)));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let whole = message(&["ebb-environment:A"]);
        for end in 0..whole.len() {
            assert!(fill_in(&whole[..end], |_| None).is_err(), "{end}");
        }
        assert!(fill_in(&[0xff; 64], |_| None).is_err());
    }
}
