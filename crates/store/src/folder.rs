//! The data folder, and the lock that keeps it to one server.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ebb_model::Timestamp;

use crate::StoreError;

/// Who may look into the data folder: its owner.
const PRIVATE: u32 = 0o700;

/// A data folder that this process holds until this is dropped (or the process ends, however it ends).
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    // The kernel releases the lock when this closes. Opened close-on-exec, so children do not keep it.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where needed, private to this user, and takes its lock.
    pub(crate) fn hold(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        make_private(path)?;
        // Absolute from here on: paths below it are handed to other processes.
        let path = path.canonicalize().map_err(StoreError::io("find", path))?;
        let lock_path = path.join("ebb.lock");
        let failed = |action| StoreError::io(action, lock_path.clone());
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("open"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).map_err(failed("read"))?;
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    holder => holder.to_owned(),
                };
                return Err(StoreError::Held { folder: path, holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let holder = format!("process {}, started {}\n", std::process::id(), now.to_rfc3339());
        lock.set_len(0).map_err(failed("truncate"))?;
        lock.seek(SeekFrom::Start(0)).map_err(failed("rewind"))?;
        lock.write_all(holder.as_bytes()).map_err(failed("write"))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the names in it durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        sync(&self.path)
    }
}

/// Makes `path` and its parents; only its owner may enter `path`.
fn make_private(path: &Path) -> Result<(), StoreError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(StoreError::io("create", parent))?;
    }
    match fs::DirBuilder::new().mode(PRIVATE).create(path) {
        Ok(()) => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent)?,
            _ => sync(Path::new("."))?,
        },
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::io("create", path)(error)),
    }
    let found = fs::metadata(path).map_err(StoreError::io("inspect", path))?.permissions().mode();
    if found & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))
            .map_err(StoreError::io("restrict access to", path))?;
    }
    Ok(())
}

fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(StoreError::io("sync", folder))
}

#[cfg(test)]
mod tests;
