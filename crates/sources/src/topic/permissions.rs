//! The resource policies of topics: who else may publish.

use ebb_model::{Grant, LabelTaken, PolicyDocument, ServiceCaller};

use super::{Topic, TopicError, Topics};
use crate::delivery::Undelivered;

/// The action that a delivery needs.
const PUBLISH: &str = "sns:Publish";
/// What may be granted by name. Source: SNS API reference, `AddPermission`.
const GRANTED: [&str; 9] = [
    "Publish",
    "RemovePermission",
    "SetTopicAttributes",
    "DeleteTopic",
    "ListSubscriptionsByTopic",
    "GetTopicAttributes",
    "Receive",
    "Subscribe",
    "AddPermission",
];

impl Topics {
    /// Whether a service may publish: the policy of the topic must let it. The one that a topic has at first lets in
    /// what its own account's resources send.
    pub(super) fn may_publish(&self, topic: &Topic, caller: &ServiceCaller) -> Result<(), Undelivered> {
        let arn = self.arn(&topic.name);
        if self.policy_of(topic).service_decision(PUBLISH, &arn, caller) == Some(true) {
            return Ok(());
        }
        Err(Undelivered::refused(
            "NO_PERMISSIONS",
            format!(
                "the policy of topic {} does not let {service} publish for {source}: it needs a statement that allows \
                 {PUBLISH} on {arn} to the principal {service}",
                topic.name,
                service = caller.service,
                source = caller.source_arn
            ),
        ))
    }

    /// Refuses to publish what the policy of a topic denies to everybody, its owner among them.
    pub(super) fn check_denied(&self, topic: &Topic) -> Result<(), TopicError> {
        let arn = self.arn(&topic.name);
        if topic.attributes.contains_key("Policy") && self.policy_of(topic).denies_everybody(PUBLISH, &arn) {
            return Err(TopicError::NotAuthorized(format!(
                "User is not authorized to perform: SNS:Publish on resource: {arn} with an explicit deny in a \
                 resource-based policy"
            )));
        }
        Ok(())
    }

    /// Adds a statement to the policy of a topic.
    ///
    /// # Errors
    /// [`TopicError::NotFound`], [`TopicError::Invalid`] where the label is taken or an action unknown.
    pub async fn add_permission(
        &self,
        arn: &str,
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<(), TopicError> {
        let topic = self.topic(arn)?;
        if actions.iter().any(|action| !GRANTED.contains(&action.as_str())) {
            return Err(TopicError::invalid("Policy statement action out of service scope!"));
        }
        let arn = self.arn(&topic.name);
        let grant = Grant { label, accounts, service: "SNS", actions, resource: &arn };
        self.edit_topic(&topic.name, |topic| {
            let mut policy = self.policy_of(topic);
            policy.grant(&grant).map_err(|LabelTaken| TopicError::invalid("Statement already exists"))?;
            set(topic, policy);
            Ok(())
        })
        .await
    }

    /// Takes a statement out of the policy of a topic; does nothing where there is none of this label.
    ///
    /// # Errors
    /// [`TopicError::NotFound`].
    pub async fn remove_permission(&self, arn: &str, label: &str) -> Result<(), TopicError> {
        let topic = self.topic(arn)?;
        self.edit_topic(&topic.name, |topic| {
            let mut policy = self.policy_of(topic);
            policy.remove(label);
            set(topic, policy);
            Ok(())
        })
        .await
    }
}

fn set(topic: &mut Topic, policy: PolicyDocument) {
    topic.attributes.insert("Policy".to_owned(), policy.into_value().to_string());
}
