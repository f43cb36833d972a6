//! Who may: keys of the ring, and for whoever has none what the policies of buckets let everybody do.

use std::sync::Arc;

use ebb_model::{Clock, like};
use ebb_sources::bucket::Buckets;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde_json::Value;

use super::settings::{POLICY, PUBLIC_ACCESS_BLOCK};
use crate::wire::QueryString;
use crate::wire::credentials::{KeyError, KeyRing};

/// Secrets of keys, as signatures need them.
pub(super) struct Auth {
    pub(super) keys: KeyRing,
}

#[async_trait::async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        // Whether a temporary key is good is in its session token, which is looked at with the signature known.
        let secret = self.keys.secret_of(access_key).ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        Ok(SecretKey::from(secret.expose()))
    }
}

/// What a request may do once its signature is known to be right.
pub(super) struct Access {
    pub(super) buckets: Buckets,
    pub(super) keys: KeyRing,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = context.credentials() else {
            return if self.everybody_may(context) {
                Ok(())
            } else {
                Err(s3_error!(AccessDenied, "Access Denied"))
            };
        };
        let query = QueryString::parse(context.uri().query().unwrap_or_default());
        let header = context.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
        let token = header.or_else(|| query.get("X-Amz-Security-Token"));
        match self.keys.resolve(&credentials.access_key, token, self.clock.now()) {
            Ok(_) => Ok(()),
            Err(KeyError::Expired) => {
                Err(S3Error::with_message(S3ErrorCode::ExpiredToken, "The provided token has expired."))
            }
            Err(KeyError::Invalid) => Err(S3Error::with_message(
                S3ErrorCode::InvalidToken,
                "The provided token is malformed or otherwise invalid.",
            )),
        }
    }
}

impl Access {
    /// Whether the policy of the bucket lets everybody do this, and is not blocked.
    fn everybody_may(&self, context: &S3AccessContext<'_>) -> bool {
        let (bucket, resource) = match context.s3_path() {
            S3Path::Root => return false,
            S3Path::Bucket { bucket } => (bucket, format!("arn:aws:s3:::{bucket}")),
            S3Path::Object { bucket, key } => (bucket, format!("arn:aws:s3:::{bucket}/{key}")),
        };
        let Ok(bucket) = self.buckets.bucket(bucket) else { return false };
        let setting =
            |kind: &str| bucket.settings.get(kind).and_then(|text| serde_json::from_str::<Value>(text).ok());
        if setting(PUBLIC_ACCESS_BLOCK).is_some_and(|block| block["restrict_public_buckets"] == true) {
            return false;
        }
        let action = match context.s3_op().name() {
            "ListObjects" | "ListObjectsV2" | "HeadBucket" => "s3:listbucket",
            "ListObjectVersions" => "s3:listbucketversions",
            "GetObject" | "HeadObject" => "s3:getobject",
            "PutObject" | "PostObject" => "s3:putobject",
            "DeleteObject" => "s3:deleteobject",
            _ => return false,
        };
        let policy = bucket.settings.get(POLICY).and_then(|text| serde_json::from_str::<String>(text).ok());
        policy
            .and_then(|text| serde_json::from_str(&text).ok())
            .is_some_and(|policy| allows_everybody(&policy, action, &resource))
    }
}

/// Whether a statement without conditions allows the action to everybody, and none denies it.
fn allows_everybody(policy: &Value, action: &str, resource: &str) -> bool {
    let one_or_more = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let any_like = |forms: &Value, text: &str| {
        let forms = one_or_more(forms);
        forms
            .iter()
            .filter_map(Value::as_str)
            .any(|form| like(form, text) || like(&form.to_ascii_lowercase(), text))
    };
    let everybody = |principal: &Value| {
        principal == "*" || one_or_more(&principal["AWS"]).iter().any(|principal| principal == "*")
    };
    let mut allowed = false;
    for statement in one_or_more(&policy["Statement"]) {
        let about = everybody(&statement["Principal"])
            && any_like(&statement["Action"], action)
            && any_like(&statement["Resource"], resource)
            && statement.get("Condition").is_none();
        match (about, statement["Effect"].as_str()) {
            (true, Some("Deny")) => return false,
            (true, Some("Allow")) => allowed = true,
            _ => {}
        }
    }
    allowed
}

/// Buckets by the host: `BUCKET.s3.DOMAIN`, `BUCKET.s3.REGION.DOMAIN`.
pub(super) struct Hosts {
    pub(super) domain: String,
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        Ok(match virtual_bucket(host, &self.domain) {
            Some(bucket) => VirtualHost::new(&name[bucket.len() + 1..]).with_bucket(bucket),
            None => VirtualHost::new(name),
        })
    }
}

/// The bucket that a host names.
pub(super) fn virtual_bucket<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    for end in [domain, "localhost", "amazonaws.com"] {
        let Some(rest) = name.strip_suffix(end).and_then(|rest| rest.strip_suffix('.')) else { continue };
        if let Some(at) = rest.rfind(".s3") {
            let after = &rest[at + 3..];
            if after.is_empty() || after.starts_with('.') || after.starts_with('-') {
                return Some(&rest[..at]);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_may_name_a_bucket() {
        for (host, bucket) in [
            ("b.s3.localhost:9440", Some("b")),
            ("my.dotted.bucket.s3.us-east-1.localhost", Some("my.dotted.bucket")),
            ("b.s3.amazonaws.com", Some("b")),
            ("s3.localhost", None),
            ("localhost:9440", None),
            ("127.0.0.1:9440", None),
            ("app.localhost", None),
        ] {
            assert_eq!(virtual_bucket(host, "localhost"), bucket, "{host}");
        }
    }

    #[test]
    fn everybody_may_what_a_policy_says() {
        let policy = |effect: &str, principal: Value, resource: &str| json!({"Statement": [{"Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": resource}]});
        let check = |policy: &Value, expected| {
            assert_eq!(allows_everybody(policy, "s3:getobject", "arn:aws:s3:::b/k"), expected, "{policy}");
        };
        check(&policy("Allow", json!("*"), "arn:aws:s3:::b/*"), true);
        check(&policy("Allow", json!({"AWS": ["*"]}), "arn:aws:s3:::b/k"), true);
        check(&policy("Allow", json!({"AWS": "arn:aws:iam::1:root"}), "arn:aws:s3:::b/*"), false);
        check(&policy("Allow", json!("*"), "arn:aws:s3:::other/*"), false);
        check(&policy("Deny", json!("*"), "*"), false);
        check(&json!({}), false);
    }
}
