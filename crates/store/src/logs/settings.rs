//! Making, changing, listing and deleting groups and streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::groups::{Group, GroupInfo, Stream, StreamInfo};
use super::journal::Entry;
use super::writer::{Shared, State};
use super::{LogError, LogStore, Subject};

impl LogStore {
    /// Makes a group. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::Exists`], [`LogError::Io`].
    pub async fn create_group(&self, name: &str, tags: BTreeMap<String, String>) -> Result<(), LogError> {
        let name = name.to_owned();
        self.blocking(move |shared| {
            let mut state = shared.flushed()?;
            if state.groups.get(&name).is_some() {
                return Err(LogError::Exists(Subject::Group));
            }
            let id = state.groups.next_id();
            let mut entries = vec![Entry::Group { id, name, created: shared.clock.now() }];
            if !tags.is_empty() {
                entries.push(Entry::Tags { group: id, tags });
            }
            state.commit(entries, true)
        })
        .await
    }

    /// Deletes a group with all its streams and events. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn delete_group(&self, name: &str) -> Result<(), LogError> {
        self.change_group(name, |group| Entry::DropGroup { id: group.id }).await
    }

    /// Sets for how many days events are kept; for ever where absent. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn set_retention(&self, name: &str, days: Option<u32>) -> Result<(), LogError> {
        self.change_group(name, move |group| Entry::Retention { group: group.id, days }).await
    }

    /// Changes the tags of a group. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn change_tags(
        &self,
        name: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
    ) -> Result<(), LogError> {
        self.change_group(name, move |group| {
            let mut tags = group.tags.clone();
            change(&mut tags);
            Entry::Tags { group: group.id, tags }
        })
        .await
    }

    /// Makes a stream in a group that exists.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Exists`], [`LogError::Io`].
    pub async fn create_stream(&self, group: &str, stream: &str) -> Result<(), LogError> {
        let (group, name) = (group.to_owned(), stream.to_owned());
        self.blocking(move |shared| {
            let mut state = shared.flushed()?;
            let found = state.groups.get(&group).ok_or(LogError::Missing(Subject::Group))?;
            if found.streams.contains_key(name.as_str()) {
                return Err(LogError::Exists(Subject::Stream));
            }
            let group = found.id;
            let id = state.groups.next_id();
            state.commit(vec![Entry::Stream { id, group, name, created: shared.clock.now() }], true)
        })
        .await
    }

    /// Deletes a stream with all its events. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn delete_stream(&self, group: &str, stream: &str) -> Result<(), LogError> {
        let (group, stream) = (group.to_owned(), stream.to_owned());
        self.blocking(move |shared| {
            let mut state = shared.flushed()?;
            let found = state.groups.get(&group).ok_or(LogError::Missing(Subject::Group))?;
            let id = found.streams.get(stream.as_str()).ok_or(LogError::Missing(Subject::Stream))?.id;
            let entry = Entry::DropStream { group: found.id, id };
            state.commit(vec![entry], true)
        })
        .await
    }

    /// All groups by name.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn groups(&self) -> Result<Vec<GroupInfo>, LogError> {
        self.blocking(|shared| {
            let state = shared.flushed()?;
            Ok(state.groups.iter().map(|(name, group)| group_info(&state, name, group)).collect())
        })
        .await
    }

    /// One group.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn group(&self, name: &str) -> Result<GroupInfo, LogError> {
        let name: Arc<str> = name.into();
        self.blocking(move |shared| {
            let state = shared.flushed()?;
            let group = state.groups.get(&name).ok_or(LogError::Missing(Subject::Group))?;
            Ok(group_info(&state, &name, group))
        })
        .await
    }

    /// All streams of a group by name.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Io`].
    pub async fn streams(&self, group: &str) -> Result<Vec<StreamInfo>, LogError> {
        let group = group.to_owned();
        self.blocking(move |shared| {
            let state = shared.flushed()?;
            let group = state.groups.get(&group).ok_or(LogError::Missing(Subject::Group))?;
            Ok(group.streams.iter().map(|(name, stream)| stream_info(&state, name, *stream)).collect())
        })
        .await
    }

    async fn change_group(
        &self,
        name: &str,
        entry: impl FnOnce(&Group) -> Entry + Send + 'static,
    ) -> Result<(), LogError> {
        let name = name.to_owned();
        self.blocking(move |shared| {
            let mut state = shared.flushed()?;
            let entry = entry(state.groups.get(&name).ok_or(LogError::Missing(Subject::Group))?);
            state.commit(vec![entry], true)
        })
        .await
    }
}

impl Shared {
    /// The state with all in it that was appended before.
    pub(super) fn flushed(&self) -> Result<std::sync::MutexGuard<'_, State>, LogError> {
        let mut state = self.lock();
        self.flush_into(&mut state)?;
        Ok(state)
    }
}

fn group_info(state: &State, name: &Arc<str>, group: &Group) -> GroupInfo {
    let bytes_of = |stream: &Stream| -> u64 {
        state.days.values().filter_map(|day| day.index.streams.get(&stream.id)).map(|index| index.bytes).sum()
    };
    GroupInfo {
        name: Arc::clone(name),
        created: group.created,
        retention_days: group.retention_days,
        tags: group.tags.clone(),
        stored_bytes: group.streams.values().map(bytes_of).sum(),
    }
}

fn stream_info(state: &State, name: &Arc<str>, stream: Stream) -> StreamInfo {
    let indexes = || state.days.values().filter_map(|day| day.index.streams.get(&stream.id));
    let extents = || indexes().flat_map(|index| &index.extents);
    let oldest = extents().map(|extent| extent.oldest).min();
    let newest = extents().map(|extent| extent.newest).max();
    StreamInfo {
        name: Arc::clone(name),
        created: stream.created,
        events: oldest.zip(newest),
        last_ingestion: indexes().filter_map(|index| index.last_ingestion).max(),
    }
}
