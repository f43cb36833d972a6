//! Objects: put, read, copied, tagged, deleted.

use std::sync::Arc;

use ebb_sources::bucket::{
    BucketError, Buckets, Condition, NewObject, Object, ObjectPart, Versioning, Written,
};
use futures_util::StreamExt as _;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::acl::Grants;
use super::body::{Incoming, write};
use super::settings::ENCRYPTION;
use super::{convert, lifecycle, lock};

fn versioned(buckets: &Buckets, bucket: &str) -> bool {
    buckets.bucket(bucket).is_ok_and(|bucket| bucket.versioning != Versioning::Never)
}

pub(super) async fn put(
    buckets: &Buckets,
    request: S3Request<PutObjectInput>,
    event: &'static str,
) -> S3Result<S3Response<PutObjectOutput>> {
    let input = request.input;
    buckets.bucket(&input.bucket).map_err(convert::error)?;
    let new = convert::new_object(&input.key, &request.headers, input.metadata.as_ref())?;
    let lock = lock::of_headers(
        buckets,
        &input.bucket,
        input.object_lock_mode.as_ref(),
        input.object_lock_retain_until_date.as_ref(),
        input.object_lock_legal_hold_status.as_ref(),
    )?;
    let grants = Grants {
        canned: input.acl.as_ref().map(ObjectCannedACL::as_str),
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: None,
        write_acp: input.grant_write_acp.as_deref(),
    };
    let new = NewObject { lock, ..grants.onto(new, buckets.account())? };
    let condition = convert::condition(input.if_match, input.if_none_match)?;
    let incoming = Incoming {
        body: input.body,
        headers: &request.headers,
        trailers: request.trailing_headers.as_ref(),
        md5: input.content_md5.as_deref(),
        algorithm: input.checksum_algorithm.as_ref(),
        length: input.content_length,
    };
    let (written, checksums) = write(buckets, incoming).await?;
    let new = NewObject { etag: written.md5, parts: vec![written.part], checksums, ..new };
    let object = buckets.put(&input.bucket, new, &condition, event).await.map_err(convert::error)?;
    let checksum = |name: &str| object.checksums.get(name).cloned();
    Ok(S3Response::new(PutObjectOutput {
        expiration: lifecycle::expiration(buckets, &input.bucket, &object),
        e_tag: Some(convert::etag(&object.etag)),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (!object.checksums.is_empty())
            .then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
        ..PutObjectOutput::default()
    }))
}

/// What a reader wants of an object.
struct Reading {
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
}

impl Reading {
    /// Source: RFC 9110, section 13.2.2.
    fn check(&self, object: &Object) -> Result<(), BucketError> {
        let same = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag,
        };
        // Times of the protocol have whole seconds.
        let modified = convert::time(ebb_model::Timestamp(object.modified.millis() / 1000 * 1000));
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !same(condition) => return Err(BucketError::Precondition("If-Match")),
            (None, Some(since)) if modified > *since => {
                return Err(BucketError::Precondition("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if same(condition) => Err(BucketError::NotModified),
            (None, Some(since)) if modified <= *since => Err(BucketError::NotModified),
            _ => Ok(()),
        }
    }
}

impl Reading {
    /// What did not hold of what a copy is made of.
    fn unmet(&self, error: &BucketError) -> &'static str {
        match error {
            BucketError::Precondition("If-Match") => "x-amz-copy-source-If-Match",
            BucketError::NotModified if self.if_none_match.is_some() => "x-amz-copy-source-If-None-Match",
            BucketError::NotModified => "x-amz-copy-source-If-Modified-Since",
            _ => "x-amz-copy-source-If-Unmodified-Since",
        }
    }
}

/// A piece of an object: by a range, or by the number of a part.
fn piece(
    object: &Object,
    range: Option<Range>,
    part: Option<i32>,
) -> Result<Option<std::ops::Range<u64>>, BucketError> {
    if let Some(range) = range {
        return range.check(object.size).map(Some).map_err(|_| BucketError::Range);
    }
    let Some(number) = part else { return Ok(None) };
    let index = usize::try_from(number - 1).map_err(|_| BucketError::Range)?;
    let before: u64 = object.parts.iter().take(index).map(|part| part.size).sum();
    let part: &ObjectPart = object.parts.get(index).ok_or(BucketError::Range)?;
    Ok(Some(before..before + part.size))
}

fn content_range(object: &Object, range: &std::ops::Range<u64>) -> String {
    format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.size)
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

pub(super) async fn get(
    buckets: &Buckets,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(convert::error)?;
    let reading = Reading {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    reading.check(&object).map_err(|error| convert::unmet(error, &object))?;
    let asked = piece(&object, input.range, input.part_number).map_err(convert::error)?;
    let range = asked.clone().unwrap_or(0..object.size);
    let header = |name: &str| object.headers.get(name).cloned();
    let with_checksums = input.checksum_mode.is_some() && asked.is_none();
    let checksum = |name: &str| object.checksums.get(name).filter(|_| with_checksums).cloned();
    let stream = buckets.bytes(&object, range.clone());
    let body = SyncStream(std::sync::Mutex::new(stream));
    // What is asked for by its version is not told when it expires.
    let expires_at =
        input.version_id.is_none().then(|| lifecycle::expiration(buckets, &input.bucket, &object));
    Ok(S3Response::new(GetObjectOutput {
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
        e_tag: Some(convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        metadata: metadata(&object),
        parts_count: input
            .part_number
            .filter(|_| object.multipart)
            .and_then(|_| i32::try_from(object.parts.len()).ok()),
        server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
        storage_class: storage_class(&object),
        tag_count: i32::try_from(object.tags.len()).ok().filter(|count| *count > 0),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (with_checksums && !object.checksums.is_empty()).then(|| checksum_type(&object)),
        ..GetObjectOutput::default()
    }))
}

/// The checksums of an object that are of all of its bytes, not of those of its parts.
fn whole_checksums(object: &Object) -> std::collections::BTreeMap<String, String> {
    let whole = object.checksums.iter().filter(|(_, value)| !value.contains('-'));
    whole.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) fn checksum_type(object: &Object) -> ChecksumType {
    let composite = object.checksums.values().any(|value| value.contains('-'));
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

pub(super) async fn head(
    buckets: &Buckets,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(convert::error)?;
    let reading = Reading {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    reading.check(&object).map_err(|error| convert::unmet(error, &object))?;
    let asked = piece(&object, input.range, input.part_number).map_err(convert::error)?;
    let range = asked.clone().unwrap_or(0..object.size);
    let header = |name: &str| object.headers.get(name).cloned();
    let with_checksums = input.checksum_mode.is_some() && asked.is_none();
    let checksum = |name: &str| object.checksums.get(name).filter(|_| with_checksums).cloned();
    // What is asked for by its version is not told when it expires.
    let expires_at =
        input.version_id.is_none().then(|| lifecycle::expiration(buckets, &input.bucket, &object));
    Ok(S3Response::new(HeadObjectOutput {
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
        e_tag: Some(convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        metadata: metadata(&object),
        parts_count: input
            .part_number
            .filter(|_| object.multipart)
            .and_then(|_| i32::try_from(object.parts.len()).ok()),
        server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
        storage_class: storage_class(&object),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (with_checksums && !object.checksums.is_empty()).then(|| checksum_type(&object)),
        ..HeadObjectOutput::default()
    }))
}

pub(super) async fn attributes(
    buckets: &Buckets,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(convert::error)?;
    // Clients send them as one header, with commas.
    let asked = || input.object_attributes.iter().flat_map(|asked| asked.as_str().split(','));
    let wants = |name: &str| asked().any(|asked| asked.trim() == name);
    let checksum = |name: &str| object.checksums.get(name).cloned();
    Ok(S3Response::new(GetObjectAttributesOutput {
        e_tag: wants("ETag").then(|| convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        object_size: wants("ObjectSize").then(|| convert::size(object.size)),
        storage_class: wants("StorageClass").then(|| {
            storage_class(&object).unwrap_or_else(|| StorageClass::from_static(StorageClass::STANDARD))
        }),
        object_parts: (wants("ObjectParts") && object.multipart).then(|| GetObjectAttributesParts {
            total_parts_count: i32::try_from(object.parts.len()).ok(),
            ..GetObjectAttributesParts::default()
        }),
        checksum: (wants("Checksum") && !object.checksums.is_empty()).then(|| Checksum {
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
            checksum_type: Some(checksum_type(&object)),
        }),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        ..GetObjectAttributesOutput::default()
    }))
}

/// The object that a copy is made of.
pub(super) async fn source(buckets: &Buckets, source: &CopySource) -> S3Result<(Arc<Object>, String)> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(s3_error!(NotImplemented, "ebb has no access points to copy from"));
    };
    let object = buckets.object(bucket, key, version_id.as_deref()).await.map_err(convert::error)?;
    Ok((object, bucket.to_string()))
}

/// Writes the bytes of an object, or of a range of it, once more.
pub(super) async fn copy_bytes(
    buckets: &Buckets,
    object: &Object,
    range: std::ops::Range<u64>,
) -> S3Result<Written> {
    let stream = tokio::sync::Mutex::new(buckets.bytes(object, range));
    let next = || async { stream.lock().await.next().await.map(|piece| piece.map_err(BucketError::from)) };
    buckets.write(next).await.map_err(convert::error)
}

pub(super) async fn copy(
    buckets: &Buckets,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = request.input;
    buckets.bucket(&input.bucket).map_err(convert::error)?;
    let (object, from) = source(buckets, &input.copy_source).await?;
    let reading = Reading {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    reading
        .check(&object)
        .map_err(|error| convert::error(BucketError::Precondition(reading.unmet(&error))))?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replace_tags = input
        .tagging_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    let given = convert::new_object(&input.key, &request.headers, input.metadata.as_ref())?;
    // An older version that is copied comes back; and a bucket's own encryption is a change.
    let of_version = matches!(&input.copy_source, CopySource::Bucket { version_id: Some(_), .. });
    let is_encrypted = buckets.bucket(&from).is_ok_and(|bucket| bucket.settings.contains_key(ENCRYPTION));
    let onto_itself = from == input.bucket && object.key == input.key && !of_version && !is_encrypted;
    if onto_itself
        && !replace
        && !replace_tags
        && given.settings.is_empty()
        && !given.headers.contains_key("x-amz-website-redirect-location")
        && input.server_side_encryption.is_none()
    {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let lock = lock::of_headers(
        buckets,
        &input.bucket,
        input.object_lock_mode.as_ref(),
        input.object_lock_retain_until_date.as_ref(),
        input.object_lock_legal_hold_status.as_ref(),
    )?;
    let grants = Grants {
        canned: input.acl.as_ref().map(ObjectCannedACL::as_str),
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: None,
        write_acp: input.grant_write_acp.as_deref(),
    };
    let given = grants.onto(given, buckets.account())?;
    let (written, checksums) = match &input.checksum_algorithm {
        Some(algorithm) => {
            let stream = buckets.bytes(&object, 0..object.size);
            let incoming = Incoming {
                body: Some(StreamingBlob::wrap(SyncStream(std::sync::Mutex::new(stream)))),
                headers: &http::HeaderMap::new(),
                trailers: None,
                md5: None,
                algorithm: Some(algorithm),
                length: None,
            };
            write(buckets, incoming).await?
        }
        None => (copy_bytes(buckets, &object, 0..object.size).await?, whole_checksums(&object)),
    };
    let new = NewObject {
        lock,
        key: input.key,
        etag: written.md5,
        parts: vec![written.part],
        multipart: false,
        headers: if replace { given.headers } else { object.headers.clone() },
        metadata: if replace { given.metadata } else { object.metadata.clone() },
        tags: if replace_tags { given.tags } else { object.tags.clone() },
        checksums,
        settings: given.settings,
    };
    let copy = buckets
        .put(&input.bucket, new, &Condition::None, "ObjectCreated:Copy")
        .await
        .map_err(convert::error)?;
    let checksum = |name: &str| copy.checksums.get(name).cloned();
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(convert::etag(&copy.etag)),
            last_modified: Some(convert::time(copy.modified)),
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
            checksum_type: (!copy.checksums.is_empty())
                .then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
        }),
        copy_source_version_id: convert::version(&object, versioned(buckets, &from)),
        version_id: convert::version(&copy, versioned(buckets, &input.bucket)),
        server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
        ..CopyObjectOutput::default()
    }))
}

pub(super) async fn delete(
    buckets: &Buckets,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    if let Some(condition) = &input.if_match {
        let object = buckets
            .object(&input.bucket, &input.key, input.version_id.as_deref())
            .await
            .map_err(convert::error)?;
        if matches!(condition, ETagCondition::ETag(etag) if etag.value() != object.etag) {
            return Err(convert::error(BucketError::Precondition("If-Match")));
        }
    }
    let by = lock::remover(buckets, &input.bucket, input.bypass_governance_retention)?;
    let deleted = buckets
        .remove(&input.bucket, &input.key, input.version_id.as_deref(), by)
        .await
        .map_err(convert::error)?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version,
        ..DeleteObjectOutput::default()
    }))
}

pub(super) async fn delete_many(
    buckets: &Buckets,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = request.input;
    buckets.bucket(&input.bucket).map_err(convert::error)?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > 1000 {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let by = lock::remover(buckets, &input.bucket, input.bypass_governance_retention)?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        match buckets.remove(&input.bucket, &object.key, object.version_id.as_deref(), by).await {
            Ok(removed) => deleted.push(DeletedObject {
                key: Some(object.key),
                delete_marker: removed.marker.then_some(true),
                delete_marker_version_id: removed.version.filter(|_| removed.marker),
                version_id: object.version_id,
            }),
            Err(error) => {
                let error = convert::error(error);
                errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(object.key),
                    version_id: object.version_id,
                });
            }
        }
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!quiet && !deleted.is_empty()).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

pub(super) async fn get_tags(
    buckets: &Buckets,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(convert::error)?;
    let version_id = convert::version(&object, versioned(buckets, &input.bucket));
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: convert::tag_set(&object.tags), version_id }))
}

pub(super) async fn put_tags(
    buckets: &Buckets,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    let tags = convert::check_tags(convert::read_tags(input.tagging))?;
    let edit = |object: &mut Object| {
        object.tags.clone_from(&tags);
        Ok(())
    };
    let object = buckets
        .annotate(&input.bucket, &input.key, input.version_id.as_deref(), edit, Some("ObjectTagging:Put"))
        .await;
    let object = object.map_err(convert::error)?;
    Ok(S3Response::new(PutObjectTaggingOutput {
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
    }))
}

pub(super) async fn delete_tags(
    buckets: &Buckets,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    let edit = |object: &mut Object| {
        object.tags.clear();
        Ok(())
    };
    let object = buckets
        .annotate(&input.bucket, &input.key, input.version_id.as_deref(), edit, Some("ObjectTagging:Delete"))
        .await;
    let object = object.map_err(convert::error)?;
    Ok(S3Response::new(DeleteObjectTaggingOutput {
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
    }))
}

/// The protocol wants streams that several threads may hold; only one ever polls.
struct SyncStream<S>(std::sync::Mutex<S>);

impl<S: futures_util::Stream + Unpin> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let stream = self.get_mut().0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::pin::Pin::new(stream).poll_next(context)
    }
}
