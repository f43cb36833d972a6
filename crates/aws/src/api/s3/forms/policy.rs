//! Policies of forms: until when, and with which fields, a form may be sent.
//!
//! Source: S3 API reference, "Creating a POST policy" (2026-11); what is said of forms that do not hold to one was
//! recorded 2025.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::Timestamp;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde_json::Value;

use super::fields::Form;
use super::signature;

/// A policy that was read.
pub(super) struct Policy {
    expires: Timestamp,
    conditions: Vec<Condition>,
}

/// Something that must hold, and how it is told.
struct Condition {
    /// The field, in lower case.
    field: String,
    test: Test,
    told: String,
}

enum Test {
    Equal(String),
    StartsWith(String),
    Length(RangeInclusive<u64>),
    /// Made of what is no condition.
    Never,
}

impl Policy {
    /// Reads the field of a form.
    pub(super) fn read(text: &str) -> S3Result<Self> {
        let json = STANDARD.decode(text).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let policy = json.ok_or_else(|| invalid("Invalid JSON."))?;
        let expires = policy["expiration"].as_str().ok_or_else(|| invalid("Policy missing expiration."))?;
        let expires: jiff::Timestamp =
            expires.parse().map_err(|_| invalid(&format!("Invalid 'expiration' value: '{expires}'")))?;
        let conditions =
            policy["conditions"].as_array().ok_or_else(|| invalid("Policy missing conditions."))?;
        let conditions = conditions.iter().map(Condition::read).collect::<S3Result<_>>()?;
        Ok(Self { expires: Timestamp(expires.as_millisecond()), conditions })
    }

    /// Whether a form may be sent; gives the sizes that its file may have.
    pub(super) fn check(&self, now: Timestamp, bucket: &str, form: &Form) -> S3Result<RangeInclusive<u64>> {
        if self.expires <= now {
            return Err(refused("Policy expired."));
        }
        let mut sizes = 0..=u64::MAX;
        for condition in &self.conditions {
            let value = match condition.field.as_str() {
                "bucket" => bucket,
                field => form.get(field).unwrap_or_default(),
            };
            let holds = match &condition.test {
                Test::Equal(right) => value == right,
                Test::StartsWith(start) => value.starts_with(start.as_str()),
                Test::Length(range) => {
                    sizes = range.clone();
                    true
                }
                Test::Never => false,
            };
            if !holds {
                return Err(refused(&format!("Policy Condition failed: {}", condition.told)));
            }
        }
        let is_free = |name: &str| name == "policy" || name.starts_with("x-ignore-") || is_of_signature(name);
        let covered = |name: &str| self.conditions.iter().any(|condition| condition.field == name);
        let extra: Vec<&str> =
            form.iter().map(|(name, _)| name).filter(|name| !is_free(name) && !covered(name)).collect();
        if extra.is_empty() {
            Ok(sizes)
        } else {
            Err(refused(&format!("Extra input fields: {}", extra.join(", "))))
        }
    }
}

/// Of the fields of signatures, these need no condition.
fn is_of_signature(name: &str) -> bool {
    signature::is_part(name) && !matches!(name, "x-amz-algorithm" | "x-amz-credential" | "x-amz-date")
}

impl Condition {
    fn read(condition: &Value) -> S3Result<Self> {
        match condition {
            Value::Object(members) => {
                let mut members = members.iter();
                let (Some((name, value)), None) = (members.next(), members.next()) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let value = value.as_str().unwrap_or_default();
                Ok(Self {
                    field: name.to_ascii_lowercase(),
                    test: Test::Equal(value.to_owned()),
                    told: told(&["eq".into(), format!("${name}").into(), value.into()]),
                })
            }
            Value::Array(list) => Ok(Self::of_list(list)),
            _ => Err(invalid("Invalid Condition: it is neither a list nor an object.")),
        }
    }

    fn of_list(list: &[Value]) -> Self {
        let text = |at: usize| list.get(at).and_then(Value::as_str).unwrap_or_default();
        let number = |at: usize| {
            let value = list.get(at)?;
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let named = text(1).strip_prefix('$');
        let value = || text(2).to_owned();
        let test = match (text(0).to_ascii_lowercase().as_str(), named) {
            ("eq", Some(_)) => Test::Equal(value()),
            ("starts-with", Some(_)) => Test::StartsWith(value()),
            ("content-length-range", _) => match (number(1), number(2)) {
                (Some(least), Some(most)) => Test::Length(least..=most),
                _ => Test::Never,
            },
            _ => Test::Never,
        };
        Self { field: named.unwrap_or_default().to_ascii_lowercase(), test, told: told(list) }
    }
}

/// A condition as the service tells it: everything is a text.
fn told(list: &[Value]) -> String {
    let shown = |value: &Value| match value {
        Value::String(_) => value.to_string(),
        value => format!("\"{value}\""),
    };
    format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", "))
}

fn invalid(what: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidPolicyDocument, format!("Invalid Policy: {what}"))
}

fn refused(what: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, format!("Invalid according to Policy: {what}"))
}
