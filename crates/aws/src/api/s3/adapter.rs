//! The trait of the protocol's crate, as a table: each operation goes to the file that maps it.

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::settings::{self, CORS, ENCRYPTION, OWNERSHIP, POLICY, PUBLIC_ACCESS_BLOCK, WEBSITE};
use super::{
    acl, attributes, buckets, configurations, copies, defaults, forms, lifecycle, listing, lock,
    notifications, object_tags, objects, reads, reports, restore, uploads,
};

/// The buckets, as the protocol's crate asks for them. What it does not implement answers `NotImplemented`.
pub(super) struct Adapter {
    pub(super) buckets: Buckets,
}

/// Implements the trait: an operation, what it takes and gives, and the call that answers it.
macro_rules! operations {
    ($($operation:ident($input:ident) -> $output:ident: |$buckets:ident, $request:ident| $call:expr;)*) => {
        #[async_trait::async_trait]
        impl S3 for Adapter {
            $(async fn $operation(&self, $request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                let $buckets = &self.buckets;
                $call
            })*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput:
        |buckets, request| buckets::create(buckets, request).await;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput:
        |buckets, request| buckets::delete(buckets, request).await;
    head_bucket(HeadBucketInput) -> HeadBucketOutput: |buckets, request| buckets::head(buckets, &request);
    list_buckets(ListBucketsInput) -> ListBucketsOutput: |buckets, request| buckets::list(buckets, &request);
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput:
        |buckets, request| buckets::location(buckets, &request);
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput:
        |buckets, request| buckets::get_versioning(buckets, &request);
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput:
        |buckets, request| buckets::put_versioning(buckets, request).await;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput:
        |buckets, request| buckets::get_tags(buckets, &request);
    put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput:
        |buckets, request| buckets::put_tags(buckets, request).await;
    delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput:
        |buckets, request| buckets::delete_tags(buckets, request).await;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput:
        |buckets, request| notifications::get(buckets, &request);
    put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput:
        |buckets, request| notifications::put(buckets, request).await;
    put_object(PutObjectInput) -> PutObjectOutput: |buckets, request| {
        let by_form = request.extensions.get::<forms::OfForm>().is_some();
        let event = if by_form { "ObjectCreated:Post" } else { "ObjectCreated:Put" };
        objects::put(buckets, request, event).await
    };
    get_object(GetObjectInput) -> GetObjectOutput: |buckets, request| reads::get(buckets, request).await;
    head_object(HeadObjectInput) -> HeadObjectOutput:
        |buckets, request| reads::head(buckets, request).await;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput:
        |buckets, request| attributes::get(buckets, request).await;
    restore_object(RestoreObjectInput) -> RestoreObjectOutput:
        |buckets, request| restore::restore(buckets, request).await;
    copy_object(CopyObjectInput) -> CopyObjectOutput: |buckets, request| copies::copy(buckets, request).await;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput:
        |buckets, request| objects::delete(buckets, request).await;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput:
        |buckets, request| objects::delete_many(buckets, request).await;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput:
        |buckets, request| object_tags::get(buckets, request).await;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput:
        |buckets, request| object_tags::put(buckets, request).await;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput:
        |buckets, request| object_tags::delete(buckets, request).await;
    list_objects(ListObjectsInput) -> ListObjectsOutput:
        |buckets, request| listing::v1(buckets, request).await;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output:
        |buckets, request| listing::v2(buckets, request).await;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput:
        |buckets, request| listing::versions(buckets, request).await;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput:
        |buckets, request| uploads::begin(buckets, request).await;
    upload_part(UploadPartInput) -> UploadPartOutput:
        |buckets, request| uploads::part(buckets, request).await;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput:
        |buckets, request| uploads::part_copy(buckets, request).await;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput:
        |buckets, request| uploads::complete(buckets, request).await;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput:
        |buckets, request| uploads::abort(buckets, request).await;
    list_parts(ListPartsInput) -> ListPartsOutput: |buckets, request| uploads::parts(buckets, request).await;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput:
        |buckets, request| uploads::list(buckets, request).await;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput:
        |buckets, request| defaults::get_cors(buckets, &request);
    put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput:
        |buckets, request| defaults::put_cors(buckets, request).await;
    delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput: |buckets, request| {
        settings::unset(buckets, &request.input.bucket, CORS).await?;
        Ok(S3Response::new(DeleteBucketCorsOutput::default()))
    };
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput:
        |buckets, request| defaults::get_policy(buckets, &request);
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput:
        |buckets, request| defaults::put_policy(buckets, request).await;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput: |buckets, request| {
        settings::unset(buckets, &request.input.bucket, POLICY).await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
    };
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput:
        |buckets, request| defaults::get_public_access_block(buckets, &request);
    put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput:
        |buckets, request| defaults::put_public_access_block(buckets, request).await;
    delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput: |buckets, request| {
        settings::unset(buckets, &request.input.bucket, PUBLIC_ACCESS_BLOCK).await?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput::default()))
    };
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput:
        |buckets, request| defaults::get_encryption(buckets, &request);
    put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput:
        |buckets, request| defaults::put_encryption(buckets, request).await;
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput: |buckets, request| {
        settings::unset(buckets, &request.input.bucket, ENCRYPTION).await?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
    };
    get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput:
        |buckets, request| defaults::get_ownership_controls(buckets, &request);
    put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput:
        |buckets, request| defaults::put_ownership_controls(buckets, request).await;
    delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput: |buckets, request| {
        // None is another than that which holds at first.
        settings::set(buckets, &request.input.bucket, OWNERSHIP, &Vec::<String>::new()).await?;
        Ok(S3Response::new(DeleteBucketOwnershipControlsOutput::default()))
    };
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput:
        |buckets, request| lifecycle::get(buckets, &request);
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput:
        |buckets, request| lifecycle::put(buckets, request).await;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput:
        |buckets, request| lifecycle::delete(buckets, request).await;
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput:
        |buckets, request| defaults::get_website(buckets, &request);
    put_bucket_website(PutBucketWebsiteInput) -> PutBucketWebsiteOutput:
        |buckets, request| defaults::put_website(buckets, request).await;
    delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput: |buckets, request| {
        settings::unset(buckets, &request.input.bucket, WEBSITE).await?;
        Ok(S3Response::new(DeleteBucketWebsiteOutput::default()))
    };
    get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput:
        |buckets, request| acl::get_bucket(buckets, &request);
    put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput:
        |buckets, request| acl::put_bucket(buckets, request).await;
    get_object_acl(GetObjectAclInput) -> GetObjectAclOutput:
        |buckets, request| acl::get_object(buckets, request).await;
    put_object_acl(PutObjectAclInput) -> PutObjectAclOutput:
        |buckets, request| acl::put_object(buckets, request).await;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput:
        |buckets, request| lock::get_configuration(buckets, &request);
    put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput:
        |buckets, request| lock::put_configuration(buckets, request).await;
    get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput:
        |buckets, request| lock::get_retention(buckets, request).await;
    put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput:
        |buckets, request| lock::put_retention(buckets, request).await;
    get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput:
        |buckets, request| lock::get_legal_hold(buckets, request).await;
    put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput:
        |buckets, request| lock::put_legal_hold(buckets, request).await;
    get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput:
        |buckets, request| configurations::policy_status(buckets, &request);
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput:
        |buckets, request| configurations::get_accelerate(buckets, &request);
    put_bucket_accelerate_configuration(PutBucketAccelerateConfigurationInput) -> PutBucketAccelerateConfigurationOutput:
        |buckets, request| configurations::put_accelerate(buckets, request).await;
    get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput:
        |buckets, request| configurations::get_logging(buckets, &request);
    put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput:
        |buckets, request| configurations::put_logging(buckets, request).await;
    get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput:
        |buckets, request| configurations::get_request_payment(buckets, &request);
    put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput:
        |buckets, request| configurations::put_request_payment(buckets, request).await;
    put_bucket_metrics_configuration(PutBucketMetricsConfigurationInput) -> PutBucketMetricsConfigurationOutput:
        |buckets, request| reports::put_metrics(buckets, request.input).await;
    get_bucket_metrics_configuration(GetBucketMetricsConfigurationInput) -> GetBucketMetricsConfigurationOutput:
        |buckets, request| reports::get_metrics(buckets, &request.input);
    delete_bucket_metrics_configuration(DeleteBucketMetricsConfigurationInput) -> DeleteBucketMetricsConfigurationOutput:
        |buckets, request| reports::delete_metrics(buckets, request.input).await;
    list_bucket_metrics_configurations(ListBucketMetricsConfigurationsInput) -> ListBucketMetricsConfigurationsOutput:
        |buckets, request| reports::list_metrics(buckets, &request.input);
    put_bucket_inventory_configuration(PutBucketInventoryConfigurationInput) -> PutBucketInventoryConfigurationOutput:
        |buckets, request| reports::put_inventory(buckets, request.input).await;
    get_bucket_inventory_configuration(GetBucketInventoryConfigurationInput) -> GetBucketInventoryConfigurationOutput:
        |buckets, request| reports::get_inventory(buckets, &request.input);
    delete_bucket_inventory_configuration(DeleteBucketInventoryConfigurationInput) -> DeleteBucketInventoryConfigurationOutput:
        |buckets, request| reports::delete_inventory(buckets, request.input).await;
    list_bucket_inventory_configurations(ListBucketInventoryConfigurationsInput) -> ListBucketInventoryConfigurationsOutput:
        |buckets, request| reports::list_inventory(buckets, &request.input);
    put_bucket_analytics_configuration(PutBucketAnalyticsConfigurationInput) -> PutBucketAnalyticsConfigurationOutput:
        |buckets, request| reports::put_analytics(buckets, request.input).await;
    get_bucket_analytics_configuration(GetBucketAnalyticsConfigurationInput) -> GetBucketAnalyticsConfigurationOutput:
        |buckets, request| reports::get_analytics(buckets, &request.input);
    delete_bucket_analytics_configuration(DeleteBucketAnalyticsConfigurationInput) -> DeleteBucketAnalyticsConfigurationOutput:
        |buckets, request| reports::delete_analytics(buckets, request.input).await;
    list_bucket_analytics_configurations(ListBucketAnalyticsConfigurationsInput) -> ListBucketAnalyticsConfigurationsOutput:
        |buckets, request| reports::list_analytics(buckets, &request.input);
    put_bucket_intelligent_tiering_configuration(PutBucketIntelligentTieringConfigurationInput) -> PutBucketIntelligentTieringConfigurationOutput:
        |buckets, request| reports::put_intelligent_tiering(buckets, request.input).await;
    get_bucket_intelligent_tiering_configuration(GetBucketIntelligentTieringConfigurationInput) -> GetBucketIntelligentTieringConfigurationOutput:
        |buckets, request| reports::get_intelligent_tiering(buckets, &request.input);
    delete_bucket_intelligent_tiering_configuration(DeleteBucketIntelligentTieringConfigurationInput) -> DeleteBucketIntelligentTieringConfigurationOutput:
        |buckets, request| reports::delete_intelligent_tiering(buckets, request.input).await;
    list_bucket_intelligent_tiering_configurations(ListBucketIntelligentTieringConfigurationsInput) -> ListBucketIntelligentTieringConfigurationsOutput:
        |buckets, request| reports::list_intelligent_tiering(buckets, &request.input);
    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput:
        |buckets, request| configurations::get_replication(buckets, &request);
    put_bucket_replication(PutBucketReplicationInput) -> PutBucketReplicationOutput:
        |buckets, request| configurations::put_replication(buckets, request).await;
    delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput:
        |buckets, request| configurations::delete_replication(buckets, request).await;
}
