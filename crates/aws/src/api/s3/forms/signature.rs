//! The signature of a form, which covers its policy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::Timestamp;
use hmac::{Hmac, Mac as _};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use super::super::access::key_error;
use super::super::errors::with_details;
use super::super::signatures::bytes;
use super::fields::Form;
use super::missing;
use crate::wire::credentials::KeyRing;
use crate::wire::sigv4::{SigningScope, sign_text};

/// The fields of signatures of version 4, as the service names them.
const VERSION_4: [&str; 4] = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"];
/// Those of version 2.
const VERSION_2: [&str; 2] = ["AWSAccessKeyId", "Signature"];

/// Whether a field, by its name in lower case, is about the signature.
pub(super) fn is_part(name: &str) -> bool {
    name == "x-amz-security-token"
        || VERSION_4.iter().chain(&VERSION_2).any(|part| part.eq_ignore_ascii_case(name))
}

/// A signature as a form has it.
pub(super) struct Signature<'a> {
    access_key: &'a str,
    given: &'a str,
    /// The day and the region, in version 4.
    scope: Option<(&'a str, &'a str)>,
}

impl<'a> Signature<'a> {
    /// Reads it; nothing where there is none.
    pub(super) fn of(form: &'a Form) -> S3Result<Option<Self>> {
        let field = |name: &str| form.get(&name.to_ascii_lowercase());
        for names in [&VERSION_4[..], &VERSION_2[..]] {
            if names.iter().all(|name| field(name).is_none()) {
                continue;
            }
            if let Some(lacking) = names.iter().find(|name| field(name).is_none()) {
                return Err(missing(lacking));
            }
        }
        let whole = |names: &[&str]| names.iter().all(|name| field(name).is_some());
        if whole(&VERSION_4) {
            let credential: Vec<&str> = field("X-Amz-Credential").unwrap_or_default().split('/').collect();
            let [access_key, day, region, "s3", "aws4_request"] = credential[..] else {
                return Err(s3_error!(
                    InvalidArgument,
                    "The Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
                ));
            };
            let given = field("X-Amz-Signature").unwrap_or_default();
            return Ok(Some(Self { access_key, given, scope: Some((day, region)) }));
        }
        Ok(field("AWSAccessKeyId").zip(field("Signature")).map(|(access_key, given)| Self {
            access_key,
            given,
            scope: None,
        }))
    }

    /// Checks the signature of a policy, and whether its key is good.
    pub(super) fn verify(
        &self,
        keys: &KeyRing,
        policy: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> S3Result<()> {
        let secret = keys.secret_of(self.access_key).ok_or_else(|| {
            s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.")
        })?;
        let right = match self.scope {
            Some((day, region)) => {
                let scope = SigningScope { region, service: "s3" };
                sign_text(secret.expose(), day, scope, policy)
            }
            None => {
                let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes())
                    .expect("HMAC takes a key of any length");
                mac.update(policy.as_bytes());
                STANDARD.encode(mac.finalize().into_bytes())
            }
        };
        if !bool::from(right.as_bytes().ct_eq(self.given.as_bytes())) {
            return Err(self.mismatch(policy));
        }
        keys.resolve(self.access_key, token, now).map(drop).map_err(key_error)
    }

    fn mismatch(&self, policy: &str) -> S3Error {
        let error = S3Error::with_message(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method.",
        );
        with_details(
            error,
            &[
                ("AWSAccessKeyId", self.access_key),
                ("StringToSign", policy),
                ("SignatureProvided", self.given),
                ("StringToSignBytes", &bytes(policy)),
            ],
        )
    }
}
