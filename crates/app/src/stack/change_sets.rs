//! Change sets: changes that are worked out first and carried out when somebody says so.

use ebb_model::RequestId;

use super::manage::Given;
use super::prepare::Prepared;
use super::provide;
use super::record::{ChangeSet, ResourceChange, StackRecord};
use super::{ResourceStep, StackError, Stacks};
use crate::apps::StepKind;

/// What a change set says that would change nothing.
const NOTHING: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

impl Stacks {
    /// Works a change out. `creates` says that the stack is not there yet.
    ///
    /// # Errors
    /// As [`Stacks::begin_create`] and [`Stacks::begin_update`]; a change that changes nothing is one that failed.
    pub async fn create_change_set(
        &self,
        stack_name: &str,
        name: &str,
        (creates, description): (bool, Option<String>),
        given: Given,
    ) -> Result<ChangeSet, StackError> {
        let _turn = self.inner.beginning.lock().await;
        let before = self.get(stack_name).ok();
        let mut stack = match (creates, &before) {
            (true, Some(before)) if !before.is_planned() => {
                let message = format!(
                    "Stack [{stack_name}] already exists and cannot be created again with the changeSet [{name}]."
                );
                return Err(StackError::State(message));
            }
            (true, Some(before)) => StackRecord::clone(before),
            (true, None) => {
                let mut stack = self.fresh(stack_name, self.new_id(stack_name), None);
                stack.managed = true;
                self.status(&mut stack, "REVIEW_IN_PROGRESS", Some("User Initiated"));
                stack
            }
            (false, _) => StackRecord::clone(&*self.changeable(stack_name)?),
        };
        if stack.change_sets.iter().any(|own| own.name == name) {
            return Err(StackError::Exists(format!("ChangeSet {name} of stack {stack_name}")));
        }
        let existing = (!creates).then_some(&stack);
        let (input, options) = (given.input(existing)?, given.options(existing));
        let prepared = self.checked(&stack, &input, &options)?;
        let same = !creates && self.is_same(&stack, &prepared, &options)?;
        let catalog = &self.inner.services.catalog;
        let (region, account) = (catalog.region(), catalog.account());
        let set = ChangeSet {
            name: name.to_owned(),
            id: format!("arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{}", RequestId::random()),
            description,
            creates,
            status: if same { "FAILED" } else { "CREATE_COMPLETE" }.to_owned(),
            reason: same.then(|| NOTHING.to_owned()),
            execution: if same { "UNAVAILABLE" } else { "AVAILABLE" }.to_owned(),
            parameters: prepared.shown_parameters(),
            changes: self.changes(&stack, &prepared)?,
            input,
            options,
            created: self.inner.clock.now(),
        };
        stack.change_sets.push(set.clone());
        self.save(&stack).await?;
        Ok(set)
    }

    /// A change set by name, or by its id alone, with its stack.
    ///
    /// # Errors
    /// [`StackError::NotFound`], [`StackError::NoChangeSet`].
    pub fn change_set(
        &self,
        stack: Option<&str>,
        name: &str,
    ) -> Result<(std::sync::Arc<StackRecord>, ChangeSet), StackError> {
        let fits = |own: &&ChangeSet| own.name == name || own.id == name;
        let of = |stack: std::sync::Arc<StackRecord>| {
            let found = stack.change_sets.iter().find(fits).cloned();
            found.map(|set| (stack, set))
        };
        let found = match stack {
            Some(stack) => of(self.get(stack)?),
            None => self.list().into_iter().find_map(of),
        };
        found.ok_or_else(|| StackError::NoChangeSet(name.to_owned()))
    }

    /// Deletes a change set; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// [`StackError::NotFound`] for the stack.
    pub async fn delete_change_set(&self, stack: Option<&str>, name: &str) -> Result<(), StackError> {
        let _turn = self.inner.beginning.lock().await;
        let (stack, set) = match self.change_set(stack, name) {
            Err(StackError::NoChangeSet(_)) => return Ok(()),
            found => found?,
        };
        let mut stack = StackRecord::clone(&stack);
        stack.change_sets.retain(|own| own.id != set.id);
        self.save(&stack).await
    }

    /// Carries a change set out. The others of the stack are gone then.
    ///
    /// # Errors
    /// [`StackError::NoChangeSet`], [`StackError::State`].
    pub async fn execute_change_set(
        &self,
        stack: Option<&str>,
        name: &str,
        keep_failed: bool,
    ) -> Result<(), StackError> {
        let _turn = self.inner.beginning.lock().await;
        let (stack, set) = self.change_set(stack, name)?;
        if set.execution != "AVAILABLE" {
            let message = format!(
                "ChangeSet [{}] cannot be executed in its current execution status of [{}]",
                set.id, set.execution
            );
            return Err(StackError::State(message));
        }
        if !set.creates {
            self.changeable(&stack.name)?;
        }
        let mut stack = StackRecord::clone(&stack);
        let done = ChangeSet { execution: "EXECUTE_COMPLETE".to_owned(), ..set.clone() };
        stack.change_sets = vec![done];
        let mut options = set.options;
        if keep_failed {
            options.on_failure = super::OnFailure::DoNothing;
        }
        let prepared = self.checked(&stack, &set.input, &options)?;
        let verb = if set.creates { "CREATE" } else { "UPDATE" };
        self.begin(stack, &prepared, set.input, options, verb).await.map(drop)
    }

    fn changes(&self, stack: &StackRecord, prepared: &Prepared) -> Result<Vec<ResourceChange>, StackError> {
        let steps = prepared.steps(&stack.resources, &self.elsewhere())?;
        let change = |step: ResourceStep| {
            let action = match step.kind {
                StepKind::Create => "Add",
                StepKind::Update => "Modify",
                StepKind::Delete => "Remove",
                StepKind::Keep => return None,
            };
            let replaces = step.kind == StepKind::Update && provide::replaces(&step.resource, &step.changed);
            Some(ResourceChange {
                physical: stack.resources.get(&step.logical).map(|made| made.physical.clone()),
                logical: step.logical,
                kind: step.resource,
                action: action.to_owned(),
                replaces,
                changed: step.changed,
            })
        };
        Ok(steps.into_iter().filter_map(change).collect())
    }
}
