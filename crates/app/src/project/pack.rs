//! Packing a folder into a zip that depends on nothing but its content: the same files give the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ebb_model::limits;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::MANIFEST;
use super::error::ProjectError;
use super::handler::BOOTSTRAP;

/// A zip, and what was left out of it.
pub(super) struct Zipped {
    pub(super) zip: Bytes,
    pub(super) ignored: Vec<(PathBuf, &'static str)>,
}

/// Packs a folder, or one file as `bootstrap`.
pub(super) fn zip(package: &Path) -> Result<Zipped, ProjectError> {
    zip_some(package, &|_| true)
}

/// Packs those files of a folder whose paths are `wanted`.
pub(super) fn zip_some(package: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Zipped, ProjectError> {
    let mut files = Files::default();
    let found = package.metadata().map_err(|source| ProjectError::io("read", package, source))?;
    if found.is_dir() {
        files.collect(package, "")?;
        files.found.retain(|name, _| wanted(name));
    } else {
        files.put(
            BOOTSTRAP.to_owned(),
            Content::File { path: package.to_owned(), executable: true },
            found.len(),
        );
    }
    files.zip(package)
}

/// Why an entry of a folder is left out, where it is.
fn left_out(name: &str) -> Option<&'static str> {
    match name {
        ".git" | ".hg" | ".svn" => Some("version control"),
        "__pycache__" => Some("made again by Python"),
        ".DS_Store" => Some("made by the desktop"),
        _ if name == ".env" || name.starts_with(".env.") => Some("may hold secrets: pass it with --env-file"),
        _ => None,
    }
}

/// What a file of a package holds.
enum Content {
    /// What this file of the project does.
    File { path: PathBuf, executable: bool },
    /// This.
    Bytes(Vec<u8>),
}

/// The files of a package.
#[derive(Default)]
pub(super) struct Files {
    /// By path in the zip: the order of a map is the same everywhere.
    found: BTreeMap<String, Content>,
    ignored: Vec<(PathBuf, &'static str)>,
    bytes: u64,
    /// The folders that are being read now, without links: meeting one again is a loop.
    open: Vec<PathBuf>,
}

impl Files {
    /// Adds a file that is made up.
    pub(super) fn add(&mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        let content = content.into();
        let length = content.len() as u64;
        self.put(name.into(), Content::Bytes(content), length);
    }

    /// Adds a file of the project, or a folder with all that is in it, below `name`.
    pub(super) fn add_path(&mut self, name: &str, path: &Path) -> Result<(), ProjectError> {
        let found = path.metadata().map_err(|source| ProjectError::io("read", path, source))?;
        self.take(path.to_owned(), &found, name.to_owned())
    }

    /// The names of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.found.keys().map(String::as_str)
    }

    /// Packs them; `package` is what a failure is said of.
    pub(super) fn zip(self, package: &Path) -> Result<Zipped, ProjectError> {
        if self.bytes > limits::UNZIPPED_BYTES {
            return Err(ProjectError::TooLarge {
                folder: package.to_owned(),
                bytes: self.bytes,
                limit: limits::UNZIPPED_BYTES,
            });
        }
        let zip = write(&self.found).map_err(|(path, source)| ProjectError::io("pack", &path, source))?;
        Ok(Zipped { zip, ignored: self.ignored })
    }

    fn put(&mut self, name: String, content: Content, length: u64) {
        self.bytes += length;
        self.found.insert(name, content);
    }

    /// Links are followed: an instance sees nothing but its package.
    fn collect(&mut self, folder: &Path, prefix: &str) -> Result<(), ProjectError> {
        let reading = |source| ProjectError::io("read", folder, source);
        let real = folder.canonicalize().map_err(reading)?;
        if self.open.contains(&real) {
            self.ignored.push((folder.to_owned(), "a link to a folder that holds it"));
            return Ok(());
        }
        self.open.push(real);
        for entry in fs::read_dir(folder).map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                self.ignored.push((path, "its name is not UTF-8"));
                continue;
            };
            if name == MANIFEST {
                // It describes the app, may hold settings of other functions, and is no part of any.
                continue;
            }
            if let Some(reason) = left_out(&name) {
                self.ignored.push((path, reason));
                continue;
            }
            let Ok(found) = path.metadata() else {
                self.ignored.push((path, "a link that leads nowhere"));
                continue;
            };
            self.take(path, &found, format!("{prefix}{name}"))?;
        }
        self.open.pop();
        Ok(())
    }

    fn take(&mut self, path: PathBuf, found: &Metadata, name: String) -> Result<(), ProjectError> {
        if found.is_dir() {
            return self.collect(&path, &format!("{name}/"));
        }
        if !found.is_file() {
            self.ignored.push((path, "not a file"));
            return Ok(());
        }
        let executable = found.permissions().mode() & 0o111 != 0;
        self.put(name, Content::File { path, executable }, found.len());
        Ok(())
    }
}

fn write(files: &BTreeMap<String, Content>) -> Result<Bytes, (PathBuf, std::io::Error)> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let (path, executable, read);
        let bytes: &[u8] = match content {
            Content::File { path: file, executable: own } => {
                (path, executable) = (file.clone(), *own);
                read = fs::read(file).map_err(|source| (file.clone(), source))?;
                &read
            }
            Content::Bytes(bytes) => {
                (path, executable) = (PathBuf::from(name), false);
                bytes
            }
        };
        let failed = |source| (path.clone(), source);
        // Only whether a file may be run is kept of its mode: the rest differs from checkout to checkout.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        writer.start_file(name, options).map_err(|error| failed(error.into()))?;
        writer.write_all(bytes).map_err(failed)?;
    }
    let finished = writer.finish().map_err(|error| (PathBuf::new(), error.into()))?;
    Ok(finished.into_inner().into())
}
