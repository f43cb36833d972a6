//! Bodies: bytes under names of their own, written and read as streams of any length.
//!
//! Unlike blobs they are not found by their content: whoever writes one keeps its name. What was written is durable when
//! its name is given; a body that was begun and not finished is never seen.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ebb_model::RequestId;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path as Location;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _};

use crate::StoreError;

/// Bytes that are written at one time. Object stores want parts of at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;

/// All bodies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bodies {
    objects: Arc<dyn ObjectStore>,
}

/// A body that is being written. Dropping it leaves nothing that is ever seen.
#[derive(Debug)]
pub struct BodyWriter {
    objects: Arc<dyn ObjectStore>,
    name: String,
    buffer: BytesMut,
    /// Open once there is more than one part.
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Bodies {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    /// Begins a body.
    #[must_use]
    pub fn writer(&self) -> BodyWriter {
        let (objects, name) = (Arc::clone(&self.objects), RequestId::random().to_string());
        BodyWriter { objects, name, buffer: BytesMut::new(), upload: None }
    }

    /// Reads a part of a body as it comes.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`], also where there is no such body.
    pub async fn read(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.objects.get_opts(&location(name), options).await.map_err(failed("read a body"))?;
        Ok(found.into_stream().map_err(failed("read a body")).boxed())
    }

    /// Removes a body; does nothing where there is none.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`].
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.objects.delete(&location(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete a body")(error)),
        }
    }
}

impl BodyWriter {
    /// Writes some more.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(&bytes);
        while self.buffer.len() >= PART {
            let part = self.buffer.split_to(PART).freeze();
            self.put_part(part).await?;
        }
        Ok(())
    }

    /// Ends it; durable when its name is given.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`].
    pub async fn finish(mut self) -> Result<String, StoreError> {
        let rest = self.buffer.split().freeze();
        if self.upload.is_some() {
            if !rest.is_empty() {
                self.put_part(rest).await?;
            }
            if let Some(upload) = &mut self.upload {
                upload.complete().await.map_err(failed("write a body"))?;
            }
        } else {
            self.objects.put(&location(&self.name), rest.into()).await.map_err(failed("write a body"))?;
        }
        Ok(self.name)
    }

    /// Gives up, and removes what was written so far.
    pub async fn abort(mut self) {
        if let Some(upload) = &mut self.upload
            && let Err(error) = upload.abort().await
        {
            tracing::debug!(%error, "what was written of a body stays until it is swept");
        }
    }

    async fn put_part(&mut self, part: Bytes) -> Result<(), StoreError> {
        if self.upload.is_none() {
            let location = location(&self.name);
            let upload = self.objects.put_multipart(&location).await.map_err(failed("write a body"))?;
            self.upload = Some(upload);
        }
        if let Some(upload) = &mut self.upload {
            upload.put_part(part.into()).await.map_err(failed("write a body"))?;
        }
        Ok(())
    }
}

/// `bodies/ab/abcdef…`: beside the blobs, no folder too large.
fn location(name: &str) -> Location {
    Location::from_iter(["bodies", name.get(..2).unwrap_or("00"), name])
}

fn failed(action: &'static str) -> impl Fn(object_store::Error) -> StoreError {
    move |error| StoreError::BlobStore { action, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestStore;

    #[tokio::test]
    async fn a_body_of_any_length_is_read_in_parts() {
        let store = TestStore::sqlite().await;
        for length in [0, 1, PART, PART * 2 + 5] {
            let mut writer = store.bodies().writer();
            let whole: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            for piece in whole.chunks(1_000_003) {
                writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            let name = writer.finish().await.unwrap();
            for range in [0..length, length / 3..length / 2] {
                let stream = store.bodies().read(&name, range.start as u64..range.end as u64).await.unwrap();
                let read: Vec<Bytes> = stream.try_collect().await.unwrap();
                assert_eq!(read.concat(), whole[range], "{length}");
            }
            store.bodies().delete(&name).await.unwrap();
            store.bodies().delete(&name).await.unwrap();
            assert!(length == 0 || store.bodies().read(&name, 0..1).await.is_err());
        }
        let mut writer = store.bodies().writer();
        writer.write(vec![0; PART + 1].into()).await.unwrap();
        writer.abort().await;
    }
}
