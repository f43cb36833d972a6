//! Changing stacks: one step after the other, each journalled, all undone where one fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::RequestId;
use serde_json::Value as Json;

use super::prepare::{Prepared, differences};
use super::provide::{self, Change, Wanted};
use super::record::{self, MadeResource, OnFailure, StackEvent, StackOptions, StackRecord, Undo};
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

    /// The resources that a template has and ebb does not, with their types, where those are left out.
    pub(crate) fn skipped(&self, name: &str, input: &StackInput) -> Vec<(String, String)> {
        let prepared = Prepared::new(input, self.pseudo(name, ""), &self.exports());
        prepared.map(|prepared| prepared.skipped).unwrap_or_default()
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
        let prepared = Prepared::new(&input, self.pseudo(name, &id), &self.exports())?;
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
        match self.converge(stack, prepared, &input, &self.exports()).await {
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
    async fn forget(&self, stack: &mut StackRecord) -> Result<(), StackError> {
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

    /// Undoes what the last run of the server did not end.
    pub(super) async fn resume(&self) {
        let _turn = self.inner.changing.lock().await;
        for stack in self.list().into_iter().filter(|stack| stack.is_busy()) {
            let mut stack = StackRecord::clone(&stack);
            tracing::info!(stack = stack.name, "undoing a change that was cut off");
            let result = match stack.status.split('_').next() {
                Some("DELETE") => self.raze(&mut stack, &[]).await,
                first => {
                    let verb = if first == Some("UPDATE") { "UPDATE" } else { "CREATE" };
                    self.roll_back(&mut stack, verb, "the server was stopped during the change").await
                }
            };
            if let Err(error) = result {
                tracing::error!(stack = stack.name, %error, "a change could not be undone");
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
            if let Err(message) = provide::delete(&self.inner, &before).await {
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

    /// Deletes resources, each before those that it needs.
    async fn remove(&self, stack: &mut StackRecord, logicals: Vec<String>) -> Result<(), StackError> {
        let mut gone: Vec<(String, MadeResource)> = logicals
            .into_iter()
            .filter_map(|logical| stack.resources.get(&logical).cloned().map(|made| (logical, made)))
            .collect();
        gone.sort_by_key(|(_, made)| std::cmp::Reverse(made.order));
        for (logical, made) in gone {
            // Layers of an app serve its own functions; a serverless template keeps old versions unless it says otherwise.
            let of_app = stack.app.is_some() && made.kind == "AWS::Lambda::LayerVersion";
            let made = MadeResource { retained: made.retained && !of_app, ..made };
            let status = if made.retained { "DELETE_SKIPPED" } else { "DELETE_COMPLETE" };
            if !made.retained {
                self.event(stack, &logical, &made.physical, &made.kind, ("DELETE_IN_PROGRESS", None));
            }
            if !made.retained
                && let Err(message) = provide::delete(&self.inner, &made).await
            {
                self.event(stack, &logical, &made.physical, &made.kind, ("DELETE_FAILED", Some(&message)));
                self.save(stack).await?;
                return Err(StackError::State(format!("deleting {logical} ({}): {message}", made.kind)));
            }
            stack.resources.remove(&logical);
            self.event(stack, &logical, &made.physical, &made.kind, (status, None));
            self.save(stack).await?;
        }
        Ok(())
    }

    /// Undoes the steps of a change, the last first. What cannot be undone is logged: the caller hears of the change.
    pub(super) async fn roll_back(
        &self,
        stack: &mut StackRecord,
        verb: &str,
        reason: &str,
    ) -> Result<(), StackError> {
        if stack.managed && stack.options.on_failure == OnFailure::DoNothing {
            stack.undo.clear();
            self.status(stack, &format!("{verb}_FAILED"), Some(reason));
            return self.save(stack).await;
        }
        let rollback = if verb == "CREATE" { "ROLLBACK" } else { "UPDATE_ROLLBACK" };
        self.status(stack, &format!("{rollback}_IN_PROGRESS"), Some(reason));
        self.save(stack).await?;
        while let Some(undo) = stack.undo.last().cloned() {
            let (logical, result) = match undo {
                Undo::Delete { logical, made } => {
                    let result = provide::delete(&self.inner, &made).await;
                    stack.resources.remove(&logical);
                    self.event(stack, &logical, &made.physical, &made.kind, ("DELETE_COMPLETE", None));
                    (logical, result)
                }
                Undo::Restore { logical, before } => {
                    let result = self.restore(stack, &logical, &before).await;
                    self.event(stack, &logical, &before.physical, &before.kind, ("UPDATE_COMPLETE", None));
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
        if verb == "CREATE" && (!stack.managed || stack.options.on_failure == OnFailure::Delete) {
            return self.forget(stack).await;
        }
        if verb == "UPDATE" {
            let status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS";
            self.status(stack, status, None);
        }
        self.status(stack, &format!("{rollback}_COMPLETE"), None);
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

    /// The exports of all stacks.
    pub(super) fn exports(&self) -> BTreeMap<String, String> {
        let stacks = self.list();
        let outputs = stacks.iter().flat_map(|stack| stack.outputs.iter());
        outputs.filter_map(|output| Some((output.export.clone()?, output.value.clone()))).collect()
    }

    pub(super) fn status(&self, stack: &mut StackRecord, status: &str, reason: Option<&str>) {
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
