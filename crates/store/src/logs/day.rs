//! The file of one day, and the index of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::block::Block;
use super::journal::{open_for_append, write_whole};
use super::{LogError, frame, io};

/// A run of blocks that is read as one piece stays below this, in bytes, where blocks of one stream follow each other.
const RUN: u64 = 128 * 1024;
/// With more pieces than this in a stream's index, neighbours are joined: reading them passes over what lies between.
const MAX_EXTENTS: usize = 1024;
/// The index is saved after so many bytes, so that opening after a crash has no more than these to read again.
const SAVE_EVERY: u64 = 64 * 1024 * 1024;
/// How much of a file is read at once when it is scanned, in bytes.
const SCAN: usize = 4 * 1024 * 1024;

/// A day, counted from 1970-01-01 UTC.
pub(super) type Day = i64;

/// The day of a moment.
pub(super) fn day_of(time: Timestamp) -> Day {
    time.millis().div_euclid(24 * 60 * 60 * 1000)
}

/// What is in the file of a day.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DayIndex {
    /// The bytes of the file that this covers.
    pub(super) covered: u64,
    /// The highest sequence number in it.
    pub(super) last_sequence: u64,
    /// By stream.
    pub(super) streams: HashMap<u64, StreamIndex>,
}

/// Where the events of one stream are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StreamIndex {
    /// In the order in which they were written.
    pub(super) extents: Vec<Extent>,
    /// What they take on disk, in bytes.
    pub(super) bytes: u64,
    /// When the last of them was written.
    pub(super) last_ingestion: Option<Timestamp>,
}

/// A piece of the file that holds events of a stream, and perhaps of others between them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) oldest: Timestamp,
    pub(super) newest: Timestamp,
}

impl Extent {
    fn join(self, later: Self) -> Self {
        Self {
            start: self.start,
            end: later.end,
            oldest: self.oldest.min(later.oldest),
            newest: self.newest.max(later.newest),
        }
    }
}

impl DayIndex {
    fn add(&mut self, block: &Block<'_>, start: u64, end: u64) {
        let Some((oldest, newest)) = block.span() else { return };
        self.covered = end;
        self.last_sequence = self.last_sequence.max(block.last_sequence());
        let stream = self.streams.entry(block.stream).or_default();
        stream.bytes += end - start;
        stream.last_ingestion = stream.last_ingestion.max(Some(block.ingested));
        let extent = Extent { start, end, oldest, newest };
        match stream.extents.last_mut() {
            Some(last) if last.end == start && end - last.start <= RUN => *last = last.join(extent),
            _ => stream.extents.push(extent),
        }
        if stream.extents.len() > MAX_EXTENTS {
            let joined = stream.extents.chunks(2).map(|pair| match *pair {
                [one, two] => one.join(two),
                _ => pair[0],
            });
            stream.extents = joined.collect();
        }
    }
}

/// The file of a day.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) path: PathBuf,
    pub(super) index: DayIndex,
    /// Open for appending, for the day that is written now.
    file: Option<File>,
    /// The bytes of the file that the saved index covers.
    saved: u64,
}

impl DayFile {
    /// `YYYY-MM-DD.log` in `folder`.
    pub(super) fn path(folder: &Path, day: Day) -> PathBuf {
        folder.join(Timestamp(day * 24 * 60 * 60 * 1000).format("%Y-%m-%d.log"))
    }

    /// A day with nothing in it yet.
    pub(super) fn empty(path: PathBuf) -> Self {
        Self { path, index: DayIndex::default(), file: None, saved: 0 }
    }

    /// Opens what is there: the saved index where it fits, a scan of the rest. A torn end is cut off.
    pub(super) fn open(path: PathBuf) -> Result<Self, LogError> {
        let file = open_for_append(&path)?;
        let length = file.metadata().map_err(io("inspect", &path))?.len();
        let mut index = saved_index(&path).filter(|index| index.covered <= length).unwrap_or_default();
        let saved = index.covered;
        scan(&file, &path, index.covered, length, |block, start, end| index.add(block, start, end))?;
        if index.covered < length {
            let torn = length - index.covered;
            tracing::warn!(path = %path.display(), bytes = torn, "cut a torn end off a log file");
            file.set_len(index.covered).map_err(io("truncate", &path))?;
        }
        Ok(Self { path, index, file: None, saved })
    }

    /// Appends blocks with one write: all of them or none.
    pub(super) fn append(&mut self, blocks: &[Block<'_>]) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(blocks.len());
        for block in blocks {
            frame::write(&mut bytes, |out| block.encode(out));
            ends.push(bytes.len() as u64);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open_for_append(&self.path)?),
        };
        let base = self.index.covered;
        if let Err(source) = file.write_all(&bytes) {
            // What was written of it must not stand before the next block.
            file.set_len(base).map_err(io("truncate", &self.path))?;
            return Err(io("write", &self.path)(source));
        }
        let mut start = base;
        for (block, end) in blocks.iter().zip(ends) {
            self.index.add(block, start, base + end);
            start = base + end;
        }
        if self.index.covered - self.saved >= SAVE_EVERY
            && let Err(error) = self.save_index()
        {
            tracing::warn!(%error, "the index of a log file was not saved; opening it will take longer");
        }
        Ok(())
    }

    /// Saves the index, and lets go of the file: for a day that is over, and at the end.
    pub(super) fn settle(&mut self) -> Result<(), LogError> {
        self.file = None;
        self.save_index()
    }

    fn save_index(&mut self) -> Result<(), LogError> {
        // Also where saving fails: not again before another such piece.
        self.saved = self.index.covered;
        let bytes = serde_json::to_vec(&self.index).expect("an index is plain numbers");
        let mut framed = Vec::with_capacity(bytes.len() + frame::HEADER);
        frame::write(&mut framed, |out| out.extend_from_slice(&bytes));
        write_whole(&index_path(&self.path), &framed, false)
    }

    /// Whether it is open for writing, and so has an index that is not saved.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Deletes file and index.
    pub(super) fn delete(&self) -> Result<(), LogError> {
        for path in [index_path(&self.path), self.path.clone()] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io("delete", &path)(source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the file anew with only the blocks that `keep` says.
    pub(super) fn compact(&mut self, keep: impl Fn(&Block<'_>) -> bool) -> Result<(), LogError> {
        let source = File::open(&self.path).map_err(io("open", &self.path))?;
        let temporary = self.path.with_extension("compacting");
        let mut target = File::create(&temporary).map_err(io("make", &temporary))?;
        let mut index = DayIndex::default();
        let mut failure = None;
        scan(&source, &self.path, 0, self.index.covered, |block, _, _| {
            if failure.is_some() || !keep(block) {
                return;
            }
            let mut bytes = Vec::new();
            frame::write(&mut bytes, |out| block.encode(out));
            match target.write_all(&bytes) {
                Ok(()) => index.add(block, index.covered, index.covered + bytes.len() as u64),
                Err(error) => failure = Some(error),
            }
        })?;
        if let Some(error) = failure {
            return Err(io("write", &temporary)(error));
        }
        // A saved index of the old file must not be taken for one of the new.
        match std::fs::remove_file(index_path(&self.path)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(io("delete", &self.path)(source));
            }
            _ => {}
        }
        std::fs::rename(&temporary, &self.path).map_err(io("replace", &self.path))?;
        index.last_sequence = self.index.last_sequence;
        self.index = index;
        self.settle()
    }
}

/// Reads the blocks in a piece of a file, in order.
pub(super) fn read_extent(
    file: &File,
    path: &Path,
    extent: Extent,
    mut visit: impl FnMut(&Block<'_>),
) -> Result<(), LogError> {
    scan(file, path, extent.start, extent.end, |block, _, _| visit(block))
}

/// Visits the whole blocks between two offsets with where each stands; ends early at a torn or damaged one.
fn scan(
    file: &File,
    path: &Path,
    from: u64,
    to: u64,
    mut visit: impl FnMut(&Block<'_>, u64, u64),
) -> Result<(), LogError> {
    let mut offset = from;
    let mut buffer: Vec<u8> = Vec::new();
    let mut want = SCAN;
    while offset < to {
        let left = usize::try_from(to - offset).unwrap_or(usize::MAX);
        buffer.resize(left.min(want), 0);
        file.read_exact_at(&mut buffer, offset).map_err(io("read", path))?;
        let mut rest = buffer.as_slice();
        while let Some((payload, after)) = frame::read(rest) {
            let Some(block) = Block::decode(payload) else { return Ok(()) };
            let start = offset + (buffer.len() - rest.len()) as u64;
            visit(&block, start, offset + (buffer.len() - after.len()) as u64);
            rest = after;
        }
        let read = buffer.len() - rest.len();
        if read == 0 {
            if buffer.len() >= left || want > frame::MAX_FRAME {
                return Ok(());
            }
            // A frame larger than the window: look through a larger one.
            want *= 4;
        }
        offset += read as u64;
    }
    Ok(())
}

fn index_path(path: &Path) -> PathBuf {
    path.with_extension("index")
}

/// The index as it was saved; nothing where it is not there or damaged, since a scan makes it anew.
fn saved_index(path: &Path) -> Option<DayIndex> {
    let bytes = std::fs::read(index_path(path)).ok()?;
    let (payload, _) = frame::read(&bytes)?;
    serde_json::from_slice(payload).ok()
}
