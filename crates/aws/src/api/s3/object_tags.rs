//! Tags of objects.

use ebb_sources::bucket::{BucketError, Buckets, Object};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::convert;
use super::objects::versioned;

pub(super) async fn get(
    buckets: &Buckets,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    let object = buckets
        .object(&input.bucket, &input.key, input.version_id.as_deref())
        .await
        .map_err(|error| match error {
            BucketError::DeleteMarker { version, .. } => BucketError::DeleteMarker { version, named: true },
            error => error,
        })
        .map_err(convert::error)?;
    let version_id = convert::version(&object, versioned(buckets, &input.bucket));
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: convert::tag_set(&object.tags), version_id }))
}

pub(super) async fn put(
    buckets: &Buckets,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    let tags = convert::check_tags(convert::read_tags(input.tagging)?)?;
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

pub(super) async fn delete(
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
