//! The archives of FIFO topics: messages that are kept, and delivered once more to who asks.
//!
//! The worker of a topic archives each message once it is delivered, and makes the replays in between, so that a
//! subscriber that is caught up goes on with what is new, in order and without a gap. A replayed message has its id, time
//! and place; its deduplication id is another, so that the queue behind takes it. Source: Amazon SNS developer guide,
//! "Amazon SNS message archiving and replay for FIFO topics" (2026-11).

use ebb_model::{RequestId, Timestamp};
use ebb_store::{Expect, Record, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::Seals;
use super::message::Accepted;
use super::subscriptions::of_topic;
use super::{Subscription, Topic, TopicError, Topics};
use crate::delivery::Targets;

/// The kind of the records of archived messages; their keys are `TOPIC|PLACE`, so that they are in order.
const ARCHIVED: &str = "topic-message";
/// Messages that are read at one time.
const BATCH: u32 = 100;
/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A replay that a subscription asked for. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replay {
    /// Tells it from others of the same messages.
    id: String,
    /// Messages from this time on.
    from: Timestamp,
    /// Not those after this time.
    until: Option<Timestamp>,
    /// The key of the next message.
    position: Option<String>,
    state: ReplayState,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ReplayState {
    Pending,
    InProgress,
    Completed,
}

/// A message in an archive. Kept in the store: fields may be added with a default, never changed.
#[derive(Serialize, Deserialize)]
struct Archived {
    message: Accepted,
    sequence: String,
}

impl Replay {
    /// Reads a `ReplayPolicy`.
    pub(super) fn read(text: &str) -> Result<Self, TopicError> {
        let invalid = |reason: &str| TopicError::invalid(format!("ReplayPolicy Reason: {reason}"));
        let policy: Value = serde_json::from_str(text).map_err(|_| invalid("failed to parse JSON"))?;
        if policy["PointType"] != "Timestamp" {
            return Err(invalid("PointType must be Timestamp"));
        }
        let time = |name: &str| match &policy[name] {
            Value::Null => Ok(None),
            value => {
                let at: Option<jiff::Timestamp> = value.as_str().and_then(|text| text.parse().ok());
                at.map(|at| Some(Timestamp(at.as_millisecond())))
                    .ok_or_else(|| invalid(&format!("{name} must be a time in ISO 8601")))
            }
        };
        let from = time("StartingPoint")?.ok_or_else(|| invalid("StartingPoint is missing"))?;
        let until = time("EndingPoint")?;
        if until.is_some_and(|until| until <= from) {
            return Err(invalid("StartingPoint must be before EndingPoint"));
        }
        let id = RequestId::random().to_string();
        Ok(Self { id, from, until, position: None, state: ReplayState::Pending })
    }

    /// As the service names it.
    pub(super) fn status(&self) -> &'static str {
        match self.state {
            ReplayState::Pending => "Pending",
            ReplayState::InProgress => "In progress",
            ReplayState::Completed => "Completed",
        }
    }

    fn is_over(&self) -> bool {
        self.state == ReplayState::Completed
    }

    /// Whether new messages wait until it has caught up with them.
    pub(super) fn holds_back(&self) -> bool {
        !self.is_over() && self.until.is_none()
    }
}

/// For how many days a topic keeps messages, by its `ArchivePolicy`; nothing where it keeps none.
pub(super) fn retention(text: &str) -> Result<Option<u32>, TopicError> {
    let invalid = || {
        TopicError::invalid(
            "ArchivePolicy Reason: MessageRetentionPeriod must be a number of days from 1 to 365",
        )
    };
    let policy: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let members = policy.as_object().ok_or_else(invalid)?;
    if members.is_empty() {
        return Ok(None);
    }
    let days = &policy["MessageRetentionPeriod"];
    let days = days.as_u64().or_else(|| days.as_str().and_then(|text| text.parse().ok()));
    let days = days.and_then(|days| u32::try_from(days).ok()).filter(|days| (1..=365).contains(days));
    days.filter(|_| members.len() == 1).map(Some).ok_or_else(invalid)
}

impl Topic {
    /// For how many days it keeps messages; nothing where it keeps none.
    pub(super) fn archive_days(&self) -> Option<u32> {
        retention(self.attribute("ArchivePolicy")?).ok().flatten()
    }
}

impl Topics {
    /// Keeps a message that is delivered.
    pub(super) async fn archive(
        &self,
        topic: &Topic,
        message: &Accepted,
        sequence: &str,
    ) -> Result<(), TopicError> {
        if topic.archive_days().is_none() {
            return Ok(());
        }
        let archived = Archived { message: message.clone(), sequence: sequence.to_owned() };
        let body = serde_json::to_vec(&archived).expect("texts always serialise").into();
        let key = format!("{}|{sequence}", topic.uid);
        let write = Write::Put { kind: ARCHIVED, key, body, expect: Expect::Anything };
        self.inner.store.records().commit(vec![write]).await?;
        Ok(())
    }

    /// Since when a topic keeps messages that are still there.
    pub(super) fn archive_begins(&self, topic: &Topic) -> Option<Timestamp> {
        let days = topic.archive_days()?;
        let oldest = self.inner.clock.now().millis() - i64::from(days) * DAY;
        topic.archived_since.map(|since| since.max(Timestamp(oldest)))
    }

    /// Removes messages that were kept for long enough.
    pub(super) async fn sweep_archive(&self, topic: &Topic) -> Result<(), TopicError> {
        let Some(days) = topic.archive_days() else { return Ok(()) };
        let before = Timestamp(self.inner.clock.now().millis() - i64::from(days) * DAY);
        loop {
            let page = self.archived(topic, None).await?;
            let old = |record: &&Record| read(record).is_ok_and(|archived| archived.message.at < before);
            let delete: Vec<Write> = page.iter().take_while(old).map(delete).collect();
            let all = delete.len() == BATCH as usize;
            if !delete.is_empty() {
                self.inner.store.records().commit(delete).await?;
            }
            if !all {
                return Ok(());
            }
        }
    }

    /// Removes all messages that a topic keeps.
    pub(super) async fn forget_archive(&self, topic: &Topic) -> Result<(), TopicError> {
        loop {
            let page = self.archived(topic, None).await?;
            if page.is_empty() {
                return Ok(());
            }
            self.inner.store.records().commit(page.iter().map(delete).collect()).await?;
        }
    }

    async fn archived(&self, topic: &Topic, position: Option<&str>) -> Result<Vec<Record>, TopicError> {
        let (begin, until) = (format!("{}|", topic.uid), format!("{}}}", topic.uid));
        let from = position.unwrap_or(&begin);
        Ok(self.inner.store.records().range(ARCHIVED, from, &until, BATCH).await?)
    }

    /// Goes on with the replays of a topic; says whether all are done.
    pub(super) async fn make_replays(&self, topic: &Topic, targets: &Targets) -> Result<bool, TopicError> {
        let all = self.inner.subscriptions.all();
        let waiting: Vec<_> = of_topic(&all, &topic.name)
            .filter(|one| one.replay.as_ref().is_some_and(|replay| !replay.is_over()))
            .cloned()
            .collect();
        let mut done = true;
        for subscription in waiting {
            done &= self.make_replay(topic, &subscription, targets).await?;
        }
        Ok(done)
    }

    async fn make_replay(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        targets: &Targets,
    ) -> Result<bool, TopicError> {
        let Some(replay) = subscription.replay.clone() else { return Ok(true) };
        let mut position = replay.position.clone();
        loop {
            let page = self.archived(topic, position.as_deref()).await?;
            for record in &page {
                let archived = read(record)?;
                if replay.until.is_some_and(|until| archived.message.at > until) {
                    return self.note_replay(subscription, &replay, position, ReplayState::Completed).await;
                }
                if !self.replay_one(topic, subscription, &replay, archived, targets).await? {
                    let state = ReplayState::InProgress;
                    self.note_replay(subscription, &replay, position, state).await?;
                    return Ok(false);
                }
                // Before any other key that follows.
                position = Some(format!("{} ", record.key));
            }
            if page.len() < BATCH as usize {
                return self.note_replay(subscription, &replay, position, ReplayState::Completed).await;
            }
            let state = ReplayState::InProgress;
            if !self.note_replay(subscription, &replay, position.clone(), state).await? {
                return Ok(true);
            }
        }
    }

    /// Delivers a message once more, where it is wanted; says whether it is done with.
    async fn replay_one(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        replay: &Replay,
        archived: Archived,
        targets: &Targets,
    ) -> Result<bool, TopicError> {
        let deduplication = self.deduplication(topic, &archived.message).unwrap_or_default();
        let mut message = archived.message;
        if message.at < replay.from || !subscription.wants(&message) {
            return Ok(true);
        }
        message.sequence = Some(archived.sequence);
        message.replayed = true;
        // Not longer than an id may be.
        let digest = ebb_model::Digest::of(format!("{}\u{1}{deduplication}", replay.id).as_bytes());
        message.deduplication = Some(digest.to_string());
        let mut seals = Seals::default();
        let delivery = self.delivery(topic, subscription, &message, &mut seals).await?;
        self.attempt(delivery, targets).await
    }

    /// Notes how far a replay is; says whether it is still the one that is wanted.
    async fn note_replay(
        &self,
        subscription: &Subscription,
        replay: &Replay,
        position: Option<String>,
        state: ReplayState,
    ) -> Result<bool, TopicError> {
        let mut same = false;
        self.inner
            .subscriptions
            .edit(&subscription.key(), |before| {
                let mut after = before.cloned();
                let kept = after.as_mut().and_then(|after| after.replay.as_mut());
                same = kept.as_ref().is_some_and(|kept| kept.id == replay.id);
                if let Some(kept) = kept.filter(|_| same) {
                    kept.position.clone_from(&position);
                    kept.state = state;
                }
                Ok::<_, TopicError>(after)
            })
            .await?;
        Ok(same)
    }
}

fn read(record: &Record) -> Result<Archived, TopicError> {
    serde_json::from_slice(&record.body).map_err(|error| {
        let message = error.to_string();
        ebb_store::StoreError::Failed { action: "read an archived message", message }.into()
    })
}

fn delete(record: &Record) -> Write {
    Write::Delete { kind: ARCHIVED, key: record.key.clone(), expect: Expect::Anything }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_say_how_long_and_from_when() {
        for (text, days) in [
            ("{}", Some(None)),
            (r#"{"MessageRetentionPeriod": "30"}"#, Some(Some(30))),
            (r#"{"MessageRetentionPeriod": 365}"#, Some(Some(365))),
            (r#"{"MessageRetentionPeriod": 0}"#, None),
            (r#"{"MessageRetentionPeriod": 366}"#, None),
            (r#"{"MessageRetentionPeriod": 1, "x": 1}"#, None),
            (r#"{"Days": 1}"#, None),
            ("nonsense", None),
        ] {
            assert_eq!(retention(text).ok(), days, "{text}");
        }
        for (text, good) in [
            (r#"{"PointType": "Timestamp", "StartingPoint": "2026-11-25T00:00:00.000Z"}"#, true),
            (
                r#"{"PointType": "Timestamp", "StartingPoint": "2026-11-25T00:00:00Z", "EndingPoint": "2026-11-26T00:00:00Z"}"#,
                true,
            ),
            (
                r#"{"PointType": "Timestamp", "StartingPoint": "2026-11-26T00:00:00Z", "EndingPoint": "2026-11-25T00:00:00Z"}"#,
                false,
            ),
            (r#"{"PointType": "Timestamp"}"#, false),
            (r#"{"PointType": "Timestamp", "StartingPoint": "yesterday"}"#, false),
            (r#"{"StartingPoint": "2026-11-26T00:00:00Z"}"#, false),
        ] {
            assert_eq!(Replay::read(text).is_ok(), good, "{text}");
        }
    }
}
