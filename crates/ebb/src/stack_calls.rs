//! Lets the calls of CloudFormation manage stacks.

use ebb_app::{Given, OnFailure, StackError, StackOptions, Stacks};
use ebb_aws::api::cloudformation::{
    ChangeSet, ChangeSetRequest, DeclaredParameter, OnFailure as AskedOnFailure, Stack, StackPort,
    StackPortError, StackRequest, TemplateSummary,
};
use ebb_invoker::Boxed;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The stacks behind the calls.
pub(crate) struct StackCalls(pub(crate) Stacks);

fn given(request: StackRequest) -> Given {
    let StackRequest { template, parameters, options, with_tags } = request;
    let on_failure = match options.on_failure {
        AskedOnFailure::Rollback => OnFailure::Rollback,
        AskedOnFailure::DoNothing => OnFailure::DoNothing,
        AskedOnFailure::Delete => OnFailure::Delete,
    };
    let options = StackOptions {
        tags: options.tags,
        capabilities: options.capabilities,
        on_failure,
        termination_protection: options.termination_protection,
        role_arn: options.role_arn,
        notification_arns: options.notification_arns,
    };
    Given { template, parameters, options, with_tags }
}

/// A document as the calls see it.
fn seen<T: DeserializeOwned>(document: &impl Serialize) -> Result<T, StackPortError> {
    let internal = |error: serde_json::Error| StackPortError::Internal(error.to_string());
    serde_json::from_value(serde_json::to_value(document).map_err(internal)?).map_err(internal)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn refused(error: StackError) -> StackPortError {
    let message = error.to_string();
    match error {
        StackError::NotFound(_) => StackPortError::NotFound(message),
        StackError::Exists(_) => StackPortError::Exists(message),
        StackError::NoChangeSet(_) => StackPortError::NoChangeSet(message),
        StackError::Capabilities(_) => StackPortError::Capabilities(message),
        StackError::Template { .. } => StackPortError::Invalid(format!("Template format error: {message}")),
        StackError::Store(_) => StackPortError::Internal(message),
        _ => StackPortError::Invalid(message),
    }
}

impl StackPort for StackCalls {
    fn create(&self, name: String, request: StackRequest) -> Boxed<'_, Result<String, StackPortError>> {
        Box::pin(async move { self.0.begin_create(&name, given(request)).await.map_err(refused) })
    }

    fn update(&self, name: String, request: StackRequest) -> Boxed<'_, Result<String, StackPortError>> {
        Box::pin(async move {
            self.0.begin_update(&name, given(request)).await.map_err(|error| match error {
                StackError::NotFound(name) => {
                    StackPortError::NotFound(format!("Stack [{name}] does not exist"))
                }
                other => refused(other),
            })
        })
    }

    fn delete(&self, name: String, kept: Vec<String>) -> Boxed<'_, Result<(), StackPortError>> {
        Box::pin(async move { self.0.begin_delete(&name, kept).await.map_err(refused) })
    }

    fn protect(&self, name: String, protected: bool) -> Boxed<'_, Result<String, StackPortError>> {
        Box::pin(async move { self.0.protect(&name, protected).await.map_err(refused) })
    }

    fn all(&self) -> Boxed<'_, Result<Vec<Stack>, StackPortError>> {
        Box::pin(
            async move { self.0.all().await.map_err(refused)?.iter().map(|stack| seen(&**stack)).collect() },
        )
    }

    fn find(&self, name: String) -> Boxed<'_, Result<Stack, StackPortError>> {
        Box::pin(async move { seen(&*self.0.find(&name).await.map_err(refused)?) })
    }

    fn create_change_set(&self, request: ChangeSetRequest) -> Boxed<'_, Result<ChangeSet, StackPortError>> {
        Box::pin(async move {
            let ChangeSetRequest { stack, name, creates, description, wanted } = request;
            let made = self.0.create_change_set(&stack, &name, (creates, description), given(wanted)).await;
            seen(&made.map_err(refused)?)
        })
    }

    fn change_set(&self, stack: Option<&str>, name: &str) -> Result<(Stack, ChangeSet), StackPortError> {
        let (stack, set) = self.0.change_set(stack, name).map_err(refused)?;
        Ok((seen(&*stack)?, seen(&set)?))
    }

    fn delete_change_set(
        &self,
        stack: Option<String>,
        name: String,
    ) -> Boxed<'_, Result<(), StackPortError>> {
        Box::pin(async move { self.0.delete_change_set(stack.as_deref(), &name).await.map_err(refused) })
    }

    fn execute_change_set(
        &self,
        stack: Option<String>,
        name: String,
        keep_failed: bool,
    ) -> Boxed<'_, Result<(), StackPortError>> {
        Box::pin(async move {
            let done = self.0.execute_change_set(stack.as_deref(), &name, keep_failed).await;
            done.map_err(|error| match error {
                StackError::State(message) => StackPortError::BadChangeSet(message),
                other => refused(other),
            })
        })
    }

    fn template_at(&self, url: String) -> Boxed<'_, Result<String, StackPortError>> {
        Box::pin(async move { self.0.template_at(&url).await.map_err(refused) })
    }

    fn with_parts(&self, template: String) -> Boxed<'_, Result<String, StackPortError>> {
        Box::pin(async move { self.0.with_parts(template).await.map_err(refused) })
    }

    fn summary(&self, template: &str) -> Result<TemplateSummary, StackPortError> {
        let own = self.0.summary(template).map_err(refused)?;
        let parameters = own.parameters.into_iter().map(|own| DeclaredParameter {
            name: own.name,
            kind: own.kind,
            default: own.default,
            hidden: own.hidden,
            description: own.description,
            allowed: own.allowed,
        });
        Ok(TemplateSummary {
            description: own.description,
            parameters: parameters.collect(),
            resource_types: own.resource_types,
            capability: own.capability,
            capability_reason: own.capability_reason,
            transforms: own.transforms,
            metadata: own.metadata,
        })
    }

    fn processed(&self, stack: &str) -> Result<Value, StackPortError> {
        let stack = self.0.get(stack).map_err(refused)?;
        self.0.processed(&stack).map_err(refused)
    }
}
