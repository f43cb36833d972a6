//! The steps of a change: each resource of a template is made what it shall be, journalled before and after.

use serde_json::Value as Json;

use super::prepare::Prepared;
use super::provide::{self, Change, Made, Owner, Wanted};
use super::record::{MadeResource, StackRecord, Undo};
use super::{StackError, StackInput, Stacks, names};
use crate::template::Resource;

/// One resource, and what it shall be.
struct Step<'a> {
    prepared: &'a Prepared,
    resource: &'a Resource,
    properties: Json,
    order: usize,
    input: &'a StackInput,
}

impl Stacks {
    /// Makes all resources of a stack what its template says.
    pub(super) async fn converge(
        &self,
        stack: &mut StackRecord,
        prepared: &Prepared,
        input: &StackInput,
    ) -> Result<(), StackError> {
        for (order, logical) in prepared.order.iter().enumerate() {
            let Some(resource) = prepared.resource(logical) else { continue };
            // Parameters that the steps before have set count.
            let properties = prepared.properties(resource, &stack.resources, &self.elsewhere(), false)?;
            self.step(stack, Step { prepared, resource, properties, order, input }).await?;
        }
        stack.outputs = prepared.outputs(&stack.resources, &self.elsewhere())?;
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
    async fn step(&self, stack: &mut StackRecord, step: Step<'_>) -> Result<(), StackError> {
        let logical = step.resource.logical.clone();
        let kind = step.resource.kind.clone();
        let owner = Owner::of(stack);
        let wanted = Wanted {
            logical: &logical,
            kind: &kind,
            properties: &step.properties,
            name: names::physical(&stack.name, &logical, &kind),
            owner: &owner,
            packages: &step.input.packages,
            environment: &step.input.environment,
            inspect: step.input.inspect.get(&logical).copied(),
        };
        match stack.resources.get(&logical).cloned() {
            Some(before) if before.kind == kind => {
                let code_changed = provide::has_code(&kind)
                    && stack.input.packages.get(&logical) != step.input.packages.get(&logical);
                let environment_changed = kind == "AWS::Lambda::Function"
                    && (stack.input.environment != step.input.environment
                        || stack.input.inspect.get(&logical) != step.input.inspect.get(&logical));
                if before.properties == step.properties && !code_changed && !environment_changed {
                    let made = MadeResource { order: step.order, ..before };
                    stack.resources.insert(logical, made);
                    return Ok(());
                }
                if self.alter(stack, &step, &wanted, before).await? {
                    return Ok(());
                }
            }
            Some(before) => stack.undo.push(Undo::Reinstate { logical: logical.clone(), before }),
            None => {}
        }
        self.make(stack, &step, &wanted).await
    }

    /// Changes a resource that is there. Gives whether that did; else another shall take its place.
    async fn alter(
        &self,
        stack: &mut StackRecord,
        step: &Step<'_>,
        wanted: &Wanted<'_>,
        before: MadeResource,
    ) -> Result<bool, StackError> {
        let (logical, kind) = (wanted.logical.to_owned(), wanted.kind);
        stack.undo.push(Undo::Restore { logical: logical.clone(), before: before.clone() });
        self.event(stack, &logical, &before.physical, kind, ("UPDATE_IN_PROGRESS", None));
        self.save(stack).await?;
        match provide::update(self, &before, wanted).await {
            Ok(Change::Done(made)) => {
                let made = self.made(step, made);
                if provide::is_custom(kind) && made.physical != before.physical {
                    // Its function made another: the one before is deleted at the end.
                    stack.undo.pop();
                    stack.undo.push(Undo::Reinstate { logical: logical.clone(), before });
                    stack.undo.push(Undo::Delete { logical: logical.clone(), made: made.clone() });
                }
                self.event(stack, &logical, &made.physical, kind, ("UPDATE_COMPLETE", None));
                stack.resources.insert(logical, made);
                self.save(stack).await.map(|()| true)
            }
            Ok(Change::Replace) => {
                stack.undo.pop();
                stack.undo.push(Undo::Reinstate { logical, before });
                Ok(false)
            }
            Err(message) => {
                self.event(stack, &logical, &before.physical, kind, ("UPDATE_FAILED", Some(&message)));
                Err(step.prepared.failed("updating", &logical, message))
            }
        }
    }

    /// Makes a resource that is not there.
    async fn make(
        &self,
        stack: &mut StackRecord,
        step: &Step<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<(), StackError> {
        let (logical, kind) = (wanted.logical.to_owned(), wanted.kind);
        // What a crash leaves behind is found by the name that it was going to have.
        let intended = provide::intended(wanted);
        stack.undo.push(Undo::Delete { logical: logical.clone(), made: self.made(step, intended) });
        self.event(stack, &logical, "", kind, ("CREATE_IN_PROGRESS", None));
        self.save(stack).await?;
        match provide::create(self, wanted).await {
            Ok(made) => {
                let made = self.made(step, made);
                stack.undo.pop();
                stack.undo.push(Undo::Delete { logical: logical.clone(), made: made.clone() });
                self.event(stack, &logical, &made.physical, kind, ("CREATE_COMPLETE", None));
                stack.resources.insert(logical, made);
                self.save(stack).await
            }
            Err(message) => {
                // It was never made: what has its name is somebody else's.
                stack.undo.pop();
                self.event(stack, &logical, "", kind, ("CREATE_FAILED", Some(&message)));
                Err(step.prepared.failed("creating", &logical, message))
            }
        }
    }

    fn made(&self, step: &Step<'_>, made: Made) -> MadeResource {
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
}
