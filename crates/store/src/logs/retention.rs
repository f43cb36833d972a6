//! What is kept, and letting go of the rest.

use std::collections::HashMap;
use std::time::Duration;

use ebb_model::Timestamp;

use super::LogError;
use super::day::{Day, day_of};
use super::journal::Entry;
use super::writer::{Shared, State};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The oldest moment whose events a group still shows.
pub(super) fn kept_since(retention_days: Option<u32>, now: Timestamp) -> Timestamp {
    match retention_days {
        Some(days) => Timestamp(now.millis() - i64::from(days) * i64::try_from(DAY.as_millis()).unwrap_or(0)),
        None => Timestamp(i64::MIN),
    }
}

/// What a file of a past day holds that is still wanted.
struct Worth {
    wanted: u64,
    all: u64,
}

impl Shared {
    /// Drops whole days that nobody wants any more, writes those anew of which less than half is wanted, and forgets
    /// streams that retention has emptied. The day that is written now is left alone.
    pub(super) fn sweep(&self) -> Result<(), LogError> {
        let now = self.clock.now();
        let mut state = self.flushed()?;
        let kept = state.kept(now);
        let past: Vec<Day> = state.days.range(..day_of(now)).map(|(day, _)| *day).collect();
        for day in past {
            let Some(file) = state.days.get_mut(&day) else { continue };
            let worth = file.index.worth(&kept);
            if worth.wanted == 0 {
                file.delete()?;
                state.days.remove(&day);
            } else if worth.wanted < worth.all / 2 {
                file.compact(|block| {
                    let newest = block.span().map(|(_, newest)| newest);
                    kept.get(&block.stream).is_some_and(|since| newest >= Some(*since))
                })?;
            }
        }
        state.forget_emptied(now)
    }
}

impl super::day::DayIndex {
    fn worth(&self, kept: &HashMap<u64, Timestamp>) -> Worth {
        let mut worth = Worth { wanted: 0, all: self.covered };
        for (stream, index) in &self.streams {
            let Some(since) = kept.get(stream) else { continue };
            if index.extents.iter().any(|extent| extent.newest >= *since) {
                worth.wanted += index.bytes;
            }
        }
        worth
    }
}

impl State {
    /// By stream: since when its events are kept.
    fn kept(&self, now: Timestamp) -> HashMap<u64, Timestamp> {
        let streams = self.groups.iter().flat_map(|(_, group)| {
            let since = kept_since(group.retention_days, now);
            group.streams.values().map(move |stream| (stream.id, since))
        });
        streams.collect()
    }

    /// An instance has a stream of its own, so streams without events would gather for ever.
    fn forget_emptied(&mut self, now: Timestamp) -> Result<(), LogError> {
        let mut entries = Vec::new();
        for (_, group) in self.groups.iter() {
            let Some(_) = group.retention_days else { continue };
            let since = kept_since(group.retention_days, now);
            let emptied = group.streams.values().filter(|stream| {
                let has_events = self.days.values().any(|day| day.index.streams.contains_key(&stream.id));
                stream.created < since && !has_events
            });
            entries.extend(emptied.map(|stream| Entry::DropStream { group: group.id, id: stream.id }));
        }
        if entries.is_empty() { Ok(()) } else { self.commit(entries, false) }
    }
}
