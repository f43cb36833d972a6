//! Whether a signature is right, in time, and covers what it must.

use std::time::Duration;

use ebb_model::Timestamp;
use http::HeaderMap;
use subtle::ConstantTimeEq as _;

use super::authorization::{Authorization, Placement};
use super::canonical::{Parts, canonical_request};
use super::{UNSIGNED_PAYLOAD, amz_date, sha256_hex, signature, text_to_sign};

/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// How far in the future a presigned request may have been signed.
const PRESIGNED_SKEW: Duration = Duration::from_secs(15 * 60);
/// The longest that a presigned request may be valid: seven days.
pub(super) const MAX_PRESIGNED_SECONDS: u32 = 7 * 24 * 60 * 60;

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A part of it is missing or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// It does not fit the request, or the secret.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// It was made too long ago, or in the future, or leaves out what must be signed.
    #[error("{0}")]
    Invalid(String),
    /// A presigned request was used too late.
    #[error("Request has expired")]
    PresignedExpired,
}

/// A request as it arrived, with the hash of its body.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Percent-encoded, as sent.
    pub path: &'a str,
    /// Without the question mark, as sent.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The authority, where there is no `Host` header.
    pub authority: Option<&'a str>,
    /// The body, whole.
    pub body: &'a [u8],
}

/// Checks a request against the secret of the key that it claims.
///
/// # Errors
/// [`SignatureError`], for whatever does not hold.
pub fn verify(
    request: SignedRequest<'_>,
    authorization: &Authorization,
    secret: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    check_time(authorization, now)?;
    check_coverage(request.headers, authorization)?;
    let payload_hash = payload_hash(request, authorization)?;
    let canonical = canonical_request(
        Parts {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            authority: request.authority,
            signed_headers: &authorization.signed_headers,
            payload_hash: &payload_hash,
        },
        authorization.scope().service,
    );
    let expected = signature(secret, &authorization.date, authorization.scope(), &canonical);
    let equal: bool = expected.as_bytes().ct_eq(authorization.signature.as_bytes()).into();
    if equal { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// What a signature should have been made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The canonical form of the request.
    pub canonical_request: String,
    /// What is signed of it.
    pub text: String,
}

/// Tells what the signature of a request whose payload is not at hand should have been made of.
#[must_use]
pub fn explain(
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    authorization: &Authorization,
) -> Explained {
    let declared = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let signed_headers = &authorization.signed_headers;
    let payload_hash = declared.unwrap_or(UNSIGNED_PAYLOAD);
    let parts = Parts { method, path, query, headers, authority: None, signed_headers, payload_hash };
    let canonical_request = canonical_request(parts, authorization.scope().service);
    let text = text_to_sign(&authorization.date, authorization.scope(), &canonical_request);
    Explained { canonical_request, text }
}

/// The hash that the signature covers. A declared one must be that of the body.
fn payload_hash(request: SignedRequest<'_>, authorization: &Authorization) -> Result<String, SignatureError> {
    let declared = request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let service = authorization.scope().service;
    match (declared, authorization.placement) {
        (Some(UNSIGNED_PAYLOAD), _) => Ok(UNSIGNED_PAYLOAD.to_owned()),
        (None, Placement::Query { .. }) if service == "s3" => Ok(UNSIGNED_PAYLOAD.to_owned()),
        (None, _) => Ok(sha256_hex(request.body)),
        (Some(declared), _) => {
            let actual = sha256_hex(request.body);
            let equal: bool = actual.as_bytes().ct_eq(declared.to_ascii_lowercase().as_bytes()).into();
            if equal { Ok(declared.to_owned()) } else { Err(SignatureError::Mismatch) }
        }
    }
}

fn check_time(authorization: &Authorization, now: Timestamp) -> Result<(), SignatureError> {
    let Authorization { signed_at, date, scope_day, .. } = authorization;
    let day = date.get(..8).unwrap_or_default();
    if scope_day != day {
        return Err(SignatureError::Invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{scope_day}' != '{day}', from '{date}'."
        )));
    }
    let (lifetime, ahead) = match authorization.placement {
        Placement::Header => (SKEW, SKEW),
        Placement::Query { expires_seconds } => (Duration::from_secs(expires_seconds.into()), PRESIGNED_SKEW),
    };
    if signed_at.since(now) > ahead {
        let minutes = ahead.as_secs() / 60;
        let (limit, now) = (amz_date(now.plus(ahead)), amz_date(now));
        return Err(SignatureError::Invalid(format!(
            "Signature not yet current: {date} is still later than {limit} ({now} + {minutes} min.)"
        )));
    }
    if now.since(*signed_at) <= lifetime {
        return Ok(());
    }
    if matches!(authorization.placement, Placement::Query { .. }) {
        return Err(SignatureError::PresignedExpired);
    }
    let limit = amz_date(Timestamp(now.millis() - 1000 * 60 * 5));
    let now = amz_date(now);
    Err(SignatureError::Invalid(format!(
        "Signature expired: {date} is now earlier than {limit} ({now} - 5 min.)"
    )))
}

/// The host, and every `x-amz-` header, must be signed: an unsigned one could be changed on the way.
fn check_coverage(headers: &HeaderMap, authorization: &Authorization) -> Result<(), SignatureError> {
    let signed = |name: &str| authorization.signed_headers.iter().any(|header| header == name);
    if !signed("host") && !signed(":authority") {
        return Err(SignatureError::Invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let presigned = matches!(authorization.placement, Placement::Query { .. });
    let unsigned = headers.keys().map(http::HeaderName::as_str).find(|name| {
        let matters = name.starts_with("x-amz-") && !name.starts_with("x-amz-cf-");
        let optional = *name == "x-amz-content-sha256" && presigned;
        matters && !optional && !signed(name)
    });
    match unsigned {
        Some(name) => Err(SignatureError::Invalid(format!(
            "There were headers present in the request which were not signed: {name}"
        ))),
        None => Ok(()),
    }
}
