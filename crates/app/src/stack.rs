//! Stacks: the resources of a template, made, changed and deleted as one.
//!
//! A change is journalled before each step: a stack's record says which resources it has and what undoes the steps of
//! the change that runs. Where a step fails the steps before it are undone; where the server dies in between, the next
//! start undoes them. What a stack no longer has is deleted last.
//!
//! Start reading at `run.rs`, then `step.rs` and `undo.rs`. What single types of resources are is in `provide/`.

mod callbacks;
mod change_sets;
mod fetch;
mod manage;
mod names;
mod prepare;
mod provide;
mod record;
mod run;
mod step;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod undo;
mod values;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use callbacks::Callbacks;
use ebb_invoker::Invoker;
use ebb_invoker::catalog::Catalog;
use ebb_model::{Clock, Digest};
use ebb_sources::bucket::Buckets;
use ebb_sources::bus::EventBuses;
use ebb_sources::http_api::HttpApis;
use ebb_sources::iam::Iam;
use ebb_sources::log_subscriptions::LogSubscriptions;
use ebb_sources::mapping::Mappings;
use ebb_sources::parameters::ParameterStore;
use ebb_sources::queue::Queues;
use ebb_sources::schedule::Scheduler;
use ebb_sources::topic::Topics;
use ebb_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::template::{Entry, Fault, Node, parse};
pub use manage::{Given, Parameters};
pub(crate) use provide::not_a_runtime;
pub use record::{
    ChangeSet, MadeResource, OnFailure, ResourceChange, StackEvent, StackOptions, StackOutput, StackRecord,
};
pub use summary::{DeclaredParameter, TemplateSummary};

/// The services that resources are made in.
#[derive(Clone)]
pub struct StackServices {
    /// Functions, layers.
    pub catalog: Catalog,
    /// Runs the functions of custom resources.
    pub invoker: Invoker,
    /// Queues.
    pub queues: Queues,
    /// Event buses and rules.
    pub buses: EventBuses,
    /// Schedules.
    pub scheduler: Scheduler,
    /// Buckets.
    pub buckets: Buckets,
    /// Topics.
    pub topics: Topics,
    /// Event source mappings.
    pub mappings: Mappings,
    /// HTTP and REST APIs.
    pub http_apis: HttpApis,
    /// Roles and policies.
    pub iam: Iam,
    /// Parameters.
    pub parameters: ParameterStore,
    /// Subscription filters of log groups.
    pub log_subscriptions: LogSubscriptions,
}

/// What stacks are opened with.
pub struct StacksConfig {
    /// Where resources are made.
    pub services: StackServices,
    /// Where stacks are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The host names of the edge end so.
    pub domain: String,
    /// The edge's port.
    pub port: u16,
    /// Where the AWS protocols are served: queue URLs begin so.
    pub api: String,
    /// Where functions reach them.
    pub control: String,
}

/// The handle to all stacks; cheap to clone.
#[derive(Clone)]
pub struct Stacks {
    inner: Arc<Inner>,
}

struct Inner {
    services: StackServices,
    store: Store,
    clock: Arc<dyn Clock>,
    domain: String,
    port: u16,
    api: String,
    control: String,
    /// What custom resources have not answered yet.
    callbacks: Callbacks,
    /// One change at a time: stacks share names, exports and functions.
    changing: Mutex<()>,
    /// One change is begun at a time, so that nobody begins a second of one stack.
    beginning: Mutex<()>,
    live: ArcSwap<HashMap<String, Arc<StackRecord>>>,
    /// Changes that nobody waits for.
    running: TaskTracker,
}

/// What a stack shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackInput {
    /// The name of the template's file, for messages.
    pub file: String,
    /// Its text.
    pub template: String,
    /// Values of its parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Packages of the code that the template names by local paths, by the logical id of the resource.
    #[serde(default)]
    pub packages: BTreeMap<String, Digest>,
    /// Whether resources that ebb does not have are left out rather than refused.
    #[serde(default)]
    pub skip_unsupported: bool,
    /// Whether the template was made of another file, so that its lines say nothing to anybody.
    #[serde(default)]
    pub generated: bool,
    /// Environment variables that every function gets on top of its own.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Ports of this machine's loopback address where debuggers reach functions, by logical id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inspect: BTreeMap<String, u16>,
}

impl StackInput {
    /// The functions that the template itself describes, and their runtimes.
    #[must_use]
    pub fn functions(&self) -> Vec<(String, String)> {
        let Ok(root) = parse(&self.template) else { return Vec::new() };
        let globals =
            root.get("Globals").and_then(|globals| globals.get("Function")?.get("Runtime")?.scalar());
        let function = |entry: &Entry| {
            let kind = entry.value.get("Type").and_then(Node::as_str)?;
            let serverless = kind == "AWS::Serverless::Function";
            if !serverless && kind != "AWS::Lambda::Function" {
                return None;
            }
            let own = entry.value.get("Properties").and_then(|own| own.get("Runtime")?.scalar());
            Some((entry.key.clone(), own.or_else(|| globals.clone().filter(|_| serverless))?))
        };
        root.get("Resources").into_iter().flat_map(Node::entries).filter_map(function).collect()
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceStep {
    pub(crate) logical: String,
    /// Its type.
    pub(crate) resource: String,
    pub(crate) kind: crate::apps::StepKind,
    pub(crate) changed: Vec<String>,
}

impl ResourceStep {
    /// For people.
    pub(crate) fn shown(&self) -> String {
        format!("{} ({})", self.logical, self.resource)
    }
}

/// Why a stack was not changed.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// There is no such stack.
    #[error("Stack with id {0} does not exist")]
    NotFound(String),
    /// The template is wrong; says where.
    #[error("{file}: {fault}")]
    Template {
        /// The template's file.
        file: String,
        /// What is wrong.
        fault: Fault,
    },
    /// A resource could not be made, changed or deleted.
    #[error("{file}: {}{action} {logical} ({kind}): {message}", if *line == 0 { String::new() } else { format!("line {line}: ") })]
    Resource {
        /// The template's file.
        file: String,
        /// The line of the value at fault, else of the resource.
        line: u32,
        /// What was tried.
        action: &'static str,
        /// The resource.
        logical: String,
        /// Its type.
        kind: String,
        /// Why not.
        message: String,
    },
    /// It is not in a state for this.
    #[error("{0}")]
    State(String),
    /// There is such a stack already.
    #[error("Stack [{0}] already exists")]
    Exists(String),
    /// The stack has no such change set.
    #[error("ChangeSet [{0}] does not exist")]
    NoChangeSet(String),
    /// The caller did not acknowledge what the template does; holds the capabilities that are missing.
    #[error("Requires capabilities : [{0}]")]
    Capabilities(String),
    /// The template says what the stack is already.
    #[error("No updates are to be performed.")]
    NoUpdates,
    /// The store failed; detail is for the log.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
}

impl Stacks {
    /// Reads all stacks, and undoes the changes that the last run of the server did not end.
    ///
    /// # Errors
    /// [`StackError::Store`].
    pub async fn open(config: StacksConfig) -> Result<Self, StackError> {
        let live = record::load(&config.store).await?;
        let live = live.into_iter().map(|stack| (stack.name.clone(), Arc::new(stack))).collect();
        let stacks = Self {
            inner: Arc::new(Inner {
                services: config.services,
                store: config.store,
                clock: config.clock,
                domain: config.domain,
                port: config.port,
                api: config.api,
                control: config.control,
                callbacks: Callbacks::default(),
                changing: Mutex::new(()),
                beginning: Mutex::new(()),
                running: TaskTracker::new(),
                live: ArcSwap::from_pointee(live),
            }),
        };
        stacks.resume().await;
        Ok(stacks)
    }

    /// The services that resources are made in.
    pub(crate) fn services(&self) -> &StackServices {
        &self.inner.services
    }

    /// All stacks, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<StackRecord>> {
        let mut all: Vec<_> = self.inner.live.load().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// A stack, by name or id.
    ///
    /// # Errors
    /// [`StackError::NotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<StackRecord>, StackError> {
        let live = self.inner.live.load();
        let found = live.get(name).or_else(|| live.values().find(|stack| stack.id == name));
        found.cloned().ok_or_else(|| StackError::NotFound(name.to_owned()))
    }

    /// Waits for the changes that run. What does not end before the server does is undone at the next start.
    pub async fn stop(&self) {
        self.inner.running.close();
        self.inner.running.wait().await;
    }
}

impl StackError {
    /// Whether the platform is at fault rather than the caller.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}
