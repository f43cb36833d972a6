//! What functions that decide about requests answer, and how long that is kept.
//!
//! Source: API Gateway developer guide, "Output from an API Gateway Lambda authorizer" and "Control access to HTTP APIs
//! with AWS Lambda authorizers" (2026-11).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::Timestamp;
use serde_json::{Map, Value};

use super::decided::Decided;
use super::policy;
use super::refusal::ApiRefusal;

/// The answers that are kept.
const KEPT: usize = 10_000;

/// An answer of a function, as far as it does not depend on the single request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    rule: Rule,
    principal: Option<String>,
    context: Map<String, Value>,
    /// The API key that it found, for APIs that ask their authorizers for it.
    pub(crate) usage_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Simple(bool),
    Policy(Value),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"isAuthorized": …, "context": …}`
    Simple,
    /// A policy, of a REST API: a principal is needed, and context is text.
    RestPolicy,
    /// A policy, of an HTTP API.
    HttpPolicy,
}

impl Verdict {
    /// Reads an answer; the error is for the log.
    pub(crate) fn read(answer: &[u8], form: Form) -> Result<Self, String> {
        let answer: Map<String, Value> =
            serde_json::from_slice(answer).map_err(|error| format!("it is no object: {error}"))?;
        let context = match answer.get("context") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(context)) => context.clone(),
            Some(_) => return Err("context is no object".to_owned()),
        };
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let principal = text("principalId");
        let rule = match form {
            Form::Simple => match answer.get("isAuthorized") {
                Some(Value::Bool(yes)) => Rule::Simple(*yes),
                _ => return Err("isAuthorized is neither true nor false".to_owned()),
            },
            Form::RestPolicy | Form::HttpPolicy => match answer.get("policyDocument") {
                Some(policy @ Value::Object(_)) => Rule::Policy(policy.clone()),
                _ => return Err("policyDocument is no object".to_owned()),
            },
        };
        if form == Form::RestPolicy {
            if principal.is_none() {
                return Err("principalId is missing".to_owned());
            }
            if let Some((name, _)) = context.iter().find(|(_, value)| value.is_object() || value.is_array()) {
                return Err(format!("context.{name} is no string, number or boolean"));
            }
        }
        let text_only = |(name, value): (String, Value)| match value {
            Value::Number(_) | Value::Bool(_) if form == Form::RestPolicy => (name, value.to_string().into()),
            other => (name, other),
        };
        let context = context.into_iter().map(text_only).collect();
        Ok(Self { rule, principal, context, usage_key: text("usageIdentifierKey") })
    }

    /// The principal, the policy and what is added to the request.
    pub(crate) fn into_parts(self) -> (Option<String>, Value, Map<String, Value>) {
        let policy = match self.rule {
            Rule::Policy(policy) => policy,
            Rule::Simple(yes) => Value::Bool(yes),
        };
        (self.principal, policy, self.context)
    }

    /// What it says of a request to this ARN.
    pub(crate) fn decide(&self, arn: &str) -> Result<Decided, ApiRefusal> {
        let decision = match &self.rule {
            Rule::Simple(yes) => Some(*yes),
            Rule::Policy(document) => policy::decide(document, arn),
        };
        match decision {
            Some(true) => {
                Ok(Decided::Function { principal: self.principal.clone(), context: self.context.clone() })
            }
            Some(false) => Err(ApiRefusal::Denied { explicitly: true }),
            None => Err(ApiRefusal::Denied { explicitly: false }),
        }
    }
}

/// Answers that are kept for their time, by authorizer and by what it looked at.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    kept: Mutex<HashMap<String, (Timestamp, Arc<Verdict>)>>,
}

impl Verdicts {
    /// The answer that is kept under a key.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<Arc<Verdict>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(until, _)| now < *until).map(|(_, verdict)| verdict.clone())
    }

    /// Forgets what is kept under keys that begin so.
    pub(crate) fn forget(&self, start: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|key, _| !key.starts_with(start));
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, key: String, verdict: Arc<Verdict>, now: Timestamp, ttl: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, (until, _)| now < *until);
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (now.plus(ttl), verdict));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value, form: Form) -> Result<Verdict, String> {
        Verdict::read(answer.to_string().as_bytes(), form)
    }

    #[test]
    fn answers_of_each_form_are_read() {
        let policy = json!({ "Statement": [{ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "a/*" }] });
        let simple = read(&json!({ "isAuthorized": true, "context": { "n": [1] } }), Form::Simple).unwrap();
        let context = json!({ "n": [1] }).as_object().unwrap().clone();
        assert_eq!(simple.decide("x").unwrap(), Decided::Function { principal: None, context });
        let no = read(&json!({ "isAuthorized": false }), Form::Simple).unwrap();
        assert_eq!(no.decide("x").unwrap_err(), ApiRefusal::Denied { explicitly: true });
        let rest = json!({ "principalId": "p", "policyDocument": policy, "context": { "n": 1, "b": true, "s": "x" } });
        let rest = read(&rest, Form::RestPolicy).unwrap();
        let context = json!({ "n": "1", "b": "true", "s": "x" }).as_object().unwrap().clone();
        assert_eq!(rest.decide("a/1").unwrap(), Decided::Function { principal: Some("p".into()), context });
        assert_eq!(rest.decide("b/1").unwrap_err(), ApiRefusal::Denied { explicitly: false });
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let policy = json!({ "Statement": [] });
        for (answer, form) in [
            (json!("Allow"), Form::Simple),
            (json!({}), Form::Simple),
            (json!({ "isAuthorized": "yes" }), Form::Simple),
            (json!({ "principalId": "p" }), Form::RestPolicy),
            (json!({ "policyDocument": policy }), Form::RestPolicy),
            (
                json!({ "principalId": "p", "policyDocument": policy, "context": { "a": [] } }),
                Form::RestPolicy,
            ),
            (json!({ "policyDocument": policy, "context": "x" }), Form::HttpPolicy),
        ] {
            assert!(read(&answer, form).is_err(), "{answer}");
        }
    }

    #[test]
    fn answers_are_kept_for_their_time() {
        let verdicts = Verdicts::default();
        let verdict = Arc::new(read(&json!({ "isAuthorized": true }), Form::Simple).unwrap());
        verdicts.keep("api/a/1".into(), verdict.clone(), Timestamp(0), Duration::from_secs(2));
        assert_eq!(verdicts.get("api/a/1", Timestamp(1999)), Some(verdict));
        assert_eq!(verdicts.get("api/a/1", Timestamp(2000)), None);
        assert_eq!(verdicts.get("api/a/2", Timestamp(0)), None);
    }
}
