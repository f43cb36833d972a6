//! The canonical form of a request, which both sides sign.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

/// All but unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same, within a path.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) method: &'a str,
    /// As it is sent, percent-encoded.
    pub(super) path: &'a str,
    /// As it is sent, without the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// The authority of the request, where there is no `Host` header (HTTP/2).
    pub(super) authority: Option<&'a str>,
    /// Lower-case names, sorted.
    pub(super) signed_headers: &'a [String],
    pub(super) payload_hash: &'a str,
}

/// The canonical request. S3 signs paths as they are; all others normalise them and encode them twice.
pub(super) fn canonical_request(parts: Parts<'_>, service: &str) -> String {
    let path = if matches!(service, "s3" | "s3express" | "s3-object-lambda") {
        let segments: Vec<String> = parts.path.split('/').map(recode).collect();
        segments.join("/")
    } else {
        utf8_percent_encode(&normalise(parts.path), RESERVED_IN_PATH).to_string()
    };
    let mut text = format!("{}\n{path}\n{}\n", parts.method, canonical_query(parts.query));
    for name in parts.signed_headers {
        text.push_str(name);
        text.push(':');
        text.push_str(&canonical_header(parts.headers, name, parts.authority));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&parts.signed_headers.join(";"));
    text.push('\n');
    text.push_str(parts.payload_hash);
    text
}

/// Percent-encodes all but unreserved characters.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Without empty and dot segments (RFC 3986, section 5.2.4, and doubled slashes besides).
fn normalise(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut text = String::with_capacity(path.len() + 1);
    for segment in &kept {
        text.push('/');
        text.push_str(segment);
    }
    if text.is_empty() || path.ends_with('/') {
        text.push('/');
    }
    text
}

/// Pairs decoded, encoded again and sorted, without the signature itself.
fn canonical_query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (recode(name), recode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Encoded as all signers do, however it was sent.
fn recode(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    percent_encode(&bytes, RESERVED).to_string()
}

/// All values of a header joined by commas, each trimmed and with runs of spaces made one.
fn canonical_header<'a>(headers: &HeaderMap, name: &str, authority: Option<&'a str>) -> Cow<'a, str> {
    let mut text = String::new();
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        for (index, word) in value.split_ascii_whitespace().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    if text.is_empty() && name == "host" {
        return Cow::Borrowed(authority.unwrap_or_default());
    }
    Cow::Owned(text)
}
