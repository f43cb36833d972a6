//! Objects: put and deleted, and the ids of their versions.

use std::sync::Arc;

use ebb_sources::bucket::{BucketError, Buckets, NewObject, Object, Versioning};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::body::{Incoming, announced, write};
use super::encryption::Encryption;
use super::errors::with_details;
use super::{access, acl, checksums, convert, lifecycle, lock};

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
    let new = NewObject { lock, ..grants.onto(new, &bucket, buckets.account())? };
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

/// The storage class of an object, as it is told where it is always told.
pub(super) fn storage_class_name(object: &Object) -> String {
    object.settings.get("storage-class").cloned().unwrap_or_else(|| StorageClass::STANDARD.to_owned())
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

/// What is there of a key: what is current, or the version of that id.
pub(super) async fn found(
    buckets: &Buckets,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<Arc<Object>> {
    check_version_id(buckets, bucket, version)?;
    buckets.object(bucket, key, version).await.map_err(convert::error)
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
