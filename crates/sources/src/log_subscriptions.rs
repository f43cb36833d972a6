//! Subscription filters: functions that are called with the log events of a group as they come.
//!
//! A filter hears of the events that are written after it was put. Each batch that is written to a stream becomes one
//! delivery to each function that wants some of it, durable from then on; what is written just before a crash may not be
//! told. Source: CloudWatch Logs user guide, "Real-time processing of log data with subscriptions", and the API
//! reference, `PutSubscriptionFilter` (2026-11).

mod event;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use ebb_invoker::Boxed;
use ebb_invoker::logs::{FilterPattern, InvalidPattern};
use ebb_model::{AccountId, Clock, Region, ServiceCaller, Timestamp};
use ebb_store::logs::{LogError, Written};
use ebb_store::{Change, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::delivery::{Delivery, Message, Sender, Targets};
use crate::registry::{Follow, Registry};

/// The most filters of a group. Source: CloudWatch Logs user guide, "CloudWatch Logs quotas" (2026-11).
const FILTERS: usize = 2;

/// All subscription filters. Cheap to clone.
#[derive(Clone)]
pub struct LogSubscriptions {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    targets: Targets,
    filters: Registry<SubscriptionFilter>,
    teller: Mutex<Option<JoinHandle<()>>>,
}

/// What the filters need.
pub struct LogSubscriptionParts {
    /// Where they, the logs and the deliveries are.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// What can be delivered to.
    pub targets: Targets,
}

/// Which events of a group a function is called with. Kept in the store: fields may be added with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    /// The group.
    pub group: String,
    /// Its name, unique in the group.
    pub name: String,
    /// Which events are wanted.
    pub pattern: String,
    /// The ARN of the function.
    pub destination: String,
    /// `ByLogStream` or `Random`, as it was given: all functions are on this server.
    pub distribution: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Why a filter is refused.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is no such filter.
    #[error("The specified subscription filter does not exist.")]
    Missing,
    /// There are too many.
    #[error("Resource limit exceeded.")]
    Limit,
    /// There is no such group, or it cannot be read.
    #[error(transparent)]
    Group(#[from] LogError),
    /// What is wanted is no pattern.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// Deliveries are not distributed so.
    #[error(
        "1 validation error detected: Value '{0}' at 'distribution' failed to satisfy constraint: Member must satisfy enum \
         value set: [Random, ByLogStream]"
    )]
    Distribution(String),
    /// The function may not be called; says which statement is missing.
    #[error(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your \
         function. {0}"
    )]
    NotLet(String),
    /// The group is the function's own.
    #[error("The log group provided is reserved for the function logs of the destination function.")]
    OwnGroup,
    /// The destination is not of a service that ebb has.
    #[error("destinationArn: ebb calls functions with log events, and {0} is none")]
    NoFunction(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Follow for LogSubscriptions {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move { self.inner.filters.follow(change).await.map(drop) })
    }
}

impl LogSubscriptions {
    /// Reads what there is and starts to tell. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: LogSubscriptionParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            filters: Registry::open(parts.store.clone(), "log-subscription-filter").await?,
            store: parts.store,
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
            targets: parts.targets,
            teller: Mutex::default(),
        });
        // The logs outlive whoever watches them.
        let known = Arc::downgrade(&inner);
        let wanted = move || match known.upgrade() {
            Some(inner) => inner.filters.all().values().map(|filter| filter.group.clone()).collect(),
            None => Vec::new(),
        };
        let mut written = inner.store.logs().watch(wanted);
        let subscriptions = Self { inner };
        let told = Arc::downgrade(&subscriptions.inner);
        let teller = tokio::spawn(async move {
            while let Some(written) = written.recv().await {
                let Some(inner) = told.upgrade() else { return };
                if let Err(error) = (Self { inner }).tell(&written).await {
                    tracing::error!(group = written.group, %error, "log events are not told to who subscribed");
                }
            }
        });
        *subscriptions.inner.teller.lock().unwrap_or_else(PoisonError::into_inner) = Some(teller);
        Ok(subscriptions)
    }

    /// Ends what runs by itself.
    pub fn stop(&self) {
        let teller = self.inner.teller.lock().unwrap_or_else(PoisonError::into_inner).take();
        teller.inspect(JoinHandle::abort);
    }

    /// Makes or changes a filter.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub async fn put(&self, new: SubscriptionFilter) -> Result<(), SubscriptionError> {
        let Some(function) = function_name(&new.destination) else {
            return Err(SubscriptionError::NoFunction(new.destination));
        };
        if new.group.strip_prefix("/aws/lambda/") == Some(function) {
            return Err(SubscriptionError::OwnGroup);
        }
        self.inner.store.logs().group(&new.group).await?;
        FilterPattern::parse(&new.pattern)?;
        if !["ByLogStream", "Random"].contains(&new.distribution.as_str()) {
            return Err(SubscriptionError::Distribution(new.distribution));
        }
        let caller = self.caller(&new.group, &new.destination);
        let lets = self.inner.targets.lets(&new.destination, &caller);
        lets.map_err(|refused| SubscriptionError::NotLet(refused.message))?;
        let key = key(&new.group, &new.name);
        let put = self.inner.filters.edit(&key, |before| {
            if before.is_none() && self.of_group(&new.group).len() >= FILTERS {
                return Err(SubscriptionError::Limit);
            }
            let created = before.map_or(new.created, |before| before.created);
            Ok(Some(SubscriptionFilter { created, ..new.clone() }))
        });
        put.await.map(drop)
    }

    /// Removes a filter.
    ///
    /// # Errors
    /// [`SubscriptionError::Missing`].
    pub async fn delete(&self, group: &str, name: &str) -> Result<(), SubscriptionError> {
        let key = key(group, name);
        let delete = self.inner.filters.edit(&key, |before| match before {
            Some(_) => Ok(None),
            None => Err(SubscriptionError::Missing),
        });
        delete.await.map(drop)
    }

    /// Forgets the filters of a group that is gone.
    ///
    /// # Errors
    /// [`SubscriptionError::Store`].
    pub async fn forget_group(&self, group: &str) -> Result<(), SubscriptionError> {
        for filter in self.of_group(group) {
            self.delete(group, &filter.name).await?;
        }
        Ok(())
    }

    /// The filters of a group, by name.
    #[must_use]
    pub fn of_group(&self, group: &str) -> Vec<Arc<SubscriptionFilter>> {
        self.inner.filters.all().values().filter(|filter| filter.group == group).cloned().collect()
    }

    /// Makes the deliveries that follow from what was written.
    async fn tell(&self, written: &Written) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let mut work = Vec::new();
        for filter in self.of_group(&written.group) {
            // It was read when the filter was put.
            let Ok(pattern) = FilterPattern::parse(&filter.pattern) else { continue };
            let wanted: Vec<_> = written.events.iter().filter(|(_, text)| pattern.matches(text)).collect();
            if wanted.is_empty() {
                continue;
            }
            let body = event::of(&self.inner.account, written, &filter.name, &wanted);
            let caller = self.caller(&filter.group, &filter.destination);
            let message = Message { body, ..Message::default() };
            let delivery = Delivery::new(filter.destination.clone(), message, Sender::Service(caller), now);
            work.push(delivery.into_work(now));
        }
        self.inner.store.work().enqueue(work).await.map(drop)
    }

    /// As whom a group calls a function: the service has a name for each region, too, and policies use either.
    fn caller(&self, group: &str, destination: &str) -> ServiceCaller {
        let Inner { account, region, .. } = &*self.inner;
        let caller = |service: String| ServiceCaller {
            service,
            source_arn: format!("arn:aws:logs:{region}:{account}:log-group:{group}:*"),
            source_account: account.to_string(),
        };
        let regional = caller(format!("logs.{region}.amazonaws.com"));
        match self.inner.targets.lets(destination, &regional) {
            Ok(()) => regional,
            Err(_) => caller("logs.amazonaws.com".to_owned()),
        }
    }
}

/// The name of the function that an ARN names.
fn function_name(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':').skip(2);
    let service = parts.next()?;
    let mut parts = parts.skip(2);
    (service == "lambda" && parts.next()? == "function").then(|| parts.next()).flatten()
}

/// Names have no such character.
fn key(group: &str, name: &str) -> String {
    format!("{group}\u{1}{name}")
}

impl std::fmt::Debug for LogSubscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSubscriptions").finish_non_exhaustive()
    }
}
