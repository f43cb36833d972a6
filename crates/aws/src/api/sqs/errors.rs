//! What the queues refuse, as the service says it: the name of the JSON protocol, and that of the older one.

use ebb_sources::queue::QueueError;
use http::StatusCode;

use crate::wire::AwsError;

/// Both names of an error: the first with the namespace of its shape, as the service has it (recorded 2025).
pub(super) fn codes(error: &QueueError) -> (&'static str, &'static str) {
    match error {
        QueueError::NoSuchQueue => {
            ("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
        }
        QueueError::Exists(_) => ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
        QueueError::UnknownAttribute(_) | QueueError::FifoAttribute(_) => {
            ("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName")
        }
        QueueError::AttributeValue { .. } => {
            ("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue")
        }
        QueueError::Parameter(_) | QueueError::ReceiptExpired(_) | QueueError::MessageGone(_) => {
            ("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue")
        }
        QueueError::Missing(_) => {
            ("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter")
        }
        QueueError::MessageContents => ("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents"),
        QueueError::ReceiptHandle(_) => {
            ("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid")
        }
        QueueError::NotInFlight => {
            ("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight")
        }
        QueueError::EmptyBatch(_) => {
            ("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")
        }
        QueueError::BatchTooLong(_) => (
            "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        QueueError::BatchTooLarge { .. } => {
            ("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
        }
        QueueError::BatchIdRepeated(_) => {
            ("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
        }
        QueueError::BatchId => {
            ("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
        }
        QueueError::PurgeInProgress(_) => {
            ("com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress")
        }
        QueueError::Unsupported(_) => {
            ("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
        }
        QueueError::NotFound(_) => {
            ("com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException")
        }
        QueueError::Denied { .. } => ("com.amazon.coral.service#AccessDeniedException", "AccessDenied"),
        QueueError::Store(_) => ("InternalFailure", "InternalFailure"),
    }
}

impl From<QueueError> for AwsError {
    fn from(error: QueueError) -> Self {
        let (code, query_code) = codes(&error);
        let status = match error {
            QueueError::PurgeInProgress(_) | QueueError::Denied { .. } => StatusCode::FORBIDDEN,
            QueueError::NotFound(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        match error {
            QueueError::Store(error) => Self::internal(error),
            QueueError::NoSuchQueue => Self::new(code, status, error.to_string())
                .with_query_code(query_code)
                .with_query_message("The specified queue does not exist for this wsdl version."),
            error => Self::new(code, status, error.to_string()).with_query_code(query_code),
        }
    }
}
