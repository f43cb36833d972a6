//! Messages, as they are sent and kept, and the digests that clients check.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::QueueError;

/// The most attributes of a message.
const ATTRIBUTES: usize = 10;

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueMessage {
    /// The text.
    pub body: String,
    /// Attributes by name.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// Attributes of the system, such as `AWSTraceHeader`.
    pub system_attributes: BTreeMap<String, MessageAttribute>,
    /// How long it waits, in seconds; as the queue says where absent.
    pub delay_seconds: Option<i64>,
    /// Its group, in FIFO queues (and for fairness in others).
    pub group: Option<String>,
    /// What tells that it was sent already, in FIFO queues.
    pub deduplication: Option<String>,
}

/// An attribute of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional label after a dot.
    pub data_type: String,
    /// The text; the bytes in base64 for `Binary`.
    pub value: String,
}

/// A message as it is kept. Fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// Its id.
    pub id: String,
    /// The text.
    pub body: String,
    /// Attributes by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// Attributes of the system.
    #[serde(default)]
    pub system_attributes: BTreeMap<String, MessageAttribute>,
    /// Who sent it.
    pub sender: String,
    /// Its group.
    #[serde(default)]
    pub group: Option<String>,
    /// What tells that it was sent already.
    #[serde(default)]
    pub deduplication: Option<String>,
}

impl MessageAttribute {
    /// Whether the value is bytes.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.data_type.starts_with("Binary")
    }

    fn bytes(&self) -> Vec<u8> {
        if self.is_binary() {
            STANDARD.decode(&self.value).unwrap_or_default()
        } else {
            self.value.clone().into_bytes()
        }
    }
}

impl QueueMessage {
    /// Bytes that count towards the limit of a message.
    pub(super) fn size(&self) -> usize {
        let attribute = |(name, attribute): (&String, &MessageAttribute)| {
            name.len() + attribute.data_type.len() + attribute.bytes().len()
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// Checks all but what depends on the queue.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        if self.body.is_empty() {
            return Err(QueueError::Missing("MessageBody".to_owned()));
        }
        if !is_valid_text(&self.body) {
            return Err(QueueError::MessageContents);
        }
        if self.attributes.len() > ATTRIBUTES {
            return Err(QueueError::Parameter(format!(
                "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES}].",
                self.attributes.len()
            )));
        }
        self.attributes.iter().try_for_each(|(name, attribute)| check_attribute(name, attribute))?;
        let unknown = self.system_attributes.keys().find(|name| *name != "AWSTraceHeader");
        unknown.map_or(Ok(()), |name| {
            Err(QueueError::Parameter(format!("Message system attribute name '{name}' is invalid.")))
        })
    }
}

/// Source: SQS developer guide, "Amazon SQS message metadata" (2026-11).
fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), QueueError> {
    let wrong = |message: String| Err(QueueError::Parameter(message));
    // Letters of all alphabets, although the guide names the Latin ones only (recorded 2025).
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 256 || !name.chars().all(legal) {
        return wrong(format!(
            "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), \
             hyphen (-), and period (.) characters."
        ));
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return wrong(format!(
            "The message attribute name '{name}' is invalid: it must not begin or end with a period or have two in a \
             row."
        ));
    }
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return wrong(format!(
            "Message attribute name can not be one of the reserved prefixes: 'AWS.' or 'Amazon.': '{name}'."
        ));
    }
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    if !matches!(kind, "String" | "Number" | "Binary") || attribute.data_type.len() > 256 {
        return wrong(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes \
             is Binary, Number, and String."
        ));
    }
    if attribute.value.is_empty() {
        return wrong(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{}'.",
            if kind == "Binary" { "Binary" } else { "String" }
        ));
    }
    if kind != "Binary" && !is_valid_text(&attribute.value) {
        return wrong(format!("Invalid characters found in the value of message (user) attribute '{name}'."));
    }
    if kind == "Number" && attribute.value.parse::<f64>().is_err() {
        return wrong(format!("Can't cast the value of message (user) attribute '{name}' to a number."));
    }
    Ok(())
}

/// Whether all characters are those that messages may have.
fn is_valid_text(text: &str) -> bool {
    let legal = |c: char| matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().all(legal)
}

/// The MD5 of a text, in hexadecimal.
#[must_use]
pub fn md5_hex(text: &[u8]) -> String {
    hex(&Md5::digest(text))
}

/// The digest of attributes that clients check; none where there are no attributes.
/// Source: SQS developer guide, "Calculating the MD5 message digest for message attributes" (2026-11).
#[must_use]
pub fn attributes_md5(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        add(&mut digest, name.as_bytes());
        add(&mut digest, attribute.data_type.as_bytes());
        // The kind of value: 1 is a text, 2 is bytes.
        digest.update([if attribute.is_binary() { 2 } else { 1 }]);
        add(&mut digest, &attribute.bytes());
    }
    Some(hex(&digest.finalize()))
}

/// Length and bytes.
fn add(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
