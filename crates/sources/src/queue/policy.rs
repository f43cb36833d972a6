//! The resource policies of queues: who else may send.

use ebb_model::{Grant, LabelTaken, PolicyDocument, ServiceCaller};

use super::{Queue, QueueError, Queues};
use crate::delivery::Undelivered;

/// The action that a delivery needs.
const SEND: &str = "sqs:SendMessage";
/// What cannot be granted to other accounts. Source: SQS developer guide, "Limitations of Amazon SQS custom policies"
/// (2026-11).
const OF_THE_OWNER: [&str; 12] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// What can be granted by name. Source: SQS API reference, `AddPermission` (2026-11).
const GRANTED: [&str; 9] = [
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
];

impl Queues {
    /// Whether a service may send to a queue: where the queue has a policy, the policy must let it. A queue without
    /// one takes what its own account's resources send.
    pub(super) fn may_send(&self, queue: &Queue, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let Some(policy) = queue.attributes.policy() else { return Ok(()) };
        let arn = self.arn(&queue.name);
        if policy.service_decision(SEND, &arn, caller) == Some(true) {
            return Ok(());
        }
        Err(Undelivered::refused(
            "NO_PERMISSIONS",
            format!(
                "the policy of queue {} does not let {service} send for {source}: it needs a statement that allows \
                 {SEND} on {arn} to the principal {service}",
                queue.name,
                service = caller.service,
                source = caller.source_arn
            ),
        ))
    }

    /// Refuses what the policy of a queue denies to everybody, its owner among them.
    ///
    /// # Errors
    /// [`QueueError::Denied`].
    pub fn check_denied(&self, queue: &Queue, action: &str) -> Result<(), QueueError> {
        let (action, resource) = (format!("sqs:{action}"), self.arn(&queue.name));
        if queue.attributes.policy().is_some_and(|policy| policy.denies_everybody(&action, &resource)) {
            return Err(QueueError::Denied { action, resource });
        }
        Ok(())
    }

    /// Adds a statement to the policy of a queue.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] where the label is taken or an action not to be granted.
    pub async fn add_permission(
        &self,
        name: &str,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<(), QueueError> {
        let arn = self.arn(name);
        if let Some(action) = actions.iter().find(|action| OF_THE_OWNER.contains(&action.as_str())) {
            return Err(QueueError::Parameter(format!(
                "Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to \
                 invoke this action."
            )));
        }
        if let Some(action) = actions.iter().find(|action| !GRANTED.contains(&action.as_str())) {
            return Err(QueueError::Parameter(format!(
                "Value SQS:{action} for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for \
                 a list of valid actions."
            )));
        }
        let grant = Grant { label, accounts, service: "SQS", actions, resource: &arn };
        self.edit(name, |queue| {
            let mut policy = queue.attributes.policy().unwrap_or_else(|| {
                PolicyDocument::new("2008-10-17").with_id(&format!("{arn}/SQSDefaultPolicy"))
            });
            policy.grant(&grant).map_err(|LabelTaken| {
                let message =
                    format!("Value {label} for parameter Label is invalid. Reason: Already exists.");
                QueueError::Parameter(message)
            })?;
            queue.attributes.set_policy(Some(policy));
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
            let policy = queue.attributes.policy();
            let Some(mut policy) =
                policy.filter(|policy| policy.statements().iter().any(|one| one["Sid"] == label))
            else {
                let message =
                    format!("Value {label} for parameter Label is invalid. Reason: can't find label.");
                return Err(QueueError::Parameter(message));
            };
            policy.remove(label);
            queue.attributes.set_policy(Some(policy).filter(|policy| !policy.statements().is_empty()));
            Ok(())
        })
        .await
    }
}
