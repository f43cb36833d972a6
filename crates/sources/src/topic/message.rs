//! Messages, as they are published, and what they must look like.

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Protocol, Topic, TopicError};
use crate::delivery::Attribute;

/// The most that a message, or all messages of a batch, may be, in bytes.
pub(super) const BYTES: usize = 256 * 1024;
/// The longest subject, in characters.
const SUBJECT: usize = 100;

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicMessage {
    /// The text; with `structure`, a JSON object with one text for each protocol.
    pub message: String,
    /// The subject, for mail and for whoever reads it.
    pub subject: Option<String>,
    /// `json` where the message differs between protocols.
    pub structure: Option<String>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Its group, in FIFO topics (and for fair queues behind others).
    pub group: Option<String>,
    /// What tells that it was published already, in FIFO topics.
    pub deduplication: Option<String>,
    /// The trace that it belongs to, as `X-Amzn-Trace-Id` has it.
    pub trace: Option<String>,
}

/// What became of a message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub id: String,
    /// Its place in a FIFO topic.
    pub sequence: Option<String>,
}

/// A message that was accepted. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Accepted {
    pub(super) id: String,
    /// The text of each protocol that has its own.
    pub(super) texts: BTreeMap<String, String>,
    /// The text of the others.
    pub(super) text: String,
    pub(super) subject: Option<String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
    pub(super) at: Timestamp,
    #[serde(default)]
    pub(super) trace: Option<String>,
    #[serde(skip)]
    pub(super) sequence: Option<String>,
    /// Whether it is delivered once more, from the archive.
    #[serde(skip)]
    pub(super) replayed: bool,
}

impl Accepted {
    /// What a protocol gets.
    pub(super) fn text_for(&self, protocol: Protocol) -> &str {
        self.texts.get(protocol.as_str()).unwrap_or(&self.text)
    }
}

impl TopicMessage {
    /// What the service counts, in bytes.
    pub(super) fn size(&self) -> usize {
        let attribute = |(name, attribute): (&String, &Attribute)| {
            name.len() + attribute.data_type.len() + attribute.value.len()
        };
        self.message.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// Checks it for a topic and splits it by protocol.
    pub(super) fn accept(self, topic: &Topic, id: String, at: Timestamp) -> Result<Accepted, TopicError> {
        if self.message.is_empty() {
            return Err(TopicError::invalid("Empty message"));
        }
        if self.size() > BYTES {
            return Err(TopicError::invalid("Message too long"));
        }
        if self.subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
            return Err(TopicError::invalid("Subject"));
        }
        for (name, attribute) in &self.attributes {
            check_attribute(name, attribute)?;
        }
        let texts = match self.structure.as_deref() {
            None | Some("") => None,
            Some("json") => Some(by_protocol(&self.message)?),
            Some(_) => return Err(TopicError::invalid("MessageStructure")),
        };
        check_group(topic, &self)?;
        let (text, texts) = texts.unwrap_or_else(|| (self.message, BTreeMap::new()));
        let (subject, attributes) = (self.subject, self.attributes);
        let (group, deduplication) = (self.group, self.deduplication);
        Ok(Accepted {
            trace: self.trace,
            id,
            texts,
            text,
            subject,
            attributes,
            group,
            deduplication,
            at,
            sequence: None,
            replayed: false,
        })
    }
}

/// The default and the texts of single protocols.
fn by_protocol(message: &str) -> Result<(String, BTreeMap<String, String>), TopicError> {
    let read: Value = serde_json::from_str(message)
        .map_err(|_| TopicError::invalid("Message Structure - JSON message body failed to parse"))?;
    let mut texts: BTreeMap<String, String> = read
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
        .collect();
    let default = texts
        .remove("default")
        .ok_or_else(|| TopicError::invalid("Message Structure - No default entry in JSON message body"))?;
    Ok((default, texts))
}

/// ASCII without line breaks, up to 100 characters, and no space in front.
fn is_subject(subject: &str) -> bool {
    let length = subject.chars().count();
    (1..=SUBJECT).contains(&length) && !subject.contains(char::is_control) && !subject.starts_with(' ')
}

fn check_group(topic: &Topic, message: &TopicMessage) -> Result<(), TopicError> {
    for (name, id) in [("MessageGroupId", &message.group), ("MessageDeduplicationId", &message.deduplication)]
    {
        let legal = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
        if id.as_deref().is_some_and(|id| !(1..=128).contains(&id.len()) || !id.chars().all(legal)) {
            return Err(TopicError::invalid(format!(
                "{name} Reason: The {name} can include alphanumeric characters and punctuation, up to 128 of them"
            )));
        }
    }
    if !topic.is_fifo() {
        return match message.deduplication {
            Some(_) => Err(TopicError::invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not \
                 valid for this topic type",
            )),
            None => Ok(()),
        };
    }
    if message.group.is_none() {
        return Err(TopicError::invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    if message.deduplication.is_none() && !topic.is_set("ContentBasedDeduplication") {
        return Err(TopicError::invalid(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        ));
    }
    Ok(())
}

fn check_attribute(name: &str, attribute: &Attribute) -> Result<(), TopicError> {
    let wrong = |message: String| Err(TopicError::Value(message));
    check_attribute_name(name)?;
    if attribute.data_type.is_empty() {
        return wrong(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        ));
    }
    let (kind, label) = match attribute.data_type.split_once('.') {
        Some((kind, label)) => (kind, Some(label)),
        None => (attribute.data_type.as_str(), None),
    };
    if !matches!(kind, "String" | "Number" | "Binary") || label == Some("") {
        return wrong(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes \
             is Binary, Number, and String."
        ));
    }
    if attribute.value.is_empty() {
        return wrong(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
             '{}'.",
            attribute.data_type
        ));
    }
    if kind == "Number" && attribute.value.trim().parse::<f64>().is_err() {
        return wrong(format!("Could not cast message attribute '{name}' value to number."));
    }
    if attribute.data_type == "String.Array" && !is_array(&attribute.value) {
        return wrong(format!("The message attribute '{name}' of type String.Array is not a JSON array."));
    }
    Ok(())
}

fn check_attribute_name(name: &str) -> Result<(), TopicError> {
    let wrong = |message: &str| Err(TopicError::Value(message.to_owned()));
    let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        return wrong("Message attribute name can not be empty.");
    }
    if name.len() > 256 {
        return wrong("Length of message attribute name must be less than 256 bytes.");
    }
    if let Some(other) = name.chars().find(|c| !legal(c)) {
        return wrong(&format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include \
             alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(other)
        ));
    }
    if name.starts_with('.') {
        return wrong("Invalid message attribute name starting with character '.' was found.");
    }
    if name.ends_with('.') {
        return wrong("Invalid message attribute name ending with character '.' was found.");
    }
    if name.contains("..") {
        return wrong("Message attribute name can not have successive '.' character.");
    }
    Ok(())
}

fn is_array(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_array())
}
