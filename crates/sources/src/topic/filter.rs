//! Filter policies: which messages a subscription wants.
//!
//! Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies" and its constraints (2026-11).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::TopicError;
use super::message::Accepted;
use crate::delivery::Attribute;
use crate::pattern::{Pattern, alternatives};

/// The most keys of a policy.
const KEYS: usize = 5;
/// The most combinations of a policy.
const COMBINATIONS: usize = 150;
/// The most that a policy may be, in bytes.
const BYTES: usize = 150 * 1024;
/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Attributes,
    Body,
}

/// A filter policy that was read.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// Nothing where the policy is `{}`, which everything passes.
    pattern: Option<Pattern>,
    scope: Scope,
}

impl Scope {
    /// As an attribute of the subscription has it.
    pub(super) fn read(text: Option<&str>) -> Self {
        if text == Some("MessageBody") { Self::Body } else { Self::Attributes }
    }
}

impl Filter {
    /// Reads a policy and checks what the service checks.
    pub(super) fn parse(text: &str, scope: Scope) -> Result<Self, TopicError> {
        let policy: Value =
            serde_json::from_str(text).map_err(|error| invalid(&format!("failed to parse JSON. {error}")))?;
        let object = policy.as_object().ok_or_else(|| invalid("Filter policy must be an object"))?;
        if text.len() > BYTES {
            return Err(invalid("Policy is too large"));
        }
        let mut totals = Totals { keys: 0, combinations: 1 };
        check_tests(&policy)?;
        let read = |policy: Value| Pattern::from_value(&policy).map_err(|error| invalid(error.reason()));
        let pattern = if object.is_empty() { None } else { Some(read(rounded(policy.clone()))?) };
        check_level(object, scope, 1, &mut totals)?;
        if totals.keys > KEYS {
            return Err(invalid("Filter policy can not have more than 5 keys"));
        }
        if totals.combinations > COMBINATIONS {
            return Err(invalid("Filter policy is too complex"));
        }
        Ok(Self { pattern, scope })
    }

    /// Whether a message, with the text that the subscription would get, is wanted.
    pub(super) fn wants(&self, message: &Accepted, text: &str) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        match self.scope {
            Scope::Attributes => pattern.matches(&rounded(as_document(&message.attributes))),
            // A body that is no object passes no test.
            Scope::Body => serde_json::from_str::<Value>(text)
                .is_ok_and(|body| body.is_object() && pattern.matches(&rounded(body))),
        }
    }
}

/// The same with no more than five digits after the decimal point, which is what counts here.
/// Source: Amazon SNS developer guide, "Filter policy constraints" (2026-11).
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let exact = number.as_f64().unwrap_or_default();
            serde_json::Number::from_f64((exact * 1e5).round() / 1e5)
                .map_or(Value::Number(number), Value::Number)
        }
        Value::Array(list) => list.into_iter().map(rounded).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, rounded(value))).collect())
        }
        value => value,
    }
}

/// Attributes as the document that patterns are made for; bytes cannot be tested.
fn as_document(attributes: &BTreeMap<String, Attribute>) -> Value {
    let read = |attribute: &Attribute| {
        let text = attribute.value.as_str();
        match attribute.data_type.as_str() {
            "String.Array" => serde_json::from_str(text).ok(),
            kind if kind.starts_with("Number") => text
                .trim()
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.trim().parse::<f64>().map(Value::from))
                .ok(),
            kind if kind.starts_with("Binary") => None,
            _ => Some(text.into()),
        }
    };
    let members = attributes.iter().filter_map(|(name, attribute)| Some((name.clone(), read(attribute)?)));
    Value::Object(members.collect())
}

struct Totals {
    keys: usize,
    combinations: usize,
}

fn check_level(
    object: &Map<String, Value>,
    scope: Scope,
    depth: usize,
    totals: &mut Totals,
) -> Result<(), TopicError> {
    for (name, value) in object {
        if let Some(alternatives) = alternatives(name, value) {
            let mut together = 0_usize;
            for alternative in alternatives {
                let mut own = Totals { keys: 0, combinations: 1 };
                check_level(alternative, scope, depth, &mut own)?;
                totals.keys += own.keys;
                together = together.saturating_add(own.combinations);
            }
            totals.combinations = totals.combinations.saturating_mul(together);
            continue;
        }
        match value {
            Value::Array(list) => {
                totals.keys += 1;
                // Names on the way to a leaf weigh, and so do its tests.
                totals.combinations = totals.combinations.saturating_mul(list.len() * depth);
            }
            Value::Object(below) => {
                check_level(below, scope, depth + 1, totals)?;
                if scope == Scope::Attributes {
                    return Err(TopicError::invalid(
                        "Filter policy scope MessageAttributes does not support nested filter policy",
                    ));
                }
            }
            // What is no pattern is found when it is read as one.
            _ => {}
        }
    }
    Ok(())
}

/// Checks of all tests what other services take.
fn check_tests(policy: &Value) -> Result<(), TopicError> {
    match policy {
        Value::Object(members) => members.values().try_for_each(check_tests),
        Value::Array(list) => {
            list.iter().try_for_each(|test| check_test(test).and_then(|()| check_tests(test)))
        }
        _ => Ok(()),
    }
}

/// `anything-but` takes values here, and of the tests those for a prefix and for a wildcard (recorded 2025).
fn check_test(test: &Value) -> Result<(), TopicError> {
    let test = test.get("anything-but").and_then(Value::as_object).and_then(|test| test.iter().next());
    match test {
        Some((name, _)) if !matches!(name.as_str(), "prefix" | "wildcard") => {
            Err(invalid(&format!("Unsupported anything-but pattern: {name}")))
        }
        Some((name, value)) if !value.is_string() => {
            Err(invalid(&format!("{name} match pattern must be a string")))
        }
        _ => Ok(()),
    }
}

fn invalid(reason: &str) -> TopicError {
    TopicError::invalid(format!("FilterPolicy: {reason}"))
}

#[cfg(test)]
mod tests;
