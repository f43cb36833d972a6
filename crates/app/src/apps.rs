//! The server's half: apps are applied, kept and found.
//!
//! A deploy is whole or not at all. The packages go to the blob store, the new plan is written into the app's record as
//! *pending*, the functions are made and changed, and only when all of them are ready does the record take the plan as
//! its own; what the app no longer has is deleted last. Where a step fails, the steps before it are taken back. Where
//! the server dies in between, the next start takes the pending plan up again.

mod apply;
mod error;
mod keys;
mod record;
mod schedules;
mod shown;
#[cfg(test)]
mod tests;
mod triggers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use ebb_invoker::catalog::Catalog;
use ebb_model::{Clock, Digest, FunctionName, RuntimeName, Timestamp};
use ebb_sources::schedule::Scheduler;
use ebb_store::Store;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::edge::{AppEdge, Destination, EdgeRequest};
use crate::plan::{Ignored, Plan};
use crate::stack::Stacks;

pub use error::AppError;
use record::AppRecord;

/// What apps are opened with.
pub struct AppsConfig {
    /// Where their functions are.
    pub catalog: Catalog,
    /// Where they are kept themselves.
    pub store: Store,
    /// What invokes their functions by the clock.
    pub scheduler: Scheduler,
    /// What applies their templates.
    pub stacks: Stacks,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Apps are at `http://NAME.<domain>:<port>`.
    pub domain: String,
    /// The edge's port.
    pub port: u16,
    /// Gives the runtimes that this machine has exactly, best first: what a function that says only `nodejs` or
    /// `python` gets. Asked at the first deploy that needs it, since looking them up takes a while; may block.
    pub preferred: Box<dyn Fn() -> Vec<RuntimeName> + Send + Sync>,
}

/// The handle to all apps; cheap to clone.
#[derive(Clone)]
pub struct Apps {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    store: Store,
    scheduler: Scheduler,
    stacks: Stacks,
    clock: Arc<dyn Clock>,
    domain: String,
    port: u16,
    preferred: Arc<dyn Fn() -> Vec<RuntimeName> + Send + Sync>,
    /// One change at a time: two deploys of one app would take each other's functions for their own.
    changing: Mutex<()>,
    live: ArcSwap<HashMap<String, Arc<LiveApp>>>,
}

/// An app, as requests see it.
struct LiveApp {
    record: AppRecord,
    revision: i64,
    edge: AppEdge,
}

/// An app, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Its name.
    pub name: String,
    /// When it was last deployed, RFC 3339.
    pub deployed: String,
    /// How often it was deployed.
    pub generation: u64,
    /// Its functions, by their full names.
    pub functions: Vec<String>,
    /// Where they answer.
    pub urls: Vec<Url>,
}

/// Where a function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// The function's full name.
    pub function: String,
    /// The route, as in `POST /items`.
    pub route: String,
    /// The URL that shows it.
    pub url: String,
}

/// What a deploy did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The app.
    pub app: String,
    /// Whether nothing was changed because that was asked for.
    pub dry_run: bool,
    /// What was done to each function.
    pub steps: Vec<Step>,
    /// Where the functions answer.
    pub urls: Vec<Url>,
    /// What was left out of the packages.
    pub ignored: Vec<Ignored>,
    /// Runtimes that an interpreter of another version runs, each with it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stand_ins: Vec<String>,
    /// What its template says about what was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<ShownOutput>,
    /// Keys that the server made for the app, and its clients need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ShownKey>,
}

/// An output of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownOutput {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A key of an app, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownKey {
    /// What it is.
    pub name: String,
    /// The environment variable by which functions have it.
    pub variable: String,
    /// The key.
    pub value: String,
}

/// What was done to a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its full name.
    pub function: String,
    /// What was done.
    pub kind: StepKind,
    /// What differs, for an update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// What a deploy does to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It is new.
    Create,
    /// It differs.
    Update,
    /// It is as it was.
    Keep,
    /// The app no longer has it.
    Delete,
}

/// What a request to an app meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it goes.
    pub to: Destination,
    /// The headers that the answer gets.
    pub headers: Vec<(String, String)>,
}

impl Apps {
    /// Reads all apps, and takes up deploys that the last run of the server did not end.
    ///
    /// # Errors
    /// [`AppError::Store`] where they cannot be read.
    pub async fn open(config: AppsConfig) -> Result<Self, AppError> {
        let apps = Self {
            inner: Arc::new(Inner {
                catalog: config.catalog,
                store: config.store,
                scheduler: config.scheduler,
                stacks: config.stacks,
                clock: config.clock,
                domain: config.domain,
                port: config.port,
                preferred: Arc::from(config.preferred),
                changing: Mutex::new(()),
                live: ArcSwap::default(),
            }),
        };
        let live = record::load(&apps.inner.store).await?;
        let live = live.into_iter().map(|(name, record, revision)| (name, LiveApp::new(record, revision)));
        apps.inner.live.store(Arc::new(live.collect()));
        apps.resume().await;
        Ok(apps)
    }

    /// Applies a plan, whole or not at all. `packages` holds the zips that it names; those that the blob store has
    /// already may be missing. With `dry_run` nothing is changed, and no package is needed. Runs to its end even if the caller goes away.
    ///
    /// # Errors
    /// [`AppError`]; everything is as before then.
    pub async fn deploy(
        &self,
        plan: Plan,
        packages: Vec<Bytes>,
        dry_run: bool,
    ) -> Result<Deployment, AppError> {
        plan.check()?;
        let apps = self.clone();
        let deploying = async move {
            let _turn = apps.inner.changing.lock().await;
            apps.apply(plan, packages, dry_run).await
        };
        tokio::spawn(deploying)
            .await
            .map_err(|error| AppError::Internal(format!("a deploy was cut off: {error}")))?
    }

    /// Deletes an app and its functions. Runs to its end even if the caller goes away.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or whatever kept a function from being deleted.
    pub async fn remove(&self, name: &str) -> Result<App, AppError> {
        let (apps, name) = (self.clone(), name.to_owned());
        let removing = async move {
            let _turn = apps.inner.changing.lock().await;
            apps.delete(&name).await
        };
        tokio::spawn(removing)
            .await
            .map_err(|error| AppError::Internal(format!("a removal was cut off: {error}")))?
    }

    /// All apps, by name.
    #[must_use]
    pub fn list(&self) -> Vec<App> {
        let live = self.inner.live.load();
        let sorted: BTreeMap<_, _> = live.iter().collect();
        sorted.into_values().filter_map(|app| self.shown(&app.record)).collect()
    }

    /// One app.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn get(&self, name: &str) -> Result<App, AppError> {
        let live = self.inner.live.load();
        live.get(name)
            .and_then(|app| self.shown(&app.record))
            .ok_or_else(|| AppError::NotFound(name.to_owned()))
    }

    /// Where a request to the app `name` goes; nothing where there is no such app. Reads a snapshot, so it is cheap.
    #[must_use]
    pub fn route(&self, name: &str, request: &EdgeRequest<'_>) -> Option<Target> {
        let live = self.inner.live.load();
        let app = live.get(name).filter(|app| app.record.plan.is_some())?;
        let (to, headers) = app.edge.find(request);
        Some(Target { to, headers })
    }

    /// The content of a file that an app serves.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn file(&self, digest: Digest) -> Result<Option<Bytes>, AppError> {
        Ok(self.inner.store.blobs().get(digest).await?)
    }

    /// Which of these packages the server does not have yet.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn missing(&self, packages: &[Digest]) -> Result<Vec<Digest>, AppError> {
        let mut missing = Vec::new();
        for digest in packages {
            if self.inner.store.blobs().get(*digest).await?.is_none() {
                missing.push(*digest);
            }
        }
        Ok(missing)
    }

    /// The app as people see it; nothing while its first deploy runs.
    fn shown(&self, record: &AppRecord) -> Option<App> {
        let plan = record.plan.as_ref()?;
        Some(App {
            name: plan.app.clone(),
            deployed: Timestamp(record.deployed).to_rfc3339(),
            generation: record.generation,
            functions: self.function_names(plan),
            urls: self.urls(plan),
        })
    }

    /// The full names of an app's functions, those of its template included.
    fn function_names(&self, plan: &Plan) -> Vec<String> {
        let own = names(plan).map(|name| name.to_string());
        let stack = plan.stack.as_ref().and_then(|_| self.inner.stacks.get(&plan.app).ok());
        let made = stack.iter().flat_map(|stack| stack.resources.values());
        let made = made.filter(|made| made.kind == "AWS::Lambda::Function").map(|made| made.physical.clone());
        own.chain(made.collect::<Vec<_>>()).collect()
    }

    /// Where an app is, without a slash at the end.
    fn url(&self, app: &str) -> String {
        match self.inner.port {
            80 => format!("http://{app}.{}", self.inner.domain),
            port => format!("http://{app}.{}:{port}", self.inner.domain),
        }
    }

    fn urls(&self, plan: &Plan) -> Vec<Url> {
        let base = self.url(&plan.app);
        let of_function = |function: &crate::PlannedFunction| {
            let name = plan.function_name(function).map(|name| name.to_string()).unwrap_or_default();
            let base = base.clone();
            let url = move |route: &crate::Route| Url {
                function: name.clone(),
                route: route.to_string(),
                url: format!("{base}{}", route.path()),
            };
            function.routes.iter().map(url).collect::<Vec<_>>()
        };
        plan.functions.iter().flat_map(of_function).collect()
    }

    /// Puts an app in its place in the snapshot, or takes it out.
    fn publish(&self, name: &str, app: Option<LiveApp>) {
        // Changes take turns, so nobody else publishes between these two lines.
        let mut live = HashMap::clone(&self.inner.live.load());
        match app {
            Some(app) => live.insert(name.to_owned(), Arc::new(app)),
            None => live.remove(name),
        };
        self.inner.live.store(Arc::new(live));
    }
}

impl LiveApp {
    fn new(record: AppRecord, revision: i64) -> Arc<Self> {
        Arc::new(Self::of(record, revision))
    }

    fn of(record: AppRecord, revision: i64) -> Self {
        let edge = record.plan.as_ref().map(AppEdge::of).unwrap_or_default();
        Self { record, revision, edge }
    }
}

/// The full names of an app's functions. A checked plan has no invalid ones.
fn names(plan: &Plan) -> impl Iterator<Item = FunctionName> {
    plan.functions.iter().filter_map(|function| plan.function_name(function).ok())
}
