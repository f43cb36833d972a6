//! Who may: keys of the ring, and for whoever has none what the policies of buckets let everybody do.

use std::sync::Arc;

use ebb_model::{Clock, PolicyDocument};
use ebb_sources::bucket::{Bucket, Buckets};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::Permission;
use s3s::host::{S3Host, VirtualHost};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde_json::Value;

use super::acl::lets_everybody;
use super::settings::{ACL, POLICY, PUBLIC_ACCESS_BLOCK};
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
            let Some((bucket, key, action)) = asked(context) else {
                return Err(s3_error!(AccessDenied, "Access Denied"));
            };
            return if everybody_may(&self.buckets, &bucket, key.as_deref(), action).await {
                Ok(())
            } else {
                Err(s3_error!(AccessDenied, "Access Denied"))
            };
        };
        let query = QueryString::parse(context.uri().query().unwrap_or_default());
        let header = context.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
        let token = header.or_else(|| query.get("X-Amz-Security-Token"));
        match self.keys.resolve(&credentials.access_key, token, self.clock.now()) {
            Ok(_) => {
                self.check_owner(context)?;
                // What a policy denies to everybody it denies to the owner, too.
                match asked(context) {
                    Some((bucket, key, action)) if denied(&self.buckets, &bucket, key.as_deref(), action) => {
                        Err(s3_error!(AccessDenied, "Access Denied"))
                    }
                    _ => Ok(()),
                }
            }
            Err(error) => Err(key_error(error)),
        }
    }
}

/// What is said of a key that is not good.
pub(super) fn key_error(error: KeyError) -> S3Error {
    match error {
        KeyError::Expired => {
            S3Error::with_message(S3ErrorCode::ExpiredToken, "The provided token has expired.")
        }
        KeyError::Invalid => S3Error::with_message(
            S3ErrorCode::InvalidToken,
            "The provided token is malformed or otherwise invalid.",
        ),
    }
}

impl Access {
    /// Whether the bucket is of the account that a request expects. Source: S3 user guide, "Verifying bucket ownership
    /// with bucket owner condition" (2026-11).
    fn check_owner(&self, context: &S3AccessContext<'_>) -> S3Result<()> {
        for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
            let Some(owner) = context.headers().get(name).and_then(|owner| owner.to_str().ok()) else {
                continue;
            };
            if owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = format!(
                    "The value of the expected bucket owner parameter must be an AWS Account ID... [{owner}]"
                );
                let code = S3ErrorCode::Custom("InvalidBucketOwnerAWSAccountID".into());
                let mut error = S3Error::with_message(code, message);
                error.set_status_code(http::StatusCode::BAD_REQUEST);
                return Err(error);
            }
            if owner != self.buckets.account() {
                return Err(s3_error!(AccessDenied, "Access Denied"));
            }
        }
        Ok(())
    }
}

/// Lets everything pass: it was checked before.
pub(super) struct Trusting;

#[async_trait::async_trait]
impl S3Access for Trusting {
    async fn check(&self, _: &mut S3AccessContext<'_>) -> S3Result<()> {
        Ok(())
    }
}

/// What a request asks for, and may be let do without a signature; nothing where it never is.
fn asked(context: &S3AccessContext<'_>) -> Option<(String, Option<String>, Action)> {
    let (bucket, key) = match context.s3_path() {
        S3Path::Root => return None,
        S3Path::Bucket { bucket } => (bucket.to_string(), None),
        S3Path::Object { bucket, key } => (bucket.to_string(), Some(key.to_string())),
    };
    Some((bucket, key, Action::of(context.s3_op().name())?))
}

/// What somebody may do who does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    List,
    ListVersions,
    Read,
    Write,
    Delete,
}

impl Action {
    fn of(operation: &str) -> Option<Self> {
        Some(match operation {
            "ListObjects" | "ListObjectsV2" | "HeadBucket" => Self::List,
            "ListObjectVersions" => Self::ListVersions,
            "GetObject" | "HeadObject" => Self::Read,
            "PutObject" => Self::Write,
            "DeleteObject" => Self::Delete,
            _ => return None,
        })
    }

    /// As policies name it.
    fn name(self) -> &'static str {
        match self {
            Self::List => "s3:ListBucket",
            Self::ListVersions => "s3:ListBucketVersions",
            Self::Read => "s3:GetObject",
            Self::Write => "s3:PutObject",
            Self::Delete => "s3:DeleteObject",
        }
    }
}

/// Whether the policy of a bucket denies this to everybody.
pub(super) fn denied(buckets: &Buckets, bucket: &str, key: Option<&str>, action: Action) -> bool {
    buckets.bucket(bucket).is_ok_and(|bucket| by_policy(&bucket, key, action) == Some(false))
}

/// Whether the policy of a bucket denies everybody to delete an object, which requests for many do not say at first.
pub(super) fn denies(buckets: &Buckets, bucket: &str, key: &str) -> bool {
    denied(buckets, bucket, Some(key), Action::Delete)
}

/// What the policy of a bucket says of everybody.
fn by_policy(bucket: &Bucket, key: Option<&str>, action: Action) -> Option<bool> {
    let text: String = serde_json::from_str(bucket.settings.get(POLICY)?).ok()?;
    let policy: Value = serde_json::from_str(&text).ok()?;
    let resource = match key {
        Some(key) => format!("arn:aws:s3:::{}/{key}", bucket.name),
        None => format!("arn:aws:s3:::{}", bucket.name),
    };
    PolicyDocument::of(policy).everybody_decision(action.name(), &resource)
}

/// Whether everybody may do this: the policy of the bucket or a list says so, and neither is blocked.
pub(super) async fn everybody_may(
    buckets: &Buckets,
    bucket: &str,
    key: Option<&str>,
    action: Action,
) -> bool {
    let Ok(bucket) = buckets.bucket(bucket) else { return false };
    let setting =
        |kind: &str| bucket.settings.get(kind).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let block = setting(PUBLIC_ACCESS_BLOCK).unwrap_or_default();
    match by_policy(&bucket, key, action) {
        Some(false) => return false,
        Some(true) if block["restrict_public_buckets"] != true => return true,
        _ => {}
    }
    if block["ignore_public_acls"] == true {
        return false;
    }
    let of_bucket = bucket.settings.get(ACL);
    match (action, key) {
        (Action::List | Action::ListVersions, _) => lets_everybody(of_bucket, Permission::READ),
        (Action::Write | Action::Delete, _) => lets_everybody(of_bucket, Permission::WRITE),
        (Action::Read, Some(key)) => {
            let object = buckets.object(&bucket.name, key, None).await;
            object.is_ok_and(|object| lets_everybody(object.settings.get(ACL), Permission::READ))
        }
        (Action::Read, None) => false,
    }
}

/// Whether a policy lets everybody do something, wherever.
pub(super) fn is_public(policy: &Value) -> bool {
    one_or_more(&policy["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && is_everybody(&statement["Principal"])
            && statement.get("Condition").is_none()
    })
}

fn one_or_more(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

fn is_everybody(principal: &Value) -> bool {
    principal == "*" || one_or_more(&principal["AWS"]).iter().any(|principal| principal == "*")
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

/// The bucket whose website a host names: `BUCKET.s3-website.DOMAIN`, `BUCKET.s3-website.REGION.DOMAIN` or
/// `BUCKET.s3-website-REGION.DOMAIN`. Source: S3 user guide, "Website endpoints" (2026-11).
pub(super) fn website_bucket<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    [domain, "localhost", "amazonaws.com"].iter().find_map(|end| {
        let rest = name.strip_suffix(end)?.strip_suffix('.')?;
        let at = rest.rfind(".s3-website")?;
        let after = &rest[at + ".s3-website".len()..];
        (after.is_empty() || after.starts_with(['.', '-'])).then_some(&rest[..at])
    })
}

/// The bucket that a host names.
pub(super) fn virtual_bucket<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    for end in [domain, "localhost", "amazonaws.com"] {
        let Some(rest) = name.strip_suffix(end).and_then(|rest| rest.strip_suffix('.')) else { continue };
        if let Some(at) = rest.rfind(".s3") {
            let after = &rest[at + 3..];
            if !after.starts_with("-website") && (after.is_empty() || after.starts_with(['.', '-'])) {
                return Some(&rest[..at]);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_name_a_bucket() {
        for (host, bucket) in [
            ("b.s3.localhost:9440", Some("b")),
            ("my.dotted.bucket.s3.us-east-1.localhost", Some("my.dotted.bucket")),
            ("b.s3.amazonaws.com", Some("b")),
            ("b.s3-website.localhost:9440", None),
            ("s3.localhost", None),
            ("localhost:9440", None),
            ("127.0.0.1:9440", None),
            ("app.localhost", None),
        ] {
            assert_eq!(virtual_bucket(host, "localhost"), bucket, "{host}");
        }
    }

    #[test]
    fn a_host_may_name_a_website() {
        for (host, bucket) in [
            ("b.s3-website.localhost:9440", Some("b")),
            ("www.example.com.s3-website.us-east-1.localhost", Some("www.example.com")),
            ("b.s3-website-us-east-1.amazonaws.com", Some("b")),
            ("b.s3.localhost", None),
            ("b.s3-websites.localhost", None),
        ] {
            assert_eq!(website_bucket(host, "localhost"), bucket, "{host}");
        }
    }
}
