//! Event source mappings: a queue whose messages are the events of a function, in batches.
//!
//! Source: the Lambda developer guide, "Using Lambda with Amazon SQS" (2026-11). Each enabled mapping has a poller, which
//! sleeps until its queue has a message. Other sources are not built; the error names them.

mod batch;
mod poller;
mod transition;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use ebb_invoker::Invoker;
use ebb_model::{Clock, FunctionReference, RequestId, Timestamp};
use ebb_store::trail::Trail;
use ebb_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pattern::Pattern;
use crate::queue::{Queue, Queues};
use crate::registry::Registry;

use transition::Running;
pub use transition::Transition;

/// The most filters of a mapping. Source: the Lambda developer guide, "Filter rule syntax" (2026-11).
const FILTERS: usize = 10;

/// What the mappings are opened with.
pub struct MappingParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What runs functions.
    pub invoker: Invoker,
    /// Where messages come from.
    pub queues: Queues,
}

/// The mappings. Cheap to clone.
#[derive(Clone)]
pub struct Mappings {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    invoker: Invoker,
    queues: Queues,
    mappings: Registry<Mapping>,
    trail: Trail,
    /// The pollers of enabled mappings, by id.
    pollers: Mutex<HashMap<String, Running>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// An event source mapping. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Names it.
    pub id: String,
    /// The ARN of the queue.
    pub source_arn: String,
    /// The ARN of the function, with the qualifier that was given.
    pub function_arn: String,
    /// Whether it is on.
    pub enabled: bool,
    /// The most messages of an event.
    pub batch_size: u32,
    /// How long messages gather, in seconds.
    pub window_seconds: u32,
    /// Patterns, one of which a message must match; all messages where empty.
    pub filters: Vec<String>,
    /// Whether the function says which messages failed.
    pub reports_failures: bool,
    /// The most events at one time.
    pub maximum_concurrency: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last changed.
    pub modified: Timestamp,
    /// What is under way.
    #[serde(default)]
    pub transition: Option<Transition>,
}

/// What may be set of a mapping; what is absent stays, or is the default.
#[derive(Debug, Clone, Default)]
pub struct MappingChange {
    /// The function, by name or ARN.
    pub function: Option<String>,
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// The most messages of an event.
    pub batch_size: Option<u32>,
    /// How long messages gather, in seconds.
    pub window_seconds: Option<u32>,
    /// Patterns.
    pub filters: Option<Vec<String>>,
    /// Whether the function says which messages failed.
    pub reports_failures: Option<bool>,
    /// The most events at one time; an empty one takes the limit away.
    pub maximum_concurrency: Option<Option<u32>>,
}

/// Why the mappings refuse something.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// There is no such mapping, or function.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is being deleted.
    #[error(
        "Cannot update the event source mapping because it is in use: it is being deleted and ends with the events \
         that it started."
    )]
    InUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Mappings {
    /// Reads what is configured and starts the pollers. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: MappingParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            trail: parts.store.trail().clone(),
            mappings: Registry::open(parts.store, "event-source-mapping").await?,
            clock: parts.clock,
            invoker: parts.invoker,
            queues: parts.queues,
            pollers: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let mappings = Self { inner };
        for mapping in mappings.inner.mappings.all().values() {
            mappings.settle(mapping.clone());
        }
        Ok(mappings)
    }

    /// Takes no more messages, and waits for the events that run.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Makes a mapping.
    ///
    /// # Errors
    /// [`MappingError::Exists`], [`MappingError::Invalid`], also where there is no such function or queue.
    pub async fn create(
        &self,
        source_arn: &str,
        change: MappingChange,
        tags: BTreeMap<String, String>,
    ) -> Result<Arc<Mapping>, MappingError> {
        let function = self.function(change.function.as_deref().unwrap_or_default())?;
        let queue = self.queue(source_arn)?;
        let same =
            |mapping: &&Arc<Mapping>| mapping.source_arn == source_arn && mapping.function_arn == function;
        if let Some(present) = self.inner.mappings.all().values().find(same) {
            return Err(MappingError::Exists(format!(
                "An event source mapping with SQS arn (\" {source_arn} \") and function (\" {} \") already exists. \
                 Please update or delete the existing mapping with UUID {}",
                short_name(&function),
                present.id
            )));
        }
        let mapping = Mapping {
            id: RequestId::random().to_string(),
            source_arn: source_arn.to_owned(),
            function_arn: function,
            enabled: true,
            batch_size: 10,
            window_seconds: 0,
            filters: Vec::new(),
            reports_failures: false,
            maximum_concurrency: None,
            tags,
            modified: self.inner.clock.now(),
            transition: None,
        };
        let mapping = self.changed(mapping, &MappingChange { function: None, ..change }, &queue)?;
        let mapping = Mapping { transition: Some(Transition::Creating), ..mapping };
        let id = mapping.id.clone();
        let made = self.inner.mappings.edit(&id, |_| Ok::<_, MappingError>(Some(mapping.clone()))).await?;
        let made = made.ok_or_else(|| not_found(&id))?;
        self.settle(made.clone());
        Ok(made)
    }

    /// A mapping.
    ///
    /// # Errors
    /// [`MappingError::NotFound`].
    pub fn mapping(&self, id: &str) -> Result<Arc<Mapping>, MappingError> {
        self.inner.mappings.get(id).ok_or_else(|| not_found(id))
    }

    /// All mappings of a source and of a function, where they are given.
    ///
    /// # Errors
    /// [`MappingError::Invalid`] for a reference to a function that cannot be read; one to none finds nothing.
    pub fn list(
        &self,
        source_arn: Option<&str>,
        function: Option<&str>,
    ) -> Result<Vec<Arc<Mapping>>, MappingError> {
        let function = function.map(|function| self.function_arn(function)).transpose()?;
        let wanted = |mapping: &&Arc<Mapping>| {
            source_arn.is_none_or(|arn| arn == mapping.source_arn)
                && function.as_ref().is_none_or(|function| *function == mapping.function_arn)
        };
        Ok(self.inner.mappings.all().values().filter(wanted).cloned().collect())
    }

    /// Changes a mapping.
    ///
    /// # Errors
    /// [`MappingError::NotFound`], [`MappingError::Invalid`], [`MappingError::InUse`].
    pub async fn update(&self, id: &str, change: MappingChange) -> Result<Arc<Mapping>, MappingError> {
        let changed = self.inner.mappings.edit(id, |before| {
            let before = before.cloned().ok_or_else(|| not_found(id))?;
            let was_enabled = before.enabled;
            let queue = self.queue(&before.source_arn)?;
            let changed = self.changed(not_deleting(before)?, &change, &queue)?;
            let transition = match (was_enabled, changed.enabled) {
                (false, true) => Transition::Enabling,
                (true, false) => Transition::Disabling,
                _ => Transition::Updating,
            };
            Ok::<_, MappingError>(Some(Mapping { transition: Some(transition), ..changed }))
        });
        let mapping = changed.await?.ok_or_else(|| not_found(id))?;
        self.settle(mapping.clone());
        Ok(mapping)
    }

    /// Removes a mapping; messages that it holds come back to the queue unless their event succeeds.
    ///
    /// # Errors
    /// [`MappingError::NotFound`], [`MappingError::InUse`].
    pub async fn delete(&self, id: &str) -> Result<Arc<Mapping>, MappingError> {
        let deleting = self.inner.mappings.edit(id, |before| {
            let before = not_deleting(before.cloned().ok_or_else(|| not_found(id))?)?;
            let modified = self.inner.clock.now();
            Ok::<_, MappingError>(Some(Mapping {
                transition: Some(Transition::Deleting),
                modified,
                ..before
            }))
        });
        let mapping = deleting.await?.ok_or_else(|| not_found(id))?;
        self.settle(mapping.clone());
        Ok(mapping)
    }

    /// Changes the tags of a mapping.
    ///
    /// # Errors
    /// [`MappingError::NotFound`].
    pub async fn change_tags(
        &self,
        id: &str,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<(), MappingError> {
        let changed = self.inner.mappings.edit(id, |before| {
            let mut mapping = before.cloned().ok_or_else(|| not_found(id))?;
            change(&mut mapping.tags);
            Ok::<_, MappingError>(Some(mapping))
        });
        changed.await.map(drop)
    }

    fn changed(
        &self,
        mut mapping: Mapping,
        change: &MappingChange,
        queue: &Queue,
    ) -> Result<Mapping, MappingError> {
        if let Some(function) = &change.function {
            mapping.function_arn = self.function(function)?;
        }
        mapping.enabled = change.enabled.unwrap_or(mapping.enabled);
        mapping.batch_size = change.batch_size.unwrap_or(mapping.batch_size);
        mapping.window_seconds = change.window_seconds.unwrap_or(mapping.window_seconds);
        mapping.filters = change.filters.clone().unwrap_or(mapping.filters);
        mapping.reports_failures = change.reports_failures.unwrap_or(mapping.reports_failures);
        mapping.maximum_concurrency = change.maximum_concurrency.unwrap_or(mapping.maximum_concurrency);
        mapping.modified = self.inner.clock.now();
        mapping.check(queue)?;
        self.check_visibility(&mapping, queue)?;
        Ok(mapping)
    }

    /// A message must stay invisible for as long as the function may take.
    fn check_visibility(&self, mapping: &Mapping, queue: &Queue) -> Result<(), MappingError> {
        let reference = FunctionReference::parse(&mapping.function_arn).ok();
        let snapshot = self.inner.invoker.catalog().snapshot();
        let function = reference.and_then(|reference| snapshot.function(&reference.name).cloned());
        let timeout = function.map_or(0, |function| function.latest.settings.timeout_seconds);
        let visibility = queue.attributes.visibility_seconds();
        if visibility >= timeout {
            return Ok(());
        }
        Err(MappingError::Invalid(format!(
            "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )))
    }

    /// The ARN of a function that is there.
    fn function(&self, text: &str) -> Result<String, MappingError> {
        let reference = read_reference(text)?;
        if self.inner.invoker.catalog().snapshot().function(&reference.name).is_none() {
            return Err(MappingError::Invalid("Function does not exist".to_owned()));
        }
        self.function_arn(text)
    }

    fn function_arn(&self, text: &str) -> Result<String, MappingError> {
        let reference = read_reference(text)?;
        Ok(self.inner.invoker.catalog().arn(&reference.name, reference.qualifier.as_ref()).to_string())
    }

    fn queue(&self, arn: &str) -> Result<Arc<Queue>, MappingError> {
        let service = arn.split(':').nth(2).unwrap_or_default();
        if service != "sqs" {
            return Err(MappingError::Invalid(match service {
                "" => "Unrecognized event source.".to_owned(),
                service => {
                    format!("ebb has no event source mappings for {service} yet ({arn}); queues are built.")
                }
            }));
        }
        self.inner.queues.find(arn).map_err(|error| {
            MappingError::Invalid(format!(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS \
                 Error Message: {error}"
            ))
        })
    }
}

impl Mapping {
    /// Source: Lambda API reference, `CreateEventSourceMapping` (2026-11).
    fn check(&self, queue: &Queue) -> Result<(), MappingError> {
        let invalid = |message: &str| Err(MappingError::Invalid(message.to_owned()));
        let most = if queue.is_fifo() { 10 } else { 10_000 };
        if !(1..=most).contains(&self.batch_size) {
            return Err(MappingError::Invalid(format!(
                "Batch size must be between 1 and {most} for this queue."
            )));
        }
        if self.batch_size > 10 && self.window_seconds == 0 {
            return invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            );
        }
        if self.window_seconds > 300 {
            return invalid("Maximum batch window in seconds must be between 0 and 300.");
        }
        if queue.is_fifo() && self.window_seconds > 0 {
            return invalid("Batching window is not supported for FIFO queues.");
        }
        if self.maximum_concurrency.is_some_and(|most| !(2..=1000).contains(&most)) {
            return invalid("MaximumConcurrency must be between 2 and 1000.");
        }
        if self.filters.len() > FILTERS {
            return invalid("A filter criteria can have 10 filters at most.");
        }
        for filter in &self.filters {
            if let Err(error) = Pattern::parse(filter) {
                return Err(MappingError::Invalid(format!(
                    "Invalid filter pattern definition. Reason: {error}"
                )));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Mappings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mappings").field("mappings", &self.inner.mappings.all().len()).finish_non_exhaustive()
    }
}

fn read_reference(text: &str) -> Result<FunctionReference, MappingError> {
    FunctionReference::parse(text).map_err(|error| MappingError::Invalid(error.to_string()))
}

fn short_name(arn: &str) -> &str {
    arn.split(":function:").nth(1).unwrap_or(arn)
}

fn not_deleting(mapping: Mapping) -> Result<Mapping, MappingError> {
    if mapping.transition == Some(Transition::Deleting) { Err(MappingError::InUse) } else { Ok(mapping) }
}

fn not_found(_: &str) -> MappingError {
    MappingError::NotFound("The resource you requested does not exist.".to_owned())
}
