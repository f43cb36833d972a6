//! What the catalog and the invoker refuse, as the service says it.

use ebb_invoker::InvokeError;
use ebb_invoker::catalog::CatalogError;
use http::StatusCode;

use crate::wire::AwsError;

impl From<CatalogError> for AwsError {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::Validation(_) => Self::client("ValidationException", message),
            CatalogError::InvalidParameter(_) | CatalogError::NotBuilt(_) => {
                Self::client("InvalidParameterValueException", message)
            }
            CatalogError::NotFound(_) => {
                Self::new("ResourceNotFoundException", StatusCode::NOT_FOUND, message)
            }
            CatalogError::ProvisionedConcurrencyNotFound => {
                Self::new("ProvisionedConcurrencyConfigNotFoundException", StatusCode::NOT_FOUND, message)
            }
            CatalogError::CodeSigningConfigNotFound(_) => {
                Self::new("CodeSigningConfigNotFoundException", StatusCode::NOT_FOUND, message)
            }
            CatalogError::Conflict(_) => {
                Self::new("ResourceConflictException", StatusCode::CONFLICT, message)
            }
            CatalogError::StaleRevision { .. } => {
                Self::new("PreconditionFailedException", StatusCode::PRECONDITION_FAILED, message)
            }
            CatalogError::ZipTooLarge { .. } => {
                Self::new("RequestEntityTooLargeException", StatusCode::PAYLOAD_TOO_LARGE, message)
            }
            CatalogError::PolicyTooLong { .. } => Self::client("PolicyLengthExceededException", message),
            CatalogError::OtherAccount(_) => {
                Self::new("AccessDeniedException", StatusCode::FORBIDDEN, message)
            }
            CatalogError::Store(_) | CatalogError::Package(_) => Self::internal(message),
        }
    }
}

impl From<InvokeError> for AwsError {
    fn from(error: InvokeError) -> Self {
        let message = error.to_string();
        match error {
            InvokeError::NotFound(_) => {
                Self::new("ResourceNotFoundException", StatusCode::NOT_FOUND, message)
            }
            InvokeError::NotReady(_) => Self::new("ResourceConflictException", StatusCode::CONFLICT, message),
            InvokeError::Throttled(reason) => {
                Self::new("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS, message)
                    .with("Reason", reason.as_str())
            }
            InvokeError::PayloadTooLarge { .. } => {
                Self::new("RequestEntityTooLargeException", StatusCode::PAYLOAD_TOO_LARGE, message)
            }
            InvokeError::PayloadNotJson(_) => Self::client("InvalidRequestContentException", message),
            InvokeError::RuntimeUnavailable(_) => {
                Self::new("InvalidRuntimeException", StatusCode::BAD_GATEWAY, message)
            }
            InvokeError::ShuttingDown => {
                Self::new("ServiceException", StatusCode::SERVICE_UNAVAILABLE, message)
            }
            InvokeError::Internal(detail) => Self::internal(detail),
        }
    }
}
