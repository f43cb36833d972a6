//! What CloudWatch Logs keeps besides groups, streams and events: metric filters and resource policies.
//!
//! Both are kept for the tools that make them. ebb publishes no metrics, so that metric filters count nothing; and
//! whoever has a key of the account may write logs, so that resource policies decide nothing. Source: CloudWatch Logs
//! API reference (2026-11).

use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{Clock, Timestamp};
use ebb_store::{Change, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::registry::{Follow, Registry};

/// The most resource policies of an account. Source: CloudWatch Logs user guide, "CloudWatch Logs quotas" (2026-11).
const POLICIES: usize = 10;
/// The most metric filters of a group.
const METRIC_FILTERS: usize = 100;

/// All settings. Cheap to clone.
#[derive(Clone)]
pub struct LogSettings {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    metric_filters: Registry<MetricFilter>,
    policies: Registry<LogPolicy>,
}

/// What is counted in the events of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// The group.
    pub group: String,
    /// Its name, unique in the group.
    pub name: String,
    /// Which events count.
    pub pattern: String,
    /// Which metric they make, as it was given.
    pub transformations: Vec<Value>,
    /// When it was made.
    pub created: Timestamp,
}

/// Who else may write logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogPolicy {
    /// Its name, unique.
    pub name: String,
    /// As it was given.
    pub document: String,
    /// When it was last put.
    pub updated: Timestamp,
}

/// Why a setting is refused.
#[derive(Debug, thiserror::Error)]
pub enum LogSettingError {
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// There are too many.
    #[error("Resource limit exceeded.")]
    Limit,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Follow for LogSettings {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.metric_filters.follow(change.clone()).await?;
            self.inner.policies.follow(change).await.map(drop)
        })
    }
}

impl LogSettings {
    /// Reads what there is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self {
            inner: Arc::new(Inner {
                metric_filters: Registry::open(store.clone(), "log-metric-filter").await?,
                policies: Registry::open(store, "log-policy").await?,
                clock,
            }),
        })
    }

    /// Makes or changes a metric filter.
    ///
    /// # Errors
    /// [`LogSettingError::Limit`].
    pub async fn put_metric_filter(
        &self,
        group: &str,
        name: &str,
        pattern: &str,
        transformations: Vec<Value>,
    ) -> Result<(), LogSettingError> {
        let new = MetricFilter {
            group: group.to_owned(),
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            transformations,
            created: self.inner.clock.now(),
        };
        let key = key(group, name);
        let put = self.inner.metric_filters.edit(&key, |before| {
            if before.is_none() && self.metric_filters(Some(group)).len() >= METRIC_FILTERS {
                return Err(LogSettingError::Limit);
            }
            let created = before.map_or(new.created, |before| before.created);
            Ok(Some(MetricFilter { created, ..new.clone() }))
        });
        put.await.map(drop)
    }

    /// Removes a metric filter.
    ///
    /// # Errors
    /// [`LogSettingError::Missing`].
    pub async fn delete_metric_filter(&self, group: &str, name: &str) -> Result<(), LogSettingError> {
        let key = key(group, name);
        let delete = self.inner.metric_filters.edit(&key, |before| match before {
            Some(_) => Ok(None),
            None => Err(LogSettingError::Missing("The specified metric filter does not exist.".to_owned())),
        });
        delete.await.map(drop)
    }

    /// All metric filters, or those of a group, by group and name.
    #[must_use]
    pub fn metric_filters(&self, group: Option<&str>) -> Vec<Arc<MetricFilter>> {
        let all = self.inner.metric_filters.all();
        all.values().filter(|filter| group.is_none_or(|group| filter.group == group)).cloned().collect()
    }

    /// Forgets what was set of a group that is gone.
    ///
    /// # Errors
    /// [`LogSettingError::Store`].
    pub async fn forget_group(&self, group: &str) -> Result<(), LogSettingError> {
        for filter in self.metric_filters(Some(group)) {
            let gone = |_: Option<&MetricFilter>| Ok::<_, LogSettingError>(None);
            self.inner.metric_filters.edit(&key(group, &filter.name), gone).await?;
        }
        Ok(())
    }

    /// Makes or changes a resource policy.
    ///
    /// # Errors
    /// [`LogSettingError::Limit`].
    pub async fn put_policy(&self, name: &str, document: &str) -> Result<Arc<LogPolicy>, LogSettingError> {
        let updated = self.inner.clock.now();
        let policy = LogPolicy { name: name.to_owned(), document: document.to_owned(), updated };
        let put = self.inner.policies.edit(name, |before| {
            if before.is_none() && self.inner.policies.all().len() >= POLICIES {
                return Err(LogSettingError::Limit);
            }
            Ok(Some(policy.clone()))
        });
        put.await?.ok_or(LogSettingError::Limit)
    }

    /// Removes a resource policy.
    ///
    /// # Errors
    /// [`LogSettingError::Missing`].
    pub async fn delete_policy(&self, name: &str) -> Result<(), LogSettingError> {
        let delete = self.inner.policies.edit(name, |before| match before {
            Some(_) => Ok(None),
            None => Err(LogSettingError::Missing(format!("Policy with name [{name}] does not exist."))),
        });
        delete.await.map(drop)
    }

    /// All resource policies by name.
    #[must_use]
    pub fn policies(&self) -> Vec<Arc<LogPolicy>> {
        self.inner.policies.all().values().cloned().collect()
    }
}

/// Names have no such character.
fn key(group: &str, name: &str) -> String {
    format!("{group}\u{1}{name}")
}

impl std::fmt::Debug for LogSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSettings").finish_non_exhaustive()
    }
}
