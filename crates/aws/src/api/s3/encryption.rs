//! Encryption on the server's side, as it is asked for and told. Nothing is encrypted at rest: the parameters are checked
//! and kept, and who reads must give the key again that an object was written with, as on AWS.
//!
//! Source: S3 user guide, "Protecting data with server-side encryption" (2026-11); messages as recorded there in 2025.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_sources::bucket::{Bucket, Buckets, Object};
use http::HeaderMap;
use md5::Digest as _;
use s3s::dto::{ServerSideEncryption, ServerSideEncryptionConfiguration};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::errors::with_details;
use super::settings::{self, ENCRYPTION};

/// Where the parameters are kept among the settings of an object.
const SETTING: &str = "encryption";
/// Before the names of the headers that are about the source of a copy.
pub(super) const OF_SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer";
/// Before the names of the headers that are about the object itself.
const OF_OBJECT: &str = "x-amz-server-side-encryption-customer";

/// How an object is encrypted, as far as anybody is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Encryption {
    /// With keys of the service.
    #[default]
    Service,
    /// With a key of the key management service.
    Kms {
        /// `aws:kms` or `aws:kms:dsse`.
        algorithm: String,
        /// The key's ARN.
        key: String,
        /// Whether the bucket has a key of its own below it.
        bucket_key: bool,
    },
    /// With a key that comes with each request; its MD5 in base64 is kept.
    Customer(String),
}

/// The members of answers that tell of it.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) algorithm: Option<ServerSideEncryption>,
    pub(super) key: Option<String>,
    pub(super) bucket_key: Option<bool>,
    pub(super) customer_algorithm: Option<String>,
    pub(super) customer_key: Option<String>,
}

impl Encryption {
    /// What a request that writes asks for, or the bucket's default.
    pub(super) fn asked(buckets: &Buckets, bucket: &Bucket, headers: &HeaderMap) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let algorithm = text("x-amz-server-side-encryption");
        let by_customer = headers.keys().any(|name| name.as_str().starts_with(OF_OBJECT));
        if let Some(algorithm) = algorithm.filter(|_| by_customer) {
            return Err(incompatible(algorithm));
        }
        if let Some(key) = customer_key(headers, OF_OBJECT)? {
            return Ok(Self::Customer(key));
        }
        let key = text("x-amz-server-side-encryption-aws-kms-key-id").map(str::to_owned);
        let bucket_key = text("x-amz-server-side-encryption-bucket-key-enabled").map(|text| text == "true");
        match algorithm {
            Some(ServerSideEncryption::AES256) => Ok(Self::Service),
            Some(algorithm @ (ServerSideEncryption::AWS_KMS | ServerSideEncryption::AWS_KMS_DSSE)) => {
                let bucket_key = bucket_key.unwrap_or_else(|| default(bucket).is_ok_and(|default| default.2));
                Ok(Self::Kms { algorithm: algorithm.to_owned(), key: key_arn(buckets, key), bucket_key })
            }
            Some(other) => Err(argument("The encryption method specified is not supported", Some(other))),
            None if key.is_some() => Err(argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                None,
            )),
            None => {
                let (algorithm, key, default_bucket_key) = default(bucket)?;
                let bucket_key = bucket_key.unwrap_or(default_bucket_key);
                Ok(match algorithm.as_str() {
                    ServerSideEncryption::AES256 => Self::Service,
                    _ => Self::Kms { algorithm, key: key_arn(buckets, key), bucket_key },
                })
            }
        }
    }

    /// How an object, or an upload, is encrypted.
    pub(super) fn of(settings: &BTreeMap<String, String>) -> Self {
        settings.get(SETTING).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Keeps it with the other settings of an object.
    pub(super) fn keep(&self, settings: &mut BTreeMap<String, String>) -> S3Result<()> {
        settings.remove(SETTING);
        if *self != Self::Service {
            settings
                .insert(SETTING.to_owned(), serde_json::to_string(self).map_err(S3Error::internal_error)?);
        }
        Ok(())
    }

    pub(super) fn told(&self) -> Told {
        match self {
            Self::Service => Told {
                algorithm: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
                ..Told::default()
            },
            Self::Kms { algorithm, key, bucket_key } => Told {
                algorithm: Some(ServerSideEncryption::from(algorithm.clone())),
                key: Some(key.clone()),
                bucket_key: bucket_key.then_some(true),
                ..Told::default()
            },
            Self::Customer(key) => Told {
                customer_algorithm: Some("AES256".to_owned()),
                customer_key: Some(key.clone()),
                ..Told::default()
            },
        }
    }

    /// Whether the key of a request that writes a part is that of its upload.
    pub(super) fn check_part(&self, headers: &HeaderMap) -> S3Result<()> {
        match (self, customer_key(headers, OF_OBJECT)?) {
            (Self::Customer(own), Some(given)) if *own != given => Err(s3_error!(
                InvalidRequest,
                "The provided encryption parameters did not match the ones used originally."
            )),
            (Self::Customer(_), Some(_)) | (Self::Service | Self::Kms { .. }, None) => Ok(()),
            _ => Err(s3_error!(
                InvalidRequest,
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters."
            )),
        }
    }
}

/// Whether whoever reads an object gave the key that it was written with. `prefix` is that of the headers.
pub(super) fn check_reader(
    object: &Object,
    headers: &HeaderMap,
    prefix: Option<&str>,
) -> S3Result<Encryption> {
    let encryption = Encryption::of(&object.settings);
    let prefix = prefix.unwrap_or(OF_OBJECT);
    let given = headers.keys().any(|name| name.as_str().starts_with(prefix));
    match &encryption {
        Encryption::Customer(_) if !given => Err(s3_error!(
            InvalidRequest,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
        )),
        Encryption::Customer(own) => {
            let wrong = || {
                s3_error!(
                    AccessDenied,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."
                )
            };
            if !headers.contains_key(format!("{prefix}-key-md5")) {
                return Err(wrong());
            }
            match customer_key(headers, prefix) {
                Ok(Some(key)) if key == *own => Ok(encryption),
                Err(error) if *error.code() == S3ErrorCode::InvalidEncryptionAlgorithmError => Err(error),
                _ => Err(wrong()),
            }
        }
        _ if given => {
            customer_key(headers, prefix)?;
            Err(s3_error!(InvalidRequest, "The encryption parameters are not applicable to this object."))
        }
        _ => Ok(encryption),
    }
}

/// Checks the default encryption that a bucket shall have.
pub(super) fn check_default(configuration: &ServerSideEncryptionConfiguration) -> S3Result<()> {
    let [rule] = configuration.rules.as_slice() else { return Err(super::convert::malformed()) };
    let Some(default) = &rule.apply_server_side_encryption_by_default else {
        return Err(super::convert::malformed());
    };
    if default.sse_algorithm.as_str() == ServerSideEncryption::AES256 && default.kms_master_key_id.is_some() {
        return Err(s3_error!(
            InvalidArgument,
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        ));
    }
    Ok(())
}

/// The default encryption of a bucket: the algorithm, the key, and whether the bucket has a key of its own.
fn default(bucket: &Bucket) -> S3Result<(String, Option<String>, bool)> {
    let configuration: Option<ServerSideEncryptionConfiguration> = settings::of(bucket, ENCRYPTION)?;
    let rule = configuration.and_then(|configuration| configuration.rules.into_iter().next());
    let bucket_key = rule.as_ref().and_then(|rule| rule.bucket_key_enabled).unwrap_or(false);
    let rule = rule.and_then(|rule| rule.apply_server_side_encryption_by_default);
    Ok(match rule {
        Some(rule) => (rule.sse_algorithm.as_str().to_owned(), rule.kms_master_key_id, bucket_key),
        None => (ServerSideEncryption::AES256.to_owned(), None, bucket_key),
    })
}

/// The key's ARN; that of the service's own key of the account where none is named.
fn key_arn(buckets: &Buckets, key: Option<String>) -> String {
    let arn = |rest: &str| format!("arn:aws:kms:{}:{}:{rest}", buckets.region(), buckets.account());
    match key {
        Some(key) if key.starts_with("arn:") => key,
        Some(key) if key.starts_with("alias/") => arn(&key),
        Some(key) => arn(&format!("key/{key}")),
        None => {
            // The same for all objects of an account, as the key `aws/s3` is.
            let name = md5::Md5::digest(format!("aws/s3 {}", buckets.account()));
            let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [&name[..8], &name[8..12], &name[12..16], &name[16..20], &name[20..]];
            arn(&format!("key/{}", parts.join("-")))
        }
    }
}

/// The MD5 of the key that a request gives, where it gives one, checked.
fn customer_key(headers: &HeaderMap, prefix: &str) -> S3Result<Option<String>> {
    let text = |name: &str| headers.get(format!("{prefix}-{name}")).and_then(|value| value.to_str().ok());
    let (algorithm, key, md5) = (text("algorithm"), text("key"), text("key-md5"));
    if algorithm.is_none() && key.is_none() && md5.is_none() {
        return Ok(None);
    }
    let Some(algorithm) = algorithm else {
        return Err(argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            None,
        ));
    };
    if algorithm != "AES256" {
        let code = S3ErrorCode::InvalidEncryptionAlgorithmError;
        let message = "The Encryption request you specified is not valid. Supported value: AES256.";
        return Err(detailed(S3Error::with_message(code, message), Some(algorithm)));
    }
    let Some(key) = key else {
        return Err(argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            None,
        ));
    };
    let bytes = STANDARD.decode(key).unwrap_or_default();
    let Some(md5) = md5.filter(|_| bytes.len() == 32) else {
        return Err(argument("The secret key was invalid for the specified algorithm.", None));
    };
    if STANDARD.encode(md5::Md5::digest(&bytes)) != md5 {
        let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
        return Err(argument(message, None));
    }
    Ok(Some(md5.to_owned()))
}

fn incompatible(algorithm: &str) -> S3Error {
    let message = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
    argument(message, Some(algorithm))
}

fn argument(message: &'static str, value: Option<&str>) -> S3Error {
    detailed(S3Error::with_message(S3ErrorCode::InvalidArgument, message), value)
}

fn detailed(error: S3Error, value: Option<&str>) -> S3Error {
    let mut details = vec![("ArgumentName", "x-amz-server-side-encryption")];
    details.extend(value.map(|value| ("ArgumentValue", value)));
    with_details(error, &details)
}
