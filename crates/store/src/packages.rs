//! Code packages: zips from anyone, checked, and unpacked on this machine.
//!
//! A package is a blob in the blob store; its unpacked folder is a cache that any node makes for itself. Unpacking
//! writes into a folder of another name and renames it when it is whole, so a folder under a digest is never half
//! done, whatever kills the process. What a power cut may do to files that were not synced is met by keeping the cache
//! in a folder named after this boot of the machine: folders of earlier boots are removed at start, not trusted. That
//! spares a cold start the wait for the disk.

mod archive;
mod extract;
mod name;
mod plan;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ebb_model::{Digest, limits};
use tokio::sync::Semaphore;

use crate::{Blobs, StoreError};
use archive::Archive;
use plan::Plan;

/// Zips that are read at the same time: each takes a core and, with its package in memory, up to 300 MB.
const AT_ONCE: usize = 4;

/// Zip packages, checked, and unpacked on this machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Packages {
    cache: Arc<Cache>,
}

#[derive(Debug)]
struct Cache {
    /// The folder of this boot.
    folder: PathBuf,
    blobs: Blobs,
    /// One slot for each package that was asked for. Its lock makes the first caller unpack and the others wait; its
    /// value says that the folder is there.
    slots: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<bool>>>>,
    reading: Arc<Semaphore>,
}

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, or an unsafe one; the text says which entry and why.
    #[error("{0}")]
    Invalid(String),
    /// More than the limit once unpacked, counted on what its entries really hold.
    #[error("Unzipped size must be smaller than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// No blob has this digest.
    #[error("package {0} is not in the blob store")]
    Missing(Digest),
    /// The blob could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine failed.
    #[error("{action}: {message}")]
    Failed {
        /// What was attempted.
        action: &'static str,
        /// What went wrong.
        message: String,
    },
}

/// What a package holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageInfo {
    /// The bytes of all its files.
    pub unzipped_bytes: u64,
    /// Its files, folders and links.
    pub entries: u64,
}

impl Packages {
    /// Keeps unpacked packages below `folder`; what earlier boots of the machine left there is removed.
    pub(crate) fn open(folder: &Path, blobs: Blobs) -> Result<Self, StoreError> {
        let folder = extract::fresh_cache(folder)?;
        let reading = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { cache: Arc::new(Cache { folder, blobs, slots: Mutex::default(), reading }) })
    }

    /// Reads the zip's directory and every entry against the limits, without writing anything.
    ///
    /// # Errors
    /// [`PackageError::Invalid`], [`PackageError::TooLarge`] (250 MiB unzipped, as Lambda counts for code and layers).
    pub async fn inspect(&self, zip: Bytes) -> Result<PackageInfo, PackageError> {
        self.blocking("inspect a package", move || inspect(&zip, limits::UNZIPPED_BYTES)).await
    }

    /// The folder that holds the package unpacked; made on first use, shared by all instances, never changed.
    ///
    /// Folders are 0755 and files 0444, or 0555 where the zip marks them executable. Where the caller stops waiting,
    /// unpacking may still finish, and the next caller finds it done.
    ///
    /// # Errors
    /// [`PackageError::Missing`] where no blob has this digest; [`PackageError::Invalid`] and
    /// [`PackageError::TooLarge`] as [`Packages::inspect`]; [`PackageError::Store`], [`PackageError::Failed`].
    pub async fn unpacked(&self, digest: Digest) -> Result<PathBuf, PackageError> {
        let folder = self.folder_of(digest);
        let slot = self.slot(digest);
        let mut ready = slot.lock().await;
        if !*ready {
            if !is_folder(&folder).await {
                self.unpack(digest, folder.clone()).await?;
            }
            *ready = true;
        }
        Ok(folder)
    }

    /// Removes what is unpacked of a package. Instances that still use it must be gone; the blob stays.
    ///
    /// # Errors
    /// [`PackageError::Failed`].
    pub async fn remove(&self, digest: Digest) -> Result<(), PackageError> {
        let slot = self.slot(digest);
        let mut ready = slot.lock().await;
        *ready = false;
        let (cache, folder) = (self.cache.folder.clone(), self.folder_of(digest));
        self.blocking("remove a package", move || extract::remove(&cache, &folder)).await
    }

    async fn unpack(&self, digest: Digest, folder: PathBuf) -> Result<(), PackageError> {
        let zip = self.cache.blobs.get(digest).await?.ok_or(PackageError::Missing(digest))?;
        let cache = self.cache.folder.clone();
        self.blocking("unpack a package", move || {
            let mut archive = Archive::open(&zip, limits::UNZIPPED_BYTES)?;
            let plan = Plan::of(&mut archive)?;
            extract::extract(&mut archive, &plan, &cache, &folder)
        })
        .await
    }

    fn folder_of(&self, digest: Digest) -> PathBuf {
        self.cache.folder.join(digest.to_string())
    }

    fn slot(&self, digest: Digest) -> Arc<tokio::sync::Mutex<bool>> {
        let mut slots = self.cache.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(digest).or_default())
    }

    /// Reads a zip on a thread that may block; waits for its turn.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        run: impl FnOnce() -> Result<T, PackageError> + Send + 'static,
    ) -> Result<T, PackageError> {
        let failed = |message: String| PackageError::Failed { action, message };
        let turn = Arc::clone(&self.cache.reading).acquire_owned().await;
        let turn = turn.map_err(|error| failed(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the thread, which goes on where the caller stops waiting.
            let _turn = turn;
            run()
        });
        done.await.map_err(|error| failed(error.to_string()))?
    }
}

async fn is_folder(path: &Path) -> bool {
    tokio::fs::symlink_metadata(path).await.is_ok_and(|found| found.is_dir())
}

/// Reads a whole zip against the limits.
fn inspect(zip: &Bytes, limit: u64) -> Result<PackageInfo, PackageError> {
    let mut archive = Archive::open(zip, limit)?;
    let plan = Plan::of(&mut archive)?;
    for file in plan.files() {
        archive.read(file.entry, &mut std::io::sink())?;
    }
    Ok(PackageInfo { unzipped_bytes: archive.bytes_read(), entries: archive.len() as u64 })
}

impl PackageError {
    /// An unsafe or broken entry.
    fn entry(name: &[u8], problem: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("Could not use the uploaded file: entry {:?} {problem}.", name::shown(name)))
    }

    /// For `map_err`: a file operation of this machine that failed.
    fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Failed { action, message: format!("{path}: {error}") }
    }
}

#[cfg(test)]
mod tests;
