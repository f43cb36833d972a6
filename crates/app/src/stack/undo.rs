//! What is taken away: resources that a stack no longer has, and the steps of a change that failed.

use super::provide::{self, Owner, Wanted};
use super::record::{MadeResource, OnFailure, StackRecord, Undo};
use super::{StackError, Stacks};

impl Stacks {
    /// Undoes what the last run of the server did not end.
    pub(super) async fn resume(&self) {
        let _turn = self.inner.changing.lock().await;
        for stack in self.list() {
            // The stack that it is nested in may have taken it along.
            let Some(stack) = self.get(&stack.name).ok().filter(|stack| stack.is_busy()) else { continue };
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

    /// Deletes resources, each before those that it needs.
    pub(super) async fn remove(
        &self,
        stack: &mut StackRecord,
        logicals: Vec<String>,
    ) -> Result<(), StackError> {
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
                && let Err(message) = provide::delete(self, &Owner::of(stack), &logical, &made).await
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
                    let result = provide::delete(self, &Owner::of(stack), &logical, &made).await;
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
        let owner = Owner::of(stack);
        let wanted = Wanted {
            logical,
            kind: &before.kind,
            properties: &before.properties,
            name: before.physical.clone(),
            owner: &owner,
            packages: &stack.input.packages,
            environment: &stack.input.environment,
            inspect: stack.input.inspect.get(logical).copied(),
        };
        provide::update(self, before, &wanted).await.map(drop)
    }
}
