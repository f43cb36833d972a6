//! Code packages in buckets: the catalog reads them through a port of its own.

use bytes::Bytes;
use ebb_invoker::Boxed;
use ebb_invoker::catalog::{CodeObjectError, CodeObjects};
use futures_util::TryStreamExt as _;

use super::{BucketError, Buckets};

/// The largest package that is read. Source: the Lambda developer guide, "Lambda quotas": 250 MB unzipped.
const LARGEST: u64 = 250 * 1024 * 1024;

impl CodeObjects for Buckets {
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        version: Option<&'a str>,
    ) -> Boxed<'a, Result<Bytes, CodeObjectError>> {
        Box::pin(async move {
            let refused = |error: BucketError| {
                let code = match &error {
                    BucketError::NoSuchBucket => "NoSuchBucket",
                    BucketError::NoSuchKey | BucketError::DeleteMarker { .. } => "NoSuchKey",
                    BucketError::NoSuchVersion => "NoSuchVersion",
                    _ => "InternalError",
                };
                let message = match error {
                    BucketError::DeleteMarker { .. } => BucketError::NoSuchKey.to_string(),
                    error => error.to_string(),
                };
                CodeObjectError::Refused { code: code.to_owned(), message }
            };
            let object = self.object(bucket, key, version).await.map_err(refused)?;
            if object.size > LARGEST {
                return Err(CodeObjectError::TooLarge { limit: LARGEST });
            }
            let pieces: Vec<Bytes> = self
                .bytes(&object, 0..object.size)
                .try_collect()
                .await
                .map_err(|error| refused(error.into()))?;
            Ok(pieces.concat().into())
        })
    }
}
