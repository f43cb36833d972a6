//! Signature Version 4: how every request proves who sent it.
//!
//! [`sign`] and [`presign`] make signatures; [`Authorization`] reads them and [`verify`] checks them. Both sides share
//! one canonical form. Source: the IAM user guide, "AWS Signature Version 4 for API requests" (2026-11).

mod authorization;
mod canonical;
mod sign;
mod verify;

pub use authorization::{Authorization, Placement};
pub use sign::{presign, sign};
pub use verify::{Explained, SignatureError, SignedRequest, explain, verify};

use ebb_model::Timestamp;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Stands for the payload's hash where the payload is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Where a signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningScope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service's signing name.
    pub service: &'a str,
}

/// HMAC-SHA256.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal SHA-256.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// `20261125T045900Z`.
fn amz_date(time: Timestamp) -> String {
    time.format("%Y%m%dT%H%M%SZ")
}

/// What is signed of a canonical request.
fn text_to_sign(date: &str, scope: SigningScope<'_>, canonical_request: &str) -> String {
    let day = date.get(..8).unwrap_or(date);
    let SigningScope { region, service } = scope;
    let hash = sha256_hex(canonical_request.as_bytes());
    format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/aws4_request\n{hash}")
}

/// The signature over a canonical request.
fn signature(secret: &str, date: &str, scope: SigningScope<'_>, canonical_request: &str) -> String {
    let text = text_to_sign(date, scope, canonical_request);
    sign_text(secret, date.get(..8).unwrap_or(date), scope, &text)
}

/// The signature over a text.
pub(crate) fn sign_text(secret: &str, day: &str, scope: SigningScope<'_>, text: &str) -> String {
    let key = hmac_sha256(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    let key = hmac_sha256(&key, scope.region.as_bytes());
    let key = hmac_sha256(&key, scope.service.as_bytes());
    let key = hmac_sha256(&key, b"aws4_request");
    hex(&hmac_sha256(&key, text.as_bytes()))
}

#[cfg(test)]
mod tests;
