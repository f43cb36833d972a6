//! Signed tokens (JWT): whether one is right, and what it claims.
//!
//! Source: API Gateway developer guide, "Control access to HTTP APIs with JWT authorizers" (2026-11); RFC 7515, 7518 and
//! 7519. Where AWS takes only RSA, elliptic curves (ES256, ES384) are taken too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ebb_model::Timestamp;
use ebb_sources::http_api::JwtConfiguration;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A token, read and not yet trusted.
pub(crate) struct Token<'a> {
    header: Header,
    pub(crate) claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

/// A key that signs tokens, as issuers publish it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Key {
    kty: String,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

/// Why a token is not taken; the text is told to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadToken(pub(crate) &'static str);

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

impl<'a> Token<'a> {
    /// Reads a token: three parts of base64url with dots between them.
    pub(crate) fn read(text: &'a str) -> Result<Self, BadToken> {
        let wrong = || BadToken("the token is malformed");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(wrong)?;
        let (header, claims) = signed.split_once('.').ok_or_else(wrong)?;
        let header = serde_json::from_slice(&decoded(header).ok_or_else(wrong)?).map_err(|_| wrong())?;
        let claims = serde_json::from_slice(&decoded(claims).ok_or_else(wrong)?).map_err(|_| wrong())?;
        Ok(Self { header, claims, signed, signature: decoded(signature).ok_or_else(wrong)? })
    }

    /// The name of the key that signed it.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether it was signed with this key.
    pub(crate) fn check_signature(&self, key: &Key) -> Result<(), BadToken> {
        let wrong = || BadToken("the token has an invalid signature");
        let part = |own: &Option<String>| own.as_deref().and_then(decoded).ok_or_else(wrong);
        let (message, signature) = (self.signed.as_bytes(), &self.signature);
        let rsa = |algorithm| {
            let (n, e) = (part(&key.n)?, part(&key.e)?);
            RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature).map_err(|_| wrong())
        };
        let curve = |algorithm| {
            let point = [vec![4], part(&key.x)?, part(&key.y)?].concat();
            UnparsedPublicKey::new(algorithm, point).verify(message, signature).map_err(|_| wrong())
        };
        match (self.header.alg.as_str(), key.kty.as_str(), key.crv.as_deref()) {
            ("RS256", "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            ("RS384", "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            ("RS512", "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            ("ES256", "EC", Some("P-256")) => curve(&signature::ECDSA_P256_SHA256_FIXED),
            ("ES384", "EC", Some("P-384")) => curve(&signature::ECDSA_P384_SHA384_FIXED),
            _ => Err(BadToken("the signing method is invalid")),
        }
    }

    /// Whether it is for this API and now.
    pub(crate) fn check_claims(&self, wanted: &JwtConfiguration, now: Timestamp) -> Result<(), BadToken> {
        if self.claims.get("iss").and_then(Value::as_str) != Some(wanted.issuer.as_str()) {
            return Err(BadToken("the token has an invalid issuer"));
        }
        // `client_id` stands in for an audience only where there is none.
        let audience =
            self.claims.get("aud").filter(|aud| !aud.is_null()).or_else(|| self.claims.get("client_id"));
        let named =
            |name: &Value| name.as_str().is_some_and(|name| wanted.audience.iter().any(|own| own == name));
        let meant = match audience {
            Some(Value::Array(all)) => all.iter().any(named),
            Some(one) => named(one),
            None => false,
        };
        if !meant && !wanted.audience.is_empty() {
            return Err(BadToken("the token has an invalid audience"));
        }
        let seconds = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of our age fit into 53 bits")]
        let now = now.millis() as f64 / 1000.0;
        match seconds("exp") {
            Some(expiry) if now < expiry => {}
            Some(_) => return Err(BadToken("the token has expired")),
            None => return Err(BadToken("the token has no expiry")),
        }
        if seconds("nbf").is_some_and(|from| now < from)
            || seconds("iat").is_some_and(|from| now < from.floor())
        {
            return Err(BadToken("the token is not valid yet"));
        }
        Ok(())
    }

    /// Its scopes: words in `scope` or `scp`.
    pub(crate) fn scopes(&self) -> Vec<String> {
        match self.claims.get("scope").or_else(|| self.claims.get("scp")) {
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// Its claims as events show them: all of them text, lists in brackets.
    pub(crate) fn shown_claims(&self) -> Map<String, Value> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(all) => {
                let items: Vec<String> = all
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                    .collect();
                format!("[{}]", items.join(" "))
            }
            other => other.to_string(),
        };
        self.claims.iter().map(|(name, value)| (name.clone(), Value::String(text(value)))).collect()
    }
}

#[cfg(test)]
mod tests;
