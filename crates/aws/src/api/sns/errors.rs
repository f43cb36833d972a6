//! What the topics refuse, as the service says it.

use ebb_sources::topic::TopicError;
use http::StatusCode;

use crate::wire::AwsError;

/// The name of an error and its status.
fn code(error: &TopicError) -> (&'static str, StatusCode) {
    let bad = StatusCode::BAD_REQUEST;
    match error {
        TopicError::NotFound(_) => ("NotFound", StatusCode::NOT_FOUND),
        TopicError::NoResource => ("ResourceNotFound", StatusCode::NOT_FOUND),
        TopicError::Invalid(_) | TopicError::Token | TopicError::Unsupported(_) => ("InvalidParameter", bad),
        TopicError::Value(_) => ("ParameterValueInvalid", bad),
        TopicError::State(_) => ("InvalidState", bad),
        TopicError::NotAuthorized(_) => ("AuthorizationError", StatusCode::FORBIDDEN),
        TopicError::FilterPolicyLimit(_) => ("FilterPolicyLimitExceeded", StatusCode::FORBIDDEN),
        TopicError::SubscriptionLimit(_) => ("SubscriptionLimitExceeded", StatusCode::FORBIDDEN),
        TopicError::TagLimit => ("TagLimitExceeded", bad),
        TopicError::EmptyBatch => ("EmptyBatchRequest", bad),
        TopicError::BatchTooMany => ("TooManyEntriesInBatchRequest", bad),
        TopicError::BatchIdRepeated => ("BatchEntryIdsNotDistinct", bad),
        TopicError::BatchId(_) | TopicError::BatchIdTooLong(_) => ("InvalidBatchEntryId", bad),
        TopicError::BatchTooLong => ("BatchRequestTooLong", bad),
        TopicError::Store(_) => ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl From<TopicError> for AwsError {
    fn from(error: TopicError) -> Self {
        let (code, status) = code(&error);
        match error {
            TopicError::Store(error) => Self::internal(error),
            error => Self::new(code, status, error.to_string()),
        }
    }
}
