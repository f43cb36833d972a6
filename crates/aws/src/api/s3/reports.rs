//! Named configurations of a bucket's reports: metrics, inventories, analytics and tiering. They are kept and told, and
//! nothing is reported or moved.
//!
//! Source: S3 API reference (2026-11).

use std::collections::BTreeMap;

use ebb_sources::bucket::Buckets;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, s3_error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errors::with_status;
use super::{convert, settings};

/// The most configurations of a page.
const PAGE: usize = 100;

/// Configurations by their ids, as texts.
type Named = BTreeMap<String, String>;

fn missing() -> S3Error {
    let code = S3ErrorCode::Custom("NoSuchConfiguration".into());
    convert::not_found(code, "The specified configuration does not exist.")
}

async fn keep(
    buckets: &Buckets,
    bucket: &str,
    kind: &str,
    ids: (&str, &str),
    value: &impl Serialize,
) -> S3Result<()> {
    if ids.0 != ids.1 {
        if !["inventory", "metrics"].contains(&kind) {
            return Err(convert::malformed());
        }
        let code = S3ErrorCode::Custom("IdMismatch".into());
        let message = "Document ID does not match the specified configuration ID.";
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        return Err(error);
    }
    let text = serde_json::to_string(value).map_err(S3Error::internal_error)?;
    change(buckets, bucket, kind, |named| {
        named.insert(ids.0.to_owned(), text.clone());
    })
    .await
}

async fn forget(buckets: &Buckets, bucket: &str, kind: &str, id: &str) -> S3Result<()> {
    let named: Option<Named> = settings::find(buckets, bucket, kind)?;
    if !named.is_some_and(|named| named.contains_key(id)) {
        return Err(missing());
    }
    change(buckets, bucket, kind, |named| {
        named.remove(id);
    })
    .await
}

async fn change(buckets: &Buckets, bucket: &str, kind: &str, edit: impl Fn(&mut Named)) -> S3Result<()> {
    let changed = buckets.configure(bucket, |bucket| {
        let kept = bucket.settings.get(kind).and_then(|text| serde_json::from_str(text).ok());
        let mut named: Named = kept.unwrap_or_default();
        edit(&mut named);
        bucket.settings.insert(kind.to_owned(), serde_json::to_string(&named).unwrap_or_default());
        Ok(())
    });
    changed.await.map(drop).map_err(convert::error)
}

fn find<T: DeserializeOwned>(buckets: &Buckets, bucket: &str, kind: &str, id: &str) -> S3Result<T> {
    let named: Option<Named> = settings::find(buckets, bucket, kind)?;
    let text = named.and_then(|mut named| named.remove(id)).ok_or_else(missing)?;
    serde_json::from_str(&text).map_err(S3Error::internal_error)
}

/// A page: the configurations, and the token of the next page where there is one.
fn page<T: DeserializeOwned>(
    buckets: &Buckets,
    bucket: &str,
    kind: &str,
    token: Option<&str>,
) -> S3Result<(Vec<T>, Option<String>)> {
    let named: Named = settings::find(buckets, bucket, kind)?.unwrap_or_default();
    let after = token.map(super::listing::read_token).transpose()?.unwrap_or_default();
    let rest: Vec<(&String, &String)> = named.iter().filter(|(id, _)| **id > after).collect();
    let next = rest.get(PAGE).and_then(|_| rest.get(PAGE - 1));
    let next = next.map(|(id, _)| super::listing::write_token(id));
    let read = |(_, text): &(&String, &String)| serde_json::from_str(text).map_err(S3Error::internal_error);
    Ok((rest.iter().take(PAGE).map(read).collect::<S3Result<Vec<T>>>()?, next))
}

/// What an inventory must say. Source: S3 API reference, `InventoryConfiguration` (2026-11).
fn check_inventory(given: &InventoryConfiguration) -> S3Result<()> {
    let destination = &given.destination.s3_bucket_destination;
    let is_one_of = |word: &str, words: &[&str]| words.contains(&word);
    if !is_one_of(given.schedule.frequency.as_str(), &["Daily", "Weekly"])
        || !is_one_of(given.included_object_versions.as_str(), &["All", "Current"])
        || !is_one_of(destination.format.as_str(), &["CSV", "ORC", "Parquet"])
    {
        return Err(convert::malformed());
    }
    let known = |field: &InventoryOptionalField| {
        is_one_of(
            field.as_str(),
            &[
                "Size",
                "LastModifiedDate",
                "StorageClass",
                "ETag",
                "IsMultipartUploaded",
                "ReplicationStatus",
                "EncryptionStatus",
                "ObjectLockRetainUntilDate",
                "ObjectLockMode",
                "ObjectLockLegalHoldStatus",
                "IntelligentTieringAccessTier",
                "BucketKeyStatus",
                "ChecksumAlgorithm",
                "ObjectAccessControlList",
                "ObjectOwner",
            ],
        )
    };
    if !given.optional_fields.iter().flatten().all(known) {
        return Err(convert::malformed());
    }
    if !destination.bucket.starts_with("arn:") {
        let code = S3ErrorCode::Custom("InvalidS3DestinationBucket".into());
        let mut error = S3Error::with_message(code, "Invalid bucket ARN.");
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        return Err(error);
    }
    Ok(())
}

fn check_tiering(given: &IntelligentTieringConfiguration) -> S3Result<()> {
    let is_known = |tier: &Tiering| {
        let least =
            if tier.access_tier.as_str() == IntelligentTieringAccessTier::ARCHIVE_ACCESS { 90 } else { 180 };
        (least..=730).contains(&tier.days)
    };
    if given.tierings.is_empty() || !given.tierings.iter().all(is_known) {
        return Err(convert::malformed());
    }
    Ok(())
}

fn check_metrics(given: &MetricsConfiguration) -> S3Result<()> {
    if given.id.len() > 64 { Err(s3_error!(InvalidArgument, "The id is too long")) } else { Ok(()) }
}

fn check_analytics(_: &AnalyticsConfiguration) -> S3Result<()> {
    Ok(())
}

pub(super) async fn put_metrics(
    buckets: &Buckets,
    input: PutBucketMetricsConfigurationInput,
) -> S3Result<S3Response<PutBucketMetricsConfigurationOutput>> {
    let given = &input.metrics_configuration;
    check_metrics(given)?;
    keep(buckets, &input.bucket, "metrics", (&input.id, &given.id), given).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn get_metrics(
    buckets: &Buckets,
    input: &GetBucketMetricsConfigurationInput,
) -> S3Result<S3Response<GetBucketMetricsConfigurationOutput>> {
    let found = find(buckets, &input.bucket, "metrics", &input.id)?;
    Ok(S3Response::new(GetBucketMetricsConfigurationOutput { metrics_configuration: Some(found) }))
}

pub(super) async fn delete_metrics(
    buckets: &Buckets,
    input: DeleteBucketMetricsConfigurationInput,
) -> S3Result<S3Response<DeleteBucketMetricsConfigurationOutput>> {
    forget(buckets, &input.bucket, "metrics", &input.id).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn list_metrics(
    buckets: &Buckets,
    input: &ListBucketMetricsConfigurationsInput,
) -> S3Result<S3Response<ListBucketMetricsConfigurationsOutput>> {
    let (found, next) = page(buckets, &input.bucket, "metrics", input.continuation_token.as_deref())?;
    Ok(S3Response::new(ListBucketMetricsConfigurationsOutput {
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(next.is_some()),
        metrics_configuration_list: (!found.is_empty()).then_some(found),
        next_continuation_token: next,
    }))
}

pub(super) async fn put_inventory(
    buckets: &Buckets,
    input: PutBucketInventoryConfigurationInput,
) -> S3Result<S3Response<PutBucketInventoryConfigurationOutput>> {
    let given = &input.inventory_configuration;
    check_inventory(given)?;
    keep(buckets, &input.bucket, "inventory", (&input.id, &given.id), given).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn get_inventory(
    buckets: &Buckets,
    input: &GetBucketInventoryConfigurationInput,
) -> S3Result<S3Response<GetBucketInventoryConfigurationOutput>> {
    let found = find(buckets, &input.bucket, "inventory", &input.id)?;
    Ok(S3Response::new(GetBucketInventoryConfigurationOutput { inventory_configuration: Some(found) }))
}

pub(super) async fn delete_inventory(
    buckets: &Buckets,
    input: DeleteBucketInventoryConfigurationInput,
) -> S3Result<S3Response<DeleteBucketInventoryConfigurationOutput>> {
    forget(buckets, &input.bucket, "inventory", &input.id).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn list_inventory(
    buckets: &Buckets,
    input: &ListBucketInventoryConfigurationsInput,
) -> S3Result<S3Response<ListBucketInventoryConfigurationsOutput>> {
    let (found, next) = page(buckets, &input.bucket, "inventory", input.continuation_token.as_deref())?;
    Ok(S3Response::new(ListBucketInventoryConfigurationsOutput {
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(next.is_some()),
        inventory_configuration_list: (!found.is_empty()).then_some(found),
        next_continuation_token: next,
    }))
}

pub(super) async fn put_analytics(
    buckets: &Buckets,
    input: PutBucketAnalyticsConfigurationInput,
) -> S3Result<S3Response<PutBucketAnalyticsConfigurationOutput>> {
    let given = &input.analytics_configuration;
    check_analytics(given)?;
    keep(buckets, &input.bucket, "analytics", (&input.id, &given.id), given).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn get_analytics(
    buckets: &Buckets,
    input: &GetBucketAnalyticsConfigurationInput,
) -> S3Result<S3Response<GetBucketAnalyticsConfigurationOutput>> {
    let found = find(buckets, &input.bucket, "analytics", &input.id)?;
    Ok(S3Response::new(GetBucketAnalyticsConfigurationOutput { analytics_configuration: Some(found) }))
}

pub(super) async fn delete_analytics(
    buckets: &Buckets,
    input: DeleteBucketAnalyticsConfigurationInput,
) -> S3Result<S3Response<DeleteBucketAnalyticsConfigurationOutput>> {
    forget(buckets, &input.bucket, "analytics", &input.id).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn list_analytics(
    buckets: &Buckets,
    input: &ListBucketAnalyticsConfigurationsInput,
) -> S3Result<S3Response<ListBucketAnalyticsConfigurationsOutput>> {
    let (found, next) = page(buckets, &input.bucket, "analytics", input.continuation_token.as_deref())?;
    Ok(S3Response::new(ListBucketAnalyticsConfigurationsOutput {
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(next.is_some()),
        analytics_configuration_list: (!found.is_empty()).then_some(found),
        next_continuation_token: next,
    }))
}

pub(super) async fn put_intelligent_tiering(
    buckets: &Buckets,
    input: PutBucketIntelligentTieringConfigurationInput,
) -> S3Result<S3Response<PutBucketIntelligentTieringConfigurationOutput>> {
    let given = &input.intelligent_tiering_configuration;
    check_tiering(given)?;
    keep(buckets, &input.bucket, "intelligent_tiering", (&input.id, &given.id), given).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn get_intelligent_tiering(
    buckets: &Buckets,
    input: &GetBucketIntelligentTieringConfigurationInput,
) -> S3Result<S3Response<GetBucketIntelligentTieringConfigurationOutput>> {
    let found = find(buckets, &input.bucket, "intelligent_tiering", &input.id)?;
    Ok(S3Response::new(GetBucketIntelligentTieringConfigurationOutput {
        intelligent_tiering_configuration: Some(found),
    }))
}

pub(super) async fn delete_intelligent_tiering(
    buckets: &Buckets,
    input: DeleteBucketIntelligentTieringConfigurationInput,
) -> S3Result<S3Response<DeleteBucketIntelligentTieringConfigurationOutput>> {
    forget(buckets, &input.bucket, "intelligent_tiering", &input.id).await?;
    Ok(with_status(Default::default(), http::StatusCode::NO_CONTENT))
}

pub(super) fn list_intelligent_tiering(
    buckets: &Buckets,
    input: &ListBucketIntelligentTieringConfigurationsInput,
) -> S3Result<S3Response<ListBucketIntelligentTieringConfigurationsOutput>> {
    let (found, next) =
        page(buckets, &input.bucket, "intelligent_tiering", input.continuation_token.as_deref())?;
    Ok(S3Response::new(ListBucketIntelligentTieringConfigurationsOutput {
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(next.is_some()),
        intelligent_tiering_configuration_list: (!found.is_empty()).then_some(found),
        next_continuation_token: next,
    }))
}
