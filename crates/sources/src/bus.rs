//! The event bus: events are published to a bus, whose rules pass them on to targets.
//!
//! Source: Amazon EventBridge user guide and API reference (2026-11). `publish.rs` is the way of an event, `due.rs`
//! that of a scheduled rule, `destination_call.rs` that to an HTTP endpoint, `api_target.rs` that to an API of this server;
//! the rest is what is configured.

mod api_destinations;
mod api_target;
mod archives;
mod authorization;
mod buses;
mod connections;
mod destination_call;
mod due;
mod event;
mod path;
mod publish;
mod replays;
mod rules;
mod tags;
mod target;
mod targets;
mod tokens;
mod transform;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region, ServiceCaller};
use ebb_store::{Change, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::RateLimits;
use crate::http_client::HttpClient;
use crate::pattern::{InvalidPattern, Pattern, PatternIndex};
use crate::registry::{Follow, Registry};
use crate::schedule::{InvalidExpression, Timers};

pub use api_destinations::{ApiDestination, ApiDestinationChange, DESTINATION_METHODS};
pub use api_target::{ApiTarget, ApiTargetParts, RequestSigner};
pub use archives::{Archive, ArchiveChange, ArchiveStatistics};
pub use authorization::{
    Authorization, AuthorizationChange, AuthorizationKind, CallParameter, CallParameters, OAuth, OAuthChange,
};
pub use buses::{Bus, BusChange};
pub use connections::{Connection, ConnectionChange, ConnectionState};
pub use event::{NewEvent, RefusedEvent};
pub use replays::{NewReplay, Replay, ReplayState};
pub use rules::{NewRule, Rule, RuleState};
pub use target::BusTarget;
pub use targets::{RefusedTarget, RuleTarget};
pub use transform::Input;

/// The bus that is always there.
pub const DEFAULT_BUS: &str = "default";

/// What the buses are opened with.
pub struct BusParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region in their ARNs.
    pub region: Region,
}

/// The buses, their rules, and what waits for them. Cheap to clone.
#[derive(Clone)]
pub struct EventBuses {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    buses: Registry<Bus>,
    rules: Registry<Rule>,
    archives: Registry<Archive>,
    replays: Registry<Replay>,
    connections: Registry<Connection>,
    destinations: Registry<ApiDestination>,
    tokens: tokens::Tokens,
    /// How often each API destination is called.
    rates: RateLimits,
    client: HttpClient,
    /// The patterns of enabled rules, by bus; held for moments only.
    index: RwLock<HashMap<String, PatternIndex<Listener>>>,
    timers: Timers,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What listens to a bus, by the key of its document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Listener {
    Rule(String),
    Archive(String),
}

/// Why the buses refuse something.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// An event pattern makes no sense.
    #[error("Event pattern is not valid. Reason: {0}")]
    InvalidPattern(#[from] InvalidPattern),
    /// A limit of the service.
    #[error("{0}")]
    LimitExceeded(String),
    /// It is not in a state for this.
    #[error("{0}")]
    InvalidState(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<InvalidExpression> for BusError {
    fn from(error: InvalidExpression) -> Self {
        // The service says no more; the reason is told to who runs the server.
        tracing::info!(%error, "a schedule expression is refused");
        Self::Invalid("Parameter ScheduleExpression is not valid.".to_owned())
    }
}

impl EventBuses {
    /// Reads what is configured, and goes on with schedules and replays. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`BusError::Store`].
    pub async fn open(parts: BusParts) -> Result<Self, BusError> {
        let store = &parts.store;
        let inner = Arc::new(Inner {
            buses: Registry::open(store.clone(), "event-bus").await?,
            rules: Registry::open(store.clone(), "event-rule").await?,
            archives: Registry::open(store.clone(), "event-archive").await?,
            replays: Registry::open(store.clone(), "event-replay").await?,
            connections: Registry::open(store.clone(), "event-connection").await?,
            destinations: Registry::open(store.clone(), "event-api-destination").await?,
            tokens: tokens::Tokens::default(),
            rates: RateLimits::default(),
            client: HttpClient::new(),
            index: RwLock::default(),
            timers: Timers::new(parts.clock.clone()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store: parts.store,
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
        });
        let buses = Self { inner };
        for rule in buses.inner.rules.all().values() {
            buses.listen_rule(rule);
            buses.wind(rule);
        }
        for archive in buses.inner.archives.all().values() {
            buses.listen_archive(archive);
        }
        buses.spawn(|buses| async move { buses.keep_time().await });
        buses.spawn(|buses| async move { buses.sweep_archives().await });
        buses.resume_replays();
        for connection in buses.inner.connections.all().values() {
            buses.ask_for_token(connection);
        }
        Ok(buses)
    }

    /// Ends schedules and replays; the next server goes on with them.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Runs something until it ends or the server stops.
    fn spawn<F>(&self, run: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, run) = (self.inner.stop.clone(), run(self.clone()));
        self.inner.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(run).await;
        });
    }

    /// An ARN of this service.
    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:events:{}:{}:{resource}", self.inner.region, self.inner.account)
    }

    /// How a rule introduces itself to its targets.
    fn caller(&self, rule_arn: String) -> ServiceCaller {
        ServiceCaller {
            service: "events.amazonaws.com".to_owned(),
            source_arn: rule_arn,
            source_account: self.inner.account.to_string(),
        }
    }

    /// Adds or takes away what listens to a bus.
    fn listen(&self, bus: &str, listener: Listener, pattern: Option<Pattern>) {
        let mut index = self.inner.index.write().unwrap_or_else(PoisonError::into_inner);
        let of_bus = index.entry(bus.to_owned()).or_default();
        match pattern {
            Some(pattern) => of_bus.insert(listener, pattern),
            None => of_bus.remove(&listener),
        }
        if of_bus.is_empty() {
            index.remove(bus);
        }
    }
}

impl Follow for EventBuses {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.buses.follow(change.clone()).await?;
            self.inner.replays.follow(change.clone()).await?;
            self.inner.connections.follow(change.clone()).await?;
            self.inner.destinations.follow(change.clone()).await?;
            if let Some(followed) = self.inner.rules.follow(change.clone()).await? {
                if let Some(before) = followed.before {
                    self.listen(&before.bus, Listener::Rule(before.key()), None);
                    self.inner.timers.set(&before.key(), None);
                }
                if let Some(rule) = followed.after {
                    self.listen_rule(&rule);
                    self.wind(&rule);
                }
            }
            if let Some(followed) = self.inner.archives.follow(change).await? {
                if let Some(before) = followed.before {
                    self.listen(&before.bus, Listener::Archive(before.name.clone()), None);
                }
                if let Some(archive) = followed.after {
                    self.listen_archive(&archive);
                }
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for EventBuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBuses").field("rules", &self.inner.rules.all().len()).finish_non_exhaustive()
    }
}

/// Whether a name consists of the characters that the service takes, and is not longer than `most`.
fn is_name(name: &str, most: usize, also: &[char]) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || also.contains(&c);
    (1..=most).contains(&name.len()) && name.chars().all(legal)
}

#[cfg(test)]
mod tests;
