//! Configurations that are kept and told, and change nothing: there is nothing to accelerate, to log to, or to pay.

use ebb_sources::bucket::{Buckets, Versioning};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::access::is_public;
use super::convert;
use super::errors::{with_details, with_status};
use super::settings::{self, ACCELERATE, LOGGING, POLICY, REPLICATION, REQUEST_PAYMENT};

pub(super) fn policy_status(
    buckets: &Buckets,
    request: &S3Request<GetBucketPolicyStatusInput>,
) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    let missing = (s3s::S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist");
    let policy: String = settings::get(buckets, &request.input.bucket, POLICY, missing)?;
    let policy = serde_json::from_str(&policy).map_err(s3s::S3Error::internal_error)?;
    let policy_status = Some(PolicyStatus { is_public: Some(is_public(&policy)) });
    Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status }))
}

pub(super) fn get_accelerate(
    buckets: &Buckets,
    request: &S3Request<GetBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<GetBucketAccelerateConfigurationOutput>> {
    let status: Option<String> = settings::find(buckets, &request.input.bucket, ACCELERATE)?;
    Ok(S3Response::new(GetBucketAccelerateConfigurationOutput {
        status: status.map(BucketAccelerateStatus::from),
        ..GetBucketAccelerateConfigurationOutput::default()
    }))
}

pub(super) async fn put_accelerate(
    buckets: &Buckets,
    request: S3Request<PutBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<PutBucketAccelerateConfigurationOutput>> {
    let input = request.input;
    if input.bucket.contains('.') {
        return Err(s3_error!(
            InvalidRequest,
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        ));
    }
    let status = input.accelerate_configuration.status.ok_or_else(convert::malformed)?;
    if ![BucketAccelerateStatus::ENABLED, BucketAccelerateStatus::SUSPENDED].contains(&status.as_str()) {
        return Err(convert::malformed());
    }
    settings::set(buckets, &input.bucket, ACCELERATE, &status.as_str()).await?;
    Ok(S3Response::new(PutBucketAccelerateConfigurationOutput::default()))
}

/// Where access logs would go.
#[derive(Debug, Serialize, Deserialize)]
struct KeptLogging {
    bucket: String,
    prefix: String,
    #[serde(default)]
    grants: Option<Vec<KeptGrant>>,
}

/// Who might read access logs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KeptGrant {
    id: Option<String>,
    group: Option<String>,
    email: Option<String>,
    permission: Option<String>,
}

impl KeptGrant {
    fn of(grant: TargetGrant) -> Self {
        let permission = grant.permission.map(|permission| permission.as_str().to_owned());
        match grant.grantee {
            Some(who) => Self { id: who.id, group: who.uri, email: who.email_address, permission },
            None => Self { permission, ..Self::default() },
        }
    }

    fn told(self) -> TargetGrant {
        let kind = match (&self.group, &self.email) {
            (Some(_), _) => Type::GROUP,
            (None, Some(_)) => Type::AMAZON_CUSTOMER_BY_EMAIL,
            (None, None) => Type::CANONICAL_USER,
        };
        TargetGrant {
            permission: self.permission.map(BucketLogsPermission::from),
            grantee: Some(Grantee {
                display_name: None,
                email_address: self.email,
                id: self.id,
                type_: Type::from_static(kind),
                uri: self.group,
            }),
        }
    }
}

pub(super) fn get_logging(
    buckets: &Buckets,
    request: &S3Request<GetBucketLoggingInput>,
) -> S3Result<S3Response<GetBucketLoggingOutput>> {
    let kept: Option<KeptLogging> = settings::find(buckets, &request.input.bucket, LOGGING)?;
    let logging_enabled = kept.map(|kept| LoggingEnabled {
        target_bucket: kept.bucket,
        target_prefix: kept.prefix,
        target_grants: kept.grants.map(|grants| grants.into_iter().map(KeptGrant::told).collect()),
        target_object_key_format: None,
    });
    Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled }))
}

pub(super) async fn put_logging(
    buckets: &Buckets,
    request: S3Request<PutBucketLoggingInput>,
) -> S3Result<S3Response<PutBucketLoggingOutput>> {
    let input = request.input;
    let source = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let Some(logging) = input.bucket_logging_status.logging_enabled else {
        settings::unset(buckets, &input.bucket, LOGGING).await?;
        return Ok(S3Response::new(PutBucketLoggingOutput::default()));
    };
    let Ok(target) = buckets.bucket(&logging.target_bucket) else {
        let error = s3_error!(InvalidTargetBucketForLogging, "The target bucket for logging does not exist");
        return Err(with_details(error, &[("TargetBucket", &logging.target_bucket)]));
    };
    let (from, to) = (source.region(buckets.region()), target.region(buckets.region()));
    if from != to {
        // As the service spells it.
        let code = S3ErrorCode::Custom("CrossLocationLoggingProhibitted".into());
        let mut error = S3Error::with_message(code, "Cross S3 location logging not allowed. ");
        error.set_status_code(http::StatusCode::FORBIDDEN);
        let mut details = vec![("TargetBucketLocation", to)];
        details.extend((from != "us-east-1").then_some(("SourceBucketLocation", from)));
        return Err(with_details(error, &details));
    }
    if logging.target_object_key_format.is_some() {
        return Err(s3_error!(NotImplemented, "ebb keeps no formats of keys for access logs"));
    }
    let grants = logging.target_grants.map(|grants| grants.into_iter().map(KeptGrant::of).collect());
    let kept = KeptLogging { bucket: logging.target_bucket, prefix: logging.target_prefix, grants };
    settings::set(buckets, &input.bucket, LOGGING, &kept).await?;
    Ok(S3Response::new(PutBucketLoggingOutput::default()))
}

pub(super) fn get_replication(
    buckets: &Buckets,
    request: &S3Request<GetBucketReplicationInput>,
) -> S3Result<S3Response<GetBucketReplicationOutput>> {
    let code = S3ErrorCode::ReplicationConfigurationNotFoundError;
    let missing = (code, "The replication configuration was not found");
    let kept: ReplicationConfiguration = settings::get(buckets, &request.input.bucket, REPLICATION, missing)?;
    Ok(S3Response::new(GetBucketReplicationOutput { replication_configuration: Some(kept) }))
}

pub(super) async fn put_replication(
    buckets: &Buckets,
    request: S3Request<PutBucketReplicationInput>,
) -> S3Result<S3Response<PutBucketReplicationOutput>> {
    let input = request.input;
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    if bucket.versioning != Versioning::Enabled {
        return Err(s3_error!(
            InvalidRequest,
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        ));
    }
    let mut configuration = input.replication_configuration;
    if configuration.rules.is_empty() {
        return Err(convert::malformed());
    }
    for rule in &mut configuration.rules {
        let name = rule.destination.bucket.rsplit(':').next().unwrap_or_default();
        if !buckets.bucket(name).is_ok_and(|bucket| bucket.versioning == Versioning::Enabled) {
            return Err(s3_error!(InvalidRequest, "Destination bucket must have versioning enabled."));
        }
        rule.id.get_or_insert_with(|| ebb_model::RequestId::random().to_string());
    }
    settings::set(buckets, &input.bucket, REPLICATION, &configuration).await?;
    Ok(S3Response::new(PutBucketReplicationOutput::default()))
}

pub(super) async fn delete_replication(
    buckets: &Buckets,
    request: S3Request<DeleteBucketReplicationInput>,
) -> S3Result<S3Response<DeleteBucketReplicationOutput>> {
    settings::unset(buckets, &request.input.bucket, REPLICATION).await?;
    Ok(with_status(DeleteBucketReplicationOutput::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn get_request_payment(
    buckets: &Buckets,
    request: &S3Request<GetBucketRequestPaymentInput>,
) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
    let payer: Option<String> = settings::find(buckets, &request.input.bucket, REQUEST_PAYMENT)?;
    let payer = Some(Payer::from(payer.unwrap_or_else(|| Payer::BUCKET_OWNER.to_owned())));
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer }))
}

pub(super) async fn put_request_payment(
    buckets: &Buckets,
    request: S3Request<PutBucketRequestPaymentInput>,
) -> S3Result<S3Response<PutBucketRequestPaymentOutput>> {
    let input = request.input;
    let payer = input.request_payment_configuration.payer;
    if ![Payer::BUCKET_OWNER, Payer::REQUESTER].contains(&payer.as_str()) {
        return Err(convert::malformed());
    }
    settings::set(buckets, &input.bucket, REQUEST_PAYMENT, &payer.as_str()).await?;
    Ok(S3Response::new(PutBucketRequestPaymentOutput::default()))
}
