//! Topics: made, changed, listed and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{PolicyDocument, RequestId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::attributes::{self, check_attribute};
use super::subscriptions::of_topic;
use super::{TopicError, Topics, tags};

/// A topic. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Its name, with `.fifo` where it is one.
    pub name: String,
    /// Tells it from earlier ones of the same name.
    pub uid: String,
    /// What was set, as it was given.
    pub attributes: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Subscriptions that were removed since it was made.
    #[serde(default)]
    pub subscriptions_deleted: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Since when it keeps messages, where it does.
    #[serde(default)]
    pub(super) archived_since: Option<Timestamp>,
}

impl Topic {
    /// Whether it keeps order and tells duplicates.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    pub(super) fn is_set(&self, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|value| value == "true")
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What its policy is, where one was set.
    pub(super) fn policy(&self) -> Option<PolicyDocument> {
        serde_json::from_str(self.attribute("Policy")?).ok().map(PolicyDocument::of)
    }
}

impl Topics {
    /// Makes a topic, or gives the one that is there with the same attributes.
    ///
    /// # Errors
    /// [`TopicError::Invalid`], also where there is one with other attributes or tags.
    pub async fn create(
        &self,
        name: &str,
        given: BTreeMap<String, String>,
        given_tags: BTreeMap<String, String>,
    ) -> Result<Arc<Topic>, TopicError> {
        let mut given = given;
        for attribute in ["FifoTopic", "ContentBasedDeduplication"] {
            // As the command lines of languages write them.
            if let Some(value @ ("True" | "False")) = given.get(attribute).map(String::as_str) {
                let value = value.to_ascii_lowercase();
                given.insert(attribute.to_owned(), value);
            }
        }
        check_name(name, given.get("FifoTopic").map(String::as_str))?;
        for (attribute, value) in &given {
            check_attribute(attribute, value, name.ends_with(".fifo"), true)?;
        }
        tags::check(&given_tags)?;
        // That a topic is none with an order is what holds anyway.
        given.retain(|attribute, value| !(value.is_empty() || attribute == "FifoTopic" && value == "false"));
        let now = self.inner.clock.now();
        let made = self.inner.topics.edit(name, |before| {
            if let Some(topic) = before {
                let differs =
                    given.iter().find(|(attribute, value)| topic.attributes.get(*attribute) != Some(value));
                if differs.is_some() {
                    let reason = "Attributes Reason: Topic already exists with different attributes";
                    return Err(TopicError::invalid(reason));
                }
                if given_tags.iter().any(|(key, value)| topic.tags.get(key) != Some(value)) {
                    let reason = "Tags Reason: Topic already exists with different tags";
                    return Err(TopicError::invalid(reason));
                }
                return Ok(Some(topic.clone()));
            }
            Ok(Some(Topic {
                name: name.to_owned(),
                uid: RequestId::random().to_string(),
                attributes: given.clone(),
                tags: given_tags.clone(),
                subscriptions_deleted: 0,
                created: now,
                archived_since: given.contains_key("ArchivePolicy").then_some(now),
            }))
        });
        let topic = made.await?.ok_or_else(TopicError::no_topic)?;
        self.warm_signer();
        if topic.is_fifo() && topic.created == now {
            self.work_for(&topic);
        }
        Ok(topic)
    }

    /// The key takes a moment to make: before the first message needs it.
    fn warm_signer(&self) {
        if !self.inner.signer.is_ready() {
            self.spawn(|topics| async move {
                if let Err(error) = topics.inner.signer.ready().await {
                    tracing::warn!(%error, "the key of topics could not be made; the first message tries again");
                }
            });
        }
    }

    /// The topic of this ARN.
    ///
    /// # Errors
    /// [`TopicError::NotFound`]; [`TopicError::Invalid`] where it is no ARN of a topic.
    pub fn topic(&self, arn: &str) -> Result<Arc<Topic>, TopicError> {
        self.inner.topics.get(self.name_in(arn)?).ok_or_else(TopicError::no_topic)
    }

    /// The name in the ARN of a topic of this server.
    pub(super) fn name_in<'a>(&self, arn: &'a str) -> Result<&'a str, TopicError> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "sns", region, account, name] = parts.as_slice() else {
            let count = parts.len();
            return Err(TopicError::invalid(if count < 6 {
                format!("TopicArn Reason: An ARN must have at least 6 elements, not {count}")
            } else {
                "TopicArn".to_owned()
            }));
        };
        if *region != self.inner.region.as_str() {
            return Err(TopicError::invalid("TopicArn"));
        }
        if *account != self.inner.account.as_str() {
            return Err(TopicError::no_topic());
        }
        Ok(name)
    }

    /// All topics, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.inner.topics.all().values().cloned().collect()
    }

    /// Removes a topic with its subscriptions; does nothing where there is none.
    ///
    /// # Errors
    /// [`TopicError::Invalid`] for the ARN.
    pub async fn delete(&self, arn: &str) -> Result<(), TopicError> {
        let name = self.name_in(arn)?;
        let topic = self.inner.topics.get(name);
        if topic.as_ref().is_some_and(|topic| topic.archive_days().is_some()) {
            let message = "Cannot delete a topic with an ArchivePolicy: deactivate it first.";
            return Err(TopicError::State(message.to_owned()));
        }
        for subscription in of_topic(&self.inner.subscriptions.all(), name) {
            self.inner.subscriptions.edit(&subscription.key(), |_| Ok::<_, TopicError>(None)).await?;
        }
        self.forget_ended(|ended| ended.is_of(name)).await?;
        self.inner.topics.edit(name, |_| Ok::<_, TopicError>(None)).await?;
        if let Some(topic) = topic.filter(|topic| topic.is_fifo()) {
            self.inner.store.messages().purge(&topic.uid).await?;
        }
        Ok(())
    }

    /// Changes one attribute.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`].
    pub async fn set_attribute(&self, arn: &str, name: &str, value: &str) -> Result<(), TopicError> {
        let topic = self.topic(arn)?;
        check_attribute(name, value, topic.is_fifo(), false)?;
        let now = self.inner.clock.now();
        let edit = |topic: &mut Topic| {
            topic.attributes.insert(name.to_owned(), value.to_owned());
            if value.is_empty() || (name == "ArchivePolicy" && topic.archive_days().is_none()) {
                topic.attributes.remove(name);
            }
            if name == "ArchivePolicy" {
                topic.archived_since = topic.archive_days().and(topic.archived_since.or(Some(now)));
            }
            Ok(())
        };
        self.edit_topic(&topic.name, edit).await?;
        match self.inner.topics.get(&topic.name) {
            Some(after) if name == "ArchivePolicy" && after.archive_days().is_none() => {
                self.forget_archive(&after).await
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn edit_topic(
        &self,
        name: &str,
        edit: impl Fn(&mut Topic) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        let edited = self.inner.topics.edit(name, |before| {
            let mut topic = before.cloned().ok_or_else(TopicError::no_topic)?;
            edit(&mut topic)?;
            Ok::<_, TopicError>(Some(topic))
        });
        edited.await.map(drop)
    }

    /// All attributes of a topic, as the service shows them.
    ///
    /// # Errors
    /// [`TopicError::NotFound`].
    pub fn attributes(&self, arn: &str) -> Result<BTreeMap<String, String>, TopicError> {
        let topic = self.topic(arn)?;
        let arn = self.arn(&topic.name);
        let all = self.inner.subscriptions.all();
        let pending = of_topic(&all, &topic.name).filter(|subscription| subscription.is_pending()).count();
        let confirmed = of_topic(&all, &topic.name).count() - pending;
        let mut shown = topic.attributes.clone();
        if !topic.is_fifo() {
            shown.remove("FifoTopic");
        }
        let mut show = |name: &str, value: String| shown.insert(name.to_owned(), value);
        show("Owner", self.inner.account.to_string());
        show("TopicArn", arn);
        show("SubscriptionsConfirmed", confirmed.to_string());
        show("SubscriptionsPending", pending.to_string());
        show("SubscriptionsDeleted", topic.subscriptions_deleted.to_string());
        show("EffectiveDeliveryPolicy", attributes::effective_delivery_policy(&topic).to_string());
        show("DisplayName", topic.attributes.get("DisplayName").cloned().unwrap_or_default());
        show("Policy", self.policy_of(&topic).into_value().to_string());
        if let Some(begin) = self.archive_begins(&topic) {
            show("BeginningArchiveTime", begin.to_rfc3339());
        }
        if topic.is_fifo() {
            show("FifoTopic", "true".to_owned());
            let deduplicates = topic.attribute("ContentBasedDeduplication").unwrap_or("false");
            show("ContentBasedDeduplication", deduplicates.to_owned());
        }
        Ok(shown)
    }

    /// The policy that holds: the one that was set, else that the owner's account may do everything.
    pub(super) fn policy_of(&self, topic: &Topic) -> PolicyDocument {
        topic.policy().unwrap_or_else(|| {
            let actions = [
                "SNS:GetTopicAttributes",
                "SNS:SetTopicAttributes",
                "SNS:AddPermission",
                "SNS:RemovePermission",
                "SNS:DeleteTopic",
                "SNS:Subscribe",
                "SNS:ListSubscriptionsByTopic",
                "SNS:Publish",
            ];
            PolicyDocument::of(json!({
                "Version": "2008-10-17",
                "Id": "__default_policy_ID",
                "Statement": [{
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": actions,
                    "Resource": self.arn(&topic.name),
                    "Condition": {"StringEquals": {"AWS:SourceOwner": self.inner.account.as_str()}},
                }],
            }))
        })
    }
}

/// Checks a name; FIFO topics end in `.fifo`, and only they.
fn check_name(name: &str, fifo: Option<&str>) -> Result<(), TopicError> {
    let fifo = fifo.is_some_and(|value| value == "true");
    let stem = if fifo { name.strip_suffix(".fifo").unwrap_or("") } else { name };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=256).contains(&name.len()) && !stem.is_empty() && stem.chars().all(legal) {
        return Ok(());
    }
    Err(TopicError::invalid("Topic Name"))
}
