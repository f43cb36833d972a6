//! Archives: events of a bus that are kept, to be replayed.

use std::sync::Arc;
use std::time::Duration;

use ebb_model::Timestamp;
use ebb_store::{Expect, Write};
use serde::{Deserialize, Serialize};

use super::buses::bus_name;
use super::event::Event;
use super::{BusError, EventBuses, Listener, is_name};
use crate::pattern::Pattern;

/// The kind of the records of archived events; their keys are `ARCHIVE|TIME|ID`, so that they are in order.
pub(super) const ARCHIVED: &str = "archived-event";
/// Events that are removed at one time.
const BATCH: u32 = 500;
/// How often events are looked for that have been kept for long enough.
const SWEEP: Duration = Duration::from_secs(60 * 60);

/// An archive. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    /// Its name.
    pub name: String,
    /// The bus whose events it keeps.
    pub bus: String,
    /// For people.
    pub description: Option<String>,
    /// The events that it keeps; all where absent.
    pub pattern: Option<String>,
    /// For how many days; for ever where 0.
    pub retention_days: u32,
    /// A key of a key service, as it was given.
    pub kms_key: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// What is set of an archive; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ArchiveChange {
    /// For people.
    pub description: Option<String>,
    /// The events that it keeps.
    pub pattern: Option<String>,
    /// For how many days.
    pub retention_days: Option<u32>,
    /// A key of a key service.
    pub kms_key: Option<String>,
}

/// How much an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveStatistics {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Archive {
    fn apply(&mut self, change: ArchiveChange) {
        let ArchiveChange { description, pattern, retention_days, kms_key } = change;
        self.description = description.or(self.description.take());
        self.pattern = pattern.or(self.pattern.take());
        self.retention_days = retention_days.unwrap_or(self.retention_days);
        self.kms_key = kms_key.or(self.kms_key.take());
    }
}

impl EventBuses {
    /// Makes an archive of the events of a bus.
    ///
    /// # Errors
    /// [`BusError::Exists`], [`BusError::NotFound`] for the bus, [`BusError::Invalid`], [`BusError::InvalidPattern`].
    pub async fn create_archive(
        &self,
        name: &str,
        bus: &str,
        change: ArchiveChange,
    ) -> Result<Arc<Archive>, BusError> {
        if !is_name(name, 48, &[]) {
            return Err(BusError::Invalid(format!("{name:?} is no name of an archive")));
        }
        let bus = self.bus(bus)?.name.clone();
        change.pattern.as_deref().map(Pattern::parse).transpose()?;
        let now = self.inner.clock.now();
        let made = self.inner.archives.edit(name, |before| {
            if before.is_some() {
                return Err(BusError::Exists(format!("Archive {name} already exists.")));
            }
            let mut archive = Archive {
                name: name.to_owned(),
                bus: bus.clone(),
                description: None,
                pattern: None,
                retention_days: 0,
                kms_key: None,
                created: now,
            };
            archive.apply(change.clone());
            Ok(Some(archive))
        });
        let archive = made.await?.ok_or_else(|| not_found(name))?;
        self.listen_archive(&archive);
        Ok(archive)
    }

    /// Changes an archive.
    ///
    /// # Errors
    /// [`BusError::NotFound`], [`BusError::InvalidPattern`].
    pub async fn update_archive(&self, name: &str, change: ArchiveChange) -> Result<Arc<Archive>, BusError> {
        change.pattern.as_deref().map(Pattern::parse).transpose()?;
        let changed = self.inner.archives.edit(name, |before| {
            let mut archive = before.cloned().ok_or_else(|| not_found(name))?;
            archive.apply(change.clone());
            Ok::<_, BusError>(Some(archive))
        });
        let archive = changed.await?.ok_or_else(|| not_found(name))?;
        self.listen_archive(&archive);
        Ok(archive)
    }

    /// An archive.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn archive(&self, name: &str) -> Result<Arc<Archive>, BusError> {
        self.inner.archives.get(name).ok_or_else(|| not_found(name))
    }

    /// All archives, by name.
    #[must_use]
    pub fn archives(&self) -> Vec<Arc<Archive>> {
        self.inner.archives.all().values().cloned().collect()
    }

    /// The ARN of an archive.
    #[must_use]
    pub fn archive_arn(&self, name: &str) -> String {
        self.arn(&format!("archive/{name}"))
    }

    /// How much an archive holds.
    ///
    /// # Errors
    /// [`BusError::Store`].
    pub async fn archive_statistics(&self, name: &str) -> Result<ArchiveStatistics, BusError> {
        let (events, bytes) = self.inner.store.records().measure(ARCHIVED, &begin(name), &end(name)).await?;
        Ok(ArchiveStatistics { events, bytes })
    }

    /// Removes an archive with its events.
    ///
    /// # Errors
    /// [`BusError::NotFound`], [`BusError::Store`].
    pub async fn delete_archive(&self, name: &str) -> Result<(), BusError> {
        let archive = self.archive(name)?;
        self.listen(&archive.bus, Listener::Archive(name.to_owned()), None);
        self.inner.archives.edit(name, |_| Ok::<_, BusError>(None)).await?;
        self.forget(&begin(name), &end(name)).await
    }

    /// Removes events of archives as their time is over, until the server stops.
    pub(super) async fn sweep_archives(&self) {
        loop {
            for archive in self.archives().into_iter().filter(|archive| archive.retention_days > 0) {
                let days = Duration::from_secs(u64::from(archive.retention_days) * 24 * 60 * 60);
                let now = self.inner.clock.now().millis();
                let before = now.saturating_sub(i64::try_from(days.as_millis()).unwrap_or(i64::MAX));
                let until = key(&archive.name, Timestamp(before), "");
                if let Err(error) = self.forget(&begin(&archive.name), &until).await {
                    tracing::error!(archive = archive.name, %error, "old events of an archive stay for now");
                }
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    async fn forget(&self, from: &str, until: &str) -> Result<(), BusError> {
        let records = self.inner.store.records();
        loop {
            let page = records.range(ARCHIVED, from, until, BATCH).await?;
            if page.is_empty() {
                return Ok(());
            }
            let delete = |record: ebb_store::Record| Write::Delete {
                kind: ARCHIVED,
                key: record.key,
                expect: Expect::Anything,
            };
            records.commit(page.into_iter().map(delete).collect()).await?;
        }
    }

    /// Lets an archive hear events.
    pub(super) fn listen_archive(&self, archive: &Archive) {
        // Every event has a version.
        let all = r#"{"version": [{"exists": true}]}"#;
        let pattern = Pattern::parse(archive.pattern.as_deref().unwrap_or(all)).ok();
        self.listen(&archive.bus, Listener::Archive(archive.name.clone()), pattern);
    }

    /// The record of an event in an archive.
    pub(super) fn archived(&self, archive: &str, event: &Event) -> Option<Write> {
        self.inner.archives.get(archive)?;
        let key = key(archive, self.inner.clock.now(), &event.id);
        let body = event.text.clone().into_bytes().into();
        Some(Write::Put { kind: ARCHIVED, key, body, expect: Expect::Anything })
    }

    /// The archive of an ARN.
    pub(super) fn archive_of_arn(&self, arn: &str) -> Result<Arc<Archive>, BusError> {
        let name = arn.split_once(":archive/").map_or("", |(_, name)| name);
        self.archive(name).map_err(|_| {
            BusError::Invalid(format!(
                "Parameter EventSourceArn is not valid. Reason: Archive {name} does not exist."
            ))
        })
    }

    /// The bus that an ARN names.
    pub(super) fn bus_of_arn(&self, arn: &str) -> Result<String, BusError> {
        if !arn.contains(":event-bus/") {
            return Err(BusError::Invalid(format!(
                "Parameter Destination.Arn is not valid. Reason: {arn} is not the ARN of an event bus."
            )));
        }
        self.bus(bus_name(arn)).map(|bus| bus.name.clone())
    }
}

/// The key of an archived event. Names of archives have no `|`.
pub(super) fn key(archive: &str, at: Timestamp, id: &str) -> String {
    format!("{archive}|{:020}|{id}", at.millis().max(0))
}

fn begin(archive: &str) -> String {
    format!("{archive}|")
}

/// `}` comes after `|`.
fn end(archive: &str) -> String {
    format!("{archive}}}")
}

fn not_found(name: &str) -> BusError {
    BusError::NotFound(format!("Archive {name} does not exist."))
}
