//! Why the topics refuse something.

use ebb_store::StoreError;

/// Why the topics refuse something. The messages are those of the service where it has fixed ones.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// There is no such topic or subscription.
    #[error("{0}")]
    NotFound(String),
    /// There is no such resource, where tags are asked for.
    #[error("Resource does not exist")]
    NoResource,
    /// A parameter makes no sense.
    #[error("Invalid parameter: {0}")]
    Invalid(String),
    /// The value of a parameter makes no sense.
    #[error("{0}")]
    Value(String),
    /// The one who asks may not.
    #[error("{0}")]
    NotAuthorized(String),
    /// The filter policies are too many.
    #[error("{0}")]
    FilterPolicyLimit(String),
    /// There are too many subscriptions.
    #[error("{0}")]
    SubscriptionLimit(String),
    /// There are too many tags.
    #[error("Could not complete request: tag quota of per resource exceeded")]
    TagLimit,
    /// A batch has no entries.
    #[error("The batch request doesn't contain any entries.")]
    EmptyBatch,
    /// A batch has too many entries.
    #[error("The batch request contains more entries than permissible.")]
    BatchTooMany,
    /// Two entries of a batch have the same id.
    #[error("Two or more batch entries in the request have the same Id.")]
    BatchIdRepeated,
    /// The id of an entry has other characters than it may.
    #[error("The Id of a batch entry in a batch request doesn't abide by the specification.")]
    BatchId,
    /// The entries of a batch are too large together.
    #[error("The length of all the messages put together is more than the limit.")]
    BatchTooLong,
    /// What ebb does not have.
    #[error("{0}")]
    Unsupported(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TopicError {
    pub(super) fn no_topic() -> Self {
        Self::NotFound("Topic does not exist".to_owned())
    }

    pub(super) fn no_subscription() -> Self {
        Self::NotFound("Subscription does not exist".to_owned())
    }

    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }
}
