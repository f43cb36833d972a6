//! JSON text without the blanks between its tokens, as the service sends inferred answers.

use bytes::Bytes;

/// The same document without blanks outside strings; the same bytes where there are none. `text` must be valid JSON.
pub(super) fn compact(text: &Bytes) -> Bytes {
    let mut out: Option<Vec<u8>> = None;
    let (mut in_string, mut escaped) = (false, false);
    for (index, &byte) in text.iter().enumerate() {
        if !in_string && matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            out.get_or_insert_with(|| text[..index].to_vec());
            continue;
        }
        match byte {
            b'"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
        if let Some(out) = &mut out {
            out.push(byte);
        }
    }
    out.map_or_else(|| text.clone(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &'static str, expected: &str) {
        assert_eq!(compact(&Bytes::from_static(text.as_bytes())), expected.as_bytes(), "{text}");
    }

    #[test]
    fn blanks_go_and_strings_stay() {
        check(r#"{"a": [1, 2], "b c": " d "}"#, r#"{"a":[1,2],"b c":" d "}"#);
        check(r#""a \" b" "#, r#""a \" b""#);
        check(r#" ["\\", " x"]"#, r#"["\\"," x"]"#);
        check("3", "3");
    }
}
