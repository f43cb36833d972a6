//! Making signatures: for ebb's own client, and for URLs that are handed out.

use std::time::Duration;

use ebb_model::{Credentials, Timestamp};
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::request::Parts as RequestParts;
use http::{HeaderMap, HeaderName, Method, Uri};

use super::canonical::{Parts, canonical_request, encode};
use super::verify::MAX_PRESIGNED_SECONDS;
use super::{ALGORITHM, SigningScope, amz_date, sha256_hex, signature};

/// Headers that proxies and connections change, and that are therefore not signed.
const UNSIGNED_HEADERS: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Signs a request in its headers: adds `Host` (from the URI, where it is missing), `X-Amz-Date`,
/// `X-Amz-Security-Token` for a temporary key, and `Authorization`.
pub fn sign(
    request: &mut RequestParts,
    body: &[u8],
    credentials: &Credentials,
    scope: SigningScope<'_>,
    now: Timestamp,
) {
    let date = amz_date(now);
    let headers = &mut request.headers;
    if !headers.contains_key(HOST)
        && let Some(host) = request.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        headers.insert(HOST, host);
    }
    insert(headers, HeaderName::from_static("x-amz-date"), &date);
    if let Some(token) = &credentials.session_token {
        insert(headers, HeaderName::from_static("x-amz-security-token"), token.expose());
    }
    headers.remove(AUTHORIZATION);
    let mut signed_headers: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSIGNED_HEADERS.contains(&name.as_str()))
        .collect();
    signed_headers.sort_unstable();
    let declared = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let payload_hash = declared.map_or_else(|| sha256_hex(body), str::to_owned);
    let canonical = canonical_request(
        Parts {
            method: request.method.as_str(),
            path: request.uri.path(),
            query: request.uri.query().unwrap_or_default(),
            headers,
            authority: None,
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
        },
        scope.service,
    );
    let signature = signature(credentials.secret_access_key.expose(), &date, scope, &canonical);
    let authorization = format!(
        "{ALGORITHM} Credential={}, SignedHeaders={}, Signature={signature}",
        credential(credentials, &date, scope),
        signed_headers.join(";"),
    );
    insert(&mut request.headers, AUTHORIZATION, &authorization);
}

/// Signs `url` in its query, so that whoever has it may send the request until it expires (at most seven days).
/// A URL without a host cannot be presigned and comes back as it is.
#[must_use]
pub fn presign(
    method: &Method,
    url: &str,
    credentials: &Credentials,
    scope: SigningScope<'_>,
    now: Timestamp,
    expires: Duration,
) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return url.to_owned() };
    let Some(authority) = uri.authority() else { return url.to_owned() };
    let date = amz_date(now);
    let seconds = expires.as_secs().clamp(1, MAX_PRESIGNED_SECONDS.into());
    let mut query = uri.query().map_or_else(String::new, |query| format!("{query}&"));
    query.push_str(&format!(
        "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={date}&X-Amz-Expires={seconds}",
        encode(&credential(credentials, &date, scope)),
    ));
    if let Some(token) = &credentials.session_token {
        query.push_str(&format!("&X-Amz-Security-Token={}", encode(token.expose())));
    }
    query.push_str("&X-Amz-SignedHeaders=host");
    let payload_hash =
        if scope.service == "s3" { super::UNSIGNED_PAYLOAD.to_owned() } else { sha256_hex(b"") };
    let canonical = canonical_request(
        Parts {
            method: method.as_str(),
            path: uri.path(),
            query: &query,
            headers: &HeaderMap::new(),
            authority: Some(authority.as_str()),
            signed_headers: &["host".to_owned()],
            payload_hash: &payload_hash,
        },
        scope.service,
    );
    let signature = signature(credentials.secret_access_key.expose(), &date, scope, &canonical);
    let scheme = uri.scheme_str().unwrap_or("http");
    format!("{scheme}://{authority}{}?{query}&X-Amz-Signature={signature}", uri.path())
}

fn credential(credentials: &Credentials, date: &str, scope: SigningScope<'_>) -> String {
    let (key, day) = (&credentials.access_key_id.0, date.get(..8).unwrap_or_default());
    format!("{key}/{day}/{}/{}/aws4_request", scope.region, scope.service)
}

/// Sets a header; a value that no header can hold is left out, and the signature is then refused.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
