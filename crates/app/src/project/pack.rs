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
use super::install::Added;
use super::server::PYTHON_PACKAGES;

/// A zip, and what was left out of it.
#[derive(Clone)]
pub(super) struct Zipped {
    pub(super) zip: Bytes,
    pub(super) ignored: Vec<(PathBuf, &'static str)>,
}

/// Packs a folder, or one file as `bootstrap`, with these texts and folders beside what is there.
pub(super) fn zip(
    package: &Path,
    generated: &BTreeMap<String, String>,
    added: &[Added],
) -> Result<Zipped, ProjectError> {
    let mut files = Files::default();
    files.add_installed(added)?;
    let found = package.metadata().map_err(|source| ProjectError::io("read", package, source))?;
    if found.is_dir() {
        files.collect(package, "")?;
    } else {
        files.put(
            BOOTSTRAP.to_owned(),
            Content::File { path: package.to_owned(), executable: true },
            found.len(),
        );
    }
    for (name, text) in generated {
        files.add(name, text.clone());
    }
    files.zip(package)
}

/// Packs those files of a folder whose paths are `wanted`, with these folders beside them.
pub(super) fn zip_some(
    package: &Path,
    added: &[Added],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Zipped, ProjectError> {
    let mut files = Files::default();
    files.collect(package, "")?;
    files.found.retain(|name, _| wanted(name));
    files.add_installed(added)?;
    files.zip(package)
}

/// The files of a folder that are `wanted`, by their path in it, as a package would have them.
pub(super) fn files(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Bytes>, ProjectError> {
    let mut files = Files::default();
    files.collect(folder, "")?;
    files.found.retain(|name, _| wanted(name));
    let read = |(name, content): (String, Content)| {
        let bytes = content.read().map_err(|(path, source)| ProjectError::io("read", &path, source))?;
        Ok((name, bytes))
    };
    files.found.into_iter().map(read).collect()
}

/// Why an entry of a folder is left out, where it is.
fn left_out(name: &str) -> Option<&'static str> {
    match name {
        ".git" | ".hg" | ".svn" => Some("version control"),
        "__pycache__" => Some("made again by Python"),
        ".DS_Store" => Some("made by the desktop"),
        "local.settings.json" => Some("may hold secrets: its values are the environment of the app"),
        _ if name == ".env" || name.starts_with(".env.") => Some("may hold secrets: pass it with --env-file"),
        _ => None,
    }
}

/// What a file of a package holds.
enum Content {
    /// What this file of the project does.
    File { path: PathBuf, executable: bool },
    /// This.
    Bytes(Bytes),
    /// This, and it can be run.
    Program(Bytes),
}

impl Content {
    /// The content; fails with the path that cannot be read.
    fn read(&self) -> Result<Bytes, (PathBuf, std::io::Error)> {
        match self {
            Self::File { path, .. } => {
                fs::read(path).map(Bytes::from).map_err(|source| (path.clone(), source))
            }
            Self::Bytes(bytes) | Self::Program(bytes) => Ok(bytes.clone()),
        }
    }
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
    /// Whether what Python compiled is kept.
    keeps_compiled: bool,
}

impl Files {
    /// Adds a file that is made up.
    pub(super) fn add(&mut self, name: impl Into<String>, content: impl Into<Bytes>) {
        let content = content.into();
        let length = content.len() as u64;
        self.put(name.into(), Content::Bytes(content), length);
    }

    /// Adds a file of the project, or a folder with all that is in it, below `name`.
    pub(super) fn add_path(&mut self, name: &str, path: &Path) -> Result<(), ProjectError> {
        let found = path.metadata().map_err(|source| ProjectError::io("read", path, source))?;
        self.take(path.to_owned(), &found, name.to_owned())
    }

    /// Adds folders of packages that were installed for this package.
    pub(super) fn add_installed(&mut self, added: &[Added]) -> Result<(), ProjectError> {
        self.keeps_compiled = true;
        for (name, folder) in added {
            self.add_path(name, folder)?;
        }
        self.keeps_compiled = false;
        Ok(())
    }

    /// Adds all that is in a folder of the project, at the root.
    pub(super) fn add_folder(&mut self, folder: &Path) -> Result<(), ProjectError> {
        self.collect(folder, "")
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
            if let Some(reason) = left_out(&name)
                && !(self.keeps_compiled && name == "__pycache__")
            {
                self.ignored.push((path, reason));
                continue;
            }
            if path.join("pyvenv.cfg").is_file() {
                self.ignored.push((path, "a virtual environment: name its packages in requirements.txt"));
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
            let prefix = if name.is_empty() { name } else { format!("{name}/") };
            return self.collect(&path, &prefix);
        }
        if !found.is_file() {
            self.ignored.push((path, "not a file"));
            return Ok(());
        }
        if let Some(script) = launcher(&path, &name) {
            let length = script.len() as u64;
            self.put(name, Content::Program(script), length);
            return Ok(());
        }
        let executable = found.permissions().mode() & 0o111 != 0;
        self.put(name, Content::File { path, executable }, found.len());
        Ok(())
    }
}

/// What takes the place of a program that package managers put up to be called by its name, where that would not survive
/// the move: npm's are links to modules, which load others beside them, and pip's name the interpreter that installed
/// them.
fn launcher(path: &Path, name: &str) -> Option<Bytes> {
    if name.starts_with("node_modules/.bin/") {
        let target = fs::read_link(path).ok()?;
        let target = target.to_str()?.strip_prefix("../")?;
        let script = fs::read(path).ok()?;
        let first = String::from_utf8_lossy(script.split(|byte| *byte == b'\n').next()?).into_owned();
        let node = first.starts_with("#!") && first.contains("node");
        return node
            .then(|| format!("#!/bin/sh\nexec node \"$(dirname \"$0\")/../{target}\" \"$@\"\n").into());
    }
    if name.starts_with(&format!("{PYTHON_PACKAGES}/bin/")) {
        let script = fs::read_to_string(path).ok()?;
        let (first, rest) = script.split_once('\n')?;
        let python = first.starts_with("#!/") && first.contains("python");
        return python.then(|| format!("#!/usr/bin/env python3\n{rest}").into());
    }
    None
}

fn write(files: &BTreeMap<String, Content>) -> Result<Bytes, (PathBuf, std::io::Error)> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let bytes = content.read()?;
        let (path, executable) = match content {
            Content::File { path, executable } => (path.clone(), *executable),
            Content::Bytes(_) => (PathBuf::from(name), false),
            Content::Program(_) => (PathBuf::from(name), true),
        };
        let failed = |source| (path.clone(), source);
        // Only whether a file may be run is kept of its mode: the rest differs from checkout to checkout.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        writer.start_file(name, options).map_err(|error| failed(error.into()))?;
        writer.write_all(&bytes).map_err(failed)?;
    }
    let finished = writer.finish().map_err(|error| (PathBuf::new(), error.into()))?;
    Ok(finished.into_inner().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_package_managers_can_be_called_where_they_are_packed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        write("node_modules/tool/cli.js", "#!/usr/bin/env node\nrequire('./other')\n");
        fs::create_dir_all(folder.path().join("node_modules/.bin")).unwrap();
        let link = folder.path().join("node_modules/.bin/tool");
        std::os::unix::fs::symlink("../tool/cli.js", link).unwrap();
        write(&format!("{PYTHON_PACKAGES}/bin/serve"), "#!/root/x/python3.11\nprint(1)\n");
        let mut files = Files::default();
        files.add_folder(folder.path()).unwrap();
        let of = |name: &str| match &files.found[name] {
            Content::Program(script) => String::from_utf8(script.to_vec()).unwrap(),
            _ => panic!("{name} is no program"),
        };
        assert!(of("node_modules/.bin/tool").contains("exec node \"$(dirname \"$0\")/../tool/cli.js\""));
        assert_eq!(of(&format!("{PYTHON_PACKAGES}/bin/serve")), "#!/usr/bin/env python3\nprint(1)\n");
        assert!(matches!(files.found["node_modules/tool/cli.js"], Content::File { .. }));
    }

    #[test]
    fn what_is_no_part_of_a_function_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "app.py",
            ".venv/pyvenv.cfg",
            ".venv/bin/python",
            "local.settings.json",
            ".env",
            "a/__pycache__/x.pyc",
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let mut files = Files::default();
        files.add_folder(folder.path()).unwrap();
        assert_eq!(files.names().collect::<Vec<_>>(), ["app.py"]);
        assert_eq!(files.ignored.len(), 4);
    }
}
