//! Policy documents: what queues, topics and buses keep, as whole documents of IAM.

use serde_json::{Value, json};

use super::{ServiceCaller, fulfilled, like, names};

/// A policy document, as it was given; members that mean nothing here stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    document: Value,
}

/// What `AddPermission` grants: some actions, to some accounts, on one resource.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// Names the statement.
    pub label: &'a str,
    /// The accounts.
    pub accounts: &'a [String],
    /// Before the actions, as in `SQS`.
    pub service: &'a str,
    /// The actions, without their service.
    pub actions: &'a [String],
    /// The ARN of the resource.
    pub resource: &'a str,
}

/// There is a statement of this label already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy has a statement of this label already")]
pub struct LabelTaken;

impl PolicyDocument {
    /// One without statements, of this version of the language.
    #[must_use]
    pub fn new(version: &str) -> Self {
        Self { document: json!({ "Version": version, "Statement": [] }) }
    }

    /// Reads a document; one without statements where it is none. A statement that stands alone becomes a list.
    #[must_use]
    pub fn of(document: Value) -> Self {
        let mut document = if document.is_object() { document } else { json!({}) };
        document["Statement"] = match document["Statement"].take() {
            Value::Array(statements) => statements.into(),
            statement @ Value::Object(_) => json!([statement]),
            _ => json!([]),
        };
        Self { document }
    }

    /// The same with an id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.document["Id"] = id.into();
        self
    }

    /// Its statements.
    #[must_use]
    pub fn statements(&self) -> &[Value] {
        self.document["Statement"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// Adds what is granted.
    ///
    /// # Errors
    /// [`LabelTaken`].
    pub fn grant(&mut self, grant: &Grant<'_>) -> Result<(), LabelTaken> {
        if self.statements().iter().any(|statement| statement["Sid"] == grant.label) {
            return Err(LabelTaken);
        }
        let principals = grant.accounts.iter().map(|account| format!("arn:aws:iam::{account}:root"));
        let actions = grant.actions.iter().map(|action| format!("{}:{action}", grant.service));
        self.put(json!({
            "Sid": grant.label, "Effect": "Allow", "Principal": {"AWS": one_or_all(principals.collect())},
            "Action": one_or_all(actions.collect()), "Resource": grant.resource,
        }));
        Ok(())
    }

    /// Adds a statement, in the place of one with the same label.
    pub fn put(&mut self, statement: Value) {
        if let Some(label) = statement["Sid"].as_str() {
            self.remove(label);
        }
        if let Some(statements) = self.document["Statement"].as_array_mut() {
            statements.push(statement);
        }
    }

    /// Takes the statement of a label away; tells whether there was one.
    pub fn remove(&mut self, label: &str) -> bool {
        let Some(statements) = self.document["Statement"].as_array_mut() else { return false };
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != label);
        statements.len() < before
    }

    /// The document.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.document
    }

    /// Whether a statement without conditions denies everybody something: then the owner may not do it either.
    #[must_use]
    pub fn denies_everybody(&self, action: &str, resource: &str) -> bool {
        self.everybody_decision(action, resource) == Some(false)
    }

    /// What the statements without conditions say of everybody: `Some(false)` where one denies the action on the
    /// resource, `Some(true)` where one allows it, nothing where none says anything.
    #[must_use]
    pub fn everybody_decision(&self, action: &str, resource: &str) -> Option<bool> {
        self.decision(action, resource, |statement| {
            names(&statement["Principal"], "") && statement.get("Condition").is_none()
        })
    }

    /// What it says of a service that wants to do something with a resource, as
    /// [`Self::everybody_decision`] does of everybody.
    #[must_use]
    pub fn service_decision(&self, action: &str, resource: &str, caller: &ServiceCaller) -> Option<bool> {
        self.decision(action, resource, |statement| {
            let named = match statement.get("NotPrincipal") {
                Some(others) => !names(others, &caller.service),
                None => names(&statement["Principal"], &caller.service),
            };
            named && statement.get("Condition").is_none_or(|condition| fulfilled(condition, caller))
        })
    }

    fn decision(&self, action: &str, resource: &str, of_caller: impl Fn(&Value) -> bool) -> Option<bool> {
        let mut decision = None;
        for statement in self.statements() {
            if !is_about(statement, action, resource) || !of_caller(statement) {
                continue;
            }
            match statement["Effect"].as_str() {
                Some("Deny") => return Some(false),
                Some("Allow") => decision = Some(true),
                _ => {}
            }
        }
        decision
    }
}

/// Whether a statement is about an action, in any case, on a resource. One that names no resource is about that which
/// the policy hangs on. Source: IAM user guide, "IAM JSON policy elements reference" (2026-11).
fn is_about(statement: &Value, action: &str, resource: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let of_action = |form: &str| like(&form.to_ascii_lowercase(), &action);
    let of_resource = |form: &str| like(form, resource);
    element(statement, "Action", of_action) == Some(true)
        && element(statement, "Resource", of_resource).unwrap_or(true)
}

/// Whether an element (`Action`), or the one that names all others (`NotAction`), takes something in; nothing where the
/// statement has neither.
fn element(statement: &Value, name: &str, takes: impl Fn(&str) -> bool) -> Option<bool> {
    let any = |forms: &Value| match forms {
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(&takes),
        one => one.as_str().is_some_and(&takes),
    };
    statement.get(name).map(any).or_else(|| statement.get(format!("Not{name}")).map(|forms| !any(forms)))
}

/// A list of one is written without brackets.
fn one_or_all(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant<'a>(label: &'a str, accounts: &'a [String], actions: &'a [String]) -> Grant<'a> {
        Grant { label, accounts, service: "SQS", actions, resource: "arn:q" }
    }

    #[test]
    fn what_is_denied_to_everybody_is_denied_to_the_owner() {
        let check = |statement: Value, expected: bool| {
            let policy = PolicyDocument::of(json!({ "Statement": statement.clone() }));
            assert_eq!(policy.denies_everybody("sqs:SendMessage", "arn:q"), expected, "{statement}");
        };
        let deny = |principal: Value, action: &str| json!({ "Effect": "Deny", "Principal": principal, "Action": action });
        check(deny(json!("*"), "SQS:*"), true);
        check(deny(json!({ "AWS": ["*"] }), "sqs:sendmessage"), true);
        check(deny(json!("*"), "sqs:ReceiveMessage"), false);
        check(deny(json!({ "Service": "sns.amazonaws.com" }), "sqs:*"), false);
        check(json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:*" }), false);
        let condition = json!({ "Bool": { "aws:SecureTransport": "false" } });
        check(
            json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Condition": condition }),
            false,
        );
    }

    #[test]
    fn a_statement_is_about_actions_and_resources() {
        for (more, expected) in [
            (json!({ "Action": "sqs:*" }), true),
            (json!({ "Action": "sqs:*", "Resource": "arn:q" }), true),
            (json!({ "Action": "sqs:*", "Resource": ["arn:other", "arn:?"] }), true),
            (json!({ "Action": "sqs:*", "Resource": "arn:other" }), false),
            (json!({ "Action": "sqs:*", "Resource": "ARN:Q" }), false),
            (json!({ "Action": "sqs:*", "NotResource": "arn:other" }), true),
            (json!({ "Action": "sqs:*", "NotResource": "arn:*" }), false),
            (json!({ "NotAction": "sqs:ReceiveMessage" }), true),
            (json!({ "NotAction": ["sqs:Send*"] }), false),
            (json!({ "Resource": "*" }), false),
        ] {
            let mut statement = json!({ "Effect": "Allow", "Principal": "*" });
            statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let policy = PolicyDocument::of(json!({ "Statement": statement }));
            let decision = policy.everybody_decision("SQS:SendMessage", "arn:q");
            assert_eq!(decision, expected.then_some(true), "{more}");
        }
    }

    #[test]
    fn what_is_granted_is_a_statement_until_it_is_removed() {
        let (accounts, actions) = (["1".to_owned(), "2".to_owned()], ["SendMessage".to_owned()]);
        // A statement that stands alone stays beside the new one, and so does what is not looked at.
        let alone = json!({"Id": "i", "Statement": {"Sid": "a", "Effect": "Deny"}});
        let mut policy = PolicyDocument::of(alone);
        assert_eq!(policy.grant(&grant("b", &accounts, &actions)), Ok(()));
        assert_eq!(policy.grant(&grant("b", &accounts, &actions)), Err(LabelTaken));
        let expected = json!({
            "Sid": "b", "Effect": "Allow", "Action": "SQS:SendMessage", "Resource": "arn:q",
            "Principal": {"AWS": ["arn:aws:iam::1:root", "arn:aws:iam::2:root"]},
        });
        assert_eq!(policy.statements(), [json!({"Sid": "a", "Effect": "Deny"}), expected]);
        assert!(policy.remove("b") && !policy.remove("b"));
        assert_eq!(policy.into_value(), json!({"Id": "i", "Statement": [{"Sid": "a", "Effect": "Deny"}]}));
    }

    #[test]
    fn a_denial_outweighs_a_permission() {
        let caller = ServiceCaller {
            service: "sns.amazonaws.com".to_owned(),
            source_arn: "arn:t".to_owned(),
            source_account: "0".to_owned(),
        };
        let statement =
            |effect: &str, action: Value| json!({"Effect": effect, "Action": action, "Principal": "*"});
        let (allow, deny) =
            (statement("Allow", json!("sqs:*")), statement("Deny", json!(["SQS:SendMessage"])));
        for (document, decision) in [
            (json!({"Statement": [allow]}), Some(true)),
            (json!({"Statement": allow}), Some(true)),
            (json!({"Statement": [allow, deny]}), Some(false)),
            (json!({"Statement": [statement("Allow", json!("sqs:ReceiveMessage"))]}), None),
            (
                json!({"Statement": [allow, {"Effect": "Deny", "Action": "*",
                "NotPrincipal": {"Service": "events.amazonaws.com"}}]}),
                Some(false),
            ),
            (
                json!({"Statement": [allow, {"Effect": "Deny", "Action": "*",
                "NotPrincipal": {"Service": "sns.amazonaws.com"}}]}),
                Some(true),
            ),
            (json!("no policy"), None),
        ] {
            let policy = PolicyDocument::of(document.clone());
            assert_eq!(policy.service_decision("sqs:SendMessage", "arn:q", &caller), decision, "{document}");
        }
    }
}
