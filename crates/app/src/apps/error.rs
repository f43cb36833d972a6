//! Why an app was not changed.

use ebb_invoker::catalog::{CatalogError, NotReady};
use ebb_store::StoreError;

use crate::plan::InvalidPlan;
use crate::stack::StackError;

/// Why an app was not changed, or not found.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no such app.
    #[error("there is no app named {0}")]
    NotFound(String),
    /// No app can be made of the plan.
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    /// A package that the plan names came neither with it nor before.
    #[error("package {0} was not sent")]
    PackageMissing(String),
    /// A function of this name is there, and is not this app's.
    #[error("a function named {function} exists already and is not part of app {app}")]
    Taken {
        /// The app.
        app: String,
        /// The function.
        function: String,
    },
    /// A function could not be made, changed or deleted as asked.
    #[error("{action} function {function}: {source}")]
    Function {
        /// What was tried.
        action: &'static str,
        /// With which function.
        function: String,
        /// Why not.
        source: CatalogError,
    },
    /// A function was accepted and cannot run.
    #[error("preparing function {function}: {source}")]
    NotReady {
        /// The function.
        function: String,
        /// Why not.
        source: NotReady,
    },
    /// What invokes a function could not be set up.
    #[error("app {app}: the triggers of {what}: {why}")]
    Trigger {
        /// The app.
        app: String,
        /// The function, or what its trigger needs.
        what: String,
        /// Why not.
        why: String,
    },
    /// The app's template could not be applied.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The store failed; detail is for the log.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// The platform failed; detail is for the log.
    #[error("{0}")]
    Internal(String),
}

impl AppError {
    /// Whether the platform is at fault rather than the caller.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        match self {
            Self::Store(_) | Self::Internal(_) => true,
            Self::Function { source, .. } => source.is_internal(),
            Self::Stack(error) => error.is_internal(),
            _ => false,
        }
    }
}
