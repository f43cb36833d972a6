//! Configurations that are kept and told, and change nothing: there is nothing to accelerate, to log to, or to pay.

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::access::is_public;
use super::convert;
use super::settings::{self, ACCELERATE, LOGGING, POLICY, REQUEST_PAYMENT};

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

pub(super) fn get_logging(
    buckets: &Buckets,
    request: &S3Request<GetBucketLoggingInput>,
) -> S3Result<S3Response<GetBucketLoggingOutput>> {
    let kept: Option<(String, String)> = settings::find(buckets, &request.input.bucket, LOGGING)?;
    let logging_enabled = kept.map(|(target_bucket, target_prefix)| LoggingEnabled {
        target_bucket,
        target_prefix,
        target_grants: None,
        target_object_key_format: None,
    });
    Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled }))
}

pub(super) async fn put_logging(
    buckets: &Buckets,
    request: S3Request<PutBucketLoggingInput>,
) -> S3Result<S3Response<PutBucketLoggingOutput>> {
    let input = request.input;
    let Some(logging) = input.bucket_logging_status.logging_enabled else {
        settings::unset(buckets, &input.bucket, LOGGING).await?;
        return Ok(S3Response::new(PutBucketLoggingOutput::default()));
    };
    if buckets.bucket(&logging.target_bucket).is_err() {
        return Err(s3_error!(InvalidTargetBucketForLogging, "The target bucket for logging does not exist"));
    }
    if logging.target_grants.is_some_and(|grants| !grants.is_empty())
        || logging.target_object_key_format.is_some()
    {
        return Err(s3_error!(NotImplemented, "ebb keeps no grants and no formats of keys for access logs"));
    }
    settings::set(buckets, &input.bucket, LOGGING, &(logging.target_bucket, logging.target_prefix)).await?;
    Ok(S3Response::new(PutBucketLoggingOutput::default()))
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
