//! Reading objects.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ebb_store::StoreError;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use super::object::{OBJECT, VERSION, object_key, versions_range};
use super::objects::read_record;
use super::{BucketError, Buckets, Object};

impl Buckets {
    /// An object, or one version of it.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::NoSuchKey`], [`BucketError::NoSuchVersion`],
    /// [`BucketError::DeleteMarker`].
    pub async fn object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Arc<Object>, BucketError> {
        self.bucket(bucket)?;
        let records = self.inner.store.records();
        let current = records.get(OBJECT, &object_key(bucket, key)?).await?;
        let current = current.as_ref().map(read_record).transpose()?;
        let Some(version) = version else {
            return match current {
                None => Err(BucketError::NoSuchKey),
                Some(object) if object.marker => {
                    Err(BucketError::DeleteMarker { version: Some(object.version), named: false })
                }
                Some(object) => Ok(Arc::new(object)),
            };
        };
        let (from, until) = versions_range(bucket, key);
        let older = records.range(VERSION, &from, &until, u32::MAX).await?;
        let older = older.iter().map(read_record).collect::<Result<Vec<_>, _>>()?;
        let found =
            current.into_iter().chain(older).find(|object| object.version == version && object.key == key);
        match found {
            None => Err(BucketError::NoSuchVersion),
            Some(object) if object.marker => {
                Err(BucketError::DeleteMarker { version: Some(object.version), named: true })
            }
            Some(object) => Ok(Arc::new(object)),
        }
    }

    /// The bytes of an object, or of a range of it, as they come.
    #[must_use]
    pub fn bytes(&self, object: &Object, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let mut pieces = Vec::new();
        let mut offset = 0;
        for part in &object.parts {
            let (from, until) = (range.start.max(offset), range.end.min(offset + part.size));
            if from < until {
                pieces.push((part.body.clone(), from - offset..until - offset));
            }
            offset += part.size;
        }
        let bodies = self.inner.store.bodies().clone();
        futures_util::stream::iter(pieces)
            .then(move |(body, range)| {
                let bodies = bodies.clone();
                async move { bodies.read(&body, range).await }
            })
            .try_flatten()
            .boxed()
    }
}
