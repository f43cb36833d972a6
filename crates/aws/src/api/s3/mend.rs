//! What clients may send and the protocol's crate refuses to read: it is mended, and the request is made again.
//!
//! Sources: RFC 9110, section 14.2 (a range that makes no sense is as good as none); what the service takes besides was
//! recorded 2025: entity tags without quotes, numbers of the query that are empty, and an upload that is completed without
//! a document, as with one that names no part.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue, RANGE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};

use super::errors::has_no_body;
use crate::wire::QueryString;

/// Headers that have an entity tag.
const ENTITY_TAGS: [&str; 4] =
    ["if-match", "if-none-match", "x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match"];
/// Parameters of signatures, which are of no use to what was found to be signed.
const OF_SIGNATURES: [&str; 3] = ["AWSAccessKeyId", "Signature", "Expires"];

/// Names no part of an upload.
const NO_PARTS: &str = "<CompleteMultipartUpload/>";

/// A request without a body, kept to be made again.
pub(super) struct Again(Parts);

impl Again {
    /// Keeps the head of a request; nothing where it may have a body.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        let is_copy = parts.method == Method::PUT && parts.headers.contains_key("x-amz-copy-source");
        let kept =
            matches!(parts.method, Method::GET | Method::HEAD) || is_copy || completes_without_parts(parts);
        kept.then(|| Self(parts.clone()))
    }

    /// The request with what could not be read mended; nothing where something else was wrong.
    pub(super) fn mended(mut self, refused: &Response<s3s::Body>) -> Option<Request<s3s::Body>> {
        if refused.status() != StatusCode::BAD_REQUEST {
            return None;
        }
        let body = refused.body().bytes();
        let text = body.as_deref().map(String::from_utf8_lossy)?;
        if self.0.method == Method::POST {
            let request = text.contains("<Code>MalformedXML</Code>").then(|| self.unsigned("POST"))??;
            return Some(request.map(|()| s3s::Body::from(NO_PARTS.to_owned())));
        }
        let (_, wrong) = text.split_once("<Message>invalid ")?;
        let (kind, wrong) = wrong.split_once(": ")?;
        let (name, value) = wrong.split_once(": ")?;
        let headers = &mut self.0.headers;
        match (kind, name) {
            ("header", "range") => drop(headers.remove(RANGE)),
            ("header", name) if ENTITY_TAGS.contains(&name) => {
                for name in ENTITY_TAGS {
                    let quoted = headers.get(name).and_then(|value| quoted(value.to_str().ok()?));
                    quoted.map(|quoted| headers.insert(name, quoted));
                }
            }
            ("query", _) if value.starts_with('<') => {}
            _ => return None,
        }
        Some(self.unsigned(kind)?.map(|()| s3s::Body::empty()))
    }

    /// The request without what it was signed with, and without empty parameters where the query was wrong.
    fn unsigned(mut self, wrong: &str) -> Option<Request<()>> {
        let query = self.0.uri.query().unwrap_or_default().split('&').filter(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "-"));
            let of_signature = name.starts_with("X-Amz-") || OF_SIGNATURES.contains(&name);
            !(of_signature || wrong == "query" && value.is_empty())
        });
        let query = query.collect::<Vec<_>>().join("&");
        self.0.uri = format!("{}?{query}", self.0.uri.path()).parse().ok()?;
        self.0.headers.remove(AUTHORIZATION);
        self.0.headers.remove(CONTENT_LENGTH);
        self.0.headers.remove("x-amz-content-sha256");
        Some(Request::from_parts(self.0, ()))
    }
}

/// Whether it is the end of an upload, without a document that names the parts.
fn completes_without_parts(parts: &Parts) -> bool {
    let query = QueryString::parse(parts.uri.query().unwrap_or_default());
    query.get("uploadId").is_some() && parts.method == Method::POST && has_no_body(parts)
}

/// An entity tag with its quotes.
fn quoted(value: &str) -> Option<HeaderValue> {
    if value == "*" || value.starts_with("W/") {
        return None;
    }
    HeaderValue::from_str(&format!("\"{}\"", value.trim_matches('"'))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_mended() {
        let check = |request: http::request::Builder, message: &str, expected: Option<(&str, &str)>| {
            let parts = request.body(()).unwrap().into_parts().0;
            let body = format!("<Error><Code>InvalidArgument</Code><Message>{message}</Message></Error>");
            let refused = Response::builder().status(400).body(s3s::Body::from(body)).unwrap();
            let mended = Again::of(&parts).and_then(|again| again.mended(&refused));
            let shown = mended.as_ref().map(|mended| {
                let tag = mended.headers().get("if-match").and_then(|tag| tag.to_str().ok());
                (mended.uri().query().unwrap_or_default(), tag.unwrap_or_default())
            });
            assert_eq!(shown, expected, "{message}");
        };
        let get = || Request::get("/b/k?X-Amz-Date=1&a=1&n=").header("range", "x").header("if-match", "ab\"");
        check(get(), "invalid header: range: x", Some(("a=1&n=", "ab\"")));
        check(get(), "invalid header: if-match: ab", Some(("a=1&n=", "\"ab\"")));
        check(get(), "invalid query: n: ", Some(("a=1", "ab\"")));
        check(get(), "invalid query: n: x", None);
        check(get(), "invalid header: other: x", None);
        check(get(), "something else", None);
        check(Request::put("/b/k"), "invalid header: if-match: ab", None);
    }

    #[test]
    fn an_upload_may_be_completed_without_a_document() {
        let check = |request: http::request::Builder, expected: Option<&str>| {
            let parts = request.body(()).unwrap().into_parts().0;
            let body = "<Error><Code>MalformedXML</Code></Error>".to_owned();
            let refused = Response::builder().status(400).body(s3s::Body::from(body)).unwrap();
            let mended = Again::of(&parts).and_then(|again| again.mended(&refused));
            let body = mended.and_then(|mended| mended.body().bytes());
            assert_eq!(body.as_deref(), expected.map(str::as_bytes), "{}", parts.uri);
        };
        check(Request::post("/b/k?uploadId=1").header("authorization", "x"), Some(NO_PARTS));
        check(Request::post("/b/k?uploadId=1").header("content-length", "0"), Some(NO_PARTS));
        check(Request::post("/b/k?uploadId=1").header("content-length", "9"), None);
        check(Request::post("/b/k?restore"), None);
    }
}
