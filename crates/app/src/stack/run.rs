//! Changing stacks: one step after the other, each journalled, all undone where one fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::RequestId;

use super::prepare::{Prepared, differences};
use super::provide::{self, Owner, Wanted};
use super::record::{self, MadeResource, StackEvent, StackOptions, StackRecord, Undo};
use super::world::Elsewhere;
use super::{ResourceStep, StackError, StackInput, Stacks};
use crate::template::Pseudo;

impl Stacks {
    /// What a change would do, without doing it.
    pub(crate) fn plan(&self, name: &str, input: &StackInput) -> Result<Vec<ResourceStep>, StackError> {
        let before = self.get(name).ok();
        let elsewhere = self.elsewhere();
        let id = before.as_ref().map_or_else(|| self.new_id(name), |stack| stack.id.clone());
        let prepared = Prepared::new(input, self.pseudo(name, &id), &elsewhere)?;
        let nothing = BTreeMap::new();
        prepared.steps(before.as_ref().map_or(&nothing, |stack| &stack.resources), &elsewhere)
    }

    /// The resources that a template has and ebb does not, with their types, where those are left out.
    pub(crate) fn skipped(&self, name: &str, input: &StackInput) -> Vec<(String, String)> {
        let prepared = Prepared::new(input, self.pseudo(name, ""), &self.elsewhere());
        prepared.map(|prepared| prepared.skipped).unwrap_or_default()
    }

    /// The runtimes that the functions of a template name.
    pub(crate) fn runtimes(&self, name: &str, input: &StackInput) -> Vec<String> {
        let elsewhere = self.elsewhere();
        let Ok(prepared) = Prepared::new(input, self.pseudo(name, ""), &elsewhere) else { return Vec::new() };
        let functions = prepared.order.iter().filter_map(|logical| prepared.resource(logical));
        let functions = functions.filter(|resource| resource.kind == provide::FUNCTION);
        let of = |resource| {
            let properties = prepared.properties(resource, &BTreeMap::new(), &elsewhere, true).ok()?;
            Some(properties.get("Runtime")?.as_str()?.to_owned())
        };
        functions.filter_map(of).collect()
    }

    /// Makes a stack what `input` says, whole or not at all. Cut off, it is undone at the next start.
    pub(crate) async fn apply(
        &self,
        name: &str,
        input: StackInput,
        app: Option<&str>,
    ) -> Result<Arc<StackRecord>, StackError> {
        let _turn = self.inner.changing.lock().await;
        let before = self.get(name).ok();
        if before.as_ref().is_some_and(|stack| stack.is_busy()) {
            return Err(StackError::State(format!("a change of stack {name} runs already")));
        }
        if before.as_ref().is_some_and(|stack| stack.managed) {
            let message = format!("stack {name} was not made by a deploy: CloudFormation calls made it");
            return Err(StackError::State(message));
        }
        let id = before.as_ref().map_or_else(|| self.new_id(name), |stack| stack.id.clone());
        let prepared = Prepared::new(&input, self.pseudo(name, &id), &self.elsewhere())?;
        let mut stack = match &before {
            Some(before) => StackRecord::clone(before),
            None => self.fresh(name, id, app),
        };
        let verb = if before.is_some() { "UPDATE" } else { "CREATE" };
        self.status(&mut stack, &format!("{verb}_IN_PROGRESS"), None);
        self.save(&stack).await?;
        self.change(&mut stack, &prepared, input, verb).await?;
        Ok(Arc::new(stack))
    }

    /// Carries a change out that is journalled as begun. The caller holds the turn.
    pub(super) async fn change(
        &self,
        stack: &mut StackRecord,
        prepared: &Prepared,
        input: StackInput,
        verb: &str,
    ) -> Result<(), StackError> {
        match self.converge(stack, prepared, &input).await {
            Ok(()) => self.end(stack, prepared, input, verb).await,
            Err(error) => {
                self.roll_back(stack, verb, &reason(&error, verb)).await?;
                Err(error)
            }
        }
    }

    /// Deletes a stack with its resources.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), StackError> {
        let _turn = self.inner.changing.lock().await;
        let mut stack = StackRecord::clone(&*self.get(name)?);
        self.status(&mut stack, "DELETE_IN_PROGRESS", None);
        self.save(&stack).await?;
        self.raze(&mut stack, &[]).await
    }

    /// Deletes all resources of a stack but `kept`, and the stack. The caller holds the turn.
    pub(super) async fn raze(&self, stack: &mut StackRecord, kept: &[String]) -> Result<(), StackError> {
        for logical in kept {
            stack.resources.remove(logical);
        }
        let all: Vec<String> = stack.resources.keys().cloned().collect();
        if let Err(error) = self.remove(stack, all).await {
            let message = error.to_string();
            self.status(stack, "DELETE_FAILED", Some(&message));
            self.save(stack).await?;
            return Err(error);
        }
        self.forget(stack).await
    }

    /// The stack is no more; one that is managed by calls is remembered.
    pub(super) async fn forget(&self, stack: &mut StackRecord) -> Result<(), StackError> {
        if stack.managed {
            self.status(stack, "DELETE_COMPLETE", None);
            stack.deleted = Some(self.inner.clock.now());
            record::bury(&self.inner.store, stack).await?;
        } else {
            record::delete(&self.inner.store, &stack.name).await?;
        }
        self.publish(&stack.name, None);
        Ok(())
    }

    /// The change is done: what is no longer wanted is deleted.
    async fn end(
        &self,
        stack: &mut StackRecord,
        prepared: &Prepared,
        input: StackInput,
        verb: &str,
    ) -> Result<(), StackError> {
        let replaced: Vec<(String, MadeResource)> = stack
            .undo
            .drain(..)
            .filter_map(|undo| match undo {
                Undo::Reinstate { logical, before } => Some((logical, before)),
                Undo::Delete { .. } | Undo::Restore { .. } => None,
            })
            .collect();
        stack.input = input;
        stack.description = prepared.description();
        stack.parameters = prepared.shown_parameters();
        if verb == "UPDATE" {
            stack.updated = Some(self.inner.clock.now());
            self.status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        }
        self.status(stack, &format!("{verb}_COMPLETE"), None);
        let gone: Vec<String> =
            stack.resources.keys().filter(|logical| !prepared.order.contains(logical)).cloned().collect();
        self.save(stack).await?;
        for (logical, before) in replaced.into_iter().rev() {
            if let Err(message) = provide::delete(self, &Owner::of(stack), &logical, &before).await {
                tracing::warn!(
                    stack = stack.name,
                    logical,
                    message,
                    "a replaced resource could not be deleted"
                );
            }
        }
        if let Err(error) = self.remove(stack, gone).await {
            // The stack is what it shall be all the same.
            tracing::warn!(stack = stack.name, %error, "a resource that is no longer wanted was left behind");
        }
        self.save(stack).await
    }

    pub(super) fn fresh(&self, name: &str, id: String, app: Option<&str>) -> StackRecord {
        StackRecord {
            name: name.to_owned(),
            id,
            app: app.map(str::to_owned),
            status: String::new(),
            reason: None,
            input: StackInput::default(),
            resources: BTreeMap::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            created: self.inner.clock.now(),
            updated: None,
            undo: Vec::new(),
            managed: false,
            description: None,
            parameters: BTreeMap::new(),
            options: StackOptions::default(),
            change_sets: Vec::new(),
            deleted: None,
            parent: None,
        }
    }

    pub(super) fn new_id(&self, name: &str) -> String {
        let catalog = &self.inner.services.catalog;
        let (region, account) = (catalog.region(), catalog.account());
        format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{}", RequestId::random())
    }

    pub(super) fn pseudo(&self, name: &str, id: &str) -> Pseudo {
        let catalog = &self.inner.services.catalog;
        Pseudo {
            account: catalog.account().to_string(),
            region: catalog.region().to_string(),
            stack_name: name.to_owned(),
            stack_id: id.to_owned(),
        }
    }

    /// What templates may refer to besides their own resources.
    pub(super) fn elsewhere(&self) -> Elsewhere {
        let stacks = self.list();
        let outputs = stacks.iter().flat_map(|stack| stack.outputs.iter());
        let exports = outputs.filter_map(|output| Some((output.export.clone()?, output.value.clone())));
        Elsewhere { exports: exports.collect(), parameters: self.inner.services.parameters.all() }
    }

    pub(super) fn status(&self, stack: &mut StackRecord, status: &str, reason: Option<&str>) {
        status.clone_into(&mut stack.status);
        stack.reason = reason.map(str::to_owned);
        let (name, id) = (stack.name.clone(), stack.id.clone());
        self.event(stack, &name, &id, "AWS::CloudFormation::Stack", (status, reason));
    }

    pub(super) fn event(
        &self,
        stack: &mut StackRecord,
        logical: &str,
        physical: &str,
        kind: &str,
        (status, reason): (&str, Option<&str>),
    ) {
        stack.note(StackEvent {
            id: RequestId::random().to_string(),
            at: self.inner.clock.now(),
            logical: logical.to_owned(),
            physical: physical.to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
        });
    }

    pub(super) async fn save(&self, stack: &StackRecord) -> Result<(), StackError> {
        record::save(&self.inner.store, stack).await?;
        self.publish(&stack.name, Some(&Arc::new(stack.clone())));
        Ok(())
    }

    fn publish(&self, name: &str, stack: Option<&Arc<StackRecord>>) {
        self.inner.live.rcu(|live| {
            let mut live = std::collections::HashMap::clone(live);
            match stack {
                Some(stack) => live.insert(name.to_owned(), Arc::clone(stack)),
                None => live.remove(name),
            };
            live
        });
    }
}

/// Why a change is undone, in the words of the service where a resource failed.
fn reason(error: &StackError, verb: &str) -> String {
    match error {
        StackError::Resource { logical, .. } => {
            let what = if verb == "CREATE" { "create" } else { "update" };
            let asked = if verb == "CREATE" { " Rollback requested by user." } else { "" };
            format!("The following resource(s) failed to {what}: [{logical}].{asked}")
        }
        other => other.to_string(),
    }
}

/// Properties that an update changed.
pub(super) fn changed(before: &MadeResource, wanted: &Wanted<'_>) -> Vec<String> {
    differences(&before.properties, wanted.properties)
}
