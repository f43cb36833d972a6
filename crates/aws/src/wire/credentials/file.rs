//! The root key on disk: an AWS shared-credentials file, so that every AWS client can read it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ebb_model::{AccessKeyId, Credentials, SecretAccessKey};

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsFileError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is there and holds no root key.
    #[error("{} has no {missing} in its profile [default]", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which setting.
        missing: &'static str,
    },
    /// The machine gave no random bytes.
    #[error("no random bytes for a new key: {0}")]
    Random(String),
}

/// The key of profile `default`; nothing where the file is not there.
pub(super) fn read(path: &Path) -> Result<Option<Credentials>, CredentialsFileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io("read", path)(source)),
    };
    let setting = |name: &'static str| {
        let found = setting(&text, name).filter(|value| !value.is_empty());
        found.ok_or_else(|| CredentialsFileError::Malformed { path: path.to_owned(), missing: name })
    };
    Ok(Some(Credentials {
        access_key_id: AccessKeyId(setting("aws_access_key_id")?.to_owned()),
        secret_access_key: SecretAccessKey::new(setting("aws_secret_access_key")?.to_owned()),
        session_token: None,
    }))
}

/// A setting of the section `[default]`.
fn setting<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut in_default = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            in_default = section.trim() == "default";
        } else if in_default
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            return Some(value.trim());
        }
    }
    None
}

/// Writes the file whole or not at all, mode 0600.
pub(super) fn write(path: &Path, root: &Credentials) -> Result<(), CredentialsFileError> {
    let temporary = path.with_extension("new");
    let text = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        root.access_key_id.0,
        root.secret_access_key.expose()
    );
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("replace", &temporary)(error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(io("make", &temporary))?;
    file.write_all(text.as_bytes()).map_err(io("write", &temporary))?;
    file.sync_all().map_err(io("write", &temporary))?;
    fs::rename(&temporary, path).map_err(io("write", path))?;
    // The rename itself must survive a power cut too, or a later start would make another key.
    match path.parent().map(fs::File::open) {
        Some(folder) => folder.and_then(|folder| folder.sync_all()).map_err(io("write", path)),
        None => Ok(()),
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CredentialsFileError {
    let path = path.to_owned();
    move |source| CredentialsFileError::Io { action, path, source }
}
