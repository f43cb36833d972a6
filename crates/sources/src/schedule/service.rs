//! The scheduler: schedules in groups, each with one target.
//!
//! Source: Amazon EventBridge Scheduler user guide and API reference (2026-11). Each time that a schedule is due, its
//! target gets its input once. What was due while no server ran is made up for once: the last of the times that were
//! missed. A time is noted in the same commit as its delivery, so that a crash neither loses nor repeats it, and of
//! several servers one wins.

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region};
use ebb_store::{Change, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Timers;
use super::definition::{Schedule, key};
use super::groups::ScheduleGroup;
use crate::registry::{Follow, Registry};

/// What the groups of apps begin with.
pub const APP_GROUP_PREFIX: &str = "ebb-app-";

/// How long ago a schedule that is made may have begun. Source: EventBridge Scheduler API reference,
/// `CreateSchedule` (2026-11).
const START_MAY_BE_PAST: Duration = Duration::from_secs(5 * 60);

/// What the scheduler is opened with.
pub struct SchedulerParts {
    /// Where schedules are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region in their ARNs.
    pub region: Region,
}

/// The schedules. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) account: AccountId,
    pub(super) region: Region,
    pub(super) schedules: Registry<Schedule>,
    pub(super) groups: Registry<ScheduleGroup>,
    pub(super) timers: Timers,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why the scheduler refuses something.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Conflict(String),
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Scheduler {
    /// Reads what is configured and goes on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: SchedulerParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            schedules: Registry::open(parts.store.clone(), "schedule").await?,
            groups: Registry::open(parts.store, "schedule-group").await?,
            timers: Timers::new(parts.clock.clone()),
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let scheduler = Self { inner };
        for schedule in scheduler.inner.schedules.all().values() {
            scheduler.wind(schedule);
        }
        let (own, stop) = (scheduler.clone(), scheduler.inner.stop.clone());
        scheduler.inner.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(own.keep_time()).await;
        });
        Ok(scheduler)
    }

    /// Fires nothing more; the next server goes on.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Makes a schedule. `new` comes without times of its own.
    ///
    /// # Errors
    /// [`SchedulerError::Conflict`], [`SchedulerError::NotFound`] for its group, [`SchedulerError::Invalid`].
    pub async fn create(&self, new: Schedule) -> Result<Arc<Schedule>, SchedulerError> {
        self.group(&new.group)?;
        let now = self.inner.clock.now();
        new.check(now)?;
        if new.start.is_some_and(|start| start.plus(START_MAY_BE_PAST) < now) {
            let message = "The StartDate you specify cannot be earlier than 5 minutes ago.";
            return Err(SchedulerError::Invalid(message.to_owned()));
        }
        let key = new.key();
        let made = self.inner.schedules.edit(&key, |before| match before {
            Some(before) if before.client_token.is_some() && before.client_token == new.client_token => {
                Ok(Some(before.clone()))
            }
            Some(_) => Err(SchedulerError::Conflict(format!("Schedule {} already exists.", new.name))),
            None => Ok(Some(Schedule { created: now, modified: now, fired: None, ..new.clone() })),
        });
        self.set(made.await?, &new.name)
    }

    /// Sets all of a schedule.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`], [`SchedulerError::Invalid`].
    pub async fn update(&self, new: Schedule) -> Result<Arc<Schedule>, SchedulerError> {
        new.check(self.inner.clock.now())?;
        let now = self.inner.clock.now();
        let key = new.key();
        let changed = self.inner.schedules.edit(&key, |before| {
            let before = before.ok_or_else(|| missing(&new.name))?;
            Ok::<_, SchedulerError>(Some(Schedule {
                created: before.created,
                modified: now,
                fired: None,
                client_token: before.client_token.clone(),
                ..new.clone()
            }))
        });
        self.set(changed.await?, &new.name)
    }

    fn set(&self, schedule: Option<Arc<Schedule>>, name: &str) -> Result<Arc<Schedule>, SchedulerError> {
        let schedule = schedule.ok_or_else(|| missing(name))?;
        self.wind(&schedule);
        Ok(schedule)
    }

    /// A schedule.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`].
    pub fn schedule(&self, group: &str, name: &str) -> Result<Arc<Schedule>, SchedulerError> {
        self.inner.schedules.get(&key(group, name)).ok_or_else(|| missing(name))
    }

    /// All schedules, by group and name.
    #[must_use]
    pub fn schedules(&self) -> Vec<Arc<Schedule>> {
        self.inner.schedules.all().values().cloned().collect()
    }

    /// Removes a schedule.
    ///
    /// # Errors
    /// [`SchedulerError::NotFound`].
    pub async fn delete(&self, group: &str, name: &str) -> Result<(), SchedulerError> {
        self.schedule(group, name)?;
        let key = key(group, name);
        self.inner.schedules.edit(&key, |_| Ok::<_, SchedulerError>(None)).await?;
        self.inner.timers.set(&key, None);
        Ok(())
    }

    /// The ARN of a schedule.
    #[must_use]
    pub fn arn(&self, group: &str, name: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", self.inner.region, self.inner.account)
    }
}

impl Follow for Scheduler {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.groups.follow(change.clone()).await?;
            let Some(followed) = self.inner.schedules.follow(change).await? else { return Ok(()) };
            match (followed.before, followed.after) {
                (_, Some(schedule)) => self.wind(&schedule),
                (Some(before), None) => self.inner.timers.set(&before.key(), None),
                (None, None) => {}
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler")
            .field("schedules", &self.inner.schedules.all().len())
            .finish_non_exhaustive()
    }
}

fn missing(name: &str) -> SchedulerError {
    SchedulerError::NotFound(format!("Schedule {name} does not exist."))
}

#[cfg(test)]
mod tests;
