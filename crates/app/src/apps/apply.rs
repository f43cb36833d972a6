//! Applying a plan: compare, change, take back.

mod settings;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use ebb_invoker::catalog::{
    CatalogError, CodeSource, CodeUpdate, NewFunction, NotFound, SettingsInput, Target,
};
use ebb_model::{Digest, Function, FunctionName};
use ebb_store::Expect;
use settings::{best_runtime, differences, settings_input, settings_of};

use super::record::{self, AppRecord};
use super::{App, AppError, Apps, Deployment, LiveApp, Step, StepKind, keys, names};
use crate::plan::{Plan, PlannedFunction};
use crate::stack::StackError;

/// What is to be done to one function of a plan.
struct Change<'a> {
    name: FunctionName,
    planned: &'a PlannedFunction,
    /// As it is now, where it is there.
    present: Option<Arc<Function>>,
    /// What differs from that.
    changed: Vec<&'static str>,
}

/// What brings a function back to what it was.
enum Undo {
    Delete(FunctionName),
    Restore(Arc<Function>),
}

impl Apps {
    /// Applies a plan. The caller holds the turn.
    pub(super) async fn apply(
        &self,
        mut plan: Plan,
        packages: Vec<Bytes>,
        dry_run: bool,
    ) -> Result<Deployment, AppError> {
        self.settle_runtimes(&mut plan).await?;
        if let Some(stack) = &mut plan.stack
            && let Some(template) = self.inner.stacks.with_values(&stack.template).await?
        {
            stack.template = template;
        }
        let before = self.inner.live.load().get(&plan.app).cloned();
        let old = before.as_ref().and_then(|app| app.record.plan.clone());
        let mut record = before.as_ref().map(|app| app.record.clone()).unwrap_or_default();
        let url = self.url(&plan.app);
        let shown = keys::fill(&mut plan, &mut record.keys, &url);
        let (steps, gone) = {
            let changes = self.changes(&plan)?;
            let mut all = steps(&changes);
            if let Some(stack) = &plan.stack {
                let planned = self.inner.stacks.plan(&plan.app, stack)?;
                all.extend(planned.into_iter().map(|step| Step {
                    function: step.shown(),
                    kind: step.kind,
                    changed: step.changed,
                }));
            }
            (all, self.gone(&plan, old.as_ref()))
        };
        let stand_ins = self.stand_ins(&plan).await;
        let deployment = |dry_run| Deployment {
            app: plan.app.clone(),
            dry_run,
            steps: steps.iter().cloned().chain(gone.iter().map(deleted)).collect(),
            urls: if dry_run {
                self.urls(&plan)
            } else {
                self.urls(&plan).into_iter().chain(self.stack_url(&plan)).collect()
            },
            outputs: if dry_run { Vec::new() } else { self.outputs(&plan) },
            ignored: self.ignored(&plan),
            stand_ins: stand_ins.clone(),
            // Random ones are not kept by a dry run.
            keys: if dry_run { Vec::new() } else { shown.clone() },
        };
        if dry_run {
            return Ok(deployment(true));
        }
        let held = self.keep_packages(&plan, packages).await?;
        record.pending = Some(plan.clone());
        let expect = before.as_ref().map_or(Expect::Absent, |app| Expect::Revision(app.revision));
        let revision = record::save(&self.inner.store, &plan.app, &record, expect).await?;
        let mut made = self.converge(&plan, &held).await;
        if made.is_ok() {
            made = self.connect(&plan, old.as_ref(), &mut record.made).await;
        }
        if let Err(error) = made {
            self.give_up(&plan.app, record, revision).await;
            return Err(error);
        }
        self.accept(&plan, record, revision).await?;
        self.delete_functions(&gone).await?;
        if plan.stack.is_none() && old.is_some_and(|old| old.stack.is_some()) {
            self.inner.stacks.delete(&plan.app).await?;
        }
        Ok(deployment(false))
    }

    /// Sets the schedules and triggers of a plan whose functions are there, or brings back all that was before.
    async fn connect(
        &self,
        plan: &Plan,
        old: Option<&Plan>,
        made: &mut BTreeSet<String>,
    ) -> Result<(), AppError> {
        let mut result = self.set_schedules(plan).await;
        if result.is_ok() {
            result = self.set_triggers(plan, old, made).await;
        }
        if result.is_err()
            && let Err(error) = self.disconnect(plan, old, made).await
        {
            tracing::error!(app = plan.app, %error, "a failed deploy could not be taken back");
        }
        result
    }

    /// Brings back what was before a plan.
    async fn disconnect(
        &self,
        plan: &Plan,
        old: Option<&Plan>,
        made: &mut BTreeSet<String>,
    ) -> Result<(), AppError> {
        if let Some(old) = old {
            let before: BTreeSet<_> = names(old).collect();
            let new: Vec<_> = names(plan).filter(|name| !before.contains(name)).collect();
            self.converge(old, &HashMap::new()).await?;
            self.delete_functions(&new).await?;
            self.set_schedules(old).await?;
            return self.set_triggers(old, Some(plan), made).await;
        }
        self.delete_schedules(&plan.app).await?;
        self.remove_triggers(plan, made).await?;
        let functions: Vec<_> = names(plan).collect();
        self.delete_functions(&functions).await
    }

    /// The plan is now what the app is.
    async fn accept(&self, plan: &Plan, mut record: AppRecord, revision: i64) -> Result<(), AppError> {
        record.plan = Some(plan.clone());
        record.pending = None;
        record.deployed = self.inner.clock.now().millis();
        record.generation += 1;
        let revision =
            record::save(&self.inner.store, &plan.app, &record, Expect::Revision(revision)).await?;
        self.publish(&plan.app, Some(LiveApp::of(record, revision)));
        Ok(())
    }

    /// The pending plan is dropped: the app is what it was.
    async fn give_up(&self, app: &str, mut record: AppRecord, revision: i64) {
        record.pending = None;
        let written = match record.plan {
            None => record::delete(&self.inner.store, app).await.map(|()| None).map_err(AppError::from),
            Some(_) => {
                record::save(&self.inner.store, app, &record, Expect::Revision(revision)).await.map(Some)
            }
        };
        match written {
            Ok(revision) => self.publish(app, revision.map(|revision| LiveApp::of(record, revision))),
            Err(error) => tracing::error!(app, %error, "a failed deploy could not be struck off"),
        }
    }

    /// Ends the deploys that the last run of the server began, and deletes what they left over.
    pub(super) async fn resume(&self) {
        let _turn = self.inner.changing.lock().await;
        let live = self.inner.live.load_full();
        for (name, app) in live.iter() {
            if let Some(plan) = &app.record.pending {
                tracing::info!(app = name, "taking up a deploy that was cut off");
                let mut made = self.converge(plan, &HashMap::new()).await;
                if made.is_ok() {
                    made = self.set_schedules(plan).await;
                }
                let mut record = app.record.clone();
                if made.is_ok() {
                    made = self.set_triggers(plan, record.plan.clone().as_ref(), &mut record.made).await;
                }
                match made {
                    Ok(()) => {
                        if let Err(error) = self.accept(plan, record, app.revision).await {
                            tracing::error!(app = name, %error, "a deploy could not be ended");
                        }
                    }
                    Err(error) => {
                        tracing::error!(app = name, %error, "a deploy could not be taken up and is dropped");
                        self.give_up(name, record, app.revision).await;
                    }
                }
            }
        }
        let left_over = self.left_over();
        if let Err(error) = self.delete_functions(&left_over).await {
            tracing::error!(%error, "functions that no app has any more could not be deleted");
        }
    }

    /// Functions that say they are an app's, and are not in its plan.
    fn left_over(&self) -> Vec<FunctionName> {
        let live = self.inner.live.load();
        let snapshot = self.inner.catalog.snapshot();
        let is_left_over = |name: &FunctionName, function: &Function| {
            let Some(app) = &function.app else { return false };
            let plan = live.get(app).and_then(|app| app.record.plan.as_ref());
            !plan.is_some_and(|plan| self.function_names(plan).iter().any(|planned| planned == name.as_str()))
        };
        let found = snapshot.functions.iter().filter(|(name, function)| is_left_over(name, function));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Deletes an app. The caller holds the turn.
    pub(super) async fn delete(&self, name: &str) -> Result<App, AppError> {
        let app = self.get(name)?;
        let record = self.inner.live.load().get(name).map(|app| app.record.clone()).unwrap_or_default();
        let functions = record.plan.as_ref().map(|plan| names(plan).collect::<Vec<_>>()).unwrap_or_default();
        // What makes it an app goes last: a stack that cannot be deleted is still there to be deleted again.
        match self.inner.stacks.delete(name).await {
            Ok(()) | Err(StackError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // The record goes first: functions without an app are deleted at the next start, an app without functions
        // would be a ruin that nobody clears away.
        record::delete(&self.inner.store, name).await?;
        self.publish(name, None);
        self.delete_schedules(name).await?;
        if let Some(plan) = &record.plan {
            self.remove_triggers(plan, &record.made).await?;
        }
        self.delete_functions(&functions).await?;
        Ok(app)
    }

    async fn delete_functions(&self, functions: &[FunctionName]) -> Result<(), AppError> {
        for name in functions {
            let target = Target { name: name.clone(), qualifier: None };
            match self.inner.catalog.delete(&target).await {
                Ok(()) | Err(CatalogError::NotFound(NotFound::Function(_))) => {}
                Err(source) => return Err(failed("deleting", name, source)),
            }
        }
        Ok(())
    }

    /// Compares a plan with what is there.
    fn changes<'a>(&self, plan: &'a Plan) -> Result<Vec<Change<'a>>, AppError> {
        let snapshot = self.inner.catalog.snapshot();
        let mut changes = Vec::new();
        for planned in &plan.functions {
            let name = plan.function_name(planned).map_err(crate::InvalidPlan::from)?;
            let present = snapshot.function(&name).cloned();
            if let Some(function) = &present
                && function.app.as_deref() != Some(plan.app.as_str())
            {
                return Err(AppError::Taken { app: plan.app.clone(), function: name.to_string() });
            }
            let changed = present.as_ref().map_or_else(Vec::new, |function| differences(function, planned));
            changes.push(Change { name, planned, present, changed });
        }
        Ok(changes)
    }

    /// Functions of the old plan that the new one has no more.
    fn gone(&self, plan: &Plan, old: Option<&Plan>) -> Vec<FunctionName> {
        let kept: BTreeSet<_> = names(plan).collect();
        let snapshot = self.inner.catalog.snapshot();
        let is_there = |name: &FunctionName| snapshot.function(name).is_some();
        old.into_iter().flat_map(names).filter(|name| !kept.contains(name) && is_there(name)).collect()
    }

    /// Puts the packages where they survive, and checks that all are there.
    async fn keep_packages(
        &self,
        plan: &Plan,
        packages: Vec<Bytes>,
    ) -> Result<HashMap<Digest, Bytes>, AppError> {
        let held: HashMap<Digest, Bytes> = packages.into_iter().map(|zip| (Digest::of(&zip), zip)).collect();
        let functions = plan.functions.iter().map(|function| function.package);
        let of_stack = plan.stack.iter().flat_map(|stack| stack.packages.values().copied());
        let wanted: BTreeSet<Digest> =
            functions.chain(plan.files.values().copied()).chain(of_stack).collect();
        for digest in wanted {
            match held.get(&digest) {
                Some(zip) => {
                    self.inner.store.blobs().put(zip.clone()).await?;
                }
                None if self.inner.store.blobs().get(digest).await?.is_some() => {}
                None => return Err(AppError::PackageMissing(digest.to_string())),
            }
        }
        Ok(held)
    }

    /// Makes the functions of a plan what it says, all of them or none.
    async fn converge(&self, plan: &Plan, held: &HashMap<Digest, Bytes>) -> Result<(), AppError> {
        let mut undo = Vec::new();
        let mut result = self.change_all(plan, held, &mut undo).await;
        if let (Ok(()), Some(stack)) = (&result, &plan.stack) {
            let applied = self.inner.stacks.apply(&plan.app, stack.clone(), Some(&plan.app)).await;
            result = applied.map(drop).map_err(AppError::from);
        }
        if result.is_err() {
            for step in undo.into_iter().rev() {
                self.take_back(step).await;
            }
        }
        result
    }

    async fn change_all(
        &self,
        plan: &Plan,
        held: &HashMap<Digest, Bytes>,
        undo: &mut Vec<Undo>,
    ) -> Result<(), AppError> {
        let changes = self.changes(plan)?;
        for change in &changes {
            let zip = match held.get(&change.planned.package) {
                Some(zip) => zip.clone(),
                None => self.package(&change.name, change.planned.package).await?,
            };
            match &change.present {
                None => {
                    self.create(plan, change, zip).await?;
                    undo.push(Undo::Delete(change.name.clone()));
                }
                Some(_) if change.changed.is_empty() => {}
                Some(function) => {
                    undo.push(Undo::Restore(function.clone()));
                    self.update(&change.name, zip, &settings_input(change.planned), &change.changed).await?;
                }
            }
        }
        for change in changes.iter().filter(|change| change.present.is_none() || !change.changed.is_empty()) {
            self.ready(&change.name).await?;
        }
        Ok(())
    }

    async fn package(&self, function: &FunctionName, digest: Digest) -> Result<Bytes, AppError> {
        self.inner
            .catalog
            .package(digest)
            .await
            .map_err(|source| failed("reading the package of", function, source))
    }

    async fn create(&self, plan: &Plan, change: &Change<'_>, zip: Bytes) -> Result<(), AppError> {
        let new = NewFunction {
            name: change.name.to_string(),
            settings: self.new_settings(change.planned),
            code: Some(CodeSource::Zip(zip)),
            package_type: None,
            tags: BTreeMap::new(),
            publish: false,
            app: Some(plan.app.clone()),
        };
        let made = self.inner.catalog.create(new).await;
        made.map(|_| ()).map_err(|source| failed("creating", &change.name, source))
    }

    fn new_settings(&self, planned: &PlannedFunction) -> SettingsInput {
        SettingsInput { role: Some(self.role()), ..settings_input(planned) }
    }

    /// The role of everything that apps make.
    pub(super) fn role(&self) -> String {
        format!("arn:aws:iam::{}:role/ebb-app", self.inner.catalog.account())
    }

    async fn update(
        &self,
        name: &FunctionName,
        zip: Bytes,
        settings: &SettingsInput,
        changed: &[&'static str],
    ) -> Result<(), AppError> {
        let target = Target { name: name.clone(), qualifier: None };
        let catalog = &self.inner.catalog;
        let failed = |source| failed("updating", name, source);
        if changed.iter().any(|what| *what != CODE) {
            catalog.update_settings(&target, settings, None).await.map_err(failed)?;
            // The catalog takes no second change before the first is applied. Whether what is there can run with it says
            // nothing: it may be the very code that is about to be replaced.
            let _ = self.ready(name).await;
        }
        if changed.contains(&CODE) {
            let update = CodeUpdate { code: Some(CodeSource::Zip(zip)), ..CodeUpdate::default() };
            catalog.update_code(&target, update).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Waits until a function can run as it is now.
    async fn ready(&self, name: &FunctionName) -> Result<(), AppError> {
        let function =
            self.inner.catalog.function(name).map_err(|source| failed("preparing", name, source))?;
        let ready = self.inner.catalog.prepared(&function.latest).await;
        ready.map(|_| ()).map_err(|source| AppError::NotReady { function: name.to_string(), source })
    }

    /// Undoes one step. What cannot be undone is logged: the deploy's own error is what the caller hears.
    async fn take_back(&self, step: Undo) {
        let (name, result) = match step {
            Undo::Delete(name) => {
                let result = self.delete_functions(std::slice::from_ref(&name)).await;
                (name, result)
            }
            Undo::Restore(function) => {
                let result = self.restore(&function).await;
                (function.name.clone(), result)
            }
        };
        if let Err(error) = result {
            tracing::error!(function = %name, %error, "a failed deploy could not be taken back");
        }
    }

    async fn restore(&self, function: &Function) -> Result<(), AppError> {
        let zip = self.package(&function.name, function.latest.code.digest).await?;
        // It may still be in preparation; how that ends does not matter any more.
        let _ = self.ready(&function.name).await;
        self.update(&function.name, zip, &settings_of(&function.latest.settings), &[CODE, "settings"]).await
    }

    /// Gives functions that name a language only the best runtime that this machine has for it.
    pub(super) async fn settle_runtimes(&self, plan: &mut Plan) -> Result<(), AppError> {
        let language_only = |runtime: &str| matches!(runtime, "nodejs" | "python");
        if !plan.functions.iter().any(|function| language_only(&function.runtime)) {
            return Ok(());
        }
        let preferred = self.inner.preferred.clone();
        let preferred = tokio::task::spawn_blocking(move || preferred())
            .await
            .map_err(|error| AppError::Internal(format!("the runtimes could not be looked up: {error}")))?;
        for function in &mut plan.functions {
            if let Some(runtime) = best_runtime(&function.runtime, &preferred) {
                function.runtime = runtime.as_str().to_owned();
            }
        }
        Ok(())
    }
}

/// The difference that is not one of settings.
const CODE: &str = "code";

fn failed(action: &'static str, function: &FunctionName, source: CatalogError) -> AppError {
    AppError::Function { action, function: function.to_string(), source }
}

fn steps(changes: &[Change<'_>]) -> Vec<Step> {
    let step = |change: &Change<'_>| Step {
        function: change.name.to_string(),
        kind: match &change.present {
            None => StepKind::Create,
            Some(_) if change.changed.is_empty() => StepKind::Keep,
            Some(_) => StepKind::Update,
        },
        changed: change.changed.iter().map(|&what| what.to_owned()).collect(),
    };
    changes.iter().map(step).collect()
}

fn deleted(name: &FunctionName) -> Step {
    Step { function: name.to_string(), kind: StepKind::Delete, changed: Vec::new() }
}
