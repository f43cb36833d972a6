//! Stacks as calls manage them: a change is begun at once and carried out while nobody waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::prepare::Prepared;
use super::record::{self, StackOptions, StackRecord};
use super::{StackError, StackInput, Stacks};
use crate::apps::StepKind;

/// Values of parameters; nothing for those that stay what they are.
pub type Parameters = BTreeMap<String, Option<String>>;

/// What a caller wants of a stack.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The template; that of the stack where there is none.
    pub template: Option<String>,
    /// Parameters.
    pub parameters: Parameters,
    /// The rest; of tags, those of the stack where there are none.
    pub options: StackOptions,
    /// Whether tags were given.
    pub with_tags: bool,
}

impl Given {
    /// What the stack shall be, with what stays of what it is.
    pub(super) fn input(&self, before: Option<&StackRecord>) -> Result<StackInput, StackError> {
        let template = match (&self.template, before) {
            (Some(template), _) => template.clone(),
            (None, Some(before)) => before.input.template.clone(),
            (None, None) => return Err(StackError::State("a new stack needs a template".to_owned())),
        };
        let mut parameters = BTreeMap::new();
        for (name, value) in &self.parameters {
            let kept = || before.and_then(|before| before.input.parameters.get(name).cloned());
            // One that was left to its default stays so.
            if let Some(value) = value.clone().or_else(kept) {
                parameters.insert(name.clone(), value);
            }
        }
        Ok(StackInput { file: "template".to_owned(), template, parameters, ..StackInput::default() })
    }

    pub(super) fn options(&self, before: Option<&StackRecord>) -> StackOptions {
        let mut options = self.options.clone();
        if let Some(before) = before {
            if !self.with_tags {
                options.tags.clone_from(&before.options.tags);
            }
            options.termination_protection = before.options.termination_protection;
        }
        options
    }
}

impl Stacks {
    /// All stacks that are there, and those that were deleted not long ago.
    ///
    /// # Errors
    /// [`StackError::Store`].
    pub async fn all(&self) -> Result<Vec<Arc<StackRecord>>, StackError> {
        let deleted = record::load_deleted(&self.inner.store).await?;
        Ok(self.list().into_iter().chain(deleted.into_iter().map(Arc::new)).collect())
    }

    /// A stack by name or id; by its id also one that was deleted.
    ///
    /// # Errors
    /// [`StackError::NotFound`].
    pub async fn find(&self, name: &str) -> Result<Arc<StackRecord>, StackError> {
        match self.get(name) {
            Err(StackError::NotFound(_)) if name.starts_with("arn:") => {
                let deleted = record::load_deleted(&self.inner.store).await?;
                let found = deleted.into_iter().find(|stack| stack.id == name).map(Arc::new);
                found.ok_or_else(|| StackError::NotFound(name.to_owned()))
            }
            found => found,
        }
    }

    /// Begins to make a stack; gives its id.
    ///
    /// # Errors
    /// [`StackError::Exists`], [`StackError::Template`], [`StackError::Capabilities`].
    pub async fn begin_create(&self, name: &str, given: Given) -> Result<String, StackError> {
        let _turn = self.inner.beginning.lock().await;
        if self.get(name).is_ok() {
            return Err(StackError::Exists(name.to_owned()));
        }
        let (input, options) = (given.input(None)?, given.options(None));
        let mut stack = self.fresh(name, self.new_id(name), None);
        stack.managed = true;
        let prepared = self.checked(&stack, &input, &options)?;
        self.begin(stack, &prepared, input, options, "CREATE").await
    }

    /// Begins to change a stack; gives its id.
    ///
    /// # Errors
    /// [`StackError::NotFound`], [`StackError::State`], [`StackError::Template`], [`StackError::Capabilities`],
    /// [`StackError::NoUpdates`].
    pub async fn begin_update(&self, name: &str, given: Given) -> Result<String, StackError> {
        let _turn = self.inner.beginning.lock().await;
        let before = self.changeable(name)?;
        let (input, options) = (given.input(Some(&before))?, given.options(Some(&before)));
        let prepared = self.checked(&before, &input, &options)?;
        if self.is_same(&before, &prepared, &options)? {
            return Err(StackError::NoUpdates);
        }
        self.begin(StackRecord::clone(&before), &prepared, input, options, "UPDATE").await
    }

    /// Begins to delete a stack but for some of its resources; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// [`StackError::State`].
    pub async fn begin_delete(&self, name: &str, kept: Vec<String>) -> Result<(), StackError> {
        let _turn = self.inner.beginning.lock().await;
        let Ok(stack) = self.get(name) else { return Ok(()) };
        if let Some(app) = &stack.app {
            return Err(StackError::State(format!(
                "Stack [{name}] belongs to the app {app}: ebb rm {app} removes it"
            )));
        }
        if stack.options.termination_protection {
            return Err(StackError::State(format!(
                "Stack [{name}] cannot be deleted while TerminationProtection is enabled"
            )));
        }
        if stack.status == "DELETE_IN_PROGRESS" {
            return Ok(());
        }
        if stack.is_busy() {
            return Err(StackError::State(format!(
                "Stack [{name}] is in {} state and can not be deleted",
                stack.status
            )));
        }
        let mut stack = StackRecord::clone(&stack);
        self.status(&mut stack, "DELETE_IN_PROGRESS", Some("User Initiated"));
        self.save(&stack).await?;
        let stacks = self.clone();
        self.inner.running.spawn(async move {
            let _turn = stacks.inner.changing.lock().await;
            if let Err(error) = stacks.raze(&mut stack, &kept).await {
                tracing::warn!(stack = stack.name, %error, "a stack could not be deleted");
            }
        });
        Ok(())
    }

    /// Sets whether a stack can be deleted.
    ///
    /// # Errors
    /// [`StackError::NotFound`].
    pub async fn protect(&self, name: &str, protected: bool) -> Result<String, StackError> {
        let _turn = self.inner.beginning.lock().await;
        let mut stack = StackRecord::clone(&*self.get(name)?);
        stack.options.termination_protection = protected;
        self.save(&stack).await?;
        Ok(stack.id)
    }

    /// A stack that may be changed now.
    pub(super) fn changeable(&self, name: &str) -> Result<Arc<StackRecord>, StackError> {
        let stack = self.get(name)?;
        if let Some(app) = &stack.app {
            return Err(StackError::State(format!(
                "Stack [{name}] belongs to the app {app}: ebb deploy changes it"
            )));
        }
        let fit = [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_FAILED",
            "IMPORT_COMPLETE",
        ];
        if fit.contains(&stack.status.as_str()) {
            return Ok(stack);
        }
        let message = format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status);
        Err(StackError::State(message))
    }

    /// The template, read and checked, where the caller acknowledged what it does.
    pub(super) fn checked(
        &self,
        stack: &StackRecord,
        input: &StackInput,
        options: &StackOptions,
    ) -> Result<Prepared, StackError> {
        let prepared = Prepared::new(input, self.pseudo(&stack.name, &stack.id), &self.elsewhere())?;
        let has = |name: &str| options.capabilities.iter().any(|own| own == name);
        match prepared.capability() {
            Some("CAPABILITY_IAM") if has("CAPABILITY_IAM") || has("CAPABILITY_NAMED_IAM") => Ok(prepared),
            Some(needed) if !has(needed) => Err(StackError::Capabilities(needed.to_owned())),
            _ => Ok(prepared),
        }
    }

    /// Whether a stack already is what a template says.
    pub(super) fn is_same(
        &self,
        stack: &StackRecord,
        prepared: &Prepared,
        options: &StackOptions,
    ) -> Result<bool, StackError> {
        let elsewhere = self.elsewhere();
        let steps = prepared.steps(&stack.resources, &elsewhere)?;
        if steps.iter().any(|step| step.kind != StepKind::Keep) || options.tags != stack.options.tags {
            return Ok(false);
        }
        Ok(prepared.outputs(&stack.resources, &elsewhere)? == stack.outputs)
    }

    /// Journals the beginning of a change, and lets it run.
    pub(super) async fn begin(
        &self,
        mut stack: StackRecord,
        prepared: &Prepared,
        input: StackInput,
        options: StackOptions,
        verb: &'static str,
    ) -> Result<String, StackError> {
        stack.options = options;
        stack.parameters = prepared.shown_parameters();
        stack.description = prepared.description();
        if verb == "CREATE" {
            // What it would be is kept, so that it can be shown while it is made.
            stack.input = StackInput { packages: BTreeMap::new(), ..input.clone() };
        }
        self.status(&mut stack, &format!("{verb}_IN_PROGRESS"), Some("User Initiated"));
        self.save(&stack).await?;
        let (stacks, id) = (self.clone(), stack.id.clone());
        self.inner.running.spawn(async move {
            let _turn = stacks.inner.changing.lock().await;
            // Other stacks may have changed what it imports, while it waited for its turn.
            let prepared = Prepared::new(&input, stacks.pseudo(&stack.name, &stack.id), &stacks.elsewhere());
            let done = match prepared {
                Ok(prepared) => stacks.change(&mut stack, &prepared, input, verb).await,
                Err(error) => stacks.roll_back(&mut stack, verb, &error.to_string()).await.and(Err(error)),
            };
            if let Err(error) = done {
                tracing::info!(stack = stack.name, %error, "a change of a stack failed");
            }
        });
        Ok(id)
    }
}
