//! What refusals are called: each family of protocols has names of its own for the same thing.
//!
//! Source: "Common Errors" in the API references of Lambda, CloudWatch Logs and STS (2026-11).

use http::StatusCode;

use super::Dialect;
use crate::wire::credentials::KeyError;
use crate::wire::sigv4::SignatureError;
use crate::wire::{Api, AwsError, Identified, Protocol};

impl Dialect {
    /// Takes on how the service that is asked speaks; the form of the request decides for one that ebb does not have.
    pub(super) fn adopt(&mut self, api: Option<&Api>, identified: &Identified) {
        match api {
            Some(api) => {
                self.protocol = match (api.protocol, identified.protocol) {
                    (Protocol::Json { .. }, asked @ Protocol::Json { .. }) => asked,
                    (own, Protocol::Query { .. }) => {
                        api.query.map_or(own, |shapes| Protocol::Query { namespace: shapes.namespace })
                    }
                    (own, _) => own,
                };
                self.internal_code = api.internal_code;
            }
            None => self.protocol = identified.protocol,
        }
    }

    /// A request that is not signed at all.
    pub(super) fn unsigned(self) -> AwsError {
        match self.protocol {
            Protocol::Query { .. } => self.forbidden(
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".to_owned(),
            ),
            Protocol::RestXml => self.forbidden("AccessDenied", "Access Denied".to_owned()),
            _ => self
                .forbidden("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned()),
        }
    }

    /// A key that is not accepted.
    pub(super) fn key_error(self, error: KeyError) -> AwsError {
        let (json, query, s3) = match error {
            KeyError::Invalid => {
                ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")
            }
            KeyError::Expired => ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
        };
        self.forbidden(self.choose(json, query, s3), error.to_string())
    }

    /// A signature that is refused.
    pub(super) fn signature_error(self, error: &SignatureError) -> AwsError {
        let message = error.to_string();
        match error {
            SignatureError::Incomplete(_) => {
                let code = self.choose(
                    "IncompleteSignatureException",
                    "IncompleteSignature",
                    "AuthorizationHeaderMalformed",
                );
                match self.protocol {
                    Protocol::Query { .. } | Protocol::RestXml => AwsError::client(code, message),
                    _ => self.forbidden(code, message),
                }
            }
            SignatureError::Mismatch | SignatureError::Invalid(_) | SignatureError::PresignedExpired => {
                let code = self.choose(
                    "InvalidSignatureException",
                    "SignatureDoesNotMatch",
                    "SignatureDoesNotMatch",
                );
                self.forbidden(code, message)
            }
        }
    }

    fn choose(self, json: &'static str, query: &'static str, s3: &'static str) -> &'static str {
        match self.protocol {
            Protocol::RestJson | Protocol::Json { .. } => json,
            Protocol::Query { .. } => query,
            Protocol::RestXml => s3,
        }
    }

    fn forbidden(self, code: &'static str, message: String) -> AwsError {
        AwsError::new(code, StatusCode::FORBIDDEN, message)
    }
}
