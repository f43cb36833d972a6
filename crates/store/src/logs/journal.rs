//! The journal of what exists: groups, streams and their settings, as framed JSON entries replayed at opening.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LogError, frame, io};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Entry {
    Group { id: u64, name: String, created: Timestamp },
    DropGroup { id: u64 },
    Retention { group: u64, days: Option<u32> },
    Tags { group: u64, tags: BTreeMap<String, String> },
    Stream { id: u64, group: u64, name: String, created: Timestamp },
    DropStream { group: u64, id: u64 },
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Replays the journal; a torn end is cut off.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Vec<Entry>), LogError> {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io("read", &path)(source)),
        };
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((payload, after)) = frame::read(rest) {
            let Ok(entry) = serde_json::from_slice(payload) else { break };
            entries.push(entry);
            rest = after;
        }
        let length = (bytes.len() - rest.len()) as u64;
        let file = open_for_append(&path)?;
        if !rest.is_empty() {
            tracing::warn!(path = %path.display(), bytes = rest.len(), "cut a torn end off the journal of log groups");
            file.set_len(length).map_err(io("truncate", &path))?;
        }
        Ok((Self { path, file, length }, entries))
    }

    /// Writes entries: all or none of them. With `synced` they survive a power cut too.
    pub(super) fn write(&mut self, entries: &[Entry], synced: bool) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        encode(entries, &mut bytes);
        if let Err(source) = self.file.write_all(&bytes) {
            // What was written of it must not stand before the next entry.
            self.file.set_len(self.length).map_err(io("truncate", &self.path))?;
            return Err(io("write", &self.path)(source));
        }
        self.length += bytes.len() as u64;
        if synced {
            self.file.sync_data().map_err(io("sync", &self.path))?;
        }
        Ok(())
    }

    /// Replaces the whole journal by these entries.
    pub(super) fn rewrite(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        encode(entries, &mut bytes);
        write_whole(&self.path, &bytes, true)?;
        self.file = open_for_append(&self.path)?;
        self.length = bytes.len() as u64;
        Ok(())
    }

    /// Its size in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

fn encode(entries: &[Entry], out: &mut Vec<u8>) {
    for entry in entries {
        frame::write(out, |out| {
            serde_json::to_writer(out, entry).expect("an entry is plain strings and numbers");
        });
    }
}

pub(super) fn open_for_append(path: &Path) -> Result<File, LogError> {
    OpenOptions::new().create(true).append(true).read(true).open(path).map_err(io("open", path))
}

/// Writes a file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8], synced: bool) -> Result<(), LogError> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary).map_err(io("make", &temporary))?;
    file.write_all(bytes).map_err(io("write", &temporary))?;
    if synced {
        file.sync_data().map_err(io("sync", &temporary))?;
    }
    std::fs::rename(&temporary, path).map_err(io("replace", path))
}
