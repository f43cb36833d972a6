//! Why a change of the catalog, or a look into it, was refused.

use ebb_store::{PackageError, StoreError};

use super::Violations;

/// Why the catalog refused. Each variant is something that callers answer differently.
///
/// The texts are the service's own (Lambda API reference, and answers observed on the service in 2025), because
/// clients are known to read them.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Parameters break constraints of the service's model.
    #[error("{0}")]
    Validation(Violations),
    /// A parameter is well formed and still not acceptable; says why.
    #[error("{0}")]
    InvalidParameter(String),
    /// Something that the request names does not exist.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// There is no provisioned concurrency on this version or alias.
    #[error("No Provisioned Concurrency Config found for this function")]
    ProvisionedConcurrencyNotFound,
    /// There is no such code signing configuration; ebb keeps none.
    #[error(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {0}."
    )]
    CodeSigningConfigNotFound(String),
    /// The request does not fit the present state; says which.
    #[error("{0}")]
    Conflict(String),
    /// The revision that the caller knows is not the latest; holds the operation that shows the latest.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the {read_with} API to retrieve the latest Revision Id"
    )]
    StaleRevision {
        /// The operation that the message sends the caller to.
        read_with: &'static str,
    },
    /// A package is too large to be sent in a request.
    #[error("Zipped size must be smaller than {limit} bytes")]
    ZipTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A resource policy would exceed its limit.
    #[error("The final policy size ({size}) is bigger than the limit ({limit}).")]
    PolicyTooLong {
        /// What it would be, in bytes.
        size: usize,
        /// What it may be, in bytes.
        limit: usize,
    },
    /// The function belongs to another account.
    #[error("Account {0} is not served here")]
    OtherAccount(String),
    /// ebb does not do this yet; names the operation or parameter.
    #[error("{0}")]
    NotBuilt(String),
    /// The store failed; detail is for the log, not for clients.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// A package could not be read or unpacked for a reason that is not its own.
    #[error("a package could not be processed: {0}")]
    Package(String),
}

/// What does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// No such function, version or alias; holds the ARN.
    #[error("Function not found: {0}")]
    Function(String),
    /// A reference to another region.
    #[error("Functions from '{asked}' are not reachable in this region ('{served}')")]
    Region {
        /// The region that was named.
        asked: String,
        /// The region that this catalog holds.
        served: String,
    },
    /// No such alias; holds the ARN.
    #[error("Cannot find alias arn: {0}")]
    AliasArn(String),
    /// No such alias to update; holds the ARN.
    #[error("Alias not found: {0}")]
    Alias(String),
    /// No function to hang something on, where the service does not repeat its name.
    #[error("{0}")]
    Unnamed(&'static str),
    /// No asynchronous settings; holds the ARN.
    #[error("The function {0} doesn't have an EventInvokeConfig")]
    EventInvokeConfig(String),
    /// No policy; holds the ARN, where the function is missing as well.
    #[error("No policy found for: {0}")]
    PolicyOf(String),
    /// No policy on something that exists.
    #[error("No policy is associated with the given resource.")]
    Policy,
    /// No such statement in the policy.
    #[error("Statement {0} is not found in resource policy.")]
    Statement(String),
    /// No such layer version to do something with; holds the ARN.
    #[error("Layer version {0} does not exist.")]
    LayerVersion(String),
    /// No such event source mapping.
    #[error("Event source mapping not found: {0}")]
    EventSourceMapping(String),
    /// Nothing of a kind that ebb does not hold; says what.
    #[error("{0}")]
    Other(String),
}

impl CatalogError {
    /// Shorthand for [`CatalogError::InvalidParameter`].
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameter(message.into())
    }

    /// Whether the platform is at fault rather than the caller.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Package(_))
    }
}

impl From<PackageError> for CatalogError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Invalid(reason) => Self::InvalidParameter(format!(
                "Could not unzip uploaded file. Please check your file, then try to upload again. ({reason})"
            )),
            PackageError::TooLarge { limit } => {
                Self::InvalidParameter(format!("Unzipped size must be smaller than {limit} bytes"))
            }
            PackageError::Store(error) => Self::Store(error),
            error @ (PackageError::Missing(_) | PackageError::Failed { .. }) => {
                Self::Package(error.to_string())
            }
        }
    }
}
