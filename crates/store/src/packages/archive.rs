//! A zip in memory, read against limits. The only place that knows the zip format's library.

use std::io::{Cursor, Read as _, Write};

use bytes::Bytes;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::PackageError;

/// Lambda's words for what is not a zip.
const NOT_A_ZIP: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";
/// Lambda's words for a zip of nothing.
const EMPTY: &str = "Uploaded file must be a non-empty zip";
/// The most entries; generous for 250 MB of small files, and a bound on memory.
pub(super) const MOST_ENTRIES: usize = 200_000;
/// What is decompressed at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// The kind of file in the upper bits of a Unix mode.
const KIND: u32 = 0o170_000;
const KIND_FOLDER: u32 = 0o040_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_LINK: u32 = 0o120_000;

/// An open zip, with what its limit has left.
pub(super) struct Archive<'a> {
    bytes: &'a Bytes,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    limit: u64,
    read: u64,
    /// Where entries are decompressed to, piece by piece; kept, since a package has many small ones.
    piece: Vec<u8>,
}

/// What an entry says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the zip.
    pub(super) index: usize,
    /// Its name, as the zip has it.
    pub(super) raw_name: Vec<u8>,
    /// Its name as text.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: EntryKind,
}

/// The kinds of entries that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A folder.
    Folder,
    /// A file, and whether it may be executed.
    File { executable: bool },
    /// A symbolic link; its content is its target.
    Link,
}

impl<'a> Archive<'a> {
    /// Reads the directory of a zip, of which no more than `limit` bytes may be unpacked.
    pub(super) fn open(bytes: &'a Bytes, limit: u64) -> Result<Self, PackageError> {
        if bytes.is_empty() {
            return Err(PackageError::Invalid(EMPTY.to_owned()));
        }
        let not_a_zip = |_| PackageError::Invalid(NOT_A_ZIP.to_owned());
        let zip = ZipArchive::new(Cursor::new(bytes.as_ref())).map_err(not_a_zip)?;
        if zip.is_empty() {
            return Err(PackageError::Invalid(EMPTY.to_owned()));
        }
        if zip.len() > MOST_ENTRIES {
            let problem =
                format!("Could not use the uploaded file: it has more than {MOST_ENTRIES} entries.");
            return Err(PackageError::Invalid(problem));
        }
        let archive = Self { bytes, zip, limit, read: 0, piece: vec![0; PIECE] };
        archive.refuse_duplicates()?;
        Ok(archive)
    }

    /// Its entries.
    pub(super) fn len(&self) -> usize {
        self.zip.len()
    }

    /// Bytes unpacked so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// What an entry says it is. Refuses what no instance could use.
    pub(super) fn entry(&self, index: usize) -> Result<Entry, PackageError> {
        let found = self.zip.by_index_data(index).map_err(|error| broken(b"?", &error))?;
        let raw_name = found.name_raw().to_vec();
        let refused = |problem: &str| Err(PackageError::entry(&raw_name, problem));
        let name = found.name().map_err(|error| broken(&raw_name, &error))?.into_owned();
        if found.encrypted() {
            return refused("is encrypted");
        }
        if !matches!(found.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return refused("is compressed by a method other than deflate");
        }
        let mode = found.unix_mode().unwrap_or(0);
        let kind = match mode & KIND {
            KIND_LINK => EntryKind::Link,
            KIND_FOLDER => EntryKind::Folder,
            KIND_FILE | 0 if raw_name.ends_with(b"/") => EntryKind::Folder,
            KIND_FILE | 0 => EntryKind::File { executable: mode & 0o111 != 0 },
            _ => return refused("is a device, a pipe or a socket"),
        };
        if kind == EntryKind::Folder && found.size() > 0 {
            return refused("is a folder with content");
        }
        Ok(Entry { index, raw_name, name, kind })
    }

    /// Unpacks an entry into `target`, checking its checksum and counting its real size against the limit.
    pub(super) fn read(&mut self, index: usize, target: &mut dyn Write) -> Result<(), PackageError> {
        let Self { zip, limit, read, piece, .. } = self;
        let mut entry = zip.by_index(index).map_err(|error| broken(b"?", &error))?;
        let name = entry.name_raw().to_vec();
        loop {
            let count = entry
                .read(piece)
                .map_err(|error| PackageError::entry(&name, format_args!("cannot be read: {error}")))?;
            let Some(data) = piece.get(..count).filter(|data| !data.is_empty()) else { return Ok(()) };
            *read += data.len() as u64;
            if *read > *limit {
                return Err(PackageError::TooLarge { limit: *limit });
            }
            target.write_all(data).map_err(|error| PackageError::Failed {
                action: "write a file of a package",
                message: error.to_string(),
            })?;
        }
    }

    /// Two files of one name mean different things to different readers. The library keeps one of each name, so the
    /// directory is read here again where it dropped any; repeated folders, as some jar tools write, are harmless.
    fn refuse_duplicates(&self) -> Result<(), PackageError> {
        if !self.zip.has_duplicate_names() {
            return Ok(());
        }
        let mut seen = std::collections::HashSet::new();
        for name in directory_names(self.bytes, self.zip.central_directory_start()) {
            if !seen.insert(name) && !name.ends_with(b"/") {
                return Err(PackageError::entry(name, "is there twice"));
            }
        }
        Ok(())
    }
}

/// The names in the central directory, in its order. Layout: APPNOTE.TXT 6.3.10, section 4.3.12.
fn directory_names(bytes: &[u8], start: u64) -> impl Iterator<Item = &[u8]> {
    const SIGNATURE: &[u8] = b"PK\x01\x02";
    const FIXED: usize = 46;
    let mut rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (header, after) =
            rest.split_at_checked(FIXED).filter(|(header, _)| header.starts_with(SIGNATURE))?;
        let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (name, after) = after.split_at_checked(length(28))?;
        rest = after.get(length(30) + length(32)..)?;
        Some(name)
    })
}

fn broken(name: &[u8], error: &ZipError) -> PackageError {
    PackageError::entry(name, format_args!("cannot be read: {error}"))
}
