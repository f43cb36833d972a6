//! Objects: read, whole or in part, and their headers.

use ebb_sources::bucket::{Buckets, Object};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::checksums::{self, checksum_type};
use super::conditions::{Reading, content_range, piece};
use super::copies::SyncStream;
use super::objects::{found, versioned};
use super::{convert, encryption, lifecycle, lock, restore};

pub(super) async fn get(
    buckets: &Buckets,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    let object = found(buckets, &input.bucket, &input.key, input.version_id.as_deref()).await?;
    let reading = Reading {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let encryption = encryption::check_reader(&object, &request.headers, None)?;
    reading.check(&object, buckets.now()).map_err(|error| convert::unmet(error, &object))?;
    restore::check(buckets, &object, "The operation is not valid for the object's storage class")?;
    let asked = piece(&object, input.range, input.part_number, &request.headers)?;
    let range = asked.clone().unwrap_or(0..object.size);
    let header = |name: &str| object.headers.get(name).cloned();
    let is_piece = asked.as_ref().is_some_and(|range| *range != (0..object.size));
    let shown = shown_checksums(&object, input.checksum_mode.is_some(), is_piece, input.part_number);
    let checksum = |name: &str| shown.get(name).cloned();
    let told = encryption.told();
    let stream = buckets.bytes(&object, range.clone());
    let body = SyncStream(std::sync::Mutex::new(stream));
    // What is asked for by its version is not told when it expires.
    let expires_at =
        input.version_id.is_none().then(|| lifecycle::expiration(buckets, &input.bucket, &object));
    let answer = S3Response::new(GetObjectOutput {
        expiration: expires_at.flatten(),
        object_lock_mode: lock::lock_mode(&object),
        object_lock_retain_until_date: lock::retain_until(&object),
        object_lock_legal_hold_status: lock::hold_status(&object),
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::wrap(body)),
        content_length: Some(convert::size(range.end - range.start)),
        content_range: asked.as_ref().map(|range| content_range(&object, range)),
        content_type: input
            .response_content_type
            .or_else(|| Some(header("content-type").unwrap_or_else(|| "binary/octet-stream".to_owned()))),
        content_encoding: input.response_content_encoding.or_else(|| header("content-encoding")),
        content_language: input.response_content_language.or_else(|| header("content-language")),
        content_disposition: input.response_content_disposition.or_else(|| header("content-disposition")),
        cache_control: input.response_cache_control.or_else(|| header("cache-control")),
        expires: input.response_expires.or_else(|| expires(&object)),
        website_redirect_location: header("x-amz-website-redirect-location"),
        restore: restore::told(&object),
        e_tag: Some(convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        metadata: metadata(&object),
        parts_count: input
            .part_number
            .filter(|_| object.multipart)
            .and_then(|_| i32::try_from(object.parts.len()).ok()),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        storage_class: storage_class(&object),
        tag_count: i32::try_from(object.tags.len()).ok().filter(|count| *count > 0),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (!shown.is_empty()).then(|| checksum_type(&object)),
        ..GetObjectOutput::default()
    });
    Ok(with_kept_headers(answer, &object))
}

pub(super) async fn head(
    buckets: &Buckets,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    let object = found(buckets, &input.bucket, &input.key, input.version_id.as_deref()).await?;
    let reading = Reading {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let encryption = encryption::check_reader(&object, &request.headers, None)?;
    reading.check(&object, buckets.now()).map_err(|error| convert::unmet(error, &object))?;
    let asked = piece(&object, input.range, input.part_number, &request.headers)?;
    let range = asked.clone().unwrap_or(0..object.size);
    let header = |name: &str| object.headers.get(name).cloned();
    let is_piece = asked.as_ref().is_some_and(|range| *range != (0..object.size));
    let shown = shown_checksums(&object, input.checksum_mode.is_some(), is_piece, input.part_number);
    let checksum = |name: &str| shown.get(name).cloned();
    let told = encryption.told();
    // What is asked for by its version is not told when it expires.
    let expires_at =
        input.version_id.is_none().then(|| lifecycle::expiration(buckets, &input.bucket, &object));
    let answer = S3Response::new(HeadObjectOutput {
        expiration: expires_at.flatten(),
        object_lock_mode: lock::lock_mode(&object),
        object_lock_retain_until_date: lock::retain_until(&object),
        object_lock_legal_hold_status: lock::hold_status(&object),
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(convert::size(range.end - range.start)),
        content_range: asked.as_ref().map(|range| content_range(&object, range)),
        content_type: Some(header("content-type").unwrap_or_else(|| "binary/octet-stream".to_owned())),
        content_encoding: header("content-encoding"),
        content_language: header("content-language"),
        content_disposition: header("content-disposition"),
        cache_control: header("cache-control"),
        expires: expires(&object),
        website_redirect_location: header("x-amz-website-redirect-location"),
        restore: restore::told(&object),
        e_tag: Some(convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        metadata: metadata(&object),
        parts_count: input
            .part_number
            .filter(|_| object.multipart)
            .and_then(|_| i32::try_from(object.parts.len()).ok()),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        storage_class: storage_class(&object),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (!shown.is_empty()).then(|| checksum_type(&object)),
        ..HeadObjectOutput::default()
    });
    Ok(with_kept_headers(answer, &object))
}

fn expires(object: &Object) -> Option<Timestamp> {
    let text = object.headers.get("expires")?;
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

fn storage_class(object: &Object) -> Option<StorageClass> {
    let class = object.settings.get("storage-class").filter(|class| *class != "STANDARD")?;
    Some(StorageClass::from(class.clone()))
}

fn metadata(object: &Object) -> Option<Metadata> {
    let metadata: Metadata =
        object.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    (!metadata.is_empty()).then_some(metadata)
}

/// An answer with what the protocol's crate has no place for: a time of expiry that is none, and how many tags there are
/// where only the headers are asked for.
fn with_kept_headers<T>(mut answer: S3Response<T>, object: &Object) -> S3Response<T> {
    let raw = object.headers.get("expires").filter(|_| expires(object).is_none());
    let raw = raw.and_then(|raw| http::HeaderValue::from_str(raw).ok());
    answer.headers.extend(raw.map(|raw| (http::header::EXPIRES, raw)));
    if !object.tags.is_empty() {
        answer.headers.insert("x-amz-tagging-count", http::HeaderValue::from(object.tags.len()));
    }
    answer
}

/// The checksums that a reader is told: those of the object, or of one of its parts where the object's is made of them.
fn shown_checksums(
    object: &Object,
    wanted: bool,
    is_piece: bool,
    part: Option<i32>,
) -> std::collections::BTreeMap<String, String> {
    let part = part.and_then(|number| object.parts.get(usize::try_from(number - 1).ok()?));
    match part {
        _ if !wanted => std::collections::BTreeMap::new(),
        None if !is_piece => object.checksums.clone(),
        Some(part) if object.multipart => {
            // That which nobody asked for is told of the whole only (recorded 2025).
            let told = |(name, _): &(&String, &String)| {
                object
                    .checksums
                    .get(*name)
                    .is_some_and(|whole| *name != checksums::DEFAULT || whole.contains('-'))
            };
            part.checksums.iter().filter(told).map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        Some(_) if !is_piece => object.checksums.clone(),
        _ => std::collections::BTreeMap::new(),
    }
}
