//! The scheduler: schedules in groups, each with one target.
//!
//! Source: Amazon EventBridge Scheduler user guide and API reference (2026-11). Each time that a schedule is due, its
//! target gets its input once. What was due while no server ran is made up for once: the last of the times that were
//! missed. A time is noted in the same commit as its delivery, so that a crash neither loses nor repeats it, and of
//! several servers one wins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region, RequestId, Timestamp};
use ebb_store::{Change, NewWork, Store, StoreError};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Expression, Grammar, Timers, last_due};
use crate::delivery::{DeadLetter, Delivery, Message, RetryPolicy, Sender};
use crate::registry::{Follow, Registry};

/// The group that is always there.
pub const DEFAULT_GROUP: &str = "default";

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
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    schedules: Registry<Schedule>,
    groups: Registry<ScheduleGroup>,
    timers: Timers,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A schedule. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its group.
    pub group: String,
    /// Its name, unique in its group.
    pub name: String,
    /// When it is due, as it was given.
    pub expression: String,
    /// The time zone of the expression; UTC where absent.
    pub timezone: Option<String>,
    /// Not due before.
    pub start: Option<Timestamp>,
    /// Not due after.
    pub end: Option<Timestamp>,
    /// Whether it is on.
    pub enabled: bool,
    /// For people.
    pub description: Option<String>,
    /// How long after it is due it may be delivered, in minutes; at once where absent.
    pub window_minutes: Option<u32>,
    /// Whether it is removed once it is never due again.
    pub delete_after: bool,
    /// A key of a key service, as it was given.
    pub kms_key: Option<String>,
    /// What gets the input.
    pub target: ScheduleTarget,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed: a rate counts from here, where it has no start.
    pub modified: Timestamp,
    /// The last time that it was due.
    pub fired: Option<Timestamp>,
    /// Tells the request that made it from another: one that is sent again makes nothing anew.
    #[serde(default)]
    pub client_token: Option<String>,
}

/// What a schedule delivers to. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleTarget {
    /// Its ARN.
    pub arn: String,
    /// A role, as it was given.
    pub role: String,
    /// What it gets; an empty object where absent.
    pub input: Option<String>,
    /// The ARN of the queue for what cannot be delivered.
    pub dead_letter: Option<String>,
    /// How often it is tried, where it was given.
    pub retry: Option<RetryPolicy>,
    /// The message group, for FIFO queues.
    pub message_group: Option<String>,
    /// What an event bus calls it: source and detail type.
    pub event: Option<(String, String)>,
    /// Parameters of single kinds of targets, as they were given.
    pub parameters: Map<String, Value>,
}

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

    /// The ARN of a schedule.
    #[must_use]
    pub fn arn(&self, group: &str, name: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", self.inner.region, self.inner.account)
    }

    /// The ARN of a group.
    #[must_use]
    pub fn group_arn(&self, name: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule-group/{name}", self.inner.region, self.inner.account)
    }

    async fn keep_time(&self) {
        loop {
            let key = self.inner.timers.next().await;
            match self.fire(&key).await {
                Ok(Some(schedule)) => self.wind(&schedule),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(schedule = key, %error, "a schedule that is due could not be fired and is tried again");
                    let again = self.inner.clock.now().plus(Duration::from_secs(1));
                    self.inner.timers.set(&key, Some(again));
                }
            }
        }
    }

    fn wind(&self, schedule: &Schedule) {
        self.inner.timers.set(&schedule.key(), schedule.next(schedule.last()));
    }

    async fn fire(&self, key: &str) -> Result<Option<Arc<Schedule>>, SchedulerError> {
        let now = self.inner.clock.now();
        let fired = self.inner.schedules.edit_with(key, |before| {
            let Some(schedule) = before else { return Ok((None, Vec::new())) };
            let Some(at) = schedule.due(now) else { return Ok((Some(schedule.clone()), Vec::new())) };
            let work = vec![self.delivery(schedule, at, now)];
            let over = schedule.next(at).is_none();
            let kept = Schedule { fired: Some(at), ..schedule.clone() };
            Ok::<_, SchedulerError>(((!(over && schedule.delete_after)).then_some(kept), work))
        });
        fired.await
    }

    fn delivery(&self, schedule: &Schedule, at: Timestamp, now: Timestamp) -> NewWork {
        let target = &schedule.target;
        let id = RequestId::random();
        let arn = self.arn(&schedule.group, &schedule.name);
        // Source: EventBridge Scheduler user guide, "Adding context attributes".
        let input = target.input.as_deref().unwrap_or("{}");
        let body = input
            .replace("<aws.scheduler.schedule-arn>", &arn)
            .replace("<aws.scheduler.scheduled-time>", &at.format("%Y-%m-%dT%H:%M:%SZ"))
            .replace("<aws.scheduler.execution-id>", &id.to_string())
            .replace("<aws.scheduler.attempt-number>", "1");
        let extra = target.event.as_ref().map(|(source, detail_type)| {
            json!({ "Source": source, "DetailType": detail_type, "Resources": [arn] })
        });
        let message = Message { body, group: target.message_group.clone(), extra, ..Message::default() };
        let explained: BTreeMap<String, String> =
            [("SCHEDULE_ARN".to_owned(), arn), ("TARGET_ARN".to_owned(), target.arn.clone())].into();
        let delivery = Delivery {
            id,
            retry: target.retry.unwrap_or_default(),
            dead_letter: target.dead_letter.as_ref().map(|arn| DeadLetter {
                arn: arn.clone(),
                explained: Some(explained),
                ..DeadLetter::default()
            }),
            ..Delivery::new(target.arn.clone(), message, Sender::Owner, now)
        };
        delivery.into_work(now.plus(schedule.jitter(id)))
    }
}

impl Schedule {
    fn key(&self) -> String {
        key(&self.group, &self.name)
    }

    /// The time after which it is due.
    fn last(&self) -> Timestamp {
        let before = |at: Timestamp| Timestamp(at.millis() - 1);
        self.fired.unwrap_or_else(|| before(self.start.unwrap_or(self.modified).max(self.modified)))
    }

    fn zone(&self) -> Option<TimeZone> {
        self.timezone.as_deref().map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())
    }

    /// What its expression may say.
    fn grammar(&self) -> Grammar {
        if self.group.starts_with(APP_GROUP_PREFIX) { Grammar::App } else { Grammar::Schedule }
    }

    fn parsed(&self) -> Option<Expression> {
        Expression::parse(&self.expression, self.grammar()).ok().filter(|_| self.enabled)
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let rate_start = self.start.unwrap_or(self.modified);
        let after = self.start.map_or(after, |start| after.max(Timestamp(start.millis() - 1)));
        let next = self.parsed()?.next(after, rate_start, &self.zone()?)?;
        self.end.is_none_or(|end| next <= end).then_some(next)
    }

    /// The last time that it was due and has not been fired for.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.end.map_or(now, |end| now.min(end));
        let rate_start = self.start.unwrap_or(self.modified);
        let after = self.last();
        let after = self.start.map_or(after, |start| after.max(Timestamp(start.millis() - 1)));
        let expression = self.parsed()?;
        if expression.is_once() {
            return expression.next(after, rate_start, &self.zone()?).filter(|at| *at <= now);
        }
        last_due(&expression, after, now, rate_start, &self.zone()?)
    }

    /// Where in its window it is delivered, by chance.
    fn jitter(&self, id: RequestId) -> Duration {
        let window = u64::from(self.window_minutes.unwrap_or(0)) * 60_000;
        let random = u64::try_from(id.uuid().as_u128() % u128::from(window.max(1))).unwrap_or(0);
        Duration::from_millis(random)
    }

    fn check(&self, now: Timestamp) -> Result<(), SchedulerError> {
        let invalid = |message: String| Err(SchedulerError::Invalid(message));
        check_name(&self.name)?;
        if let Err(error) = Expression::parse(&self.expression, self.grammar()) {
            // The service says no more; the reason is told to who runs the server.
            tracing::info!(%error, expression = self.expression, "a schedule expression is refused");
            return invalid(format!("Invalid Schedule Expression {}.", self.expression));
        }
        if self.zone().is_none() {
            return invalid(format!(
                "The time zone {} is not known.",
                self.timezone.clone().unwrap_or_default()
            ));
        }
        if self.end.is_some_and(|end| end <= self.start.unwrap_or(now)) {
            return invalid("EndDate must be in the future, and after StartDate.".to_owned());
        }
        if self.window_minutes.is_some_and(|minutes| !(1..=1440).contains(&minutes)) {
            return invalid("MaximumWindowInMinutes must be between 1 and 1440.".to_owned());
        }
        if !self.target.arn.starts_with("arn:") || self.target.arn.split(':').count() < 6 {
            return invalid(format!("Provided Arn is not in correct format: {}", self.target.arn));
        }
        if self.target.arn.contains(":event-bus/") && self.target.event.is_none() {
            return invalid("EventBridgeParameters are required for the target of an event bus.".to_owned());
        }
        if self.target.arn.ends_with(".fifo") && self.target.message_group.is_none() {
            return invalid("SqsParameters are required for the target of a FIFO queue.".to_owned());
        }
        if self
            .target
            .retry
            .is_some_and(|retry| retry.attempts > 185 || !(60..=86_400).contains(&retry.age_seconds))
        {
            return invalid("RetryPolicy is out of range.".to_owned());
        }
        Ok(())
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

/// Names of groups and schedules have no slash.
fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

fn check_name(name: &str) -> Result<(), SchedulerError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(SchedulerError::Invalid(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^[0-9a-zA-Z-_.]+$"
    )))
}

fn default_group() -> ScheduleGroup {
    ScheduleGroup { name: DEFAULT_GROUP.to_owned(), tags: BTreeMap::new(), created: Timestamp(0) }
}

fn missing(name: &str) -> SchedulerError {
    SchedulerError::NotFound(format!("Schedule {name} does not exist."))
}

fn missing_group(name: &str) -> SchedulerError {
    SchedulerError::NotFound(format!("Schedule group {name} does not exist."))
}

#[cfg(test)]
mod tests;
