//! Uploads in parts.

use ebb_sources::bucket::{
    BucketError, Buckets, CompletedPart as Chosen, Condition, LEAST_PART, ListingRequest, NewObject, Object,
    Upload,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::body::{ALGORITHMS, Incoming, announced, checksums, write};
use super::checksums::{Completion, DEFAULT, Kind, checksum_type};
use super::conditions::Reading;
use super::copies::{copy_with, source};
use super::encryption::{self, Encryption};
use super::errors::with_details;
use super::objects::versioned;
use super::{acl, convert, lifecycle, lock};

/// What stays as it is where a key is part of a location.
const LOCATION: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The longest page.
const PAGE: usize = 1000;

async fn find(buckets: &Buckets, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    buckets.upload(bucket, key, id).await.map_err(convert::error)
}

fn number(number: i32) -> S3Result<u32> {
    u32::try_from(number).ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
        with_details(error, &[("ArgumentName", "partNumber"), ("ArgumentValue", &number.to_string())])
    })
}

fn class(upload: &Upload) -> StorageClass {
    let class = upload.settings.get("storage-class").cloned();
    StorageClass::from(class.unwrap_or_else(|| StorageClass::STANDARD.to_owned()))
}

pub(super) async fn begin(
    buckets: &Buckets,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = request.input;
    let mut new = convert::new_object(&input.key, &request.headers, input.metadata.as_ref())?;
    let kind = Kind::asked(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
    if let Some(kind) = &kind {
        kind.keep(&mut new.settings);
    }
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let encryption = Encryption::asked(buckets, &bucket, &request.headers)?;
    encryption.keep(&mut new.settings)?;
    let lock = lock::of_input!(buckets, input)?;
    let grants = acl::grants_of_object!(input);
    let new = NewObject { lock, ..grants.onto(new, &bucket, buckets.account())? };
    let upload = buckets.begin_upload(&input.bucket, new).await.map_err(convert::error)?;
    let (abort_date, abort_rule_id) = lifecycle::abortion(buckets, &input.bucket, &upload).unzip();
    let told = encryption.told();
    Ok(S3Response::new(CreateMultipartUploadOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(input.bucket),
        key: Some(upload.key),
        upload_id: Some(upload.id),
        checksum_algorithm: kind.as_ref().map(Kind::algorithm),
        checksum_type: kind.as_ref().map(Kind::checksum_type),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        ..CreateMultipartUploadOutput::default()
    }))
}

pub(super) async fn part(
    buckets: &Buckets,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    let number = number(input.part_number)?;
    let upload = find(buckets, &input.bucket, &input.key, &input.upload_id).await?;
    let encryption = Encryption::of(&upload.settings);
    encryption.check_part(&request.headers)?;
    let mut shown = announced(&request.headers);
    let kind = Kind::of(&upload);
    let also = match (&kind, &encryption) {
        (Some(kind), _) => Some(kind.algorithm.as_str()),
        // What the service cannot read it makes no checksum of.
        (None, Encryption::Customer(_)) => None,
        (None, _) => Some(DEFAULT),
    };
    if let Some(kind) = &kind {
        kind.check_part(&shown)?;
        shown = ALGORITHMS.into_iter().filter(|name| *name == kind.algorithm).collect();
    }
    let incoming = Incoming {
        body: input.body,
        headers: &request.headers,
        trailers: request.trailing_headers.as_ref(),
        md5: input.content_md5.as_deref(),
        length: input.content_length,
        also,
    };
    let (written, checksums) = write(buckets, incoming).await?;
    let part =
        buckets.add_part(&input.bucket, &upload, number, written, checksums).await.map_err(convert::error)?;
    let checksum = |name: &str| part.checksums.get(name).filter(|_| shown.contains(&name)).cloned();
    let told = encryption.told();
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(convert::etag(&part.etag)),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        ..UploadPartOutput::default()
    }))
}

pub(super) async fn part_copy(
    buckets: &Buckets,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = request.input;
    let number = number(input.part_number)?;
    let upload = find(buckets, &input.bucket, &input.key, &input.upload_id).await?;
    let (object, from) = source(buckets, &input.copy_source).await?;
    let reading = Reading {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    reading
        .check(&object, buckets.now())
        .map_err(|error| convert::error(BucketError::Precondition(reading.unmet(&error))))?;
    encryption::check_reader(&object, &request.headers, Some(encryption::OF_SOURCE))?;
    let encryption = Encryption::of(&upload.settings);
    encryption.check_part(&request.headers)?;
    let range = match &input.copy_source_range {
        None => 0..object.size,
        Some(text) => copy_range(text, object.size)?,
    };
    let kind = Kind::of(&upload);
    let algorithm = kind.as_ref().map_or(DEFAULT, |kind| kind.algorithm.as_str());
    let (written, checksums) = copy_with(buckets, &object, range, algorithm).await?;
    let part = buckets.add_part(&input.bucket, &upload, number, written, checksums).await;
    let part = part.map_err(convert::error)?;
    let checksum = |name: &str| part.checksums.get(name).filter(|_| kind.is_some()).cloned();
    let source_versioned = versioned(buckets, &from);
    let told = encryption.told();
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: Some(convert::etag(&part.etag)),
            last_modified: Some(convert::time(part.modified)),
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
        }),
        copy_source_version_id: convert::named_version(&object, source_versioned),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        ..UploadPartCopyOutput::default()
    }))
}

/// `bytes=first-last`, within the source.
fn copy_range(text: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    let refused = |message: String| {
        let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
        with_details(error, &[("ArgumentName", "x-amz-copy-source-range"), ("ArgumentValue", text)])
    };
    let ends = text.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let Some((first, last)) = ends.filter(|(first, last)| first <= last) else {
        return Err(refused("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy".to_owned()));
    };
    if first >= size {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy range is invalid for the source object size"
        ));
    }
    if last >= size {
        return Err(refused(format!("Range specified is not valid for source object of size: {size}")));
    }
    Ok(first..last + 1)
}

pub(super) async fn complete(
    buckets: &Buckets,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = request.input;
    let upload = match buckets.upload(&input.bucket, &input.key, &input.upload_id).await {
        Err(BucketError::NoSuchUpload) => {
            let completed = buckets.completed_upload(&input.bucket, &input.key, &input.upload_id).await;
            let object = completed.ok_or_else(|| convert::error(BucketError::NoSuchUpload))?;
            return Ok(told_of(buckets, input.bucket, &object));
        }
        upload => upload.map_err(convert::error)?,
    };
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    if parts.is_empty() {
        return Err(s3_error!(InvalidRequest, "You must specify at least one part"));
    }
    let chosen = parts
        .iter()
        .map(|part| {
            let etag = part.e_tag.as_ref().map(|etag| etag.value().trim_matches('"').to_owned());
            Ok(Chosen {
                number: number(part.part_number.unwrap_or_default())?,
                etag: etag.unwrap_or_default(),
            })
        })
        .collect::<S3Result<Vec<_>>>()?;
    if !chosen.is_sorted_by(|a, b| a.number < b.number) {
        return Err(convert::error(BucketError::PartOrder));
    }
    let condition = convert::condition(input.if_match, input.if_none_match)?;
    let given = Checksum {
        checksum_crc32: input.checksum_crc32,
        checksum_crc32c: input.checksum_crc32c,
        checksum_crc64nvme: input.checksum_crc64nvme,
        checksum_sha1: input.checksum_sha1,
        checksum_sha256: input.checksum_sha256,
        ..Checksum::default()
    };
    let uploaded = buckets.parts(&upload).await.map_err(convert::error)?;
    let completion = Completion {
        upload: &upload,
        uploaded: &uploaded,
        chosen: &parts,
        whole: &checksums(&given),
        kind: input.checksum_type.as_ref(),
        size: input.mpu_object_size,
    };
    let checksums = completion.check()?;
    let object = buckets.complete_upload(&input.bucket, &upload, &chosen, &condition, checksums).await;
    let object = object.map_err(|error| match error {
        BucketError::PartTooSmall => too_small(&uploaded, &chosen),
        error @ BucketError::Conflict => {
            let name = if matches!(condition, Condition::Absent) { "If-None-Match" } else { "If-Match" };
            with_details(convert::error(error), &[("Condition", name), ("Key", &upload.key)])
        }
        error => convert::error(error),
    })?;
    Ok(told_of(buckets, input.bucket, &object))
}

/// What is said of an upload that is complete.
fn told_of(buckets: &Buckets, bucket: String, object: &Object) -> S3Response<CompleteMultipartUploadOutput> {
    let checksum = |name: &str| object.checksums.get(name).cloned();
    let told = Encryption::of(&object.settings).told();
    S3Response::new(CompleteMultipartUploadOutput {
        expiration: lifecycle::expiration(buckets, &bucket, object),
        location: Some(format!("/{bucket}/{}", utf8_percent_encode(&object.key, LOCATION))),
        key: Some(object.key.clone()),
        e_tag: Some(convert::etag(&object.etag)),
        version_id: convert::named_version(object, versioned(buckets, &bucket)),
        bucket: Some(bucket),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: (!object.checksums.is_empty()).then(|| checksum_type(object)),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        ..CompleteMultipartUploadOutput::default()
    })
}

/// Which part is too small.
fn too_small(uploaded: &[ebb_sources::bucket::Part], chosen: &[Chosen]) -> S3Error {
    let error = convert::error(BucketError::PartTooSmall);
    let is_chosen =
        |part: &&ebb_sources::bucket::Part| chosen.iter().any(|chosen| chosen.number == part.number);
    let small = uploaded.iter().filter(is_chosen).find(|part| part.part.size < LEAST_PART);
    match small {
        None => error,
        Some(part) => with_details(
            error,
            &[
                ("ETag", &part.etag),
                ("MinSizeAllowed", &LEAST_PART.to_string()),
                ("PartNumber", &part.number.to_string()),
                ("ProposedSize", &part.part.size.to_string()),
            ],
        ),
    }
}

pub(super) async fn abort(
    buckets: &Buckets,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    let upload = find(buckets, &input.bucket, &input.key, &input.upload_id).await?;
    buckets.abort_upload(&input.bucket, &upload).await.map_err(convert::error)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn parts(
    buckets: &Buckets,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let upload = find(buckets, &input.bucket, &input.key, &input.upload_id).await?;
    let limit = convert::count(input.max_parts, PAGE, "max-parts")?;
    let marker = input.part_number_marker.as_ref().and_then(|marker| marker.to_string().parse().ok());
    let after = convert::count(marker.or(Some(0)), usize::MAX, "part-number-marker")?;
    let all: Vec<_> = buckets
        .parts(&upload)
        .await
        .map_err(convert::error)?
        .into_iter()
        .filter(|part| part.number as usize > after)
        .collect();
    let truncated = all.len() > limit;
    let kind = Kind::of(&upload);
    let part = |part: ebb_sources::bucket::Part| {
        let told = |name: &str| kind.as_ref().is_some_and(|kind| kind.algorithm == name);
        let checksum = |name: &str| part.checksums.get(name).filter(|_| told(name)).cloned();
        Part {
            part_number: i32::try_from(part.number).ok(),
            e_tag: Some(convert::etag(&part.etag)),
            size: Some(convert::size(part.part.size)),
            last_modified: Some(convert::time(part.modified)),
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
        }
    };
    let shown: Vec<Part> = all.into_iter().take(limit).map(part).collect();
    let last = shown.last().and_then(|part| part.part_number);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: i32::try_from(limit).ok(),
        is_truncated: Some(truncated),
        part_number_marker: Some(input.part_number_marker.unwrap_or_default()),
        next_part_number_marker: Some(last.unwrap_or_default()),
        initiator: Some(convert::initiator(buckets.account())),
        parts: (!shown.is_empty()).then_some(shown),
        owner: Some(convert::owner(buckets.account())),
        storage_class: Some(class(&upload)),
        checksum_algorithm: kind.as_ref().map(Kind::algorithm),
        checksum_type: kind.as_ref().map(Kind::checksum_type),
        ..ListPartsOutput::default()
    }))
}

pub(super) async fn list(
    buckets: &Buckets,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    super::listing::check_encoding(input.encoding_type.as_ref())?;
    let limit = convert::count(input.max_uploads, PAGE, "max-uploads")?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let rolling = ListingRequest {
        prefix: prefix.clone(),
        delimiter: input.delimiter.clone(),
        ..ListingRequest::default()
    };
    let key_marker = input.key_marker.clone().unwrap_or_default();
    // It is of an upload of the key of the other marker, and nothing without that.
    let id_marker = input.upload_id_marker.clone().filter(|_| !key_marker.is_empty()).unwrap_or_default();
    let all = buckets.uploads(&input.bucket).await.map_err(convert::error)?;
    let mut rest = &all[..];
    if !id_marker.is_empty() {
        let at = all.iter().position(|upload| upload.id == id_marker && upload.key == key_marker);
        let Some(at) = at else {
            let error = s3_error!(InvalidArgument, "Invalid uploadId marker");
            return Err(with_details(
                error,
                &[("ArgumentName", "upload-id-marker"), ("ArgumentValue", &id_marker)],
            ));
        };
        rest = &all[at + 1..];
    } else if !key_marker.is_empty() {
        rest = &all[all.partition_point(|upload| upload.key <= key_marker)..];
    }
    let owner = convert::owner(buckets.account());
    let (mut uploads, mut prefixes, mut truncated) = (Vec::new(), Vec::<CommonPrefix>::new(), false);
    for upload in rest.iter().filter(|upload| upload.key.starts_with(&prefix)) {
        let rolled = rolling.rolled_up(&upload.key);
        // What was rolled up by the page before, or is by this one.
        let is_known = |rolled: &String| {
            *rolled == key_marker
                || prefixes.last().is_some_and(|last| last.prefix.as_ref() == Some(rolled))
                || key_marker.starts_with(rolled.as_str())
        };
        if rolled.as_ref().is_some_and(is_known) {
            continue;
        }
        if uploads.len() + prefixes.len() == limit {
            truncated = true;
            break;
        }
        match rolled {
            Some(rolled) => prefixes.push(CommonPrefix { prefix: Some(rolled) }),
            None => uploads.push(shown(upload, &owner, buckets.account())),
        }
    }
    let next = uploads.last().map(|last| (last.key.clone(), last.upload_id.clone())).unwrap_or_default();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        key_marker: Some(key_marker),
        upload_id_marker: Some(id_marker),
        max_uploads: i32::try_from(limit).ok(),
        is_truncated: Some(truncated),
        next_key_marker: Some(next.0.unwrap_or_default()),
        next_upload_id_marker: Some(next.1.unwrap_or_default()),
        uploads: (!uploads.is_empty()).then_some(uploads),
        common_prefixes: (!prefixes.is_empty()).then_some(prefixes),
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    }))
}

fn shown(upload: &Upload, owner: &Owner, account: &str) -> MultipartUpload {
    let kind = Kind::of(upload);
    MultipartUpload {
        storage_class: Some(class(upload)),
        checksum_algorithm: kind.as_ref().map(Kind::algorithm),
        checksum_type: kind.as_ref().map(Kind::checksum_type),
        key: Some(upload.key.clone()),
        upload_id: Some(upload.id.clone()),
        initiated: Some(convert::time(upload.begun)),
        owner: Some(owner.clone()),
        initiator: Some(convert::initiator(account)),
    }
}
