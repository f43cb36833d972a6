//! Filter policies: which messages a subscription wants.
//!
//! Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies" and its constraints (2026-11).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::TopicError;
use super::message::Accepted;
use crate::delivery::Attribute;
use crate::pattern::Pattern;

/// The most keys of a policy.
const KEYS: usize = 5;
/// The most combinations of a policy.
const COMBINATIONS: usize = 150;
/// The most that a policy may be, in bytes.
const BYTES: usize = 150 * 1024;
/// The operators of filter policies.
const OPERATORS: [&str; 8] =
    ["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];

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
        check_level(object, scope, 1, &mut totals)?;
        if totals.keys > KEYS {
            return Err(invalid("Filter policy can not have more than 5 keys"));
        }
        if totals.combinations > COMBINATIONS {
            return Err(invalid("Filter policy is too complex"));
        }
        if object.is_empty() {
            return Ok(Self { pattern: None, scope });
        }
        let pattern = Pattern::from_value(&policy).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { pattern: Some(pattern), scope })
    }

    /// Whether a message, with the text that the subscription would get, is wanted.
    pub(super) fn wants(&self, message: &Accepted, text: &str) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        match self.scope {
            Scope::Attributes => pattern.matches(&as_document(&message.attributes)),
            // A body that is no object passes no test.
            Scope::Body => serde_json::from_str::<Value>(text)
                .is_ok_and(|body| body.is_object() && pattern.matches(&body)),
        }
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
        match value {
            Value::Array(list) if name == "$or" && list.len() > 1 && list.iter().all(is_alternative) => {
                let mut together = 0_usize;
                for alternative in list.iter().filter_map(Value::as_object) {
                    let mut own = Totals { keys: 0, combinations: 1 };
                    check_level(alternative, scope, depth, &mut own)?;
                    totals.keys += own.keys;
                    together = together.saturating_add(own.combinations);
                }
                totals.combinations = totals.combinations.saturating_mul(together);
            }
            Value::Array(list) => {
                if list.is_empty() {
                    return Err(invalid("Empty arrays are not allowed"));
                }
                list.iter().try_for_each(check_test)?;
                totals.keys += 1;
                // Names on the way to a leaf weigh, and so do its tests.
                totals.combinations = totals.combinations.saturating_mul(list.len() * depth);
            }
            Value::Object(below) if scope == Scope::Body => {
                if below.is_empty() {
                    return Err(invalid("Empty objects are not allowed"));
                }
                check_level(below, scope, depth + 1, totals)?;
            }
            Value::Object(_) => {
                return Err(invalid(
                    "Filter policy scope MessageAttributes does not support nested filter policy",
                ));
            }
            _ => return Err(invalid(&format!("\"{name}\" must be an object or an array"))),
        }
    }
    Ok(())
}

fn is_alternative(value: &Value) -> bool {
    let names_test = |object: &Map<String, Value>| object.keys().any(|key| OPERATORS.contains(&key.as_str()));
    value.as_object().is_some_and(|object| !names_test(object))
}

fn check_test(test: &Value) -> Result<(), TopicError> {
    let object = match test {
        Value::Array(_) => return Err(invalid("Match value must be String, number, true, false, or null")),
        Value::Object(object) => object,
        _ => return Ok(()),
    };
    let mut members = object.iter();
    let (name, value) = match (members.next(), members.next()) {
        (Some(member), None) => member,
        (None, _) => return Err(invalid("Empty match expression")),
        _ => return Err(invalid("Only one key allowed in match expression")),
    };
    match name.as_str() {
        "exists" if !value.is_boolean() => Err(invalid("exists match pattern must be either true or false.")),
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" | "cidr" if !value.is_string() => {
            Err(invalid(&format!("{name} match pattern must be a string")))
        }
        "numeric" => check_numeric(value),
        other if !OPERATORS.contains(&other) => Err(invalid(&format!("Unrecognized match type {other}"))),
        _ => Ok(()),
    }
}

fn check_numeric(value: &Value) -> Result<(), TopicError> {
    let list = value.as_array().ok_or_else(|| invalid("Value of numeric must be an array."))?;
    let mut members = list.iter();
    let mut next = members.next().ok_or_else(|| invalid("Invalid member in numeric match: ]"))?;
    let mut operators: Vec<&str> = Vec::new();
    loop {
        let operator =
            next.as_str().ok_or_else(|| invalid(&format!("Invalid member in numeric match: {next}")))?;
        if !["=", ">", ">=", "<", "<="].contains(&operator) {
            return Err(invalid(&format!("Unrecognized numeric range operator: {operator}")));
        }
        if !members.next().is_some_and(Value::is_number) {
            let what = if operator == "=" { "equals" } else { operator };
            return Err(invalid(&format!("Value of {what} must be numeric")));
        }
        operators.push(operator);
        match members.next() {
            None => return Ok(()),
            Some(_) if operators.len() == 2 || operator == "=" => {
                return Err(invalid("Too many elements in numeric expression"));
            }
            Some(after) => next = after,
        }
    }
}

fn invalid(reason: &str) -> TopicError {
    TopicError::invalid(format!("FilterPolicy: {reason}"))
}
