//! Replays: archived events are passed on to the rules of a bus once more.

use std::sync::Arc;

use ebb_model::Timestamp;
use ebb_store::NewWork;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::archives::{ARCHIVED, key};
use super::event::Event;
use super::publish::Consequences;
use super::{BusError, EventBuses, is_name};

/// Events that are passed on at one time.
const BATCH: u32 = 50;

/// A replay. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The archive.
    pub archive: String,
    /// The bus that gets the events.
    pub bus: String,
    /// The ARNs of the rules that get them; all where empty.
    pub rules: Vec<String>,
    /// The first time of the events.
    pub from: Timestamp,
    /// The time before which they are.
    pub until: Timestamp,
    /// How far it is.
    pub state: ReplayState,
    /// The key after the last event that was passed on.
    pub position: Option<String>,
    /// The time of that event.
    pub last: Option<Timestamp>,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReplayState {
    /// It will begin.
    Starting,
    /// It passes events on.
    Running,
    /// It shall stop.
    Cancelling,
    /// It passed all of them on.
    Completed,
    /// It was stopped.
    Cancelled,
}

/// A replay to be started.
#[derive(Debug, Clone)]
pub struct NewReplay {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The ARN of the archive.
    pub archive_arn: String,
    /// The ARN of the bus: the one of the archive.
    pub bus_arn: String,
    /// The ARNs of the rules that get the events; all where empty.
    pub rules: Vec<String>,
    /// The first time of the events.
    pub from: Timestamp,
    /// The time before which they are.
    pub until: Timestamp,
}

impl Replay {
    fn is_over(&self) -> bool {
        matches!(self.state, ReplayState::Completed | ReplayState::Cancelled)
    }
}

impl EventBuses {
    /// Starts a replay.
    ///
    /// # Errors
    /// [`BusError::Exists`], [`BusError::NotFound`], [`BusError::Invalid`].
    pub async fn start_replay(&self, new: NewReplay) -> Result<Arc<Replay>, BusError> {
        if !is_name(&new.name, 64, &[]) {
            return Err(BusError::Invalid(format!("{:?} is no name of a replay", new.name)));
        }
        let archive = self.archive_of_arn(&new.archive_arn)?;
        let bus = self.bus_of_arn(&new.bus_arn)?;
        if new.until <= new.from {
            let message =
                "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        if bus != archive.bus {
            let message =
                "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        let now = self.inner.clock.now();
        let made = self.inner.replays.edit(&new.name, |before| {
            if before.is_some() {
                return Err(BusError::Exists(format!("Replay {} already exists.", new.name)));
            }
            Ok(Some(Replay {
                name: new.name.clone(),
                description: new.description.clone(),
                archive: archive.name.clone(),
                bus: bus.clone(),
                rules: new.rules.clone(),
                from: new.from,
                until: new.until,
                state: ReplayState::Starting,
                position: None,
                last: None,
                started: now,
                ended: None,
            }))
        });
        let replay = made.await?.ok_or_else(|| not_found(&new.name))?;
        self.run_replay(&replay.name);
        Ok(replay)
    }

    /// A replay.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn replay(&self, name: &str) -> Result<Arc<Replay>, BusError> {
        self.inner.replays.get(name).ok_or_else(|| not_found(name))
    }

    /// All replays, by name.
    #[must_use]
    pub fn replays(&self) -> Vec<Arc<Replay>> {
        self.inner.replays.all().values().cloned().collect()
    }

    /// The ARN of a replay.
    #[must_use]
    pub fn replay_arn(&self, name: &str) -> String {
        self.arn(&format!("replay/{name}"))
    }

    /// Stops a replay.
    ///
    /// # Errors
    /// [`BusError::NotFound`]; [`BusError::InvalidState`] where it is over.
    pub async fn cancel_replay(&self, name: &str) -> Result<Arc<Replay>, BusError> {
        let cancelled = self.inner.replays.edit(name, |before| {
            let replay = before.ok_or_else(|| not_found(name))?;
            if replay.is_over() {
                return Err(BusError::InvalidState(format!(
                    "Replay {name} is not in a valid state for this operation."
                )));
            }
            Ok(Some(Replay { state: ReplayState::Cancelling, ..replay.clone() }))
        });
        cancelled.await?.ok_or_else(|| not_found(name))
    }

    /// Goes on with what the last server did not end.
    pub(super) fn resume_replays(&self) {
        for replay in self.replays().into_iter().filter(|replay| !replay.is_over()) {
            self.run_replay(&replay.name);
        }
    }

    fn run_replay(&self, name: &str) {
        let name = name.to_owned();
        self.spawn(|buses| async move {
            while let Err(error) = buses.pass_replay_on(&name).await {
                tracing::error!(replay = name, %error, "a replay could not go on and is tried again");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        });
    }

    async fn pass_replay_on(&self, name: &str) -> Result<(), BusError> {
        loop {
            let Some(replay) = self.inner.replays.get(name).filter(|replay| !replay.is_over()) else {
                return Ok(());
            };
            let from = replay.position.clone().unwrap_or_else(|| key(&replay.archive, replay.from, ""));
            let until = key(&replay.archive, replay.until, "");
            let page = self.inner.store.records().range(ARCHIVED, &from, &until, BATCH).await?;
            let done = page.is_empty();
            let mut consequences = Consequences::default();
            let (mut position, mut last) = (replay.position.clone(), replay.last);
            for record in page {
                self.replayed(&replay, &record.body, &mut consequences);
                last = time_of(&record.key).or(last);
                // Before any other key that follows.
                position = Some(format!("{} ", record.key));
            }
            self.note_progress(name, position, last, done, consequences.into_work()).await?;
        }
    }

    async fn note_progress(
        &self,
        name: &str,
        position: Option<String>,
        last: Option<Timestamp>,
        done: bool,
        work: Vec<NewWork>,
    ) -> Result<(), BusError> {
        let now = self.inner.clock.now();
        let noted = self.inner.replays.edit_with(name, |before| {
            let replay = before.ok_or_else(|| not_found(name))?;
            if replay.state == ReplayState::Cancelling {
                let cancelled = Replay { state: ReplayState::Cancelled, ended: Some(now), ..replay.clone() };
                return Ok((Some(cancelled), Vec::new()));
            }
            let state = if done { ReplayState::Completed } else { ReplayState::Running };
            let replay = Replay {
                state,
                position: position.clone(),
                last,
                ended: done.then_some(now),
                ..replay.clone()
            };
            Ok::<_, BusError>((Some(replay), work.clone()))
        });
        noted.await.map(drop)
    }

    fn replayed(&self, replay: &Replay, body: &[u8], consequences: &mut Consequences) {
        let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return };
        document["replay-name"] = replay.name.clone().into();
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        let event = Event { id, text: document.to_string(), document, trace: None };
        let only = (!replay.rules.is_empty()).then_some(replay.rules.as_slice());
        self.pass_on(&replay.bus, &event, 0, only, consequences);
    }
}

fn time_of(key: &str) -> Option<Timestamp> {
    key.split('|').nth(1)?.parse().ok().map(Timestamp)
}

fn not_found(name: &str) -> BusError {
    BusError::NotFound(format!("Replay {name} does not exist."))
}
