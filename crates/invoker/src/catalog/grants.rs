//! Whether a service may call a function.

use ebb_model::{FunctionReference, Qualifier, ServiceCaller, Version};

use super::Catalog;

/// The action that a call needs.
const INVOKE: &str = "lambda:InvokeFunction";

/// A service may not call a function; says which statement is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the resource policy of {function} does not let {service} call it: it needs a statement that allows {INVOKE} \
     to the principal {service} with the source {source_arn} (add it with AddPermission)"
)]
pub struct NotGranted {
    /// The function, with its qualifier.
    pub function: String,
    /// The service that would call.
    pub service: String,
    /// The resource that it would act for.
    pub source_arn: String,
}

impl Catalog {
    /// Whether a statement in the policy of this function, version or alias lets a service call it.
    ///
    /// # Errors
    /// [`NotGranted`], also where there is no such function.
    pub fn granted(&self, function: &FunctionReference, caller: &ServiceCaller) -> Result<(), NotGranted> {
        let snapshot = self.snapshot();
        let key = function.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
        let policy = snapshot.function(&function.name).and_then(|function| function.policies.get(&key));
        let allows = |policy: &ebb_model::Policy| {
            policy.statements.iter().any(|statement| statement.allows_service(INVOKE, caller))
        };
        if policy.is_some_and(allows) {
            return Ok(());
        }
        Err(NotGranted {
            function: self.arn(&function.name, function.qualifier.as_ref()).to_string(),
            service: caller.service.clone(),
            source_arn: caller.source_arn.clone(),
        })
    }
}
