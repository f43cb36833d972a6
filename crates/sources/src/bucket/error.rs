//! Why the buckets refuse something.

use ebb_store::StoreError;

/// Why the buckets refuse something. The messages are those of the service.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// There is no such bucket.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// It is there already.
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    Exists,
    /// It cannot be called so.
    #[error("The specified bucket is not valid.")]
    BucketName,
    /// It still has objects.
    #[error("The bucket you tried to delete is not empty")]
    NotEmpty,
    /// It still has versions of objects.
    #[error("The bucket you tried to delete is not empty. You must delete all versions in the bucket.")]
    VersionsLeft,
    /// There is no such object.
    #[error("The specified key does not exist.")]
    NoSuchKey,
    /// There is no such version of the object.
    #[error("The specified version does not exist.")]
    NoSuchVersion,
    /// What was asked for is a delete marker; holds its version, where it was asked for by that.
    #[error("The specified method is not allowed against this resource.")]
    DeleteMarker {
        /// The marker's version.
        version: Option<String>,
        /// Whether it was asked for by its version.
        named: bool,
    },
    /// There is no such upload.
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,
    /// A part is not there as it was named.
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    /// The parts are not in order.
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    PartOrder,
    /// A part but the last is too small.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    PartTooSmall,
    /// The key is too long.
    #[error("Your key is too long")]
    KeyTooLong,
    /// It is locked.
    #[error("Access Denied because object protected by object lock.")]
    Locked,
    /// Its bucket has no object lock.
    #[error("Bucket is missing Object Lock Configuration")]
    LockMissing,
    /// The bucket's object lock does not allow it.
    #[error(
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
    )]
    LockPresent,
    /// What was asked for does not hold; names the condition.
    #[error("At least one of the pre-conditions you specified did not hold")]
    Precondition(&'static str),
    /// The reader has it as it is.
    #[error("Not Modified")]
    NotModified,
    /// Another request changed it at the same time.
    #[error("The conditional request cannot succeed due to a conflicting operation against this resource.")]
    Conflict,
    /// The range is not within the object.
    #[error("The requested range is not satisfiable")]
    Range,
    /// The bytes are not those that were announced.
    #[error("{0}")]
    Digest(String),
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The body broke off.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    Incomplete,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
