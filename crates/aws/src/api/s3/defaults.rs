//! Configurations of buckets that are kept as they are given: who may use them from other pages, who may do what, how
//! objects are encrypted, whose they are, and how they are shown as a website.

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::settings::{self, CORS, ENCRYPTION, OWNERSHIP, POLICY, PUBLIC_ACCESS_BLOCK, WEBSITE};
use super::{access, convert, encryption, website};

pub(super) fn get_cors(
    buckets: &Buckets,
    request: &S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    let value: CORSRules = settings::get(
        buckets,
        &request.input.bucket,
        CORS,
        (S3ErrorCode::NoSuchCORSConfiguration, "The CORS configuration does not exist"),
    )?;
    Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(value) }))
}

pub(super) async fn put_cors(
    buckets: &Buckets,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    settings::check_cors(&request.input.cors_configuration.cors_rules)?;
    settings::set(buckets, &request.input.bucket, CORS, &request.input.cors_configuration.cors_rules).await?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

pub(super) fn get_policy(
    buckets: &Buckets,
    request: &S3Request<GetBucketPolicyInput>,
) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    let value: String = settings::get(
        buckets,
        &request.input.bucket,
        POLICY,
        (S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist"),
    )?;
    Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(value) }))
}

pub(super) async fn put_policy(
    buckets: &Buckets,
    request: S3Request<PutBucketPolicyInput>,
) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let policy: serde_json::Value = serde_json::from_str(&request.input.policy).map_err(|_| {
        s3s::s3_error!(MalformedPolicy, "Policies must be valid JSON and the first byte must be '{{'")
    })?;
    if !policy["Statement"].is_array() && !policy["Statement"].is_object() {
        return Err(s3s::s3_error!(MalformedPolicy, "Missing required field Statement"));
    }
    let block: Option<PublicAccessBlockConfiguration> =
        settings::find(buckets, &request.input.bucket, PUBLIC_ACCESS_BLOCK)?;
    if block.is_some_and(|block| block.block_public_policy == Some(true)) && access::is_public(&policy) {
        return Err(s3s::s3_error!(AccessDenied, "Access Denied"));
    }
    settings::set(buckets, &request.input.bucket, POLICY, &request.input.policy).await?;
    Ok(S3Response::new(PutBucketPolicyOutput::default()))
}

pub(super) fn get_public_access_block(
    buckets: &Buckets,
    request: &S3Request<GetPublicAccessBlockInput>,
) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
    let value: PublicAccessBlockConfiguration = settings::get(
        buckets,
        &request.input.bucket,
        PUBLIC_ACCESS_BLOCK,
        (
            S3ErrorCode::Custom("NoSuchPublicAccessBlockConfiguration".into()),
            "The public access block configuration was not found",
        ),
    )?;
    Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(value) }))
}

pub(super) async fn put_public_access_block(
    buckets: &Buckets,
    request: S3Request<PutPublicAccessBlockInput>,
) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
    let given = request.input.public_access_block_configuration;
    // What is not said is no, and told.
    let whole = PublicAccessBlockConfiguration {
        block_public_acls: Some(given.block_public_acls.unwrap_or(false)),
        block_public_policy: Some(given.block_public_policy.unwrap_or(false)),
        ignore_public_acls: Some(given.ignore_public_acls.unwrap_or(false)),
        restrict_public_buckets: Some(given.restrict_public_buckets.unwrap_or(false)),
    };
    settings::set(buckets, &request.input.bucket, PUBLIC_ACCESS_BLOCK, &whole).await?;
    Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
}

pub(super) fn get_encryption(
    buckets: &Buckets,
    request: &S3Request<GetBucketEncryptionInput>,
) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    let value = settings::find(buckets, &request.input.bucket, ENCRYPTION)?.unwrap_or_else(|| {
        ServerSideEncryptionConfiguration {
            // What is not told otherwise is encrypted with keys of the service.
            rules: vec![ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                    sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
                    kms_master_key_id: None,
                }),
                bucket_key_enabled: Some(false),
            }],
        }
    });
    Ok(S3Response::new(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(value) }))
}

pub(super) async fn put_encryption(
    buckets: &Buckets,
    request: S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    encryption::check_default(&request.input.server_side_encryption_configuration)?;
    settings::set(
        buckets,
        &request.input.bucket,
        ENCRYPTION,
        &request.input.server_side_encryption_configuration,
    )
    .await?;
    Ok(S3Response::new(PutBucketEncryptionOutput::default()))
}

/// Whether there is such an ownership.
pub(super) fn is_ownership(word: &ObjectOwnership) -> bool {
    [
        ObjectOwnership::BUCKET_OWNER_ENFORCED,
        ObjectOwnership::BUCKET_OWNER_PREFERRED,
        ObjectOwnership::OBJECT_WRITER,
    ]
    .contains(&word.as_str())
}

pub(super) fn get_ownership_controls(
    buckets: &Buckets,
    request: &S3Request<GetBucketOwnershipControlsInput>,
) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
    let code = S3ErrorCode::Custom("OwnershipControlsNotFoundError".into());
    let missing = (code, "The bucket ownership controls were not found");
    // What holds of a bucket at first; lists are taken all the same until it is asked for by name.
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let words: Vec<String> = match settings::of(&bucket, OWNERSHIP)? {
        None => vec![ObjectOwnership::BUCKET_OWNER_ENFORCED.to_owned()],
        Some(words) => words,
    };
    if words.is_empty() {
        return Err(convert::not_found(missing.0, missing.1));
    }
    let rule = |word: String| OwnershipControlsRule { object_ownership: ObjectOwnership::from(word) };
    let rules = words.into_iter().map(rule).collect();
    Ok(S3Response::new(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls { rules }),
    }))
}

pub(super) async fn put_ownership_controls(
    buckets: &Buckets,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
    let rules = request.input.ownership_controls.rules;
    if rules.len() != 1 || !rules.iter().all(|rule| is_ownership(&rule.object_ownership)) {
        return Err(convert::malformed());
    }
    let words: Vec<&str> = rules.iter().map(|rule| rule.object_ownership.as_str()).collect();
    settings::set(buckets, &request.input.bucket, OWNERSHIP, &words).await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
}

pub(super) fn get_website(
    buckets: &Buckets,
    request: &S3Request<GetBucketWebsiteInput>,
) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
    let missing = (
        S3ErrorCode::NoSuchWebsiteConfiguration,
        "The specified bucket does not have a website configuration",
    );
    let value: WebsiteConfiguration = settings::get(buckets, &request.input.bucket, WEBSITE, missing)?;
    Ok(S3Response::new(GetBucketWebsiteOutput {
        error_document: value.error_document,
        index_document: value.index_document,
        redirect_all_requests_to: value.redirect_all_requests_to,
        routing_rules: value.routing_rules,
    }))
}

pub(super) async fn put_website(
    buckets: &Buckets,
    request: S3Request<PutBucketWebsiteInput>,
) -> S3Result<S3Response<PutBucketWebsiteOutput>> {
    website::check(&request.input.website_configuration)?;
    settings::set(buckets, &request.input.bucket, WEBSITE, &request.input.website_configuration).await?;
    Ok(S3Response::new(PutBucketWebsiteOutput::default()))
}
