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
    /// What shall confirm a subscription is nothing of the kind.
    #[error("Invalid token")]
    Token,
    /// The value of a parameter makes no sense.
    #[error("{0}")]
    Value(String),
    /// The one who asks may not.
    #[error("{0}")]
    NotAuthorized(String),
    /// It is not in a state for this.
    #[error("{0}")]
    State(String),
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
    #[error("The Id of a batch entry in the batch request contains an impermissible character: {0}")]
    BatchId(String),
    /// The id of an entry is too long.
    #[error("The Id of a batch entry in the batch request is too long: {0}")]
    BatchIdTooLong(String),
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

    /// The same of an attribute among others, as the operations say it that set several at once.
    pub(super) fn among_attributes(self) -> Self {
        match self {
            Self::Invalid(reason) if reason.contains(": ") => {
                Self::Invalid(format!("Attributes Reason: {reason}"))
            }
            error => error,
        }
    }
}
