//! What the writer owns: the files, the index and the thread that empties the buffer.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ebb_model::{Clock, Timestamp};

use super::block::Block;
use super::buffer::{Batch, Buffer};
use super::day::{Day, DayFile, day_of};
use super::groups::Groups;
use super::journal::{Entry, Journal};
use super::watch::Watch;
use super::{LogError, LogEvent, Subject, io};

/// How often retention is looked after.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// A block is closed at this size, in bytes, so that a reader takes no more than it needs.
const BLOCK_BYTES: usize = 64 * 1024;
/// A journal longer than this at opening is rewritten, in bytes.
const JOURNAL_REWRITE: u64 = 1024 * 1024;

/// All that is shared between handles and the writer thread.
pub(super) struct Shared {
    pub(super) buffer: Buffer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) folder: PathBuf,
    pub(super) watch: Watch,
    state: Mutex<State>,
}

/// Everything behind the one lock of files and index.
pub(super) struct State {
    pub(super) groups: Groups,
    pub(super) journal: Journal,
    pub(super) days: BTreeMap<Day, DayFile>,
    next_sequence: u64,
}

impl Shared {
    pub(super) fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        let (mut journal, entries) = Journal::open(folder.join("groups.journal"))?;
        let mut groups = Groups::default();
        entries.into_iter().for_each(|entry| groups.apply(entry));
        if journal.length() > JOURNAL_REWRITE {
            journal.rewrite(&groups.snapshot())?;
        }
        let mut days = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).map_err(io("list", &folder))? {
            let name = entry.map_err(io("list", &folder))?.file_name();
            if let Some(day) = name.to_str().and_then(day_of_file) {
                days.insert(day, DayFile::open(folder.join(name))?);
            }
        }
        let last_sequence = days.values().map(|day| day.index.last_sequence).max().unwrap_or(0);
        let state = State { groups, journal, days, next_sequence: last_sequence + 1 };
        Ok(Self {
            buffer: Buffer::default(),
            clock,
            folder,
            watch: Watch::default(),
            state: Mutex::new(state),
        })
    }

    /// Files and index hold together whenever the lock is free: a failed write is undone before it is let go.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the buffer into the file of the day.
    pub(super) fn flush(&self) -> Result<(), LogError> {
        let mut state = self.lock();
        self.flush_into(&mut state)
    }

    pub(super) fn flush_into(&self, state: &mut State) -> Result<(), LogError> {
        // Taken under the lock, so that batches reach the file in the order in which they were taken.
        let Batch { events, dropped } = self.buffer.take();
        if events.is_empty() && dropped.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let count = events.len() as u64;
        let mut order = Vec::new();
        let mut by_stream: HashMap<_, Vec<LogEvent>> = HashMap::new();
        let notes = dropped.into_iter().map(|(key, count)| {
            let message = format!(
                "[ebb] {count} log events were dropped here: they came faster than the disk takes them"
            );
            (key, LogEvent { timestamp: now, message })
        });
        for (key, event) in events.into_iter().chain(notes) {
            match by_stream.entry(key) {
                MapEntry::Occupied(mut entry) => entry.get_mut().push(event),
                MapEntry::Vacant(entry) => {
                    order.push(entry.key().clone());
                    entry.insert(vec![event]);
                }
            }
        }
        let written = order.iter().try_fold(Vec::new(), |mut blocks, key| {
            let stream = state.ensure_stream(&key.0, &key.1, now)?;
            let events = by_stream.get(key).map(Vec::as_slice).unwrap_or_default();
            state.make_blocks(stream, events, now, &mut blocks);
            Ok::<_, LogError>(blocks)
        });
        let written = written.and_then(|blocks| self.write(state, now, &blocks));
        written.inspect_err(|_| self.buffer.count_dropped(count))
    }

    /// Writes events to a stream that exists, before it returns.
    pub(super) fn put(&self, group: &str, stream: &str, events: &[LogEvent]) -> Result<(), LogError> {
        let mut state = self.lock();
        self.flush_into(&mut state)?;
        state.groups.get(group).ok_or(LogError::Missing(Subject::Group))?;
        let stream = state.groups.stream_id(group, stream).ok_or(LogError::Missing(Subject::Stream))?;
        let now = self.clock.now();
        let mut blocks = Vec::new();
        state.make_blocks(stream, events, now, &mut blocks);
        self.write(&mut state, now, &blocks)
    }

    fn write(&self, state: &mut State, now: Timestamp, blocks: &[Block<'_>]) -> Result<(), LogError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let today = day_of(now);
        if !state.days.contains_key(&today) {
            // The first event of a day: the day before is over, and its index need not be made again.
            state.settle()?;
        }
        let day =
            state.days.entry(today).or_insert_with(|| DayFile::empty(DayFile::path(&self.folder, today)));
        day.append(blocks)?;
        self.watch.tell(&state.groups, blocks);
        Ok(())
    }
}

impl State {
    /// The id of a stream, which is made with its group where it is missing.
    fn ensure_stream(&mut self, group: &str, stream: &str, now: Timestamp) -> Result<u64, LogError> {
        if let Some(id) = self.groups.stream_id(group, stream) {
            return Ok(id);
        }
        let mut entries = Vec::new();
        let group_id = match self.groups.get(group) {
            Some(group) => group.id,
            None => {
                let id = self.groups.next_id();
                entries.push(Entry::Group { id, name: group.to_owned(), created: now });
                id
            }
        };
        let id = self.groups.next_id();
        entries.push(Entry::Stream { id, group: group_id, name: stream.to_owned(), created: now });
        self.commit(entries, false)?;
        Ok(id)
    }

    /// Writes entries to the journal, then makes them true.
    pub(super) fn commit(&mut self, entries: Vec<Entry>, synced: bool) -> Result<(), LogError> {
        self.journal.write(&entries, synced)?;
        entries.into_iter().for_each(|entry| self.groups.apply(entry));
        Ok(())
    }

    fn make_blocks<'a>(
        &mut self,
        stream: u64,
        events: &[LogEvent],
        ingested: Timestamp,
        blocks: &mut Vec<Block<'a>>,
    ) {
        let mut block: Option<(Block<'a>, usize)> = None;
        for event in events {
            let (open, bytes) = block.get_or_insert_with(|| {
                let first_sequence = self.next_sequence;
                (Block { stream, first_sequence, ingested, events: Vec::new() }, 0)
            });
            self.next_sequence += 1;
            *bytes += event.message.len();
            open.events.push((event.timestamp, event.message.clone().into()));
            if *bytes >= BLOCK_BYTES {
                blocks.extend(block.take().map(|(block, _)| block));
            }
        }
        blocks.extend(block.map(|(block, _)| block));
    }

    /// Saves the index of each day that was written, and closes it.
    pub(super) fn settle(&mut self) -> Result<(), LogError> {
        self.days.values_mut().filter(|day| day.is_open()).try_for_each(DayFile::settle)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The day that a file name such as `2026-11-25.log` stands for.
fn day_of_file(name: &str) -> Option<Day> {
    let date = name.strip_suffix(".log")?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from civil: years begin in March, so that the leap day is the last of a year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// The writer thread and the way to stop it. It stops, too, when the last handle is dropped.
#[derive(Debug)]
pub(super) struct WriterThread {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterThread {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("ebb-logs".to_owned()).spawn(move || run(&own));
        let thread = thread.inspect_err(|error| tracing::error!(%error, "no thread for the log writer")).ok();
        Self { shared, thread: Mutex::new(thread) }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Writes what is buffered, ends the thread and saves the index.
    pub(super) fn stop(&self) {
        self.shared.buffer.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log writer panicked");
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(shared: &Shared) {
    let mut swept = Instant::now();
    loop {
        let closed = shared.buffer.wait(SWEEP_EVERY);
        if let Err(error) = shared.flush() {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "log events were lost");
        }
        if closed {
            break;
        }
        if swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            if let Err(error) = shared.sweep() {
                tracing::error!(%error, "retention of logs failed");
            }
        }
    }
    if let Err(error) = shared.lock().settle() {
        tracing::warn!(%error, "the index of the logs was not saved; it is made again at the next start");
    }
}
