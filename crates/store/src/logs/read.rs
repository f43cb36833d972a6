//! Reading: events of many streams, merged by time, a page at a time.

use std::collections::BinaryHeap;
use std::fs::File;
use std::sync::Arc;

use ebb_model::Timestamp;

use super::day::{Day, DayFile, Extent, read_extent};
use super::retention::kept_since;
use super::writer::Shared;
use super::{LogError, Subject, io};

/// Where an event stands among all: by its time, then by the order of writing. Unique, and never another event's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The event's time.
    pub timestamp: Timestamp,
    /// The number that it was given when it was written, from 1.
    pub sequence: u64,
}

impl Position {
    /// A name for the event: 56 digits, which sort as events do.
    #[must_use]
    pub fn event_id(self) -> String {
        format!("{:028}{:028}", self.timestamp.millis(), self.sequence)
    }
}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// Which streams of a group to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamChoice {
    /// All of them.
    All,
    /// Those whose name begins so.
    Prefix(String),
    /// These; each must be there.
    Named(Vec<String>),
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The group.
    pub group: String,
    /// Which of its streams.
    pub streams: StreamChoice,
    /// Only events of this time or later.
    pub start: Option<Timestamp>,
    /// Only events before this time.
    pub end: Option<Timestamp>,
    /// Only events beyond this one, in the direction of reading.
    pub after: Option<Position>,
    /// Which way.
    pub direction: Direction,
    /// At most so many events.
    pub max_events: usize,
    /// At most so many bytes of messages; the first event is given however long it is.
    pub max_bytes: usize,
    /// Stop after so many bytes of files even if nothing was found yet; the page then says where to go on.
    pub max_scan: u64,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Where it stands.
    pub position: Position,
    /// Its stream.
    pub stream: Arc<str>,
    /// When it was written.
    pub ingested: Timestamp,
    /// The text.
    pub message: String,
}

/// Some of the events that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadPage {
    /// In the direction of reading.
    pub events: Vec<StoredEvent>,
    /// Where to go on (as `after`); nothing where all has been read.
    pub next: Option<Position>,
}

/// A piece of a file to be read, under the name of its stream.
struct Source {
    day: Day,
    stream_id: u64,
    stream: Arc<str>,
    extent: Extent,
}

impl Shared {
    pub(super) fn read(
        &self,
        request: &ReadRequest,
        keep: &dyn Fn(&str) -> bool,
    ) -> Result<ReadPage, LogError> {
        let (mut sources, window) = self.sources(request)?;
        match request.direction {
            Direction::Forward => sources.sort_by_key(|source| std::cmp::Reverse(source.extent.oldest)),
            Direction::Backward => sources.sort_by_key(|source| source.extent.newest),
        }
        let (folder, found) = (self.folder.as_path(), BinaryHeap::new());
        Merge { folder, request, window, keep, sources, found, scanned: 0, open: None }.page()
    }

    /// The pieces that may hold events of the request. The files are read without the lock: they only grow, and one
    /// that is deleted or replaced meanwhile is noticed when it is opened.
    fn sources(&self, request: &ReadRequest) -> Result<(Vec<Source>, Window), LogError> {
        let state = self.flushed()?;
        let group = state.groups.get(&request.group).ok_or(LogError::Missing(Subject::Group))?;
        let streams: Vec<(&Arc<str>, u64)> = match &request.streams {
            StreamChoice::All => group.streams.iter().map(|(name, stream)| (name, stream.id)).collect(),
            StreamChoice::Prefix(prefix) => {
                let chosen = group.streams.iter().filter(|(name, _)| name.starts_with(prefix.as_str()));
                chosen.map(|(name, stream)| (name, stream.id)).collect()
            }
            StreamChoice::Named(names) => {
                let find = |name: &String| {
                    let found = group.streams.get_key_value(name.as_str());
                    found.map(|(name, stream)| (name, stream.id)).ok_or(LogError::Missing(Subject::Stream))
                };
                names.iter().map(find).collect::<Result<_, _>>()?
            }
        };
        let kept = kept_since(group.retention_days, self.clock.now());
        let window = Window::of(request, kept);
        let mut sources = Vec::new();
        for (day, file) in &state.days {
            for (name, id) in &streams {
                let extents = file.index.streams.get(id).map(|index| index.extents.as_slice());
                let fitting = extents.unwrap_or_default().iter().filter(|extent| window.meets(extent));
                sources.extend(fitting.map(|extent| Source {
                    day: *day,
                    stream_id: *id,
                    stream: Arc::clone(name),
                    extent: *extent,
                }));
            }
        }
        Ok((sources, window))
    }
}

/// The times that a request is about.
#[derive(Clone, Copy)]
struct Window {
    first: Timestamp,
    /// Not included.
    end: Timestamp,
}

impl Window {
    fn of(request: &ReadRequest, kept: Timestamp) -> Self {
        let mut window = Self {
            first: request.start.map_or(kept, |start| start.max(kept)),
            end: request.end.unwrap_or(Timestamp(i64::MAX)),
        };
        match (request.after, request.direction) {
            (Some(after), Direction::Forward) => window.first = window.first.max(after.timestamp),
            (Some(after), Direction::Backward) => {
                window.end = window.end.min(Timestamp(after.timestamp.millis().saturating_add(1)));
            }
            (None, _) => {}
        }
        window
    }

    fn meets(self, extent: &Extent) -> bool {
        extent.newest >= self.first && extent.oldest < self.end
    }

    fn holds(self, time: Timestamp) -> bool {
        time >= self.first && time < self.end
    }
}

/// A found event, ordered so that the next one to give is the greatest.
struct Found {
    rank: (i128, i128),
    event: StoredEvent,
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// The merge of all pieces. A piece is read only when an event of it may be the next one, so what is held in memory is
/// what overlaps in time.
struct Merge<'a> {
    folder: &'a std::path::Path,
    request: &'a ReadRequest,
    window: Window,
    keep: &'a dyn Fn(&str) -> bool,
    /// The next one last.
    sources: Vec<Source>,
    found: BinaryHeap<Found>,
    scanned: u64,
    open: Option<(Day, File)>,
}

impl Merge<'_> {
    fn page(mut self) -> Result<ReadPage, LogError> {
        let mut page = ReadPage::default();
        let mut bytes = 0;
        loop {
            while let Some(frontier) = self.unread_frontier() {
                if self.scanned >= self.request.max_scan && self.advances(frontier) {
                    page.next = Some(frontier);
                    return Ok(page);
                }
                self.read_next_source()?;
            }
            let Some(next) = self.found.pop() else { return Ok(page) };
            bytes += next.event.message.len();
            let full = page.events.len() >= self.request.max_events || bytes > self.request.max_bytes;
            if full && !page.events.is_empty() {
                page.next = page.events.last().map(|event| event.position);
                return Ok(page);
            }
            page.events.push(next.event);
        }
    }

    /// The first position that the next unread piece may hold, where the next event may come from there. All before
    /// it has been given.
    fn unread_frontier(&self) -> Option<Position> {
        let extent = self.sources.last()?.extent;
        let frontier = match self.request.direction {
            Direction::Forward => Position { timestamp: extent.oldest.max(self.window.first), sequence: 0 },
            Direction::Backward => Position { timestamp: extent.newest, sequence: u64::MAX },
        };
        let found_first = self.found.peek().is_some_and(|found| found.rank > self.rank(frontier));
        (!found_first).then_some(frontier)
    }

    /// Whether a reader that goes on at `frontier` is further than it was.
    fn advances(&self, frontier: Position) -> bool {
        self.request.after.is_some_and(|after| self.rank(frontier) < self.rank(after))
            || (self.request.after.is_none() && frontier.timestamp > self.window.first)
    }

    /// Greater for what comes earlier in the direction of reading.
    fn rank(&self, position: Position) -> (i128, i128) {
        let (time, sequence) = (i128::from(position.timestamp.millis()), i128::from(position.sequence));
        match self.request.direction {
            Direction::Forward => (-time, -sequence),
            Direction::Backward => (time, sequence),
        }
    }

    fn read_next_source(&mut self) -> Result<(), LogError> {
        let Some(source) = self.sources.pop() else { return Ok(()) };
        let path = DayFile::path(self.folder, source.day);
        if self.open.as_ref().is_none_or(|(day, _)| *day != source.day) {
            match File::open(&path) {
                Ok(file) => self.open = Some((source.day, file)),
                // Retention dropped the day since the pieces were listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(io("open", &path)(error)),
            }
        }
        let Some((_, file)) = self.open.take() else { return Ok(()) };
        self.scanned += source.extent.end - source.extent.start;
        let beyond = self.request.after.map(|after| self.rank(after));
        let mut found = std::mem::take(&mut self.found);
        read_extent(&file, &path, source.extent, |block| {
            if block.stream != source.stream_id {
                return;
            }
            for (index, (timestamp, text)) in block.events.iter().enumerate() {
                let position =
                    Position { timestamp: *timestamp, sequence: block.first_sequence + index as u64 };
                let rank = self.rank(position);
                let wanted = self.window.holds(*timestamp) && beyond.is_none_or(|beyond| rank < beyond);
                if wanted && (self.keep)(text) {
                    let (stream, message) = (Arc::clone(&source.stream), text.clone().into_owned());
                    let event = StoredEvent { position, stream, ingested: block.ingested, message };
                    found.push(Found { rank, event });
                }
            }
        })?;
        self.found = found;
        self.open = Some((source.day, file));
        Ok(())
    }
}
