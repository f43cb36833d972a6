//! Groups of schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::definition::check_name;
use super::service::{Scheduler, SchedulerError};

/// The group that is always there.
pub const DEFAULT_GROUP: &str = "default";

/// A group of schedules. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleGroup {
    /// Its name, unique.
    pub name: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Scheduler {
    /// Makes a group.
    ///
    /// # Errors
    /// [`SchedulerError::Conflict`], [`SchedulerError::Invalid`].
    pub async fn create_group(
        &self,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Arc<ScheduleGroup>, SchedulerError> {
        check_name(name)?;
        let now = self.inner.clock.now();
        let made = self.inner.groups.edit(name, |before| {
            if before.is_some() || name == DEFAULT_GROUP {
                return Err(SchedulerError::Conflict(format!("Schedule group {name} already exists.")));
            }
            Ok(Some(ScheduleGroup { name: name.to_owned(), tags: tags.clone(), created: now }))
        });
        made.await?.ok_or_else(|| missing_group(name))
    }

    /// A group.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`].
    pub fn group(&self, name: &str) -> Result<Arc<ScheduleGroup>, SchedulerError> {
        match self.inner.groups.get(name) {
            Some(group) => Ok(group),
            None if name == DEFAULT_GROUP => Ok(Arc::new(default_group())),
            None => Err(missing_group(name)),
        }
    }

    /// All groups, by name.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<ScheduleGroup>> {
        let mut all = self.inner.groups.all().as_ref().clone();
        all.entry(DEFAULT_GROUP.to_owned()).or_insert_with(|| Arc::new(default_group()));
        all.into_values().collect()
    }

    /// Removes a group with its schedules.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`]; [`SchedulerError::Invalid`] for the default one.
    pub async fn delete_group(&self, name: &str) -> Result<(), SchedulerError> {
        if name == DEFAULT_GROUP {
            return Err(SchedulerError::Invalid("The default schedule group cannot be deleted.".to_owned()));
        }
        self.group(name)?;
        for schedule in self.schedules().iter().filter(|schedule| schedule.group == name) {
            self.delete(name, &schedule.name).await?;
        }
        self.inner.groups.edit(name, |_| Ok::<_, SchedulerError>(None)).await?;
        Ok(())
    }

    /// Changes the tags of a group.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`].
    pub async fn change_group_tags(
        &self,
        name: &str,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<(), SchedulerError> {
        self.group(name)?;
        let changed = self.inner.groups.edit(name, |before| {
            let mut group = before.cloned().unwrap_or_else(default_group);
            change(&mut group.tags);
            Ok::<_, SchedulerError>(Some(group))
        });
        changed.await.map(drop)
    }

    /// The ARN of a group.
    #[must_use]
    pub fn group_arn(&self, name: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule-group/{name}", self.inner.region, self.inner.account)
    }
}

fn default_group() -> ScheduleGroup {
    ScheduleGroup { name: DEFAULT_GROUP.to_owned(), tags: BTreeMap::new(), created: Timestamp(0) }
}

fn missing_group(name: &str) -> SchedulerError {
    SchedulerError::NotFound(format!("Schedule group {name} does not exist."))
}
