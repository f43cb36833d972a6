//! Names of zip entries, from anyone, as paths that stay inside the package.

use std::borrow::Cow;

use super::PackageError;

/// The longest path within a package, in bytes; leaves room below the system's 4096 for where packages are kept.
const LONGEST_PATH: usize = 2048;
/// The longest name of one file or folder, in bytes, that Linux file systems take.
const LONGEST_NAME: usize = 255;

/// A name for messages: as text, and not too long.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The folders and the last name of an entry, from the package's root. Empty for the root itself (`./`).
///
/// `raw` is as the zip has it and `decoded` is how its writer meant it, for names that are not UTF-8.
pub(super) fn components<'a>(raw: &'a [u8], decoded: &'a str) -> Result<Vec<Cow<'a, [u8]>>, PackageError> {
    let refused = |problem: &str| Err(PackageError::entry(raw, problem));
    let name = if std::str::from_utf8(raw).is_ok() { raw } else { decoded.as_bytes() };
    if name.is_empty() {
        return refused("has no name");
    }
    if name.contains(&0) {
        return refused("has a NUL in its name");
    }
    if name.contains(&b'\\') {
        return refused("has a backslash in its name; make the zip with forward slashes");
    }
    if name.starts_with(b"/") || is_drive(name) {
        return refused("has an absolute path");
    }
    if name.len() > LONGEST_PATH {
        return refused("has too long a path");
    }
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return refused("leads out of the package"),
            part if part.len() > LONGEST_NAME => return refused("has too long a name"),
            part => parts.push(Cow::Borrowed(part)),
        }
    }
    Ok(parts)
}

/// `C:/…`, as a path on Windows.
fn is_drive(name: &[u8]) -> bool {
    matches!(name, [letter, b':', b'/', ..] if letter.is_ascii_alphabetic())
}
