//! Topics as targets of others, and what topics themselves deliver over HTTP.

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::Boxed;
use ebb_model::ServiceCaller;

use super::{Topic, TopicError, TopicMessage, Topics};
use crate::delivery::{Delivery, Sender, Target, Undelivered};

/// Delivers to topics, and to the HTTP endpoints behind their subscriptions.
#[derive(Debug)]
pub struct TopicTarget {
    topics: Topics,
}

impl TopicTarget {
    /// To these.
    #[must_use]
    pub fn new(topics: Topics) -> Self {
        Self { topics }
    }

    fn find(&self, arn: &str) -> Result<Arc<Topic>, Undelivered> {
        let found = self.topics.topic(arn);
        found.map_err(|error| Undelivered::refused("RESOURCE_NOT_FOUND", error.to_string()))
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        // The ARN of a subscription has one part more than that of a topic.
        if delivery.target.split(':').count() == 7 {
            return self.topics.call_endpoint(delivery).await;
        }
        let topic = self.find(&delivery.target)?;
        if let Sender::Service(caller) = &delivery.from {
            self.topics.may_publish(&topic, caller)?;
        }
        let message = &delivery.message;
        let fifo = topic.is_fifo();
        let id = || fifo.then(|| delivery.id.to_string());
        let content_based = topic.is_set("ContentBasedDeduplication");
        let message = TopicMessage {
            message: message.body.clone(),
            subject: message.subject.clone(),
            attributes: message.attributes.clone(),
            group: message.group.clone().or_else(id),
            // The same for every attempt, so that a second one is no second message.
            deduplication: message
                .deduplication
                .clone()
                .filter(|_| fifo)
                .or_else(|| if content_based { None } else { id() }),
            structure: None,
            trace: message.trace.clone(),
        };
        let accepted = self.topics.accept(&topic, message);
        let accepted =
            accepted.map_err(|error| Undelivered::refused("INVALID_PARAMETER", error.to_string()))?;
        match self.topics.pass_on(&topic, vec![accepted]).await {
            Ok(_) => Ok(()),
            Err(TopicError::Store(error)) => Err(Undelivered::for_now("INTERNAL_FAILURE", error.to_string())),
            Err(error) => Err(Undelivered::refused("INVALID_PARAMETER", error.to_string())),
        }
    }
}

impl Target for TopicTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.send(delivery))
    }

    fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        self.topics.may_publish(&*self.find(target)?, caller)
    }

    fn admit(&self, delivery: &Delivery) -> Option<Duration> {
        self.topics.admit_to_endpoint(delivery)
    }
}
