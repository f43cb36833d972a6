//! Why the queues refuse something.

use ebb_store::StoreError;

/// Why the queues refuse something. The messages are those of the service where it has fixed ones.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue.
    #[error("The specified queue does not exist.")]
    NoSuchQueue,
    /// There is one of this name already, and it is different.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    Exists(String),
    /// No attribute is called so.
    #[error("Unknown Attribute {0}.")]
    UnknownAttribute(String),
    /// An attribute is of FIFO queues only.
    #[error("You can specify the {0} only when FifoQueue is set to true.")]
    FifoAttribute(String),
    /// An attribute cannot have this value.
    #[error("Invalid value for the parameter {name}.{}", reason.as_ref().map_or_else(String::new, |reason| format!(" Reason: {reason}")))]
    AttributeValue {
        /// The attribute.
        name: String,
        /// What is wrong.
        reason: Option<String>,
    },
    /// The policy of the queue denies it to everybody.
    #[error(
        "User is not authorized to perform: {action} on resource: {resource} with an explicit deny in a resource-based policy"
    )]
    Denied {
        /// As in `sqs:SendMessage`.
        action: String,
        /// The ARN of the queue.
        resource: String,
    },
    /// A parameter cannot have this value.
    #[error("{0}")]
    Parameter(String),
    /// A parameter must be there.
    #[error("The request must contain the parameter {0}.")]
    Missing(String),
    /// The message has characters that messages cannot have.
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    MessageContents,
    /// It is no receipt handle.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandle(String),
    /// The receipt of a FIFO queue does not hold its message any more.
    #[error("Value {0} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")]
    ReceiptExpired(String),
    /// Nobody holds the message.
    #[error("The specified message isn't in flight.")]
    NotInFlight,
    /// The message was deleted, or somebody else received it.
    #[error(
        "Value {0} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
    )]
    MessageGone(String),
    /// A batch has no entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatch(&'static str),
    /// A batch has too many entries.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    BatchTooLong(usize),
    /// The entries of a batch are too large together.
    #[error("Batch requests cannot be longer than {limit} bytes. You have sent {sent} bytes.")]
    BatchTooLarge {
        /// Bytes that a batch may have.
        limit: usize,
        /// Bytes that it has.
        sent: usize,
    },
    /// Two entries of a batch have the same id.
    #[error("Id {0} repeated.")]
    BatchIdRepeated(String),
    /// The id of an entry has other characters than it may.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
    )]
    BatchId,
    /// The queue was purged just now.
    #[error("Only one PurgeQueue operation on {0} is allowed every 60 seconds.")]
    PurgeInProgress(String),
    /// The operation is not for this kind of queue, or not in this state.
    #[error("{0}")]
    Unsupported(String),
    /// There is no such thing, other than a queue.
    #[error("{0}")]
    NotFound(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
