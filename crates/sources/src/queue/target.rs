//! Queues as targets of deliveries.

use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::ServiceCaller;

use super::{MessageAttribute, Queue, QueueError, QueueMessage, Queues};
use crate::delivery::{Delivery, Sender, Target, Undelivered};

/// Delivers to queues.
#[derive(Debug)]
pub struct QueueTarget {
    queues: Queues,
}

impl QueueTarget {
    /// To these.
    #[must_use]
    pub fn new(queues: Queues) -> Self {
        Self { queues }
    }

    fn find(&self, arn: &str) -> Result<Arc<Queue>, Undelivered> {
        let found = self.queues.find(arn);
        found.map_err(|error| Undelivered::refused("RESOURCE_NOT_FOUND", error.to_string()))
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let queue = self.find(&delivery.target)?;
        let sender = match &delivery.from {
            Sender::Service(caller) => {
                self.queues.may_send(&queue, caller)?;
                caller.service.as_str()
            }
            Sender::Owner => self.queues.inner.account.as_str(),
        };
        let message = &delivery.message;
        let attribute = |(name, attribute): (&String, &crate::delivery::Attribute)| {
            let (data_type, value) = (attribute.data_type.clone(), attribute.value.clone());
            (name.clone(), MessageAttribute { data_type, value })
        };
        let trace = message.trace.clone().map(|value| {
            ("AWSTraceHeader".to_owned(), MessageAttribute { data_type: "String".to_owned(), value })
        });
        let fifo = queue.is_fifo();
        let content_based = queue.attributes.content_based_deduplication();
        let message = QueueMessage {
            body: message.body.clone(),
            attributes: message.attributes.iter().map(attribute).collect(),
            system_attributes: trace.into_iter().collect(),
            // A dead letter comes with its group; one that had none gets its own.
            group: message.group.clone().or_else(|| fifo.then(|| delivery.id.to_string())),
            // The same for every attempt, so that a second one is no second message.
            deduplication: (fifo && !(content_based && message.deduplication.is_none()))
                .then(|| message.deduplication.clone().unwrap_or_else(|| delivery.id.to_string())),
            ..QueueMessage::default()
        };
        let sent = self.queues.send(&queue, message, sender).await;
        sent.map(drop).map_err(|error| match error {
            QueueError::Store(error) => Undelivered::for_now("INTERNAL_FAILURE", error.to_string()),
            error => Undelivered::refused("INVALID_PARAMETER", error.to_string()),
        })
    }
}

impl Target for QueueTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.send(delivery))
    }

    fn lets(&self, target: &str, caller: &ServiceCaller) -> Result<(), Undelivered> {
        self.queues.may_send(&*self.find(target)?, caller)
    }
}
