//! What is told of signatures that are not right, and the checks of presigned URLs that the protocol's crate words
//! otherwise.
//!
//! Source: S3 API reference, "Authenticating Requests: Using Query Parameters" (2026-11); recorded 2025.

use ebb_model::{Clock, Timestamp};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::access::virtual_bucket;
use super::errors::element;
use crate::wire::sigv4::{Authorization, Explained, explain};
use crate::wire::{Body, QueryString, full_body};

/// What a query has that carries a signature of version 4.
const VERSION_4: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
];
/// What one has that carries a signature of version 2.
const VERSION_2: [&str; 3] = ["Signature", "Expires", "AWSAccessKeyId"];
/// Parameters that signatures of version 2 cover. Source: S3 user guide, "Signing and authenticating REST requests".
const RESOURCES: [&str; 25] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Which version of signatures a query carries, whole or in part.
fn version(query: &QueryString) -> Option<u8> {
    let has = |names: &[&str]| names.iter().any(|name| query.get(name).is_some());
    if has(&VERSION_4) {
        return Some(4);
    }
    has(&["Signature", "AWSAccessKeyId"]).then_some(2)
}

/// Whether the query carries a signature whole.
pub(super) fn is_presigned(query: &QueryString) -> bool {
    let whole = |names: &[&str]| names.iter().all(|name| query.get(name).is_some());
    whole(&VERSION_4) || whole(&VERSION_2)
}

/// Refuses a presigned URL that lacks something, or a request by one with headers that it does not cover.
pub(super) fn refuse(parts: &Parts) -> Option<Response<Body>> {
    let query = QueryString::parse(parts.uri.query().unwrap_or_default());
    let lacks = |names: &[&str]| names.iter().any(|name| query.get(name).is_none());
    match version(&query)? {
        4 if lacks(&VERSION_4) => Some(refused(
            StatusCode::BAD_REQUEST,
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            None,
        )),
        4 if query.get("X-Amz-Credential").is_some_and(|text| text.split('/').count() != 5) => Some(refused(
            StatusCode::BAD_REQUEST,
            "AuthorizationQueryParametersError",
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
            None,
        )),
        4 if !query.get("X-Amz-Signature").is_some_and(is_digest) => Some(refused(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method.",
            None,
        )),
        4 => {
            let unsigned = unsigned_headers(&parts.headers, query.get("X-Amz-SignedHeaders")?);
            (!unsigned.is_empty()).then(|| {
                let message = "There were headers present in the request which were not signed";
                refused(
                    StatusCode::FORBIDDEN,
                    "AccessDenied",
                    message,
                    Some(("HeadersNotSigned", &unsigned.join(", "))),
                )
            })
        }
        _ if lacks(&VERSION_2) => Some(refused(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            None,
        )),
        _ => {
            let expires = query.get("Expires").filter(|text| text.parse::<u64>().is_err())?;
            let message = format!("Invalid date (should be seconds since epoch): {expires}");
            Some(refused(StatusCode::FORBIDDEN, "AccessDenied", &message, None))
        }
    }
}

/// Whether a text can be a signature: a digest in hexadecimal.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The headers of the service's own that a signature leaves out, sorted.
fn unsigned_headers(headers: &HeaderMap, signed: &str) -> Vec<String> {
    let is_signed = |name: &str| signed.split(';').any(|signed| signed.eq_ignore_ascii_case(name));
    let mut unsigned: Vec<String> = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256" && !is_signed(name))
        .map(str::to_owned)
        .collect();
    unsigned.sort_unstable();
    unsigned
}

fn refused(status: StatusCode, code: &str, message: &str, more: Option<(&str, &str)>) -> Response<Body> {
    let more = more.map(|(name, value)| element(name, value)).unwrap_or_default();
    let (code, message) = (element("Code", code), element("Message", message));
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{code}{message}{more}</Error>");
    let mut response = Response::new(full_body(text));
    *response.status_mut() = status;
    response
}

/// A signed request, kept aside in case that its signature has to be explained.
pub(super) struct Signed {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// The bucket that the host names.
    bucket: Option<String>,
}

impl Signed {
    /// Nothing where the request carries no signature.
    pub(super) fn of(parts: &Parts, host: &str, domain: &str) -> Option<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let signed = parts.headers.contains_key(http::header::AUTHORIZATION) || query.contains("Signature=");
        signed.then(|| Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            bucket: virtual_bucket(host, domain).map(str::to_owned),
        })
    }

    /// The elements that tell what should have been signed.
    pub(super) fn explained(&self) -> String {
        self.version_4().or_else(|| self.version_2()).unwrap_or_default()
    }

    fn version_4(&self) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let authorization = Authorization::read(&self.headers, query).ok()??;
        let Explained { canonical_request, text } =
            explain(self.method.as_str(), self.uri.path(), query, &self.headers, &authorization);
        Some(
            element("AWSAccessKeyId", &authorization.access_key_id)
                + &element("StringToSign", &text)
                + &element("SignatureProvided", &authorization.signature)
                + &element("StringToSignBytes", &bytes(&text))
                + &element("CanonicalRequest", &canonical_request)
                + &element("CanonicalRequestBytes", &bytes(&canonical_request)),
        )
    }

    fn version_2(&self) -> Option<String> {
        let query = QueryString::parse(self.uri.query().unwrap_or_default());
        let (key, provided) = (query.get("AWSAccessKeyId")?, query.get("Signature")?);
        let text = self.text_of_version_2(&query);
        Some(
            element("AWSAccessKeyId", key)
                + &element("StringToSign", &text)
                + &element("SignatureProvided", provided)
                + &element("StringToSignBytes", &bytes(&text)),
        )
    }

    /// Source: S3 user guide, "Signing and authenticating REST requests" (2026-11).
    fn text_of_version_2(&self, query: &QueryString) -> String {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let mut own: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default().trim()))
            .collect();
        own.sort_unstable();
        let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let covered: Vec<String> = RESOURCES
            .iter()
            .filter_map(|name| query.get(name).map(|value| (name, value)))
            .map(
                |(name, value)| if value.is_empty() { (*name).to_owned() } else { format!("{name}={value}") },
            )
            .collect();
        let covered = if covered.is_empty() { String::new() } else { format!("?{}", covered.join("&")) };
        let bucket = self.bucket.as_ref().map(|bucket| format!("/{bucket}")).unwrap_or_default();
        format!(
            "{}\n{}\n{}\n{}\n{own}{bucket}{}{covered}",
            self.method,
            header("content-md5").unwrap_or_default(),
            header("content-type").unwrap_or_default(),
            query.get("Expires").unwrap_or_default(),
            self.uri.path(),
        )
    }

    /// The elements that tell when a presigned URL has expired, and what time it is.
    pub(super) fn expired(&self, clock: &dyn Clock) -> String {
        let raw = self.uri.query().unwrap_or_default();
        let query = QueryString::parse(raw);
        let (given, at) = match query.get("X-Amz-Expires") {
            Some(seconds) => {
                let begun = Authorization::read(&self.headers, raw).ok().flatten().map(|read| read.signed_at);
                let lifetime = seconds.parse::<i64>().unwrap_or(0) * 1000;
                let at = begun.map(|begun| Timestamp(begun.millis().saturating_add(lifetime)));
                (element("X-Amz-Expires", seconds), at)
            }
            None => {
                let at = query.get("Expires").and_then(|at| at.parse::<i64>().ok());
                (String::new(), at.map(|at| Timestamp(at.saturating_mul(1000))))
            }
        };
        let shown = |at: Timestamp| at.format("%Y-%m-%dT%H:%M:%SZ");
        let expires = at.map(|at| element("Expires", &shown(at))).unwrap_or_default();
        given + &expires + &element("ServerTime", &shown(clock.now()))
    }
}

/// The bytes of a text in hexadecimal, as the service shows them.
pub(super) fn bytes(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const WHOLE: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20261126%2Fus-east-1%2Fs3%2Faws4_request\
                         &X-Amz-Signature=abababababababababababababababababababababababababababababababab&X-Amz-Date=20261126T100000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=60";

    fn parts(query: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get(format!("http://localhost/b/k?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn presigned_urls_are_whole_and_cover_the_headers() {
        let check = async |query: &str, headers: &[(&str, &str)], expected: Option<(u16, &str)>| match (
            refuse(&parts(query, headers)),
            expected,
        ) {
            (None, None) => {}
            (Some(response), Some((status, text))) => {
                assert_eq!(response.status().as_u16(), status, "{query}");
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let body = String::from_utf8_lossy(&body).into_owned();
                assert!(body.contains(text), "{query}: {body}");
            }
            (response, _) => panic!("{query}: {:?}", response.map(|response| response.status())),
        };
        check("", &[], None).await;
        check(WHOLE, &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], None).await;
        let lacking = WHOLE.replace("&X-Amz-Expires=60", "");
        check(&lacking, &[], Some((400, "AuthorizationQueryParametersError"))).await;
        check(&WHOLE.replace("K%2F", "K%252F"), &[], Some((400, "the Credential is mal-formed"))).await;
        let unsigned = [("x-amz-meta-b", "1"), ("x-amz-date", "2")];
        let told = "<HeadersNotSigned>x-amz-date, x-amz-meta-b</HeadersNotSigned>";
        check(WHOLE, &unsigned, Some((403, told))).await;
        check("AWSAccessKeyId=K&Signature=s", &[], Some((403, "requires the Signature, Expires and"))).await;
        check("AWSAccessKeyId=K&Signature=s&Expires=1", &[], None).await;
        check("AWSAccessKeyId=K&Signature=s&Expires=1x", &[], Some((403, "seconds since epoch): 1x"))).await;
        check(&WHOLE.replace("abab&", "abab0&"), &[], Some((403, "SignatureDoesNotMatch"))).await;
    }

    #[test]
    fn what_should_have_been_signed_is_told() {
        let check = |query: &str, expected: &[&str]| {
            let parts = parts(query, &[("x-amz-meta-b", " 1 ")]);
            let told = Signed::of(&parts, "localhost", "localhost").unwrap().explained();
            for part in expected {
                assert!(told.contains(part), "{part} is not in {told}");
            }
        };
        check(
            WHOLE,
            &["<SignatureProvided>abab", "<CanonicalRequest>GET\n/b/k\n", "<StringToSignBytes>41 57 53 34 "],
        );
        let text = "<StringToSign>GET\n\n\n99\nx-amz-meta-b:1\n/b/k?acl&amp;versionId=v<";
        check("AWSAccessKeyId=K&Signature=s&Expires=99&acl&versionId=v", &["<AWSAccessKeyId>K<", text]);
        assert!(Signed::of(&parts("", &[]), "localhost", "localhost").is_none());
    }
}
