//! What the queues refuse, as the service says it: the name of the JSON protocol, and that of the older one.

use ebb_sources::queue::QueueError;
use http::StatusCode;

use crate::wire::AwsError;

/// Both names of an error.
pub(super) fn codes(error: &QueueError) -> (&'static str, &'static str) {
    match error {
        QueueError::NoSuchQueue => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
        QueueError::Exists(_) => ("QueueNameExists", "QueueAlreadyExists"),
        QueueError::UnknownAttribute(_) => ("InvalidAttributeName", "InvalidAttributeName"),
        QueueError::AttributeValue { .. } => ("InvalidAttributeValue", "InvalidAttributeValue"),
        QueueError::Parameter(_) => ("InvalidParameterValue", "InvalidParameterValue"),
        QueueError::Missing(_) => ("MissingParameter", "MissingParameter"),
        QueueError::MessageContents => ("InvalidMessageContents", "InvalidMessageContents"),
        QueueError::ReceiptHandle(_) => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
        QueueError::NotInFlight(_) => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
        QueueError::EmptyBatch(_) => ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
        QueueError::BatchTooLong(_) => {
            ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        }
        QueueError::BatchTooLarge { .. } => {
            ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
        }
        QueueError::BatchIdRepeated(_) => {
            ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
        }
        QueueError::BatchId => ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
        QueueError::PurgeInProgress(_) => {
            ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress")
        }
        QueueError::Unsupported(_) => ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
        QueueError::NotFound(_) => ("ResourceNotFoundException", "ResourceNotFoundException"),
        QueueError::Store(_) => ("InternalFailure", "InternalFailure"),
    }
}

impl From<QueueError> for AwsError {
    fn from(error: QueueError) -> Self {
        let (code, query_code) = codes(&error);
        match error {
            QueueError::Store(error) => Self::internal(error),
            error => Self::new(code, StatusCode::BAD_REQUEST, error.to_string()).with_query_code(query_code),
        }
    }
}
