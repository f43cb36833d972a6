//! Objects: put, read, copied, tagged, deleted.

use ebb_sources::bucket::{BucketError, Buckets, NewObject, Object, ObjectPart, Versioning};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::body::{Incoming, announced, write};
use super::copies::SyncStream;
use super::encryption::{self, Encryption};
use super::errors::with_details;
use super::{access, acl, checksums, convert, lifecycle, lock, restore};

pub(super) fn versioned(buckets: &Buckets, bucket: &str) -> bool {
    buckets.bucket(bucket).is_ok_and(|bucket| bucket.versioning != Versioning::Never)
}

pub(super) async fn put(
    buckets: &Buckets,
    request: S3Request<PutObjectInput>,
    event: &'static str,
) -> S3Result<S3Response<PutObjectOutput>> {
    let input = request.input;
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let mut new = convert::new_object(&input.key, &request.headers, input.metadata.as_ref())?;
    let encryption = Encryption::asked(buckets, &bucket, &request.headers)?;
    encryption.keep(&mut new.settings)?;
    let lock = lock::of_input!(buckets, input)?;
    let grants = acl::grants_of_object!(input);
    let new = NewObject { lock, ..grants.onto(new, buckets.account())? };
    let condition = convert::condition(input.if_match, input.if_none_match)?;
    let incoming = Incoming {
        body: input.body,
        headers: &request.headers,
        trailers: request.trailing_headers.as_ref(),
        md5: input.content_md5.as_deref(),
        length: input.content_length,
        also: announced(&request.headers).is_empty().then_some(checksums::DEFAULT),
    };
    let (written, checksums) = write(buckets, incoming).await?;
    let new = NewObject { etag: written.md5, parts: vec![written.part], checksums, ..new };
    let object = buckets.put(&input.bucket, new, &condition, event).await.map_err(convert::error)?;
    let checksum = |name: &str| object.checksums.get(name).cloned();
    let told = encryption.told();
    Ok(S3Response::new(PutObjectOutput {
        expiration: lifecycle::expiration(buckets, &input.bucket, &object),
        e_tag: Some(convert::etag(&object.etag)),
        version_id: convert::named_version(&object, versioned(buckets, &input.bucket)),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
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
pub(super) struct Reading {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl Reading {
    /// Source: RFC 9110, sections 13.1.3 (a date in the future is none) and 13.2.2.
    pub(super) fn check(&self, object: &Object, now: ebb_model::Timestamp) -> Result<(), BucketError> {
        let same = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag,
        };
        let (modified, now) = (convert::time(object.modified), convert::time(now));
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !same(condition) => return Err(BucketError::Precondition("If-Match")),
            (None, Some(since)) if modified > *since => {
                return Err(BucketError::Precondition("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if same(condition) => Err(BucketError::NotModified),
            (None, Some(since)) if modified <= *since && *since <= now => Err(BucketError::NotModified),
            _ => Ok(()),
        }
    }
}

impl Reading {
    /// What did not hold of what a copy is made of.
    pub(super) fn unmet(&self, error: &BucketError) -> &'static str {
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
    headers: &http::HeaderMap,
) -> S3Result<Option<std::ops::Range<u64>>> {
    if range.is_some() && part.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(s3_error!(InvalidRequest, "{message}"));
    }
    // One without any number is none.
    let has_number = |text: &http::HeaderValue| text.as_bytes().iter().any(u8::is_ascii_digit);
    if let Some(range) = range.filter(|_| headers.get(http::header::RANGE).is_some_and(has_number)) {
        return range.check(object.size).map(Some).map_err(|_| unsatisfiable(object, headers, part));
    }
    let Some(number) = part else { return Ok(None) };
    let index = usize::try_from(number - 1).map_err(|_| unsatisfiable(object, headers, part))?;
    let before: u64 = object.parts.iter().take(index).map(|part| part.size).sum();
    let found: &ObjectPart = object.parts.get(index).ok_or_else(|| unsatisfiable(object, headers, part))?;
    Ok(Some(before..before + found.size))
}

/// What is told of a piece that is not there.
fn unsatisfiable(object: &Object, headers: &http::HeaderMap, part: Option<i32>) -> S3Error {
    let error = BucketError::Range;
    let size = object.size.to_string();
    let range = headers.get(http::header::RANGE).and_then(|range| range.to_str().ok());
    match (range, part) {
        (Some(range), _) => {
            let details = [("ActualObjectSize", size.as_str()), ("RangeRequested", range)];
            with_details(convert::error(error), &details)
        }
        (None, Some(part)) => {
            let mut error = S3Error::with_message(
                S3ErrorCode::Custom("InvalidPartNumber".into()),
                "The requested partnumber is not satisfiable",
            );
            error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
            let (count, part) = (object.parts.len().max(1).to_string(), part.to_string());
            with_details(error, &[("ActualPartCount", &count), ("PartNumberRequested", &part)])
        }
        (None, None) => convert::error(error),
    }
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

/// The storage class of an object, as it is told where it is always told.
pub(super) fn storage_class_name(object: &Object) -> String {
    object.settings.get("storage-class").cloned().unwrap_or_else(|| StorageClass::STANDARD.to_owned())
}

fn metadata(object: &Object) -> Option<Metadata> {
    let metadata: Metadata =
        object.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    (!metadata.is_empty()).then_some(metadata)
}

/// Whether a version can have this id.
pub(super) fn is_version_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text == "null" || (text.len() == 32 && text.bytes().all(is_digit))
}

/// Refuses what is no id of a version: no bucket made it, and one that keeps no versions knows only `null`.
fn check_version_id(buckets: &Buckets, bucket: &str, version: Option<&str>) -> S3Result<()> {
    let Some(version) = version.filter(|version| *version != "null") else { return Ok(()) };
    let bucket = buckets.bucket(bucket).map_err(convert::error)?;
    if is_version_id(version) && bucket.versioning != Versioning::Never {
        return Ok(());
    }
    let error = s3_error!(InvalidArgument, "Invalid version id specified");
    Err(with_details(error, &[("ArgumentName", "versionId"), ("ArgumentValue", version)]))
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

pub(super) async fn get(
    buckets: &Buckets,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    check_version_id(buckets, &input.bucket, input.version_id.as_deref())?;
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

pub(super) fn checksum_type(object: &Object) -> ChecksumType {
    let composite = object.checksums.values().any(|value| value.contains('-'));
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

pub(super) async fn head(
    buckets: &Buckets,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    check_version_id(buckets, &input.bucket, input.version_id.as_deref())?;
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

pub(super) async fn attributes(
    buckets: &Buckets,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    check_version_id(buckets, &input.bucket, input.version_id.as_deref())?;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(convert::error)?;
    encryption::check_reader(&object, &request.headers, None)?;
    // Clients send them as one header, with commas.
    let asked = || input.object_attributes.iter().flat_map(|asked| asked.as_str().split(','));
    let wants = |name: &str| asked().any(|asked| asked.trim() == name);
    // Here it is told without how many parts it is of.
    let checksum = |name: &str| {
        object.checksums.get(name).map(|value| value.split('-').next().unwrap_or_default().to_owned())
    };
    Ok(S3Response::new(GetObjectAttributesOutput {
        e_tag: wants("ETag").then(|| convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        object_size: wants("ObjectSize").then(|| convert::size(object.size)),
        storage_class: wants("StorageClass").then(|| StorageClass::from(storage_class_name(&object))),
        object_parts: (wants("ObjectParts") && object.multipart)
            .then(|| object_parts(&object, input.max_parts, input.part_number_marker)),
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

/// The parts of an object; they are listed only where they have checksums of their own that count.
fn object_parts(object: &Object, limit: Option<i32>, marker: Option<i32>) -> GetObjectAttributesParts {
    let total_parts_count = i32::try_from(object.parts.len()).ok();
    if checksum_type(object).as_str() != ChecksumType::COMPOSITE {
        return GetObjectAttributesParts { total_parts_count, ..GetObjectAttributesParts::default() };
    }
    let (limit, marker) = (limit.unwrap_or(1000).clamp(0, 1000), marker.unwrap_or(0));
    let number = |part: &ObjectPart| i32::try_from(part.number).unwrap_or(i32::MAX);
    let after: Vec<&ObjectPart> = object.parts.iter().filter(|part| number(part) > marker).collect();
    let shown = &after[..after.len().min(usize::try_from(limit).unwrap_or(0))];
    let part = |part: &&ObjectPart| {
        let checksum =
            |name: &str| part.checksums.get(name).filter(|_| object.checksums.contains_key(name)).cloned();
        s3s::dto::ObjectPart {
            part_number: Some(number(part)),
            size: Some(convert::size(part.size)),
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
        }
    };
    GetObjectAttributesParts {
        is_truncated: Some(shown.len() < after.len()),
        max_parts: Some(limit),
        next_part_number_marker: Some(shown.last().map_or(0, |part| number(part))),
        part_number_marker: Some(marker),
        parts: Some(shown.iter().map(part).collect()),
        total_parts_count,
    }
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
    check_version_id(buckets, &input.bucket, input.version_id.as_deref())?;
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
        let version = object.version_id.as_deref();
        // Deleting what is not there is no error, but what no bucket ever made is.
        let removed = if access::denies(buckets, &input.bucket, &object.key) {
            Err(s3_error!(AccessDenied, "Access Denied"))
        } else if version.is_some_and(|version| !is_version_id(version)) {
            Err(convert::error(BucketError::NoSuchVersion))
        } else {
            buckets.remove(&input.bucket, &object.key, version, by).await.map_err(convert::error)
        };
        match removed {
            Ok(removed) => deleted.push(DeletedObject {
                key: Some(object.key),
                delete_marker: removed.marker.then_some(true),
                delete_marker_version_id: removed.version.filter(|_| removed.marker),
                version_id: object.version_id,
            }),
            Err(error) => {
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
