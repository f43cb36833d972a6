//! Groups and streams: what exists, in memory, as the journal says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ebb_model::Timestamp;

use super::journal::Entry;

/// A group as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
    /// Days that its events are kept; for ever where absent.
    pub retention_days: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What its events take on disk, in bytes.
    pub stored_bytes: u64,
}

/// A stream as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub name: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
    /// The time of its oldest and newest event; absent while it is empty.
    pub events: Option<(Timestamp, Timestamp)>,
    /// When its last event was written.
    pub last_ingestion: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: u64,
    pub(super) created: Timestamp,
    pub(super) retention_days: Option<u32>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) streams: BTreeMap<Arc<str>, Stream>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) id: u64,
    pub(super) created: Timestamp,
}

/// Everything that exists, by name; ids are never used twice.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: BTreeMap<Arc<str>, Group>,
    names: HashMap<u64, Arc<str>>,
    last_id: u64,
}

impl Groups {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn get(&self, name: &str) -> Option<&Group> {
        self.by_name.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.by_name.iter()
    }

    /// The id of a stream, where it exists.
    pub(super) fn stream_id(&self, group: &str, stream: &str) -> Option<u64> {
        self.get(group)?.streams.get(stream).map(|stream| stream.id)
    }

    /// Makes an entry of the journal true. One about something that is gone changes nothing.
    pub(super) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Group { id, name, created } => {
                self.last_id = self.last_id.max(id);
                let name: Arc<str> = name.into();
                self.names.insert(id, Arc::clone(&name));
                let (retention_days, tags, streams) = (None, BTreeMap::new(), BTreeMap::new());
                self.by_name.insert(name, Group { id, created, retention_days, tags, streams });
            }
            Entry::DropGroup { id } => {
                if let Some(name) = self.names.remove(&id) {
                    self.by_name.remove(&name);
                }
            }
            Entry::Stream { id, group, name, created } => {
                self.last_id = self.last_id.max(id);
                if let Some(group) = self.by_id(group) {
                    group.streams.insert(name.into(), Stream { id, created });
                }
            }
            Entry::DropStream { group, id } => {
                if let Some(group) = self.by_id(group) {
                    group.streams.retain(|_, stream| stream.id != id);
                }
            }
            Entry::Retention { group, days } => {
                if let Some(group) = self.by_id(group) {
                    group.retention_days = days;
                }
            }
            Entry::Tags { group, tags } => {
                if let Some(group) = self.by_id(group) {
                    group.tags = tags;
                }
            }
        }
    }

    /// The shortest journal that says the same.
    pub(super) fn snapshot(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (name, group) in &self.by_name {
            let Group { id, created, retention_days, ref tags, ref streams } = *group;
            entries.push(Entry::Group { id, name: name.to_string(), created });
            if retention_days.is_some() {
                entries.push(Entry::Retention { group: id, days: retention_days });
            }
            if !tags.is_empty() {
                entries.push(Entry::Tags { group: id, tags: tags.clone() });
            }
            entries.extend(streams.iter().map(|(name, stream)| Entry::Stream {
                id: stream.id,
                group: id,
                name: name.to_string(),
                created: stream.created,
            }));
        }
        entries
    }

    fn by_id(&mut self, id: u64) -> Option<&mut Group> {
        let name = self.names.get(&id)?;
        self.by_name.get_mut(name)
    }
}
