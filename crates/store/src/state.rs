//! Folders in which functions keep what outlives their instances, one for each function.
//!
//! They are this machine's: where several servers share a database, each has its own.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::StoreError;

/// What the name of a folder begins with that is being deleted; no function's name does.
const GONE: &str = ".gone-";

/// A handle to all of them; cheap to clone.
#[derive(Debug, Clone)]
pub struct StateFolders {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Who may use the folder of this name.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The folder of a function, and the sole right to it until this is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _turn: OwnedMutexGuard<()>,
}

impl StateFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl StateFolders {
    /// Those below `root`, which is made with the first. Deletes what was about to be deleted.
    pub(crate) fn open(root: PathBuf) -> Result<Self, StoreError> {
        let folders = Self { inner: Arc::new(Inner { root, turns: Mutex::default() }) };
        for name in folders.names()?.into_iter().filter(|name| name.starts_with(GONE)) {
            folders.delete(&folders.inner.root.join(name))?;
        }
        Ok(folders)
    }

    /// The folder of the function `name`, made where it is not there, once nobody else has it. Cancel safe.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it cannot be made.
    pub async fn hold(&self, name: &str) -> Result<StateFolder, StoreError> {
        let turn = {
            let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        let turn = turn.lock_owned().await;
        let path = self.inner.root.join(name);
        fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        Ok(StateFolder { path, _turn: turn })
    }

    /// Deletes the folder of a function that is gone. Whoever still holds it keeps what it has open. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        // Out of the way at once: the next function of this name begins with nothing, whatever becomes of this call.
        self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let path = self.inner.root.join(name);
        let gone = self.inner.root.join(format!("{GONE}{name}-{}", uuid::Uuid::new_v4().simple()));
        match fs::rename(&path, &gone) {
            Ok(()) => self.delete(&gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("move away", &path)(error)),
        }
    }

    /// Deletes the folders of all other functions. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_only(&self, functions: &BTreeSet<&str>) -> Result<(), StoreError> {
        let names = self.names()?;
        names.iter().filter(|name| !functions.contains(name.as_str())).try_for_each(|name| self.remove(name))
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let failed = || StoreError::io("read", &self.inner.root);
        let entries = match fs::read_dir(&self.inner.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().map_err(failed())
    }

    fn delete(&self, path: &Path) -> Result<(), StoreError> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("delete", path)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_held_by_one_and_outlives_it() {
        let data = tempfile::tempdir().unwrap();
        let folders = StateFolders::open(data.path().join("state")).unwrap();
        let held = folders.hold("a").await.unwrap();
        fs::write(held.path().join("x"), "kept").unwrap();
        assert!(futures_util::FutureExt::now_or_never(folders.hold("a")).is_none());
        assert!(folders.hold("b").await.is_ok());
        drop(held);
        let again = folders.hold("a").await.unwrap();
        assert_eq!(fs::read_to_string(again.path().join("x")).unwrap(), "kept");
    }

    #[tokio::test]
    async fn what_is_removed_is_not_found_again() {
        let data = tempfile::tempdir().unwrap();
        let folders = StateFolders::open(data.path().join("state")).unwrap();
        let held = folders.hold("a").await.unwrap();
        fs::write(held.path().join("x"), "old").unwrap();
        // While the last instance is still ending.
        folders.remove("a").unwrap();
        let new = folders.hold("a").await.unwrap();
        assert!(!new.path().join("x").exists());
        drop(folders.hold("b").await.unwrap());
        folders.keep_only(&BTreeSet::from(["b"])).unwrap();
        assert_eq!(folders.names().unwrap(), ["b"]);
        folders.remove("never").unwrap();
    }
}
