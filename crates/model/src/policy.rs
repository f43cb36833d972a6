//! Resource policies: who may call a function, send to a queue, publish to a topic or put events on a bus.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::RevisionId;

mod document;

pub use document::{Grant, LabelTaken, PolicyDocument};

/// The statements attached to a function, a version or an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Changes with every statement added or removed.
    pub revision: RevisionId,
    /// In the order in which they were added.
    pub statements: Vec<Statement>,
}

/// One statement of a [`Policy`], in the shape of IAM JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Unique within the policy.
    #[serde(rename = "Sid")]
    pub id: String,
    /// `Allow`: Lambda's resource policies have no other.
    #[serde(rename = "Effect")]
    pub effect: String,
    /// `"*"`, `{"Service": "s3.amazonaws.com"}` or `{"AWS": "arn:…"}`.
    #[serde(rename = "Principal")]
    pub principal: Value,
    /// As in `lambda:InvokeFunction`.
    #[serde(rename = "Action")]
    pub action: String,
    /// The ARN of the function, with the qualifier that the policy hangs on.
    #[serde(rename = "Resource")]
    pub resource: String,
    /// Conditions, as in `{"ArnLike": {"AWS:SourceArn": "…"}}`.
    #[serde(rename = "Condition", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
}

/// A service that acts for a resource, such as a topic that calls a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCaller {
    /// As in `sns.amazonaws.com`.
    pub service: String,
    /// The resource that it acts for: the condition key `aws:SourceArn`.
    pub source_arn: String,
    /// Whose resource that is: the condition key `aws:SourceAccount`.
    pub source_account: String,
}

impl Statement {
    /// Whether the statement lets a service do something.
    ///
    /// Conditions on anything but the source of the call are not fulfilled: a service that calls has nothing else.
    /// Source: IAM user guide, "IAM JSON policy elements: Condition" (2026-11).
    #[must_use]
    pub fn allows_service(&self, action: &str, caller: &ServiceCaller) -> bool {
        self.effect == "Allow"
            && names(&self.principal, &caller.service)
            && like(&self.action.to_ascii_lowercase(), &action.to_ascii_lowercase())
            && self.condition.as_ref().is_none_or(|condition| fulfilled(condition, caller))
    }
}

/// Whether a principal is everybody or this service.
fn names(principal: &Value, service: &str) -> bool {
    let any = |value: &Value, wanted: &dyn Fn(&str) -> bool| match value {
        Value::String(text) => wanted(text),
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    };
    match principal {
        Value::String(text) => text == "*",
        Value::Object(kinds) => kinds.iter().any(|(kind, value)| match kind.as_str() {
            "Service" => any(value, &|text| text == service),
            "AWS" => any(value, &|text| text == "*"),
            _ => false,
        }),
        _ => false,
    }
}

/// Whether all conditions hold for a call of a service.
fn fulfilled(condition: &Value, caller: &ServiceCaller) -> bool {
    let Value::Object(operators) = condition else { return false };
    operators.iter().all(|(operator, keys)| {
        let Value::Object(keys) = keys else { return false };
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator.as_str(), false),
        };
        keys.iter().all(|(key, wanted)| {
            let value = match key.to_ascii_lowercase().as_str() {
                "aws:sourcearn" => &caller.source_arn,
                // The older name is that of the policy which topics have at first.
                "aws:sourceaccount" | "aws:sourceowner" => &caller.source_account,
                _ => return if_exists,
            };
            let wanted: Vec<&str> = match wanted {
                Value::String(text) => vec![text],
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                _ => return false,
            };
            let any = |holds: &dyn Fn(&str) -> bool| wanted.iter().any(|wanted| holds(wanted));
            match operator {
                "StringEquals" => any(&|wanted| wanted == value),
                "StringNotEquals" => !any(&|wanted| wanted == value),
                "StringEqualsIgnoreCase" => any(&|wanted| wanted.eq_ignore_ascii_case(value)),
                "StringLike" | "ArnLike" | "ArnEquals" => any(&|wanted| like(wanted, value)),
                "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => !any(&|wanted| like(wanted, value)),
                _ => false,
            }
        })
    })
}

/// Whether a text is of a form in which `*` stands for any characters and `?` for one.
#[must_use]
pub fn like(form: &str, text: &str) -> bool {
    let (form, text): (Vec<char>, Vec<char>) = (form.chars().collect(), text.chars().collect());
    let (mut at, mut in_text) = (0, 0);
    // Where the last `*` was, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match form.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    in_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    form[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(principal: Value, action: &str, condition: Option<Value>) -> Statement {
        Statement {
            id: "1".to_owned(),
            effect: "Allow".to_owned(),
            principal,
            action: action.to_owned(),
            resource: "r".to_owned(),
            condition,
        }
    }

    #[test]
    fn a_service_is_let_in_by_its_name_its_action_and_its_source() {
        let caller = ServiceCaller {
            service: "sns.amazonaws.com".to_owned(),
            source_arn: "arn:aws:sns:us-east-1:000000000000:topic".to_owned(),
            source_account: "000000000000".to_owned(),
        };
        let sns = || json!({"Service": "sns.amazonaws.com"});
        let invoke = "lambda:InvokeFunction";
        let source = |operator: &str, arn: &str| Some(json!({operator: {"AWS:SourceArn": arn}}));
        let cases = [
            (statement(sns(), invoke, None), true),
            (statement(json!("*"), invoke, None), true),
            (statement(json!({"AWS": "*"}), "lambda:*", None), true),
            (statement(json!({"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}), "*", None), true),
            (statement(json!({"Service": "s3.amazonaws.com"}), invoke, None), false),
            (statement(json!({"AWS": "arn:aws:iam::000000000000:root"}), invoke, None), false),
            (statement(sns(), "lambda:GetFunction", None), false),
            (statement(sns(), invoke, source("ArnLike", "arn:aws:sns:*:*:top?c")), true),
            (statement(sns(), invoke, source("ArnLike", "arn:aws:sns:*:*:other")), false),
            (statement(sns(), invoke, source("StringEquals", "arn:aws:sns:*:*:topic")), false),
            (
                statement(
                    sns(),
                    invoke,
                    Some(json!({"StringEquals": {"aws:SourceAccount": "000000000000"}})),
                ),
                true,
            ),
            (statement(sns(), invoke, Some(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}))), false),
            (
                statement(sns(), invoke, Some(json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o"}}))),
                true,
            ),
        ];
        for (statement, allowed) in cases {
            assert_eq!(statement.allows_service(invoke, &caller), allowed, "{statement:?}");
        }
    }

    #[test]
    fn forms_have_gaps() {
        for (form, text, holds) in [
            ("*", "", true),
            ("a*b?d", "axxbcd", true),
            ("a*b?d", "abd", false),
            ("a*a*a", "aaa", true),
            ("a*a*a", "aa", false),
            ("", "a", false),
        ] {
            assert_eq!(like(form, text), holds, "{form} {text}");
        }
    }
}
