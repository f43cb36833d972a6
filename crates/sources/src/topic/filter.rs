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
        let pattern = Pattern::from_value(&rounded(policy)).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { pattern: Some(pattern), scope })
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
            Value::Object(below) => {
                if below.is_empty() {
                    return Err(invalid("Empty objects are not allowed"));
                }
                check_level(below, scope, depth + 1, totals)?;
                if scope == Scope::Attributes {
                    return Err(TopicError::invalid(
                        "Filter policy scope MessageAttributes does not support nested filter policy",
                    ));
                }
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
        // The service speaks of a prefix here (recorded 2025).
        "cidr" => value
            .as_str()
            .ok_or_else(|| invalid("prefix match pattern must be a string"))
            .and_then(check_cidr),
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" if !value.is_string() => {
            Err(invalid(&format!("{name} match pattern must be a string")))
        }
        "numeric" => check_numeric(value),
        "anything-but" => check_anything_but(value),
        other if !OPERATORS.contains(&other) => Err(invalid(&format!("Unrecognized match type {other}"))),
        _ => Ok(()),
    }
}

/// `anything-but` takes values, and of the tests the one for a prefix.
fn check_anything_but(value: &Value) -> Result<(), TopicError> {
    let Some((name, value)) = value.as_object().and_then(|test| test.iter().next()) else { return Ok(()) };
    match name.as_str() {
        "prefix" | "wildcard" if value.is_string() => Ok(()),
        "prefix" | "wildcard" => Err(invalid(&format!("{name} match pattern must be a string"))),
        other => Err(invalid(&format!("Unsupported anything-but pattern: {other}"))),
    }
}

fn check_cidr(text: &str) -> Result<(), TopicError> {
    let Some((address, bits)) = text.split_once('/') else {
        return Err(invalid("Malformed CIDR, one '/' required"));
    };
    if bits.parse::<u8>().is_err() {
        return Err(invalid("Malformed CIDR, mask bits must be an integer"));
    }
    if address.parse::<std::net::IpAddr>().is_err() {
        return Err(invalid(&format!("Nonstandard IP address: {address}")));
    }
    Ok(())
}

/// One comparison, or a lower bound and an upper one.
fn check_numeric(value: &Value) -> Result<(), TopicError> {
    let list = value.as_array().ok_or_else(|| invalid("Value of numeric must be an array."))?;
    let first = list.first().ok_or_else(|| invalid("Invalid member in numeric match: ]"))?;
    let operator =
        first.as_str().ok_or_else(|| invalid(&format!("Invalid member in numeric match: {first}")))?;
    if !["=", ">", ">=", "<", "<="].contains(&operator) {
        return Err(invalid(&format!("Unrecognized numeric range operator: {operator}")));
    }
    let bottom = bound(operator, list.get(1))?;
    let Some(second) = list.get(2) else { return Ok(()) };
    if !matches!(operator, ">" | ">=") {
        return Err(invalid("Too many elements in numeric expression"));
    }
    let operator =
        second.as_str().ok_or_else(|| invalid(&format!("Bad value in numeric range: {second}")))?;
    if !matches!(operator, "<" | "<=") {
        return Err(invalid(&format!("Bad numeric range operator: {operator}")));
    }
    let top = bound(operator, list.get(3))?;
    if top <= bottom {
        return Err(invalid("Bottom must be less than top"));
    }
    if list.len() > 4 {
        return Err(invalid("Too many terms in numeric range expression"));
    }
    Ok(())
}

fn bound(operator: &str, value: Option<&Value>) -> Result<f64, TopicError> {
    let what = if operator == "=" { "equals" } else { operator };
    value.and_then(Value::as_f64).ok_or_else(|| invalid(&format!("Value of {what} must be numeric")))
}

fn invalid(reason: &str) -> TopicError {
    TopicError::invalid(format!("FilterPolicy: {reason}"))
}

#[cfg(test)]
mod tests;
