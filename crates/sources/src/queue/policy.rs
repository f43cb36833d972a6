//! The resource policies of queues: who else may send.

use ebb_model::{ServiceCaller, service_decision};
use serde_json::{Value, json};

use super::{Queue, QueueError, Queues};
use crate::delivery::Undelivered;

/// The action that a delivery needs.
const SEND: &str = "sqs:SendMessage";

impl Queues {
    /// Whether a service may send to a queue: where the queue has a policy, the policy must let it. A queue without
    /// one takes what its own account's resources send.
    pub(super) fn may_send(&self, queue: &Queue, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let Some(policy) = queue.attributes.policy() else { return Ok(()) };
        if service_decision(&policy, SEND, caller) == Some(true) {
            return Ok(());
        }
        Err(Undelivered::refused(
            "NO_PERMISSIONS",
            format!(
                "the policy of queue {} does not let {service} send for {source}: it needs a statement that allows \
                 {SEND} to the principal {service}",
                queue.name,
                service = caller.service,
                source = caller.source_arn
            ),
        ))
    }

    /// Adds a statement to the policy of a queue.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] where the label is taken.
    pub async fn add_permission(
        &self,
        name: &str,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<(), QueueError> {
        let arn = self.arn(name);
        self.edit(name, |queue| {
            let mut statements = statements(queue);
            if statements.iter().any(|statement| statement["Sid"] == label) {
                return Err(QueueError::Parameter(format!(
                    "Value {label} for parameter Label is invalid. Reason: Already exists."
                )));
            }
            let principals: Vec<String> =
                accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
            let actions: Vec<String> = actions.iter().map(|action| format!("SQS:{action}")).collect();
            statements.push(json!({
                "Sid": label, "Effect": "Allow", "Principal": {"AWS": one_or_all(principals)},
                "Action": one_or_all(actions), "Resource": arn,
            }));
            let id = format!("{arn}/SQSDefaultPolicy");
            let policy = json!({ "Version": "2008-10-17", "Id": id, "Statement": statements });
            queue.attributes.set_policy(Some(&policy));
            Ok(())
        })
        .await
    }

    /// Takes a statement out of the policy of a queue.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] where there is none of this label.
    pub async fn remove_permission(&self, name: &str, label: &str) -> Result<(), QueueError> {
        self.edit(name, |queue| {
            let mut left = statements(queue);
            let before = left.len();
            left.retain(|statement| statement["Sid"] != label);
            if left.len() == before {
                return Err(QueueError::Parameter(format!(
                    "Value {label} for parameter Label is invalid. Reason: can't find label."
                )));
            }
            let policy = queue.attributes.policy().map(|mut policy| {
                policy["Statement"] = Value::Array(left.clone());
                policy
            });
            queue.attributes.set_policy(policy.as_ref().filter(|_| !left.is_empty()));
            Ok(())
        })
        .await
    }
}

fn statements(queue: &Queue) -> Vec<Value> {
    let policy = queue.attributes.policy();
    match policy.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    }
}

fn one_or_all(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}
