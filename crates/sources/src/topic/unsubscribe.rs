//! The end of subscriptions. Whoever was sent a message may end its subscription without a signature; the endpoint is
//! then told, with a link that brings the subscription back.
//!
//! Source: SNS API reference, `Unsubscribe`; Amazon SNS developer guide, "Parsing Amazon SNS message formats", unsubscribe
//! confirmation (2026-11).

use std::sync::Arc;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::ConfirmationKind;
use super::subscriptions::{TOKEN_LIFE, token};
use super::{Subscription, TopicError, Topics};

/// A subscription that was ended without a signature. Kept in the store: fields may be added with a default, never
/// changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EndedSubscription {
    /// As it was, with a token that brings it back.
    pub(super) subscription: Subscription,
    /// When it was ended.
    ended: Timestamp,
}

impl EndedSubscription {
    /// Whether it was one of the topic of this name.
    pub(super) fn is_of(&self, topic: &str) -> bool {
        self.subscription.topic == topic
    }
}

impl Topics {
    /// Ends a subscription; does nothing where there is none.
    ///
    /// # Errors
    /// [`TopicError::Invalid`] for the ARN, [`TopicError::NotAuthorized`] where it needs a signed request.
    pub async fn unsubscribe(&self, arn: &str, signed: bool) -> Result<(), TopicError> {
        let Ok(subscription) = self.subscription(arn) else {
            // An ARN that names nothing: also one of a subscription that was ended already.
            return self.subscription_key(arn).map(drop);
        };
        if subscription.is_pending() && signed {
            let reason = "SubscriptionArn Reason: the subscription is pending confirmation";
            return Err(TopicError::invalid(reason));
        }
        if subscription.authenticate_unsubscribe && !signed {
            let message = "Unsubscribing needs a signed request: the subscription was confirmed so.";
            return Err(TopicError::NotAuthorized(message.to_owned()));
        }
        self.inner.subscriptions.edit(&subscription.key(), |_| Ok::<_, TopicError>(None)).await?;
        if !signed && subscription.confirmed && subscription.protocol.is_http() {
            self.tell_of_end(&subscription).await?;
        }
        let counted = self.edit_topic(&subscription.topic, |topic| {
            topic.subscriptions_deleted += 1;
            Ok(())
        });
        match counted.await {
            Err(TopicError::NotFound(_)) => Ok(()),
            counted => counted,
        }
    }

    /// Tells an endpoint that its subscription was ended.
    async fn tell_of_end(&self, subscription: &Subscription) -> Result<(), TopicError> {
        let now = self.inner.clock.now();
        self.forget_ended(|one| now.since(one.ended) > TOKEN_LIFE).await?;
        let mut subscription = subscription.clone();
        subscription.token = Some(token());
        let ended = EndedSubscription { subscription, ended: now };
        let key = ended.subscription.key();
        self.inner.ended.edit(&key, |_| Ok::<_, TopicError>(Some(ended.clone()))).await?;
        self.send_confirmation(&ended.subscription, ConfirmationKind::Unsubscribe).await
    }

    /// Brings the subscription back that was ended with this token.
    pub(super) async fn restore(&self, token: &str) -> Result<Arc<Subscription>, TopicError> {
        let all = self.inner.ended.all();
        let ended = all.values().find(|one| one.subscription.token.as_deref() == Some(token));
        let ended = ended.ok_or_else(|| TopicError::invalid("Token"))?;
        if self.inner.clock.now().since(ended.ended) > TOKEN_LIFE {
            return Err(TopicError::invalid("Token Reason: the token has expired"));
        }
        self.topic(&self.arn(&ended.subscription.topic))?;
        let key = ended.subscription.key();
        let restored = self
            .inner
            .subscriptions
            .edit(&key, |_| Ok::<_, TopicError>(Some(ended.subscription.clone())))
            .await?;
        self.inner.ended.edit(&key, |_| Ok::<_, TopicError>(None)).await?;
        restored.ok_or_else(TopicError::no_subscription)
    }

    /// The subscription of an ARN that was ended and may come back.
    pub(super) fn ended_subscription(&self, arn: &str) -> Option<Arc<Subscription>> {
        let ended = self.inner.ended.get(&self.subscription_key(arn).ok()?)?;
        Some(Arc::new(ended.subscription.clone()))
    }

    /// Forgets some of those that may come back.
    pub(super) async fn forget_ended(
        &self,
        which: impl Fn(&EndedSubscription) -> bool,
    ) -> Result<(), TopicError> {
        let all = self.inner.ended.all();
        for (key, _) in all.iter().filter(|(_, one)| which(one)) {
            self.inner.ended.edit(key, |_| Ok::<_, TopicError>(None)).await?;
        }
        Ok(())
    }
}
