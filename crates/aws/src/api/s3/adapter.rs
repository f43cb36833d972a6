//! The trait of the protocol's crate: each operation goes to the file that maps it.

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use super::settings::{self, CORS, ENCRYPTION, OWNERSHIP, POLICY, PUBLIC_ACCESS_BLOCK, WEBSITE};
use super::{acl, buckets, configurations, lifecycle, listing, lock, objects, uploads, website};

/// The buckets, as the protocol's crate asks for them. What it does not implement answers `NotImplemented`.
pub(super) struct Adapter {
    pub(super) buckets: Buckets,
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Adapter {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        buckets::create(&self.buckets, request).await
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        buckets::delete(&self.buckets, request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        buckets::head(&self.buckets, &request)
    }

    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        Ok(buckets::list(&self.buckets, &request))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        buckets::location(&self.buckets, &request)
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        buckets::get_versioning(&self.buckets, &request)
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        buckets::put_versioning(&self.buckets, request).await
    }

    async fn get_bucket_tagging(
        &self,
        request: S3Request<GetBucketTaggingInput>,
    ) -> Answer<GetBucketTaggingOutput> {
        buckets::get_tags(&self.buckets, &request)
    }

    async fn put_bucket_tagging(
        &self,
        request: S3Request<PutBucketTaggingInput>,
    ) -> Answer<PutBucketTaggingOutput> {
        buckets::put_tags(&self.buckets, request).await
    }

    async fn delete_bucket_tagging(
        &self,
        request: S3Request<DeleteBucketTaggingInput>,
    ) -> Answer<DeleteBucketTaggingOutput> {
        buckets::delete_tags(&self.buckets, request).await
    }

    async fn get_bucket_notification_configuration(
        &self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> Answer<GetBucketNotificationConfigurationOutput> {
        buckets::get_notifications(&self.buckets, &request)
    }

    async fn put_bucket_notification_configuration(
        &self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> Answer<PutBucketNotificationConfigurationOutput> {
        buckets::put_notifications(&self.buckets, request).await
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        objects::put(&self.buckets, request, "ObjectCreated:Put").await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        objects::get(&self.buckets, request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        objects::head(&self.buckets, request).await
    }

    async fn get_object_attributes(
        &self,
        request: S3Request<GetObjectAttributesInput>,
    ) -> Answer<GetObjectAttributesOutput> {
        objects::attributes(&self.buckets, request).await
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        objects::copy(&self.buckets, request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        objects::delete(&self.buckets, request).await
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        objects::delete_many(&self.buckets, request).await
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> Answer<GetObjectTaggingOutput> {
        objects::get_tags(&self.buckets, request).await
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> Answer<PutObjectTaggingOutput> {
        objects::put_tags(&self.buckets, request).await
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> Answer<DeleteObjectTaggingOutput> {
        objects::delete_tags(&self.buckets, request).await
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        listing::v1(&self.buckets, request).await
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        listing::v2(&self.buckets, request).await
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        listing::versions(&self.buckets, request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        uploads::begin(&self.buckets, request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        uploads::part(&self.buckets, request).await
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        uploads::part_copy(&self.buckets, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        uploads::complete(&self.buckets, request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        uploads::abort(&self.buckets, request).await
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        uploads::parts(&self.buckets, request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        uploads::list(&self.buckets, request).await
    }

    async fn get_bucket_cors(&self, request: S3Request<GetBucketCorsInput>) -> Answer<GetBucketCorsOutput> {
        let value: CORSRules = settings::get(
            &self.buckets,
            &request.input.bucket,
            CORS,
            (S3ErrorCode::NoSuchCORSConfiguration, "The CORS configuration does not exist"),
        )?;
        Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(value) }))
    }

    async fn put_bucket_cors(&self, request: S3Request<PutBucketCorsInput>) -> Answer<PutBucketCorsOutput> {
        settings::check_cors(&request.input.cors_configuration.cors_rules)?;
        settings::set(
            &self.buckets,
            &request.input.bucket,
            CORS,
            &request.input.cors_configuration.cors_rules,
        )
        .await?;
        Ok(S3Response::new(PutBucketCorsOutput::default()))
    }

    async fn delete_bucket_cors(
        &self,
        request: S3Request<DeleteBucketCorsInput>,
    ) -> Answer<DeleteBucketCorsOutput> {
        settings::unset(&self.buckets, &request.input.bucket, CORS).await?;
        Ok(S3Response::new(DeleteBucketCorsOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        request: S3Request<GetBucketPolicyInput>,
    ) -> Answer<GetBucketPolicyOutput> {
        let value: String = settings::get(
            &self.buckets,
            &request.input.bucket,
            POLICY,
            (S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist"),
        )?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(value) }))
    }

    async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> Answer<PutBucketPolicyOutput> {
        let policy: serde_json::Value = serde_json::from_str(&request.input.policy).map_err(|_| {
            s3s::s3_error!(MalformedPolicy, "Policies must be valid JSON and the first byte must be a brace")
        })?;
        if !policy["Statement"].is_array() && !policy["Statement"].is_object() {
            return Err(s3s::s3_error!(MalformedPolicy, "Missing required field Statement"));
        }
        settings::set(&self.buckets, &request.input.bucket, POLICY, &request.input.policy).await?;
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    async fn delete_bucket_policy(
        &self,
        request: S3Request<DeleteBucketPolicyInput>,
    ) -> Answer<DeleteBucketPolicyOutput> {
        settings::unset(&self.buckets, &request.input.bucket, POLICY).await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
    }

    async fn get_public_access_block(
        &self,
        request: S3Request<GetPublicAccessBlockInput>,
    ) -> Answer<GetPublicAccessBlockOutput> {
        let value: PublicAccessBlockConfiguration = settings::get(
            &self.buckets,
            &request.input.bucket,
            PUBLIC_ACCESS_BLOCK,
            (
                S3ErrorCode::Custom("NoSuchPublicAccessBlockConfiguration".into()),
                "The public access block configuration was not found",
            ),
        )?;
        Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(value) }))
    }

    async fn put_public_access_block(
        &self,
        request: S3Request<PutPublicAccessBlockInput>,
    ) -> Answer<PutPublicAccessBlockOutput> {
        settings::set(
            &self.buckets,
            &request.input.bucket,
            PUBLIC_ACCESS_BLOCK,
            &request.input.public_access_block_configuration,
        )
        .await?;
        Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
    }

    async fn delete_public_access_block(
        &self,
        request: S3Request<DeletePublicAccessBlockInput>,
    ) -> Answer<DeletePublicAccessBlockOutput> {
        settings::unset(&self.buckets, &request.input.bucket, PUBLIC_ACCESS_BLOCK).await?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput::default()))
    }

    async fn get_bucket_encryption(
        &self,
        request: S3Request<GetBucketEncryptionInput>,
    ) -> Answer<GetBucketEncryptionOutput> {
        let value = settings::find(&self.buckets, &request.input.bucket, ENCRYPTION)?.unwrap_or_else(|| {
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

    async fn put_bucket_encryption(
        &self,
        request: S3Request<PutBucketEncryptionInput>,
    ) -> Answer<PutBucketEncryptionOutput> {
        settings::set(
            &self.buckets,
            &request.input.bucket,
            ENCRYPTION,
            &request.input.server_side_encryption_configuration,
        )
        .await?;
        Ok(S3Response::new(PutBucketEncryptionOutput::default()))
    }

    async fn delete_bucket_encryption(
        &self,
        request: S3Request<DeleteBucketEncryptionInput>,
    ) -> Answer<DeleteBucketEncryptionOutput> {
        settings::unset(&self.buckets, &request.input.bucket, ENCRYPTION).await?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
    }

    async fn get_bucket_ownership_controls(
        &self,
        request: S3Request<GetBucketOwnershipControlsInput>,
    ) -> Answer<GetBucketOwnershipControlsOutput> {
        let code = S3ErrorCode::Custom("OwnershipControlsNotFoundError".into());
        let missing = (code, "The bucket ownership controls were not found");
        let words: Vec<String> = settings::get(&self.buckets, &request.input.bucket, OWNERSHIP, missing)?;
        let rule = |word: String| OwnershipControlsRule { object_ownership: ObjectOwnership::from(word) };
        let rules = words.into_iter().map(rule).collect();
        Ok(S3Response::new(GetBucketOwnershipControlsOutput {
            ownership_controls: Some(OwnershipControls { rules }),
        }))
    }

    async fn put_bucket_ownership_controls(
        &self,
        request: S3Request<PutBucketOwnershipControlsInput>,
    ) -> Answer<PutBucketOwnershipControlsOutput> {
        let rules = request.input.ownership_controls.rules;
        let words: Vec<&str> = rules.iter().map(|rule| rule.object_ownership.as_str()).collect();
        settings::set(&self.buckets, &request.input.bucket, OWNERSHIP, &words).await?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
    }

    async fn delete_bucket_ownership_controls(
        &self,
        request: S3Request<DeleteBucketOwnershipControlsInput>,
    ) -> Answer<DeleteBucketOwnershipControlsOutput> {
        settings::unset(&self.buckets, &request.input.bucket, OWNERSHIP).await?;
        Ok(S3Response::new(DeleteBucketOwnershipControlsOutput::default()))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        request: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        lifecycle::get(&self.buckets, &request)
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        request: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> Answer<PutBucketLifecycleConfigurationOutput> {
        lifecycle::put(&self.buckets, request).await
    }

    async fn delete_bucket_lifecycle(
        &self,
        request: S3Request<DeleteBucketLifecycleInput>,
    ) -> Answer<DeleteBucketLifecycleOutput> {
        lifecycle::delete(&self.buckets, request).await
    }

    async fn get_bucket_website(
        &self,
        request: S3Request<GetBucketWebsiteInput>,
    ) -> Answer<GetBucketWebsiteOutput> {
        let missing = (
            S3ErrorCode::NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration",
        );
        let value: WebsiteConfiguration =
            settings::get(&self.buckets, &request.input.bucket, WEBSITE, missing)?;
        Ok(S3Response::new(GetBucketWebsiteOutput {
            error_document: value.error_document,
            index_document: value.index_document,
            redirect_all_requests_to: value.redirect_all_requests_to,
            routing_rules: value.routing_rules,
        }))
    }

    async fn put_bucket_website(
        &self,
        request: S3Request<PutBucketWebsiteInput>,
    ) -> Answer<PutBucketWebsiteOutput> {
        website::check(&request.input.website_configuration)?;
        settings::set(&self.buckets, &request.input.bucket, WEBSITE, &request.input.website_configuration)
            .await?;
        Ok(S3Response::new(PutBucketWebsiteOutput::default()))
    }

    async fn delete_bucket_website(
        &self,
        request: S3Request<DeleteBucketWebsiteInput>,
    ) -> Answer<DeleteBucketWebsiteOutput> {
        settings::unset(&self.buckets, &request.input.bucket, WEBSITE).await?;
        Ok(S3Response::new(DeleteBucketWebsiteOutput::default()))
    }

    async fn get_bucket_acl(&self, request: S3Request<GetBucketAclInput>) -> Answer<GetBucketAclOutput> {
        acl::get_bucket(&self.buckets, &request)
    }

    async fn put_bucket_acl(&self, request: S3Request<PutBucketAclInput>) -> Answer<PutBucketAclOutput> {
        acl::put_bucket(&self.buckets, request).await
    }

    async fn get_object_acl(&self, request: S3Request<GetObjectAclInput>) -> Answer<GetObjectAclOutput> {
        acl::get_object(&self.buckets, request).await
    }

    async fn put_object_acl(&self, request: S3Request<PutObjectAclInput>) -> Answer<PutObjectAclOutput> {
        acl::put_object(&self.buckets, request).await
    }

    async fn get_object_lock_configuration(
        &self,
        request: S3Request<GetObjectLockConfigurationInput>,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        lock::get_configuration(&self.buckets, &request)
    }

    async fn put_object_lock_configuration(
        &self,
        request: S3Request<PutObjectLockConfigurationInput>,
    ) -> Answer<PutObjectLockConfigurationOutput> {
        lock::put_configuration(&self.buckets, request).await
    }

    async fn get_object_retention(
        &self,
        request: S3Request<GetObjectRetentionInput>,
    ) -> Answer<GetObjectRetentionOutput> {
        lock::get_retention(&self.buckets, request).await
    }

    async fn put_object_retention(
        &self,
        request: S3Request<PutObjectRetentionInput>,
    ) -> Answer<PutObjectRetentionOutput> {
        lock::put_retention(&self.buckets, request).await
    }

    async fn get_object_legal_hold(
        &self,
        request: S3Request<GetObjectLegalHoldInput>,
    ) -> Answer<GetObjectLegalHoldOutput> {
        lock::get_legal_hold(&self.buckets, request).await
    }

    async fn put_object_legal_hold(
        &self,
        request: S3Request<PutObjectLegalHoldInput>,
    ) -> Answer<PutObjectLegalHoldOutput> {
        lock::put_legal_hold(&self.buckets, request).await
    }

    async fn get_bucket_policy_status(
        &self,
        request: S3Request<GetBucketPolicyStatusInput>,
    ) -> Answer<GetBucketPolicyStatusOutput> {
        configurations::policy_status(&self.buckets, &request)
    }

    async fn get_bucket_accelerate_configuration(
        &self,
        request: S3Request<GetBucketAccelerateConfigurationInput>,
    ) -> Answer<GetBucketAccelerateConfigurationOutput> {
        configurations::get_accelerate(&self.buckets, &request)
    }

    async fn put_bucket_accelerate_configuration(
        &self,
        request: S3Request<PutBucketAccelerateConfigurationInput>,
    ) -> Answer<PutBucketAccelerateConfigurationOutput> {
        configurations::put_accelerate(&self.buckets, request).await
    }

    async fn get_bucket_logging(
        &self,
        request: S3Request<GetBucketLoggingInput>,
    ) -> Answer<GetBucketLoggingOutput> {
        configurations::get_logging(&self.buckets, &request)
    }

    async fn put_bucket_logging(
        &self,
        request: S3Request<PutBucketLoggingInput>,
    ) -> Answer<PutBucketLoggingOutput> {
        configurations::put_logging(&self.buckets, request).await
    }

    async fn get_bucket_request_payment(
        &self,
        request: S3Request<GetBucketRequestPaymentInput>,
    ) -> Answer<GetBucketRequestPaymentOutput> {
        configurations::get_request_payment(&self.buckets, &request)
    }

    async fn put_bucket_request_payment(
        &self,
        request: S3Request<PutBucketRequestPaymentInput>,
    ) -> Answer<PutBucketRequestPaymentOutput> {
        configurations::put_request_payment(&self.buckets, request).await
    }
}
