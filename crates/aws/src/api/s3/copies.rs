//! Copies of objects.

use std::sync::Arc;

use ebb_sources::bucket::{BucketError, Buckets, Condition, NewObject, Object, Written};
use futures_util::StreamExt as _;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::body::{ALGORITHMS, Incoming, write};
use super::conditions::Reading;
use super::encryption::{self, Encryption};
use super::errors::with_details;
use super::objects::versioned;
use super::settings::ENCRYPTION;
use super::website::REDIRECT;
use super::{acl, checksums, convert, lock, restore};

/// The object that a copy is made of.
pub(super) async fn source(buckets: &Buckets, source: &CopySource) -> S3Result<(Arc<Object>, String)> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(s3_error!(NotImplemented, "ebb has no access points to copy from"));
    };
    let object = buckets.object(bucket, key, version_id.as_deref()).await;
    let object = object.map_err(|error| match error {
        error @ BucketError::NoSuchKey => with_details(convert::error(error), &[("Key", key)]),
        error => convert::error(error),
    })?;
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

/// As [`copy_bytes`], with a checksum.
pub(super) async fn copy_with(
    buckets: &Buckets,
    object: &Object,
    range: std::ops::Range<u64>,
    algorithm: &str,
) -> S3Result<(Written, std::collections::BTreeMap<String, String>)> {
    let stream = SyncStream(std::sync::Mutex::new(buckets.bytes(object, range)));
    let incoming = Incoming {
        body: Some(StreamingBlob::wrap(stream)),
        headers: &http::HeaderMap::new(),
        trailers: None,
        md5: None,
        length: None,
        also: Some(algorithm),
    };
    write(buckets, incoming).await
}

/// What must hold of what is there where the copy goes; the protocol's crate does not read it.
fn target_condition(headers: &http::HeaderMap) -> S3Result<Condition> {
    let read =
        |name| headers.get(name).and_then(|value| ETagCondition::parse_http_header(value.as_bytes()).ok());
    convert::condition(read(http::header::IF_MATCH), read(http::header::IF_NONE_MATCH))
}

pub(super) async fn copy(
    buckets: &Buckets,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = request.input;
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let (object, from) = source(buckets, &input.copy_source).await?;
    encryption::check_reader(&object, &request.headers, Some(encryption::OF_SOURCE))?;
    restore::check(buckets, &object, "").map_err(|_| {
        let code = S3ErrorCode::Custom("ObjectNotInActiveTierError".into());
        let message =
            "The source object of the COPY operation is not in the active tier and is only stored in Amazon S3 Glacier.";
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(http::StatusCode::FORBIDDEN);
        error
    })?;
    let reading = Reading {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    reading
        .check(&object, buckets.now())
        .map_err(|error| convert::error(BucketError::Precondition(reading.unmet(&error))))?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replace_tags = input
        .tagging_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    let mut given = convert::new_object(&input.key, &request.headers, input.metadata.as_ref())?;
    // An older version that is copied comes back; and a bucket's own encryption is a change.
    let of_version = matches!(&input.copy_source, CopySource::Bucket { version_id: Some(_), .. });
    let is_encrypted = buckets.bucket(&from).is_ok_and(|bucket| bucket.settings.contains_key(ENCRYPTION));
    let onto_itself = from == input.bucket && object.key == input.key && !of_version && !is_encrypted;
    if onto_itself
        && !replace
        && !replace_tags
        && given.settings.is_empty()
        && !given.headers.contains_key(REDIRECT)
        && input.server_side_encryption.is_none()
    {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let condition = target_condition(&request.headers)?;
    let lock = lock::of_input!(buckets, input)?;
    let grants = acl::grants_of_object!(input);
    let encryption = Encryption::asked(buckets, &bucket, &request.headers)?;
    encryption.keep(&mut given.settings)?;
    let mut given = grants.onto(given, &bucket, buckets.account())?;
    // A checksum of the parts of an upload is none of the copy, which has no parts.
    let of_source = object.checksums.iter().next().filter(|(name, _)| ALGORITHMS.contains(&name.as_str()));
    let algorithm = match &input.checksum_algorithm {
        Some(algorithm) => Some(algorithm.as_str().to_ascii_lowercase()),
        None if of_source.is_some_and(|(_, value)| !value.contains('-')) => None,
        None => Some(of_source.map_or_else(|| checksums::DEFAULT.to_owned(), |(name, _)| name.clone())),
    };
    let (written, checksums) = match &algorithm {
        Some(algorithm) => copy_with(buckets, &object, 0..object.size, algorithm).await?,
        None => (copy_bytes(buckets, &object, 0..object.size).await?, object.checksums.clone()),
    };
    // Where a website redirects to goes with no copy, and is given with it.
    let mut headers = if replace { given.headers.clone() } else { object.headers.clone() };
    headers.remove(REDIRECT);
    headers.extend(given.headers.remove_entry(REDIRECT));
    let new = NewObject {
        lock,
        key: input.key,
        etag: written.md5,
        parts: vec![written.part],
        multipart: false,
        headers,
        metadata: if replace { given.metadata } else { object.metadata.clone() },
        tags: if replace_tags { given.tags } else { object.tags.clone() },
        checksums,
        settings: given.settings,
    };
    let copy =
        buckets.put(&input.bucket, new, &condition, "ObjectCreated:Copy").await.map_err(convert::error)?;
    let checksum = |name: &str| copy.checksums.get(name).cloned();
    let told = encryption.told();
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
        copy_source_version_id: convert::named_version(&object, versioned(buckets, &from)),
        version_id: convert::version(&copy, versioned(buckets, &input.bucket)),
        server_side_encryption: told.algorithm,
        ssekms_key_id: told.key,
        bucket_key_enabled: told.bucket_key,
        sse_customer_algorithm: told.customer_algorithm,
        sse_customer_key_md5: told.customer_key,
        ..CopyObjectOutput::default()
    }))
}

/// The protocol wants streams that several threads may hold; only one ever polls.
pub(super) struct SyncStream<S>(pub(super) std::sync::Mutex<S>);

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
