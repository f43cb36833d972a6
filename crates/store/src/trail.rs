//! What happened to each event, by its id: accepted, tried, failed, and so on to its end.
//!
//! Steps are written as the lines of a log of their own (`trail/` in the data folder), off every hot path: nothing waits
//! for the disk, and when more comes than the disk takes, steps are dropped rather than events held up. They are kept for
//! [`KEPT_DAYS`] days. A crash may lose the steps of its last moments; the events themselves are elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use ebb_model::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use crate::logs::{Direction, LogError, LogEvent, LogStore, ReadRequest, StreamChoice, Subject};

/// For how long steps are kept.
pub const KEPT_DAYS: u32 = 7;
const GROUP: &str = "events";
const STREAM: &str = "steps";
/// Bytes of one answer, and of files that are read for it.
const MAX_BYTES: usize = 8 * 1024 * 1024;
const MAX_SCAN: u64 = 256 * 1024 * 1024;
/// The most of an explanation that is kept, in characters.
const DETAIL: usize = 500;

/// The steps of all events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trail {
    logs: LogStore,
    group: Arc<str>,
    stream: Arc<str>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// It was taken on, durably.
    Accepted,
    /// An attempt failed.
    Failed,
    /// It will be tried again.
    Retried,
    /// It reached its target, or its function succeeded.
    Delivered,
    /// It was given up and went to where dead letters go.
    DeadLettered,
    /// It was given up, and nothing keeps it.
    Dropped,
    /// An attempt began.
    Tried,
}

/// One step of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, in milliseconds since the epoch.
    pub at: Timestamp,
    /// The id of the event: of an invocation, a delivery or a message.
    pub id: String,
    /// What happened.
    pub step: StepKind,
    /// Where the event goes: an ARN, or the name of a function.
    pub target: String,
    /// The id of the event that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Which attempt, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why, or where to, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Step {
    /// A step without more to say.
    pub fn new(at: Timestamp, id: impl Into<String>, step: StepKind, target: impl Into<String>) -> Self {
        Self { at, id: id.into(), step, target: target.into(), cause: None, attempt: None, detail: None }
    }

    /// Says which attempt it was.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        Self { attempt: Some(attempt), ..self }
    }

    /// Says why, or where to.
    #[must_use]
    pub fn detail(self, detail: impl AsRef<str>) -> Self {
        Self { detail: Some(detail.as_ref().chars().take(DETAIL).collect()), ..self }
    }

    /// Says what led to it.
    #[must_use]
    pub fn cause(self, cause: Option<String>) -> Self {
        Self { cause, ..self }
    }
}

impl Trail {
    /// Opens the steps in `folder`, making it where it is not there. Blocks.
    pub(crate) fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        Ok(Self { logs: LogStore::open(folder, clock)?, group: GROUP.into(), stream: STREAM.into() })
    }

    /// Sees to it that steps are not kept for ever.
    pub(crate) async fn bound(&self) -> Result<(), LogError> {
        match self.logs.create_group(GROUP, std::collections::BTreeMap::new()).await {
            Ok(()) | Err(LogError::Exists(_)) => self.logs.set_retention(GROUP, Some(KEPT_DAYS)).await,
            Err(error) => Err(error),
        }
    }

    /// Notes a step. Never blocks.
    pub fn note(&self, step: &Step) {
        if let Ok(message) = serde_json::to_string(step) {
            self.logs.append(&self.group, &self.stream, LogEvent { timestamp: step.at, message });
        }
    }

    /// Steps by time, oldest first: of one event and of those that it led to, or of all. Of those since a time the
    /// first are given, else the last.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read(
        &self,
        id: Option<&str>,
        since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Step>, LogError> {
        let Some(id) = id else { return self.steps(None, since, limit).await };
        let mut ids = vec![id.to_owned()];
        loop {
            let steps = self.steps(Some(ids.clone()), since, limit).await?;
            let before = ids.len();
            for step in &steps {
                // A cause has its own steps; what it led to has others.
                if step.cause.as_ref().is_some_and(|cause| ids.contains(cause)) && !ids.contains(&step.id) {
                    ids.push(step.id.clone());
                }
            }
            if ids.len() == before {
                return Ok(steps);
            }
        }
    }

    async fn steps(
        &self,
        ids: Option<Vec<String>>,
        since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Step>, LogError> {
        let request = ReadRequest {
            group: GROUP.to_owned(),
            streams: StreamChoice::All,
            start: since,
            end: None,
            after: None,
            direction: if since.is_some() { Direction::Forward } else { Direction::Backward },
            max_events: limit,
            max_bytes: MAX_BYTES,
            max_scan: MAX_SCAN,
        };
        let wanted = move |line: &str| match &ids {
            None => true,
            Some(ids) => serde_json::from_str::<Step>(line).is_ok_and(|step| {
                ids.contains(&step.id) || step.cause.is_some_and(|cause| ids.contains(&cause))
            }),
        };
        let page = match self.logs.read(request, wanted).await {
            Ok(page) => page,
            Err(LogError::Missing(Subject::Group)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut events = page.events;
        events.sort_by_key(|event| event.position);
        Ok(events.iter().filter_map(|event| serde_json::from_str(&event.message).ok()).collect())
    }

    /// Writes what waits.
    pub(crate) async fn close(&self) {
        self.logs.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::each_database;

    #[tokio::test]
    async fn the_steps_of_an_event_are_found_with_those_that_it_led_to() {
        each_database(async |store| {
            let trail = store.trail();
            let at = store.clock.now();
            let step = |id: &str, cause: Option<&str>| {
                Step::new(at, id, StepKind::Accepted, "t").cause(cause.map(str::to_owned))
            };
            for step in [step("a", None), step("b", Some("a")), step("c", Some("b")), step("x", None)] {
                trail.note(&step);
            }
            let ids = async |id: Option<&str>| {
                let steps = trail.read(id, None, 100).await.unwrap();
                steps.into_iter().map(|step| step.id).collect::<Vec<_>>()
            };
            for (id, expected) in [
                (None, &["a", "b", "c", "x"][..]),
                (Some("a"), &["a", "b", "c"]),
                (Some("b"), &["b", "c"]),
                (Some("x"), &["x"]),
                (Some("none"), &[]),
            ] {
                assert_eq!(ids(id).await, expected, "{id:?}");
            }
        })
        .await;
    }
}
