//! Changing stacks: one step after the other, each journalled, all undone where one fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::RequestId;
use serde_json::Value as Json;

use super::prepare::{Prepared, differences};
use super::provide::{self, Change, Wanted};
use super::record::{self, MadeResource, StackEvent, StackRecord, Undo};
use super::{ResourceStep, StackError, StackInput, Stacks, names};
use crate::template::{Pseudo, Resource};

impl Stacks {
    /// What a change would do, without doing it.
    pub(crate) fn plan(&self, name: &str, input: &StackInput) -> Result<Vec<ResourceStep>, StackError> {
        let before = self.get(name).ok();
        let exports = self.exports();
        let id = before.as_ref().map_or_else(|| self.new_id(name), |stack| stack.id.clone());
        let prepared = Prepared::new(input, self.pseudo(name, &id), &exports)?;
        let nothing = BTreeMap::new();
        prepared.steps(before.as_ref().map_or(&nothing, |stack| &stack.resources), &exports)
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
        let exports = self.exports();
        let id = before.as_ref().map_or_else(|| self.new_id(name), |stack| stack.id.clone());
        let prepared = Prepared::new(&input, self.pseudo(name, &id), &exports)?;
        let mut stack = match &before {
            Some(before) => StackRecord::clone(before),
            None => self.fresh(name, id, app),
        };
        let verb = if before.is_some() { "UPDATE" } else { "CREATE" };
        self.status(&mut stack, &format!("{verb}_IN_PROGRESS"), None);
        self.save(&stack).await?;
        match self.converge(&mut stack, &prepared, &input, &exports).await {
            Ok(()) => {
                self.end(&mut stack, &prepared, input, verb).await?;
                Ok(Arc::new(stack))
            }
            Err(error) => {
                self.roll_back(&mut stack, verb, &error.to_string()).await?;
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
        let all: Vec<String> = stack.resources.keys().cloned().collect();
        self.remove(&mut stack, all).await?;
        record::delete(&self.inner.store, name).await?;
        self.publish(name, None);
        Ok(())
    }

    /// Undoes what the last run of the server did not end.
    pub(super) async fn resume(&self) {
        let _turn = self.inner.changing.lock().await;
        for stack in self.list().into_iter().filter(|stack| stack.is_busy()) {
            let mut stack = StackRecord::clone(&stack);
            tracing::info!(stack = stack.name, "undoing a change that was cut off");
            let verb = stack.status.split('_').next().unwrap_or_default().to_owned();
            let result = if verb == "DELETE" {
                let all: Vec<String> = stack.resources.keys().cloned().collect();
                self.remove(&mut stack, all).await
            } else {
                self.roll_back(&mut stack, &verb, "the server was stopped during the change").await
            };
            if let Err(error) = result {
                tracing::error!(stack = stack.name, %error, "a change could not be undone");
            } else if verb == "DELETE" {
                if let Err(error) = record::delete(&self.inner.store, &stack.name).await {
                    tracing::error!(stack = stack.name, %error, "a stack could not be deleted");
                }
                self.publish(&stack.name, None);
            }
        }
    }

    async fn converge(
        &self,
        stack: &mut StackRecord,
        prepared: &Prepared,
        input: &StackInput,
        exports: &BTreeMap<String, String>,
    ) -> Result<(), StackError> {
        for (order, logical) in prepared.order.iter().enumerate() {
            let Some(resource) = prepared.resource(logical) else { continue };
            let properties = prepared.properties(resource, &stack.resources, exports, false)?;
            self.step(stack, prepared, Step { resource, properties, order, input }).await?;
        }
        stack.outputs = prepared.outputs(&stack.resources, exports)?;
        let own: Vec<&String> = stack.outputs.iter().filter_map(|output| output.export.as_ref()).collect();
        for other in self.list().iter().filter(|other| other.name != stack.name) {
            let taken = other.outputs.iter().filter_map(|output| output.export.as_ref());
            if let Some(taken) = taken.into_iter().find(|export| own.contains(export)) {
                let message = format!("Export with name {taken} is already exported by stack {}", other.name);
                return Err(StackError::State(message));
            }
        }
        Ok(())
    }

    /// Makes one resource what it shall be.
    async fn step(
        &self,
        stack: &mut StackRecord,
        prepared: &Prepared,
        step: Step<'_>,
    ) -> Result<(), StackError> {
        let logical = step.resource.logical.clone();
        let kind = step.resource.kind.clone();
        let before = stack.resources.get(&logical).cloned();
        let app = stack.app.clone();
        let wanted = Wanted {
            logical: &logical,
            kind: &kind,
            properties: &step.properties,
            name: names::physical(&stack.name, &logical, &kind),
            app: app.as_deref(),
            packages: &step.input.packages,
            environment: &step.input.environment,
        };
        if let Some(before) = &before
            && before.kind == kind
        {
            let code_changed = provide::has_code(&kind)
                && stack.input.packages.get(&logical) != step.input.packages.get(&logical);
            let environment_changed =
                kind == "AWS::Lambda::Function" && stack.input.environment != step.input.environment;
            if before.properties == step.properties && !code_changed && !environment_changed {
                let made = MadeResource { order: step.order, ..before.clone() };
                stack.resources.insert(logical, made);
                return Ok(());
            }
            stack.undo.push(Undo::Restore { logical: logical.clone(), before: before.clone() });
            self.event(stack, &logical, &before.physical, &kind, ("UPDATE_IN_PROGRESS", None));
            self.save(stack).await?;
            match provide::update(&self.inner, before, &wanted).await {
                Ok(Change::Done(made)) => {
                    self.event(stack, &logical, &made.physical, &kind, ("UPDATE_COMPLETE", None));
                    let made = self.made(&step, made);
                    stack.resources.insert(logical, made);
                    return self.save(stack).await;
                }
                Ok(Change::Replace) => {
                    stack.undo.pop();
                    stack.undo.push(Undo::Reinstate { logical: logical.clone(), before: before.clone() });
                }
                Err(message) => {
                    self.event(stack, &logical, &before.physical, &kind, ("UPDATE_FAILED", Some(&message)));
                    return Err(prepared.failed("updating", &logical, message));
                }
            }
        } else if let Some(before) = before {
            stack.undo.push(Undo::Reinstate { logical: logical.clone(), before });
        }
        // What a crash leaves behind is found by the name that it was going to have.
        let intended = provide::intended(&wanted);
        stack.undo.push(Undo::Delete { logical: logical.clone(), made: self.made(&step, intended) });
        self.event(stack, &logical, "", &kind, ("CREATE_IN_PROGRESS", None));
        self.save(stack).await?;
        match provide::create(&self.inner, &wanted).await {
            Ok(made) => {
                let made = self.made(&step, made);
                stack.undo.pop();
                stack.undo.push(Undo::Delete { logical: logical.clone(), made: made.clone() });
                self.event(stack, &logical, &made.physical, &kind, ("CREATE_COMPLETE", None));
                stack.resources.insert(logical, made);
                self.save(stack).await
            }
            Err(message) => {
                // It was never made: what has its name is somebody else's.
                stack.undo.pop();
                self.event(stack, &logical, "", &kind, ("CREATE_FAILED", Some(&message)));
                Err(prepared.failed("creating", &logical, message))
            }
        }
    }

    fn made(&self, step: &Step<'_>, made: provide::Made) -> MadeResource {
        MadeResource {
            kind: step.resource.kind.clone(),
            physical: made.physical,
            attributes: made.attributes,
            properties: step.properties.clone(),
            retained: step.resource.retained,
            order: step.order,
            updated: self.inner.clock.now(),
        }
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
        stack.updated = (verb == "UPDATE").then(|| self.inner.clock.now());
        self.status(stack, &format!("{verb}_COMPLETE"), None);
        let gone: Vec<String> =
            stack.resources.keys().filter(|logical| !prepared.order.contains(logical)).cloned().collect();
        self.save(stack).await?;
        for (logical, before) in replaced.into_iter().rev() {
            if let Err(message) = provide::delete(&self.inner, &before).await {
                tracing::warn!(
                    stack = stack.name,
                    logical,
                    message,
                    "a replaced resource could not be deleted"
                );
            }
        }
        self.remove(stack, gone).await?;
        self.save(stack).await
    }

    /// Deletes resources, each before those that it needs. What cannot be deleted is told of and forgotten.
    async fn remove(&self, stack: &mut StackRecord, logicals: Vec<String>) -> Result<(), StackError> {
        let mut gone: Vec<(String, MadeResource)> = logicals
            .into_iter()
            .filter_map(|logical| stack.resources.get(&logical).cloned().map(|made| (logical, made)))
            .collect();
        gone.sort_by_key(|(_, made)| std::cmp::Reverse(made.order));
        for (logical, made) in gone {
            if !made.retained
                && let Err(message) = provide::delete(&self.inner, &made).await
            {
                self.event(stack, &logical, &made.physical, &made.kind, ("DELETE_FAILED", Some(&message)));
                self.status(stack, "DELETE_FAILED", Some(&message));
                self.save(stack).await?;
                return Err(StackError::State(format!("deleting {logical} ({}): {message}", made.kind)));
            }
            stack.resources.remove(&logical);
            self.event(stack, &logical, &made.physical, &made.kind, ("DELETE_COMPLETE", None));
            self.save(stack).await?;
        }
        Ok(())
    }

    /// Undoes the steps of a change, the last first. What cannot be undone is logged: the caller hears of the change.
    async fn roll_back(&self, stack: &mut StackRecord, verb: &str, reason: &str) -> Result<(), StackError> {
        while let Some(undo) = stack.undo.last().cloned() {
            let (logical, result) = match undo {
                Undo::Delete { logical, made } => {
                    let result = provide::delete(&self.inner, &made).await;
                    stack.resources.remove(&logical);
                    (logical, result)
                }
                Undo::Restore { logical, before } => {
                    let result = self.restore(stack, &logical, &before).await;
                    stack.resources.insert(logical.clone(), before);
                    (logical, result)
                }
                Undo::Reinstate { logical, before } => {
                    stack.resources.insert(logical.clone(), before);
                    (logical, Ok(()))
                }
            };
            if let Err(message) = result {
                tracing::error!(stack = stack.name, logical, message, "a step could not be undone");
            }
            stack.undo.pop();
            self.save(stack).await?;
        }
        if verb == "CREATE" {
            record::delete(&self.inner.store, &stack.name).await?;
            self.publish(&stack.name, None);
            return Ok(());
        }
        self.status(stack, "UPDATE_ROLLBACK_COMPLETE", Some(reason));
        self.save(stack).await
    }

    async fn restore(&self, stack: &StackRecord, logical: &str, before: &MadeResource) -> Result<(), String> {
        let wanted = Wanted {
            logical,
            kind: &before.kind,
            properties: &before.properties,
            name: before.physical.clone(),
            app: stack.app.as_deref(),
            packages: &stack.input.packages,
            environment: &stack.input.environment,
        };
        provide::update(&self.inner, before, &wanted).await.map(drop)
    }

    fn fresh(&self, name: &str, id: String, app: Option<&str>) -> StackRecord {
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
        }
    }

    fn new_id(&self, name: &str) -> String {
        let catalog = &self.inner.services.catalog;
        let (region, account) = (catalog.region(), catalog.account());
        format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{}", RequestId::random())
    }

    fn pseudo(&self, name: &str, id: &str) -> Pseudo {
        let catalog = &self.inner.services.catalog;
        Pseudo {
            account: catalog.account().to_string(),
            region: catalog.region().to_string(),
            stack_name: name.to_owned(),
            stack_id: id.to_owned(),
        }
    }

    /// The exports of all stacks.
    fn exports(&self) -> BTreeMap<String, String> {
        let stacks = self.list();
        let outputs = stacks.iter().flat_map(|stack| stack.outputs.iter());
        outputs.filter_map(|output| Some((output.export.clone()?, output.value.clone()))).collect()
    }

    fn status(&self, stack: &mut StackRecord, status: &str, reason: Option<&str>) {
        status.clone_into(&mut stack.status);
        stack.reason = reason.map(str::to_owned);
        let (name, id) = (stack.name.clone(), stack.id.clone());
        self.event(stack, &name, &id, "AWS::CloudFormation::Stack", (status, reason));
    }

    fn event(
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

    async fn save(&self, stack: &StackRecord) -> Result<(), StackError> {
        record::save(&self.inner.store, stack).await?;
        self.publish(&stack.name, Some(Arc::new(stack.clone())));
        Ok(())
    }

    fn publish(&self, name: &str, stack: Option<Arc<StackRecord>>) {
        // Changes take turns, so nobody else publishes between these two lines.
        let mut live = std::collections::HashMap::clone(&self.inner.live.load());
        match stack {
            Some(stack) => live.insert(name.to_owned(), stack),
            None => live.remove(name),
        };
        self.inner.live.store(Arc::new(live));
    }
}

/// One resource, and what it shall be.
struct Step<'a> {
    resource: &'a Resource,
    properties: Json,
    order: usize,
    input: &'a StackInput,
}

/// Properties that an update changed.
pub(super) fn changed(before: &MadeResource, wanted: &Wanted<'_>) -> Vec<String> {
    differences(&before.properties, wanted.properties)
}
