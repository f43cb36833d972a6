//! Queues: made, found, changed, listed and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Attributes, QueueError, Queues};

/// How long after a purge another is refused, in milliseconds.
const PURGE_PAUSE: i64 = 60_000;
/// The most tags of a queue. Source: SQS developer guide, "Amazon SQS cost allocation tags" (2026-11).
const TAGS: usize = 50;
/// What is said of the keys of tags.
const TAG_KEYS: &str = "Tag keys must be between 1 and 128 characters in length.";

/// A queue. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name, unique.
    pub name: String,
    /// Tells it apart from an earlier queue of the same name: names its messages in the store.
    pub uid: String,
    /// What is set of it.
    pub attributes: Attributes,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When its attributes were last changed.
    pub modified: Timestamp,
    /// When it was last purged.
    pub purged: Option<Timestamp>,
}

impl Queue {
    /// Whether it keeps order, by its name.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.name)
    }
}

impl Queues {
    /// Makes a queue; gives the one that is there where it is the same.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] for its name, [`QueueError::Exists`], and those of attributes.
    pub async fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Queue>, QueueError> {
        let fifo = attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        check_name(name, fifo)?;
        let mut checked = Attributes::default();
        checked.set(attributes, fifo)?;
        self.check_dead_letters(name, &checked)?;
        check_tags(name, tags)?;
        let now = self.inner.clock.now();
        let made = self.inner.queues.edit(name, |before| match before {
            Some(queue) => match queue.attributes.difference(attributes, fifo) {
                Some(attribute) => Err(QueueError::Exists(attribute)),
                None => Ok(Some(queue.clone())),
            },
            None => Ok(Some(Queue {
                name: name.to_owned(),
                uid: RequestId::random().to_string(),
                attributes: checked.clone(),
                tags: tags.clone(),
                created: now,
                modified: now,
                purged: None,
            })),
        });
        made.await?.ok_or(QueueError::NoSuchQueue)
    }

    /// A queue by its name.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`].
    pub fn queue(&self, name: &str) -> Result<Arc<Queue>, QueueError> {
        self.inner.queues.get(name).ok_or(QueueError::NoSuchQueue)
    }

    /// A queue by its URL (`…/ACCOUNT/NAME`), its ARN or its name.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`].
    pub fn find(&self, text: &str) -> Result<Arc<Queue>, QueueError> {
        let name = text.rsplit(['/', ':']).next().unwrap_or_default();
        self.queue(name)
    }

    /// The queues whose names begin so, by name.
    #[must_use]
    pub fn list(&self, prefix: &str) -> Vec<Arc<Queue>> {
        let all = self.inner.queues.all();
        all.range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(_, queue)| queue.clone())
            .collect()
    }

    /// The ARN of a queue.
    #[must_use]
    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.inner.region, self.inner.account)
    }

    /// Every attribute of a queue that has a value, by the names of the service.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub async fn attributes(&self, queue: &Queue) -> Result<BTreeMap<String, String>, QueueError> {
        let mut shown = queue.attributes.shown(queue.is_fifo());
        let depth = self.inner.store.messages().depth(&queue.uid).await?;
        let more = [
            ("QueueArn", self.arn(&queue.name)),
            ("CreatedTimestamp", (queue.created.millis() / 1000).to_string()),
            ("LastModifiedTimestamp", (queue.modified.millis() / 1000).to_string()),
            ("ApproximateNumberOfMessages", depth.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ];
        shown.extend(more.map(|(name, value)| (name.to_owned(), value)));
        Ok(shown)
    }

    /// Sets attributes of a queue.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`], and those of attributes.
    pub async fn set_attributes(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), QueueError> {
        self.edit(name, |queue| {
            if queue.is_fifo()
                && attributes.get("FifoQueue").is_some_and(|value| !value.eq_ignore_ascii_case("true"))
            {
                let reason = Some("Modifying queue type is not supported.".to_owned());
                return Err(QueueError::AttributeValue { name: "FifoQueue".to_owned(), reason });
            }
            queue.attributes.set(attributes, queue.is_fifo())?;
            self.check_dead_letters(name, &queue.attributes)?;
            queue.modified = self.inner.clock.now();
            Ok(())
        })
        .await
    }

    /// Changes the tags of a queue.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`], [`QueueError::Parameter`] where they would be too many.
    pub async fn change_tags(
        &self,
        name: &str,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<(), QueueError> {
        self.edit(name, |queue| {
            change(&mut queue.tags);
            check_tags(name, &queue.tags)
        })
        .await
    }

    pub(super) async fn edit(
        &self,
        name: &str,
        edit: impl Fn(&mut Queue) -> Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        let edited = self.inner.queues.edit(name, |before| {
            let mut queue = before.cloned().ok_or(QueueError::NoSuchQueue)?;
            edit(&mut queue)?;
            Ok::<_, QueueError>(Some(queue))
        });
        edited.await.map(drop)
    }

    /// Removes a queue with its messages.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`].
    pub async fn delete(&self, name: &str) -> Result<(), QueueError> {
        let queue = self.queue(name)?;
        self.inner.queues.edit(name, |_| Ok::<_, QueueError>(None)).await?;
        self.inner.store.messages().purge(&queue.uid).await?;
        Ok(())
    }

    /// Deletes all messages of a queue.
    ///
    /// # Errors
    /// [`QueueError::NoSuchQueue`]; [`QueueError::PurgeInProgress`] within a minute of the last purge.
    pub async fn purge(&self, name: &str) -> Result<(), QueueError> {
        let now = self.inner.clock.now();
        self.edit(name, |queue| {
            if queue.purged.is_some_and(|last| now.millis() - last.millis() < PURGE_PAUSE) {
                return Err(QueueError::PurgeInProgress(name.to_owned()));
            }
            queue.purged = Some(now);
            Ok(())
        })
        .await?;
        self.inner.store.messages().purge(&self.queue(name)?.uid).await?;
        Ok(())
    }

    /// The queues whose dead letters go to this one.
    #[must_use]
    pub fn dead_letter_sources(&self, name: &str) -> Vec<Arc<Queue>> {
        let arn = self.arn(name);
        let sends_here =
            |queue: &&Arc<Queue>| queue.attributes.redrive().is_some_and(|redrive| redrive.queue_arn == arn);
        self.inner.queues.all().values().filter(sends_here).cloned().collect()
    }

    /// Whether dead letters may go where they shall.
    fn check_dead_letters(&self, name: &str, attributes: &Attributes) -> Result<(), QueueError> {
        let Some(redrive) = attributes.redrive() else { return Ok(()) };
        let wrong = |reason: &str| {
            QueueError::Parameter(format!(
                "Value {{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":\"{}\"}} for parameter RedrivePolicy is \
                 invalid. Reason: {reason}",
                redrive.queue_arn, redrive.max_receives
            ))
        };
        let target =
            self.find(&redrive.queue_arn).map_err(|_| wrong("Dead letter target does not exist."))?;
        if target.is_fifo() != is_fifo(name) {
            return Err(wrong("Dead-letter queue must be same type of queue as the source."));
        }
        let own = self.arn(name);
        let allowed =
            target.attributes.redrive_allow().is_none_or(|allow| match allow["redrivePermission"].as_str() {
                Some("denyAll") => false,
                Some("byQueue") => {
                    allow["sourceQueueArns"].as_array().is_some_and(|arns| arns.iter().any(|arn| *arn == own))
                }
                _ => true,
            });
        if allowed {
            Ok(())
        } else {
            Err(wrong("Queue does not have permission to use it as a dead-letter queue."))
        }
    }
}

fn check_tags(queue: &str, tags: &BTreeMap<String, String>) -> Result<(), QueueError> {
    if tags.len() > TAGS {
        return Err(QueueError::Parameter(format!("Too many tags added for queue {queue}.")));
    }
    if tags.keys().any(|key| !(1..=128).contains(&key.chars().count())) {
        return Err(QueueError::Parameter(TAG_KEYS.to_owned()));
    }
    Ok(())
}

fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

fn check_name(name: &str, fifo: bool) -> Result<(), QueueError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let right = (1..=80).contains(&name.len()) && !stem.is_empty() && stem.chars().all(legal);
    match (right, fifo, is_fifo(name)) {
        (true, true, true) | (true, false, false) => Ok(()),
        (_, true, _) => Err(QueueError::Parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end \
             with .fifo suffix and be 1 to 80 in length."
                .to_owned(),
        )),
        _ => Err(QueueError::Parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length".to_owned(),
        )),
    }
}
