//! The trait of the protocol's crate: each operation goes to the file that maps it.

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::settings::{self, CORS, ENCRYPTION, OWNERSHIP, POLICY, PUBLIC_ACCESS_BLOCK, WEBSITE};
use super::{
    acl, buckets, configurations, copies, defaults, forms, lifecycle, listing, lock, notifications,
    object_tags, objects, reports, restore, uploads,
};

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
        buckets::list(&self.buckets, &request)
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
        notifications::get(&self.buckets, &request)
    }

    async fn put_bucket_notification_configuration(
        &self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> Answer<PutBucketNotificationConfigurationOutput> {
        notifications::put(&self.buckets, request).await
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let by_form = request.extensions.get::<forms::OfForm>().is_some();
        let event = if by_form { "ObjectCreated:Post" } else { "ObjectCreated:Put" };
        objects::put(&self.buckets, request, event).await
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

    async fn restore_object(&self, request: S3Request<RestoreObjectInput>) -> Answer<RestoreObjectOutput> {
        restore::restore(&self.buckets, request).await
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        copies::copy(&self.buckets, request).await
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
        object_tags::get(&self.buckets, request).await
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> Answer<PutObjectTaggingOutput> {
        object_tags::put(&self.buckets, request).await
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> Answer<DeleteObjectTaggingOutput> {
        object_tags::delete(&self.buckets, request).await
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
        defaults::get_cors(&self.buckets, &request)
    }

    async fn put_bucket_cors(&self, request: S3Request<PutBucketCorsInput>) -> Answer<PutBucketCorsOutput> {
        defaults::put_cors(&self.buckets, request).await
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
        defaults::get_policy(&self.buckets, &request)
    }

    async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> Answer<PutBucketPolicyOutput> {
        defaults::put_policy(&self.buckets, request).await
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
        defaults::get_public_access_block(&self.buckets, &request)
    }

    async fn put_public_access_block(
        &self,
        request: S3Request<PutPublicAccessBlockInput>,
    ) -> Answer<PutPublicAccessBlockOutput> {
        defaults::put_public_access_block(&self.buckets, request).await
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
        defaults::get_encryption(&self.buckets, &request)
    }

    async fn put_bucket_encryption(
        &self,
        request: S3Request<PutBucketEncryptionInput>,
    ) -> Answer<PutBucketEncryptionOutput> {
        defaults::put_encryption(&self.buckets, request).await
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
        defaults::get_ownership_controls(&self.buckets, &request)
    }

    async fn put_bucket_ownership_controls(
        &self,
        request: S3Request<PutBucketOwnershipControlsInput>,
    ) -> Answer<PutBucketOwnershipControlsOutput> {
        defaults::put_ownership_controls(&self.buckets, request).await
    }

    async fn delete_bucket_ownership_controls(
        &self,
        request: S3Request<DeleteBucketOwnershipControlsInput>,
    ) -> Answer<DeleteBucketOwnershipControlsOutput> {
        // None is another than that which holds at first.
        settings::set(&self.buckets, &request.input.bucket, OWNERSHIP, &Vec::<String>::new()).await?;
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
        defaults::get_website(&self.buckets, &request)
    }

    async fn put_bucket_website(
        &self,
        request: S3Request<PutBucketWebsiteInput>,
    ) -> Answer<PutBucketWebsiteOutput> {
        defaults::put_website(&self.buckets, request).await
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

    async fn put_bucket_metrics_configuration(
        &self,
        request: S3Request<PutBucketMetricsConfigurationInput>,
    ) -> Answer<PutBucketMetricsConfigurationOutput> {
        reports::put_metrics(&self.buckets, request.input).await
    }

    async fn get_bucket_metrics_configuration(
        &self,
        request: S3Request<GetBucketMetricsConfigurationInput>,
    ) -> Answer<GetBucketMetricsConfigurationOutput> {
        reports::get_metrics(&self.buckets, &request.input)
    }

    async fn delete_bucket_metrics_configuration(
        &self,
        request: S3Request<DeleteBucketMetricsConfigurationInput>,
    ) -> Answer<DeleteBucketMetricsConfigurationOutput> {
        reports::delete_metrics(&self.buckets, request.input).await
    }

    async fn list_bucket_metrics_configurations(
        &self,
        request: S3Request<ListBucketMetricsConfigurationsInput>,
    ) -> Answer<ListBucketMetricsConfigurationsOutput> {
        reports::list_metrics(&self.buckets, &request.input)
    }

    async fn put_bucket_inventory_configuration(
        &self,
        request: S3Request<PutBucketInventoryConfigurationInput>,
    ) -> Answer<PutBucketInventoryConfigurationOutput> {
        reports::put_inventory(&self.buckets, request.input).await
    }

    async fn get_bucket_inventory_configuration(
        &self,
        request: S3Request<GetBucketInventoryConfigurationInput>,
    ) -> Answer<GetBucketInventoryConfigurationOutput> {
        reports::get_inventory(&self.buckets, &request.input)
    }

    async fn delete_bucket_inventory_configuration(
        &self,
        request: S3Request<DeleteBucketInventoryConfigurationInput>,
    ) -> Answer<DeleteBucketInventoryConfigurationOutput> {
        reports::delete_inventory(&self.buckets, request.input).await
    }

    async fn list_bucket_inventory_configurations(
        &self,
        request: S3Request<ListBucketInventoryConfigurationsInput>,
    ) -> Answer<ListBucketInventoryConfigurationsOutput> {
        reports::list_inventory(&self.buckets, &request.input)
    }

    async fn put_bucket_analytics_configuration(
        &self,
        request: S3Request<PutBucketAnalyticsConfigurationInput>,
    ) -> Answer<PutBucketAnalyticsConfigurationOutput> {
        reports::put_analytics(&self.buckets, request.input).await
    }

    async fn get_bucket_analytics_configuration(
        &self,
        request: S3Request<GetBucketAnalyticsConfigurationInput>,
    ) -> Answer<GetBucketAnalyticsConfigurationOutput> {
        reports::get_analytics(&self.buckets, &request.input)
    }

    async fn delete_bucket_analytics_configuration(
        &self,
        request: S3Request<DeleteBucketAnalyticsConfigurationInput>,
    ) -> Answer<DeleteBucketAnalyticsConfigurationOutput> {
        reports::delete_analytics(&self.buckets, request.input).await
    }

    async fn list_bucket_analytics_configurations(
        &self,
        request: S3Request<ListBucketAnalyticsConfigurationsInput>,
    ) -> Answer<ListBucketAnalyticsConfigurationsOutput> {
        reports::list_analytics(&self.buckets, &request.input)
    }

    async fn put_bucket_intelligent_tiering_configuration(
        &self,
        request: S3Request<PutBucketIntelligentTieringConfigurationInput>,
    ) -> Answer<PutBucketIntelligentTieringConfigurationOutput> {
        reports::put_intelligent_tiering(&self.buckets, request.input).await
    }

    async fn get_bucket_intelligent_tiering_configuration(
        &self,
        request: S3Request<GetBucketIntelligentTieringConfigurationInput>,
    ) -> Answer<GetBucketIntelligentTieringConfigurationOutput> {
        reports::get_intelligent_tiering(&self.buckets, &request.input)
    }

    async fn delete_bucket_intelligent_tiering_configuration(
        &self,
        request: S3Request<DeleteBucketIntelligentTieringConfigurationInput>,
    ) -> Answer<DeleteBucketIntelligentTieringConfigurationOutput> {
        reports::delete_intelligent_tiering(&self.buckets, request.input).await
    }

    async fn list_bucket_intelligent_tiering_configurations(
        &self,
        request: S3Request<ListBucketIntelligentTieringConfigurationsInput>,
    ) -> Answer<ListBucketIntelligentTieringConfigurationsOutput> {
        reports::list_intelligent_tiering(&self.buckets, &request.input)
    }

    async fn get_bucket_replication(
        &self,
        request: S3Request<GetBucketReplicationInput>,
    ) -> Answer<GetBucketReplicationOutput> {
        configurations::get_replication(&self.buckets, &request)
    }

    async fn put_bucket_replication(
        &self,
        request: S3Request<PutBucketReplicationInput>,
    ) -> Answer<PutBucketReplicationOutput> {
        configurations::put_replication(&self.buckets, request).await
    }

    async fn delete_bucket_replication(
        &self,
        request: S3Request<DeleteBucketReplicationInput>,
    ) -> Answer<DeleteBucketReplicationOutput> {
        configurations::delete_replication(&self.buckets, request).await
    }
}
