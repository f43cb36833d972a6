//! The targets of rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::path::Path;
use super::rules::Rule;
use super::transform::Input;
use super::{BusError, EventBuses, is_name};
use crate::delivery::{DeadLetter, RetryPolicy};

/// The most targets of a rule. Source: EventBridge user guide, "Amazon EventBridge quotas" (2026-11).
const TARGETS: usize = 5;

/// What a rule passes events on to. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// Unique in its rule.
    pub id: String,
    /// The ARN of what gets the events.
    pub arn: String,
    /// A role, as it was given.
    pub role: Option<String>,
    /// What it gets of them.
    pub input: Input,
    /// The ARN of the queue for what cannot be delivered.
    pub dead_letter: Option<String>,
    /// How often it is tried, where it was given.
    pub retry: Option<RetryPolicy>,
    /// The message group, for FIFO queues.
    pub message_group: Option<String>,
    /// Parameters of single kinds of targets (`HttpParameters`, …), as they were given.
    pub parameters: Map<String, Value>,
}

/// A target that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTarget {
    /// Its id.
    pub id: String,
    /// As in `ResourceNotFoundException`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl EventBuses {
    /// Adds targets to a rule, in the place of those with the same ids. Gives those that were not taken.
    ///
    /// # Errors
    /// [`BusError::NotFound`], [`BusError::Invalid`], [`BusError::LimitExceeded`]: then nothing is changed.
    pub async fn put_targets(
        &self,
        bus: Option<&str>,
        rule: &str,
        targets: Vec<RuleTarget>,
    ) -> Result<Vec<RefusedTarget>, BusError> {
        for target in &targets {
            target.check()?;
        }
        let add = |rule: &mut Rule| {
            rule.targets.extend(targets.iter().map(|target| (target.id.clone(), target.clone())));
            if rule.targets.len() > TARGETS {
                let message = "The requested resource exceeds the maximum number allowed.";
                return Err(BusError::LimitExceeded(message.to_owned()));
            }
            Ok(())
        };
        self.edit_rule(bus, rule, add).await?;
        Ok(Vec::new())
    }

    /// Takes targets from a rule. Gives those that it did not have.
    ///
    /// # Errors
    /// [`BusError::NotFound`] for the rule.
    pub async fn remove_targets(
        &self,
        bus: Option<&str>,
        rule: &str,
        ids: &[String],
    ) -> Result<Vec<RefusedTarget>, BusError> {
        let before = self.rule(bus, rule)?;
        let remove = |rule: &mut Rule| {
            rule.targets.retain(|id, _| !ids.contains(id));
            Ok(())
        };
        self.edit_rule(bus, rule, remove).await?;
        let missing = ids.iter().filter(|id| !before.targets.contains_key(*id));
        let refused = |id: &String| RefusedTarget {
            id: id.clone(),
            code: "ResourceNotFoundException",
            message: format!("Rule {rule} does not have target {id}."),
        };
        Ok(missing.map(refused).collect())
    }
}

impl RuleTarget {
    fn check(&self) -> Result<(), BusError> {
        let invalid = |message: String| Err(BusError::Invalid(message));
        if !is_name(&self.id, 64, &[]) {
            let constraint = if self.id.len() > 64 {
                "Member must have length less than or equal to 64"
            } else {
                "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
            };
            return invalid(format!(
                "1 validation error detected: Value '{}' at 'targets.1.member.id' failed to satisfy constraint: \
                 {constraint}",
                self.id
            ));
        }
        if !self.arn.starts_with("arn:") || self.arn.split(':').count() < 6 {
            return invalid(format!(
                "Parameter {} is not valid. Reason: Provided Arn is not in correct format.",
                self.arn
            ));
        }
        if let Some(queue) = self.dead_letter.as_deref().filter(|queue| !queue.contains(":sqs:")) {
            return invalid(format!("{queue} is not the ARN of a queue, which a dead-letter target must be"));
        }
        if self.arn.contains(":sqs:") && self.arn.ends_with(".fifo") && self.message_group.is_none() {
            return invalid(format!("Parameter(s) SqsParameters must be specified for target: {}.", self.id));
        }
        if self.retry.is_some_and(|retry| retry.attempts > 185 || !(60..=86_400).contains(&retry.age_seconds))
        {
            return invalid(format!("RetryPolicy of target {} is out of range", self.id));
        }
        self.input.check(&self.id).map_err(BusError::Invalid)
    }

    /// The parameters of its kind, with values of the event in the place of paths. Source: EventBridge user guide,
    /// "Event bus targets available in the EventBridge console", dynamic path parameters (2026-11).
    pub(super) fn parameters_for(&self, event: &Value) -> Map<String, Value> {
        let mut parameters = self.parameters.clone();
        let http = parameters.get_mut("HttpParameters").and_then(Value::as_object_mut);
        for values in http.into_iter().flat_map(Map::values_mut) {
            let each: Box<dyn Iterator<Item = &mut Value>> = match values {
                Value::Array(list) => Box::new(list.iter_mut()),
                Value::Object(members) => Box::new(members.values_mut()),
                _ => continue,
            };
            for value in each {
                let path = value.as_str().filter(|text| text.starts_with("$.")).and_then(Path::parse);
                if let Some(path) = path {
                    *value = path.get(event).unwrap_or_else(|| "".into());
                }
            }
        }
        parameters
    }

    /// Where what cannot be delivered goes, with what explains it.
    pub(super) fn dead_letter(&self, rule_arn: &str) -> Option<DeadLetter> {
        let explained = [("RULE_ARN", rule_arn), ("TARGET_ARN", self.arn.as_str())];
        let explained: BTreeMap<String, String> =
            explained.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.dead_letter.as_ref().map(|arn| DeadLetter {
            arn: arn.clone(),
            explained: Some(explained),
            ..DeadLetter::default()
        })
    }
}
