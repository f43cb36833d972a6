//! Writing a planned package to disk, and the folder in which packages are kept.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::PackageError;
use super::archive::Archive;
use super::plan::{Node, Plan};
use crate::StoreError;

/// Everyone may enter and list; the sandbox's user is not ours.
const FOLDER: u32 = 0o755;
/// Everyone may read, nobody may write.
const FILE: u32 = 0o444;
/// The same, and everyone may execute.
const EXECUTABLE: u32 = 0o555;
/// What the folders start with that are not packages.
const UNFINISHED: &str = "tmp-";
/// Changes at each boot of the machine. Source: proc(5).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The folder for packages unpacked since the machine started; all others are removed.
pub(super) fn fresh_cache(packages: &Path) -> Result<PathBuf, StoreError> {
    // Where the boot cannot be told, nothing from before this start is trusted.
    let boot = fs::read_to_string(BOOT_ID).map_or_else(
        |_| format!("start-{}", uuid::Uuid::new_v4().simple()),
        |id| format!("boot-{}", id.trim().replace('-', "")),
    );
    let current = packages.join(&boot);
    fs::create_dir_all(&current).map_err(StoreError::io("create", &current))?;
    for entry in fs::read_dir(packages).map_err(StoreError::io("list", packages))? {
        let entry = entry.map_err(StoreError::io("list", packages))?;
        if entry.file_name() != boot.as_str() {
            remove_tree(&entry.path()).map_err(StoreError::io("remove", entry.path()))?;
        }
    }
    for entry in fs::read_dir(&current).map_err(StoreError::io("list", &current))? {
        let entry = entry.map_err(StoreError::io("list", &current))?;
        if entry.file_name().as_bytes().starts_with(UNFINISHED.as_bytes()) {
            remove_tree(&entry.path()).map_err(StoreError::io("remove", entry.path()))?;
        }
    }
    Ok(current)
}

/// Writes a package beside its place and moves it there when it is whole.
pub(super) fn extract(
    archive: &mut Archive<'_>,
    plan: &Plan,
    cache: &Path,
    place: &Path,
) -> Result<(), PackageError> {
    let unfinished = Unfinished(unfinished(cache));
    let mut links = Vec::new();
    make_folder(&unfinished.0)?;
    let mut todo = vec![(plan.root(), unfinished.0.clone())];
    while let Some((node, path)) = todo.pop() {
        match node {
            Node::Folder(children) => {
                if path != unfinished.0 {
                    make_folder(&path)?;
                }
                let child =
                    |(name, id): (&Vec<u8>, &usize)| (plan.node(*id), path.join(OsStr::from_bytes(name)));
                todo.extend(children.iter().map(child));
            }
            Node::File(file) => {
                let mode = if file.executable { EXECUTABLE } else { FILE };
                write_file(archive, file.entry, &path, mode)?;
            }
            Node::Link(target) => links.push((target, path)),
        }
    }
    // Last, so that nothing above can have gone through one.
    for (target, path) in links {
        symlink(OsStr::from_bytes(target), &path).map_err(PackageError::file("create a link", &path))?;
    }
    match fs::rename(&unfinished.0, place) {
        // Somebody who was not waited for finished the same package first.
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            Ok(())
        }
        done => done.map_err(PackageError::file("put a package in place", place)),
    }
}

/// Removes a package; it is gone at once, and its files soon after.
pub(super) fn remove(cache: &Path, place: &Path) -> Result<(), PackageError> {
    let doomed = Unfinished(unfinished(cache));
    match fs::rename(place, &doomed.0) {
        Ok(()) => remove_tree(&doomed.0).map_err(PackageError::file("remove", &doomed.0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PackageError::file("remove", place)(error)),
    }
}

fn write_file(archive: &mut Archive<'_>, entry: usize, path: &Path, mode: u32) -> Result<(), PackageError> {
    // A new file, never through a link and never over another.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(PackageError::file("create", path))?;
    archive.read(entry, &mut file)?;
    // Whatever this process masks at creation.
    file.set_permissions(Permissions::from_mode(mode)).map_err(PackageError::file("set the mode of", path))
}

fn make_folder(path: &Path) -> Result<(), PackageError> {
    DirBuilder::new().mode(FOLDER).create(path).map_err(PackageError::file("create", path))?;
    fs::set_permissions(path, Permissions::from_mode(FOLDER))
        .map_err(PackageError::file("set the mode of", path))
}

fn unfinished(cache: &Path) -> PathBuf {
    cache.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()))
}

fn remove_tree(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// A folder that is removed where it is left behind.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = remove_tree(&self.0)
        {
            tracing::warn!(path = %self.0.display(), %error, "an unfinished package could not be removed");
        }
    }
}
