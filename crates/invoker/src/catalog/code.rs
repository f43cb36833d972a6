//! Where code comes from, and how it is checked and kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ebb_model::{Code, Digest, LayerReference, PackageType, limits};

use super::{Catalog, CatalogError};
use crate::port::Boxed;

/// Where a request says that code is.
#[derive(Debug, Clone)]
pub enum CodeSource {
    /// A zip, in the request.
    Zip(Bytes),
    /// A zip, in a bucket.
    Object {
        /// The bucket.
        bucket: String,
        /// The key in it.
        key: String,
        /// The version of the object; the latest where absent.
        version: Option<String>,
    },
    /// A container image, by its reference.
    Image(String),
}

/// Reads packages out of buckets. The catalog owns this port; whoever holds the buckets implements it.
pub trait CodeObjects: Send + Sync + 'static {
    /// The whole of an object.
    ///
    /// # Errors
    /// [`CodeObjectError`], with the code and message that the bucket service would give.
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        version: Option<&'a str>,
    ) -> Boxed<'a, Result<Bytes, CodeObjectError>>;
}

/// Why an object could not be read, as the service says it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CodeObjectError {
    /// The bucket service refused.
    #[error("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")]
    Refused {
        /// As in `NoSuchKey`.
        code: String,
        /// For people.
        message: String,
    },
    /// It is too large for a package.
    #[error("Unzipped size must be smaller than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
}

/// Sizes of packages once unpacked, so that a package is not read again each time that it is added up with others.
/// Forgotten with the process; grows by 40 bytes for each distinct package.
#[derive(Default)]
pub(super) struct UnzippedSizes(Mutex<HashMap<Digest, u64>>);

impl UnzippedSizes {
    fn get(&self, digest: Digest) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied()
    }

    fn set(&self, digest: Digest, size: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, size);
    }
}

/// A package that was checked and is still in memory.
pub(super) struct CheckedPackage {
    zip: Bytes,
    pub(super) code: Code,
}

impl Catalog {
    /// Reads a package from where it is and checks it; nothing is kept yet.
    pub(super) async fn check_code(&self, source: &CodeSource) -> Result<CheckedPackage, CatalogError> {
        let zip = match source {
            CodeSource::Zip(bytes) if bytes.len() > limits::ZIP_UPLOAD_BYTES => {
                return Err(CatalogError::ZipTooLarge { limit: limits::ZIP_UPLOAD_BYTES });
            }
            CodeSource::Zip(bytes) => bytes.clone(),
            CodeSource::Object { bucket, key, version } => {
                self.read_object(bucket, key, version.as_deref()).await?
            }
            CodeSource::Image(uri) => {
                return Err(CatalogError::NotBuilt(format!(
                    "Functions of PackageType Image are not built yet in ebb (ImageUri {uri}); deploy a zip package \
                     instead."
                )));
            }
        };
        let digest = Digest::of(&zip);
        let info = self.inner.store.packages().inspect(zip.clone()).await?;
        self.inner.unzipped.set(digest, info.unzipped_bytes);
        let code = Code { digest, size: zip.len() as u64, package: PackageType::Zip };
        Ok(CheckedPackage { zip, code })
    }

    async fn read_object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Bytes, CatalogError> {
        let objects = self.inner.code_objects.load_full().ok_or_else(|| {
            CatalogError::NotBuilt(format!(
                "Error occurred while GetObject. ebb has no buckets yet, so code at S3Bucket {bucket}, S3Key {key} \
                 cannot be read; send the package as ZipFile."
            ))
        })?;
        objects
            .get(bucket, key, version)
            .await
            .map_err(|error| CatalogError::InvalidParameter(error.to_string()))
    }

    /// Keeps a checked package; durable when it returns.
    pub(super) async fn keep(&self, package: CheckedPackage) -> Result<Code, CatalogError> {
        self.inner.store.blobs().put(package.zip).await?;
        Ok(package.code)
    }

    /// Refuses code that, with its layers, exceeds what a function may unpack to.
    pub(super) async fn check_total(
        &self,
        code: Code,
        layers: &[LayerReference],
    ) -> Result<(), CatalogError> {
        if layers.is_empty() {
            return Ok(());
        }
        let mut total = self.unzipped_size(code.digest).await?;
        for layer in layers {
            total = total.saturating_add(self.unzipped_size(layer.digest).await?);
        }
        if total > limits::UNZIPPED_BYTES {
            return Err(CatalogError::InvalidParameter(format!(
                "Function code combined with layers exceeds the maximum allowed size of {} bytes. The actual size is \
                 {total} bytes.",
                limits::UNZIPPED_BYTES
            )));
        }
        Ok(())
    }

    async fn unzipped_size(&self, digest: Digest) -> Result<u64, CatalogError> {
        if let Some(size) = self.inner.unzipped.get(digest) {
            return Ok(size);
        }
        let zip = self
            .inner
            .store
            .blobs()
            .get(digest)
            .await?
            .ok_or_else(|| CatalogError::Package(format!("package {digest} is not in the blob store")))?;
        let info = self.inner.store.packages().inspect(zip).await?;
        self.inner.unzipped.set(digest, info.unzipped_bytes);
        Ok(info.unzipped_bytes)
    }

    /// The bytes of a package, for who may download it.
    ///
    /// # Errors
    /// [`CatalogError::Package`] where the blob is missing, [`CatalogError::Store`] where it cannot be read.
    pub async fn package(&self, digest: Digest) -> Result<Bytes, CatalogError> {
        self.inner
            .store
            .blobs()
            .get(digest)
            .await?
            .ok_or_else(|| CatalogError::Package(format!("package {digest} is not in the blob store")))
    }
}
