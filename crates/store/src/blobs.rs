//! Blobs: immutable bytes, named by their SHA-256.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::Digest;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::store::scheme;
use crate::{Bodies, StoreError};

/// What [`StoreConfig::blobs`](crate::StoreConfig::blobs) may say.
const SUPPORTED: &str = "file:///absolute/folder, memory:, or none for blobs/ in the data folder";
/// Bytes that are hashed in passing; more is hashed away from the threads that serve requests.
const HASHED_INLINE: usize = 256 * 1024;

/// Immutable bytes by their SHA-256. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// Opens the store that `url` names, or the given folder.
    pub(crate) fn open(folder: &Path, url: Option<&str>) -> Result<Self, StoreError> {
        match url {
            None => Self::in_folder(folder),
            Some("memory:" | "memory://" | "memory:///") => Ok(Self { objects: Arc::new(InMemory::new()) }),
            Some(url) => match url.strip_prefix("file://").map(Path::new) {
                Some(path) if path.is_absolute() => Self::in_folder(path),
                _ => Err(StoreError::Unsupported {
                    what: "blob store",
                    value: scheme(url).to_owned(),
                    supported: SUPPORTED,
                }),
            },
        }
    }

    fn in_folder(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(failed("open the blob folder"))?;
        // A blob is written beside its place, synced, renamed, and its folder synced.
        Ok(Self { objects: Arc::new(objects.with_fsync(true)) })
    }

    /// Bodies in the same place.
    pub(crate) fn bodies(&self) -> Bodies {
        Bodies::new(Arc::clone(&self.objects))
    }

    /// Keeps `bytes`; durable when it returns. Putting the same bytes again is harmless.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`].
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, StoreError> {
        let digest = digest(bytes.clone()).await?;
        // Written anew even where it exists: an earlier put of the same bytes may not have reached the disk yet, and
        // a concurrent delete must not win over this.
        self.objects.put(&location(digest), bytes.into()).await.map_err(failed("write a blob"))?;
        Ok(digest)
    }

    /// The bytes, checked against their name; none where there is no such blob.
    ///
    /// # Errors
    /// [`StoreError::DamagedBlob`] where they do not hash to their name; [`StoreError::BlobStore`].
    pub async fn get(&self, digest: Digest) -> Result<Option<Bytes>, StoreError> {
        let found = match self.objects.get(&location(digest)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed("read a blob")(error)),
        };
        let bytes = found.bytes().await.map_err(failed("read a blob"))?;
        if self::digest(bytes.clone()).await? != digest {
            return Err(StoreError::DamagedBlob(digest));
        }
        Ok(Some(bytes))
    }

    /// Removes a blob; does nothing where there is none.
    ///
    /// # Errors
    /// [`StoreError::BlobStore`].
    pub async fn delete(&self, digest: Digest) -> Result<(), StoreError> {
        match self.objects.delete(&location(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete a blob")(error)),
        }
    }
}

/// `ab/abcdef…`: no folder grows too large.
fn location(digest: Digest) -> Location {
    let name = digest.to_string();
    Location::from_iter([&name[..2], name.as_str()])
}

async fn digest(bytes: Bytes) -> Result<Digest, StoreError> {
    if bytes.len() <= HASHED_INLINE {
        return Ok(Digest::of(&bytes));
    }
    tokio::task::spawn_blocking(move || Digest::of(&bytes))
        .await
        .map_err(|error| StoreError::Failed { action: "hash a blob", message: error.to_string() })
}

fn failed(action: &'static str) -> impl Fn(object_store::Error) -> StoreError {
    move |error| StoreError::BlobStore { action, source: Box::new(error) }
}

#[cfg(test)]
mod tests;
