//! A place for what a bundler writes.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ProjectError;

/// A folder that goes with the value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder in that of this machine for temporary files.
    pub(super) fn new() -> Result<Self, ProjectError> {
        let mut number = 0_u32;
        loop {
            let path = std::env::temp_dir().join(format!("ebb-bundle-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(ProjectError::io("make", &path, source)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over is the system's to clear away.
        let _ = fs::remove_dir_all(&self.0);
    }
}
