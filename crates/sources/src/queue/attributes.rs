//! The attributes of a queue: what may be set, what holds where nothing is.

use std::collections::BTreeMap;

use ebb_model::PolicyDocument;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::QueueError;

/// Numbers that may be set: name, least, most, and what holds where nothing is set.
/// Source: SQS API reference, `SetQueueAttributes` (2026-11).
const NUMBERS: [(&str, u32, u32, u32); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
];
const FIFO: &str = "FifoQueue";
const CONTENT_BASED: &str = "ContentBasedDeduplication";
/// Words that may be set: name and choices. The first holds where nothing is set, in FIFO queues.
const WORDS: [(&str, &[&str]); 5] = [
    (FIFO, &["true", "false"]),
    (CONTENT_BASED, &["false", "true"]),
    ("DeduplicationScope", &["queue", "messageGroup"]),
    ("FifoThroughputLimit", &["perQueue", "perMessageGroupId"]),
    ("SqsManagedSseEnabled", &["true", "false"]),
];
const REDRIVE: &str = "RedrivePolicy";
const REDRIVE_ALLOW: &str = "RedriveAllowPolicy";
const POLICY: &str = "Policy";
const KMS_KEY: &str = "KmsMasterKeyId";

/// What is set of a queue, by the names of the service, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the queue.
    pub queue_arn: String,
    /// How often a message may be received.
    pub max_receives: u32,
}

impl Attributes {
    /// Checks what is to be set; an empty value of a policy takes it away.
    ///
    /// # Errors
    /// [`QueueError::UnknownAttribute`], [`QueueError::AttributeValue`].
    pub(super) fn set(&mut self, new: &BTreeMap<String, String>, fifo: bool) -> Result<(), QueueError> {
        for (name, value) in new {
            check(name, value, fifo)?;
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.clone(), normal(name, value));
            }
        }
        if self.0.get("FifoThroughputLimit").is_some_and(|limit| limit == "perMessageGroupId")
            && self.0.get("DeduplicationScope").is_none_or(|scope| scope != "messageGroup")
        {
            let reason = "The FifoThroughputLimit attribute can be set to perMessageGroupId only when the \
                          DeduplicationScope attribute is set to messageGroup.";
            return Err(wrong("FifoThroughputLimit", Some(reason)));
        }
        Ok(())
    }

    /// Every attribute that has a value, set or not.
    pub(super) fn shown(&self, fifo: bool) -> BTreeMap<String, String> {
        let mut shown = self.0.clone();
        for (name, _, _, default) in NUMBERS.iter().filter(|(name, ..)| !name.starts_with("Kms")) {
            shown.entry((*name).to_owned()).or_insert_with(|| default.to_string());
        }
        for (name, choices) in WORDS.iter().filter(|(name, _)| fifo || *name == "SqsManagedSseEnabled") {
            let encrypted_otherwise = *name == "SqsManagedSseEnabled" && self.0.contains_key(KMS_KEY);
            let default = if encrypted_otherwise { "false" } else { choices[0] };
            shown.entry((*name).to_owned()).or_insert_with(|| default.to_owned());
        }
        if !self.0.contains_key(KMS_KEY) {
            shown.remove("KmsDataKeyReusePeriodSeconds");
        } else {
            shown.entry("KmsDataKeyReusePeriodSeconds".to_owned()).or_insert_with(|| "300".to_owned());
        }
        shown
    }

    /// The first attribute that is asked for with another value than it has.
    pub(super) fn difference(&self, asked: &BTreeMap<String, String>, fifo: bool) -> Option<String> {
        let shown = self.shown(fifo);
        let same =
            |name: &String, value: &String| shown.get(name).is_some_and(|own| same_value(name, own, value));
        asked.iter().find(|(name, value)| !same(name, value)).map(|(name, _)| name.clone())
    }

    fn number(&self, name: &str) -> u32 {
        let default = NUMBERS.iter().find(|(other, ..)| *other == name).map_or(0, |(.., default)| *default);
        self.0.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// How long a message that is sent waits, in seconds.
    #[must_use]
    pub fn delay_seconds(&self) -> u32 {
        self.number("DelaySeconds")
    }

    /// The most bytes of a message.
    #[must_use]
    pub fn maximum_bytes(&self) -> usize {
        usize::try_from(self.number("MaximumMessageSize")).unwrap_or(usize::MAX)
    }

    /// How long messages are kept, in seconds.
    #[must_use]
    pub fn retention_seconds(&self) -> u32 {
        self.number("MessageRetentionPeriod")
    }

    /// How long a receive waits for messages, in seconds.
    #[must_use]
    pub fn wait_seconds(&self) -> u32 {
        self.number("ReceiveMessageWaitTimeSeconds")
    }

    /// How long a message that was received is invisible, in seconds.
    #[must_use]
    pub fn visibility_seconds(&self) -> u32 {
        self.number("VisibilityTimeout")
    }

    /// Whether a message without a deduplication id gets one from its body.
    #[must_use]
    pub fn content_based_deduplication(&self) -> bool {
        self.0.get(CONTENT_BASED).is_some_and(|value| value == "true")
    }

    /// Whether deduplication looks at each message group apart.
    #[must_use]
    pub fn deduplicates_by_group(&self) -> bool {
        self.0.get("DeduplicationScope").is_some_and(|value| value == "messageGroup")
    }

    /// Where messages go that were received too often.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        read_redrive(self.0.get(REDRIVE)?)
    }

    /// Which queues may have this one for their dead letters.
    #[must_use]
    pub fn redrive_allow(&self) -> Option<Value> {
        self.0.get(REDRIVE_ALLOW).and_then(|text| serde_json::from_str(text).ok())
    }

    /// The resource policy.
    #[must_use]
    pub fn policy(&self) -> Option<PolicyDocument> {
        self.0.get(POLICY).and_then(|text| serde_json::from_str(text).ok()).map(PolicyDocument::of)
    }

    pub(super) fn set_policy(&mut self, policy: Option<PolicyDocument>) {
        match policy {
            Some(policy) => self.0.insert(POLICY.to_owned(), policy.into_value().to_string()),
            None => self.0.remove(POLICY),
        };
    }
}

fn check(name: &str, value: &str, fifo: bool) -> Result<(), QueueError> {
    let policies = [POLICY, REDRIVE, REDRIVE_ALLOW, KMS_KEY];
    if value.is_empty() && policies.contains(&name) {
        return Ok(());
    }
    if let Some((_, least, most, _)) = NUMBERS.iter().find(|(other, ..)| *other == name) {
        let number = value.trim().parse::<u32>().ok().filter(|number| (least..=most).contains(&number));
        return number.map(drop).ok_or_else(|| wrong(name, None));
    }
    if let Some((_, choices)) = WORDS.iter().find(|(other, _)| *other == name) {
        // Only of FIFO queues; that a queue is none is said by leaving the attribute away.
        match name {
            "SqsManagedSseEnabled" => {}
            "DeduplicationScope" | "FifoThroughputLimit" if !fifo => {
                return Err(QueueError::FifoAttribute(name.to_owned()));
            }
            _ if !fifo => return Err(QueueError::UnknownAttribute(name.to_owned())),
            _ => {}
        }
        let known = choices.iter().any(|choice| is_word(choice, value));
        return if known { Ok(()) } else { Err(wrong(name, None)) };
    }
    match name {
        POLICY => match serde_json::from_str::<Value>(value) {
            Ok(policy) if policy["Statement"].is_array() || policy["Statement"].is_object() => Ok(()),
            _ => Err(wrong(name, None)),
        },
        REDRIVE => check_redrive(value),
        REDRIVE_ALLOW => check_redrive_allow(value),
        KMS_KEY => Ok(()),
        _ => Err(QueueError::UnknownAttribute(name.to_owned())),
    }
}

fn check_redrive(value: &str) -> Result<(), QueueError> {
    let wrong = |reason: &str| {
        QueueError::Parameter(format!(
            "Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}"
        ))
    };
    let policy: Value = serde_json::from_str(value)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| wrong("Redrive policy is not a valid JSON map."))?;
    if policy["deadLetterTargetArn"].as_str().is_none_or(|arn| arn.split(':').count() != 6) {
        return Err(wrong("Redrive policy does not contain mandatory attribute: deadLetterTargetArn."));
    }
    if policy.get("maxReceiveCount").is_none() {
        return Err(wrong("Redrive policy does not contain mandatory attribute: maxReceiveCount."));
    }
    match read_redrive(value) {
        Some(redrive) if (1..=1000).contains(&redrive.max_receives) => Ok(()),
        _ => Err(wrong("Invalid value for maxReceiveCount: it must be between 1 and 1000.")),
    }
}

fn read_redrive(value: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(value).ok()?;
    let count = &policy["maxReceiveCount"];
    let max_receives = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    Some(Redrive {
        queue_arn: policy["deadLetterTargetArn"].as_str()?.to_owned(),
        max_receives: u32::try_from(max_receives).ok()?,
    })
}

fn check_redrive_allow(value: &str) -> Result<(), QueueError> {
    let policy: Value = serde_json::from_str(value).unwrap_or_default();
    let arns = policy["sourceQueueArns"].as_array().map(Vec::len);
    match (policy["redrivePermission"].as_str(), arns) {
        (Some("allowAll" | "denyAll"), None) => Ok(()),
        (Some("byQueue"), Some(1..=10)) => Ok(()),
        _ => Err(wrong(
            REDRIVE_ALLOW,
            Some("It names allowAll, denyAll, or byQueue with one to ten sourceQueueArns."),
        )),
    }
}

/// A value as it is kept and shown.
fn normal(name: &str, value: &str) -> String {
    let value = value.trim();
    if name == REDRIVE {
        return normal_redrive(value);
    }
    let choices = WORDS.iter().find(|(other, _)| *other == name).map(|(_, choices)| *choices);
    let choice = choices.into_iter().flatten().find(|choice| is_word(choice, value));
    choice.map_or(value, |choice| *choice).to_owned()
}

/// The service makes a number of a count that is a text.
fn normal_redrive(value: &str) -> String {
    match (serde_json::from_str::<Value>(value), read_redrive(value)) {
        (Ok(mut policy), Some(redrive)) if policy["maxReceiveCount"].is_string() => {
            policy["maxReceiveCount"] = redrive.max_receives.into();
            policy.to_string()
        }
        _ => value.to_owned(),
    }
}

/// The service takes `True` for `true` (recorded 2025); other words as they are only.
fn is_word(choice: &str, value: &str) -> bool {
    choice == value || (matches!(choice, "true" | "false") && choice.eq_ignore_ascii_case(value))
}

/// Whether what is asked for is what there is, as JSON where it is that.
fn same_value(name: &str, own: &str, asked: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    own == normal(name, asked) || json(own).is_some_and(|own| Some(own) == json(asked))
}

fn wrong(name: &str, reason: Option<&str>) -> QueueError {
    QueueError::AttributeValue { name: name.to_owned(), reason: reason.map(str::to_owned) }
}
