//! The head of a streamed HTTP answer: JSON, then eight NUL bytes, then the body.
//!
//! Source: the Lambda developer guide, "Response streaming", and the format that the official runtimes write.

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::inference::{InvalidAnswer, parse_status, read_cookies, read_headers};

/// The content type of a streamed answer that starts with a prelude.
pub(crate) const PRELUDE_CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";

const DELIMITER: [u8; 8] = [0; 8];

/// Bytes that a prelude may have. More is not a head but a body that lost its delimiter.
const MAX_BYTES: usize = 256 * 1024;

/// Status and headers of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prelude {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// Collects the pieces of a stream until its prelude is whole.
#[derive(Debug, Default)]
pub(crate) struct PreludeReader {
    seen: BytesMut,
}

impl PreludeReader {
    /// Takes the next piece. Gives the prelude and the first bytes of the body once the delimiter has come.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Option<(Prelude, Bytes)>, InvalidAnswer> {
        // The delimiter may have begun in the piece before.
        let from = self.seen.len().saturating_sub(DELIMITER.len() - 1);
        self.seen.extend_from_slice(piece);
        let found = self.seen[from..].windows(DELIMITER.len()).position(|window| window == DELIMITER);
        let Some(end) = found.map(|at| from + at) else {
            return if self.seen.len() > MAX_BYTES {
                Err(InvalidAnswer(format!(
                    "no delimiter in the first {MAX_BYTES} bytes of a streamed response"
                )))
            } else {
                Ok(None)
            };
        };
        let head = self.seen.split_to(end);
        let body = self.seen.split().freeze().slice(DELIMITER.len()..);
        parse(&head).map(|prelude| Some((prelude, body)))
    }
}

#[derive(Deserialize)]
struct Described<'a> {
    #[serde(rename = "statusCode", borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    cookies: Option<&'a RawValue>,
}

fn parse(head: &[u8]) -> Result<Prelude, InvalidAnswer> {
    let described: Described<'_> =
        serde_json::from_slice(head).map_err(|e| InvalidAnswer(format!("streaming prelude: {e}")))?;
    let status = match described.status.map(RawValue::get) {
        None => StatusCode::OK,
        // Whether it may be is for whoever asked to say.
        Some("101") => StatusCode::SWITCHING_PROTOCOLS,
        Some(status) => parse_status(status)?,
    };
    let mut headers = HeaderMap::new();
    read_headers(&mut headers, described.headers)?;
    read_cookies(&mut headers, described.cookies)?;
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
    Ok(Prelude { status, headers })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] = br#"{"statusCode": 207, "headers": {"X-A": "1", "content-type": "text/plain"}, "cookies": ["a=1", "b=2"]}"#;

    fn stream(body: &[u8]) -> Bytes {
        [HEAD, &DELIMITER, body].concat().into()
    }

    fn check_whole(prelude: &Prelude) {
        assert_eq!(prelude.status, 207);
        assert_eq!(prelude.headers["x-a"], "1");
        assert_eq!(prelude.headers["content-type"], "text/plain");
        assert_eq!(prelude.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    }

    #[test]
    fn broken_preludes_are_refused() {
        for head in ["{", "[1]", r#"{"statusCode": 99}"#, r#"{"headers": []}"#] {
            let piece = [head.as_bytes(), &DELIMITER].concat();
            assert!(PreludeReader::default().push(&piece).is_err(), "{head}");
        }
        assert!(PreludeReader::default().push(&vec![b' '; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn an_empty_prelude_is_a_plain_200() {
        let piece = [b"{}".as_slice(), &DELIMITER].concat();
        let (prelude, body) = PreludeReader::default().push(&piece).unwrap().unwrap();
        assert_eq!((prelude.status, body.len()), (StatusCode::OK, 0));
        assert_eq!(prelude.headers["content-type"], "application/octet-stream");
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(body in proptest::collection::vec(any::<u8>(), 0..64), cuts in proptest::collection::vec(1_usize..40, 1..40)) {
            let mut rest = stream(&body);
            let (mut reader, mut got, mut sizes) = (PreludeReader::default(), None, cuts.iter().cycle());
            let mut tail = BytesMut::new();
            while !rest.is_empty() {
                let size = (*sizes.next().unwrap()).min(rest.len());
                let piece = rest.split_to(size);
                match &got {
                    None => if let Some((prelude, first)) = reader.push(&piece).unwrap() {
                        tail.extend_from_slice(&first);
                        got = Some(prelude);
                    },
                    Some(_) => tail.extend_from_slice(&piece),
                }
            }
            check_whole(&got.unwrap());
            prop_assert_eq!(&tail[..], &body[..]);
        }
    }
}
