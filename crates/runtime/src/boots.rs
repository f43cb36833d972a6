//! The boots: small programs in each language that the binary carries, written to the data folder once.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::interpreters::{Interpreter, Language};

/// Every file, by its path below `runtimes/`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/boots.rs"));

/// Where instances see the boot of their language.
pub(crate) const MOUNTED_AT: &str = "/var/runtime/boot";

/// The boots in the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Boots {
    folder: PathBuf,
}

impl Boots {
    /// Writes the boots to `DATA/runtimes/boots-HASH`, where they are not there yet. The hash is of their content, so
    /// that servers of two versions do not disturb each other.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub(crate) fn write(data: &Path) -> io::Result<Self> {
        let folder = data.join("runtimes").join(format!("boots-{}", hash()));
        if !folder.is_dir() {
            write_once(&folder, |new| {
                for (name, content) in FILES {
                    let file = new.join(name);
                    fs::create_dir_all(file.parent().unwrap_or(new))?;
                    fs::File::create(file)?.write_all(content)?;
                }
                Ok(())
            })?;
        }
        Ok(Self { folder })
    }

    /// The folder of a language's boot, compiled for this interpreter where its language has that.
    ///
    /// # Errors
    /// Where a Java boot cannot be compiled; holds what to tell people.
    pub(crate) fn of(&self, language: Language, interpreter: &Interpreter) -> Result<PathBuf, String> {
        match language {
            Language::Node | Language::Ruby => Ok(self.folder.join(folder_of(language))),
            Language::Python => {
                let folder = self.folder.join(folder_of(language));
                compile_python(&folder, interpreter);
                Ok(folder)
            }
            Language::Java => compile_java(&self.folder, interpreter),
        }
    }
}

fn folder_of(language: Language) -> &'static str {
    match language {
        Language::Node => "node",
        Language::Python => "python",
        Language::Java => "java",
        Language::Ruby => "ruby",
    }
}

/// Fills a new folder and puts it in its place whole, readable by everyone.
///
/// # Errors
/// Those of `fill`, and where the folder cannot be written. Where another process was faster, its folder stays.
pub(crate) fn write_once(folder: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let new = parent.join(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&new)?;
    let result = fill(&new).and_then(|()| make_readable(&new)).and_then(|()| fs::rename(&new, folder));
    if result.is_err() {
        // The half-made folder is of no use; what happened to it says less than why it is half made.
        let _ = fs::remove_dir_all(&new);
    }
    if folder.is_dir() { Ok(()) } else { result }
}

/// Instances run as another user than the server: whatever the server's umask, they must be able to read.
pub(crate) fn make_readable(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let readable = mode | if metadata.is_dir() || mode & 0o100 != 0 { 0o755 } else { 0o644 };
    if readable != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(readable))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

fn hash() -> String {
    let mut hash = Sha256::new();
    for (name, content) in FILES {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Compiles the modules for this version of Python beside their sources: instances cannot write there, and would
/// compile them at each start. Only speed depends on it.
fn compile_python(folder: &Path, interpreter: &Interpreter) {
    let version = interpreter.version;
    let compiled = format!("__pycache__/ebb_boot.cpython-{}{}.pyc", version.major, version.minor);
    if folder.join(compiled).exists() {
        return;
    }
    let result = std::process::Command::new(&interpreter.program)
        .args(["-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"])
        .arg(folder)
        .env_clear()
        .stdin(std::process::Stdio::null())
        .output();
    let readable = make_readable(&folder.join("__pycache__"));
    if result.is_err() || readable.is_err() {
        tracing::warn!(program = %interpreter.program.display(), "could not compile the Python boot ahead of time");
    }
}

/// Compiles the Java boot with the installation's own compiler, once for each feature version.
fn compile_java(boots: &Path, interpreter: &Interpreter) -> Result<PathBuf, String> {
    let classes = boots.with_file_name(format!(
        "{}-java{}",
        boots.file_name().unwrap_or_default().to_string_lossy(),
        interpreter.version.major
    ));
    if classes.is_dir() {
        return Ok(classes);
    }
    let compiler = interpreter.program.with_file_name("javac");
    let sources: Vec<_> = FILES
        .iter()
        .map(|(name, _)| boots.join(name))
        .filter(|path| path.extension().is_some_and(|e| e == "java"))
        .collect();
    write_once(&classes, |new| {
        let output = std::process::Command::new(&compiler)
            .args(["-encoding", "UTF-8", "-nowarn", "-d"])
            .arg(new)
            .args(&sources)
            .stdin(std::process::Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    })
    .map_err(|error| format!("compiling the Java boot with {}: {error}", compiler.display()))?;
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boots_are_written_once_and_readable_by_everyone() {
        let data = tempfile::tempdir().expect("a folder");
        let boots = Boots::write(data.path()).expect("written");
        for (name, content) in FILES {
            let file = boots.folder.join(name);
            assert_eq!(fs::read(&file).expect("there"), *content);
            assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o444, 0o444);
        }
        let marker = boots.folder.join("marker");
        fs::write(&marker, "").expect("writable");
        Boots::write(data.path()).expect("there");
        assert!(marker.exists(), "it was not written again");
    }

    #[test]
    fn a_folder_that_could_not_be_filled_leaves_nothing_behind() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = data.path().join("sub/x");
        write_once(&folder, |_| Err(io::Error::other("no"))).expect_err("refused");
        assert_eq!(fs::read_dir(data.path().join("sub")).expect("there").count(), 0);
    }
}
