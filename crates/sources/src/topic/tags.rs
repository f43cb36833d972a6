//! Tags of topics.

use std::collections::BTreeMap;

use super::{TopicError, Topics};

/// The most tags of a topic.
const TAGS: usize = 50;

impl Topics {
    /// Adds tags, in the place of those with the same keys.
    ///
    /// # Errors
    /// [`TopicError::NoResource`], [`TopicError::TagLimit`], [`TopicError::Invalid`].
    pub async fn tag(&self, arn: &str, tags: BTreeMap<String, String>) -> Result<(), TopicError> {
        let name = self.tagged(arn)?;
        self.edit_topic(&name, |topic| {
            topic.tags.extend(tags.clone());
            check(&topic.tags)
        })
        .await
    }

    /// Takes tags away.
    ///
    /// # Errors
    /// [`TopicError::NoResource`].
    pub async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), TopicError> {
        let name = self.tagged(arn)?;
        self.edit_topic(&name, |topic| {
            topic.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    /// The tags of a topic.
    ///
    /// # Errors
    /// [`TopicError::NoResource`].
    pub fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, TopicError> {
        Ok(self.topic(&self.arn(&self.tagged(arn)?))?.tags.clone())
    }

    fn tagged(&self, arn: &str) -> Result<String, TopicError> {
        self.topic(arn).map(|topic| topic.name.clone()).map_err(|_| TopicError::NoResource)
    }
}

pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), TopicError> {
    if tags.len() > TAGS {
        return Err(TopicError::TagLimit);
    }
    let wrong = tags.iter().find(|(key, value)| {
        !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 || key.starts_with("aws:")
    });
    match wrong {
        Some((key, _)) => Err(TopicError::invalid(format!("Tags Reason: the tag {key} is not valid"))),
        None => Ok(()),
    }
}
