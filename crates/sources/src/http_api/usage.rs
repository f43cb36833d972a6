//! API keys and usage plans: who may use REST APIs, and how much.
//!
//! Source: API Gateway developer guide, "Usage plans and API keys for REST APIs" (2026-11). What keys used of their
//! quotas is counted by each server for itself and forgotten when it stops, as quotas there are no hard limits either.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::epoch;
use super::{HttpApiError, HttpApis, fresh_id};

/// A key that whoever calls an API shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// What is shown; given where it is empty.
    #[serde(default)]
    pub value: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For the marketplace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Whether it may be used.
    #[serde(default)]
    pub enabled: bool,
    /// Stages (`API/STAGE`) that it is for besides those of its plans.
    #[serde(default)]
    pub stage_keys: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// When it was last changed.
    #[serde(default = "epoch")]
    pub modified: Timestamp,
}

/// What keys may use, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlan {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What may be used.
    #[serde(default)]
    pub api_stages: Vec<PlanStage>,
    /// How fast each key may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<PlanThrottle>,
    /// How much each key may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// For the marketplace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The ids of the keys that have it.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// A stage of an API that a plan is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStage {
    /// The API.
    pub api_id: String,
    /// The stage.
    pub stage: String,
    /// How fast each key may use single methods, by `/path/METHOD`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: BTreeMap<String, PlanThrottle>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanThrottle {
    /// Requests at once.
    #[serde(default)]
    pub burst_limit: u32,
    /// Requests a second.
    #[serde(default)]
    pub rate_limit: f64,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Requests in a period.
    pub limit: u32,
    /// Requests that the first period has less.
    #[serde(default)]
    pub offset: u32,
    /// How long a period is.
    pub period: Period,
}

/// How long quotas last: calendar days, weeks from Sunday, or months, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// A day.
    #[serde(rename = "DAY")]
    Day,
    /// A week.
    #[serde(rename = "WEEK")]
    Week,
    /// A month.
    #[serde(rename = "MONTH")]
    Month,
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Period {
    /// The period that a day is in; two days of one period have the same.
    fn of(self, day: i64) -> String {
        match self {
            Self::Day => day.to_string(),
            // The first day of the epoch was a Thursday.
            Self::Week => (day + 4).div_euclid(7).to_string(),
            Self::Month => Timestamp(day * DAY_MILLIS).format("%Y-%m"),
        }
    }
}

/// How many requests each key made under each plan, by day.
#[derive(Debug, Default)]
pub(super) struct UsageCounts {
    days: Mutex<HashMap<(String, String), BTreeMap<i64, u64>>>,
}

/// A key and the plan by which it may use a stage.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The key.
    pub key: Arc<ApiKey>,
    /// The plan; none for keys that name the stage themselves.
    pub plan: Option<Arc<UsagePlan>>,
}

impl HttpApis {
    /// Makes a key. Its id, its value and its times are filled in.
    ///
    /// # Errors
    /// [`HttpApiError::Conflict`] where its value is another's.
    pub async fn create_key(&self, mut key: ApiKey) -> Result<Arc<ApiKey>, HttpApiError> {
        if key.value.is_empty() {
            key.value = fresh_id(20) + &fresh_id(20);
        }
        if key.value.len() < 20 || key.value.len() > 128 {
            let text = "API Key value should be at least 20 characters".to_owned();
            return Err(HttpApiError::Invalid(text));
        }
        if self.inner.keys.all().values().any(|other| other.value == key.value) {
            return Err(HttpApiError::Conflict("API Key already exists".to_owned()));
        }
        key.id = fresh_id(10);
        (key.created, key.modified) = (self.now(), self.now());
        let id = key.id.clone();
        let made = self.inner.keys.edit(&id, |_| Ok::<_, HttpApiError>(Some(key.clone())));
        made.await?.ok_or_else(no_key)
    }

    /// Changes a key. `change` may be called several times.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`], and those of `change`.
    pub async fn edit_key(
        &self,
        id: &str,
        mut change: impl FnMut(&mut ApiKey) -> Result<(), HttpApiError>,
    ) -> Result<Arc<ApiKey>, HttpApiError> {
        let now = self.now();
        let changed = self.inner.keys.edit(id, |before| {
            let mut key = before.cloned().ok_or_else(no_key)?;
            change(&mut key)?;
            key.modified = now;
            Ok::<_, HttpApiError>(Some(key))
        });
        changed.await?.ok_or_else(no_key)
    }

    /// Removes a key, also from its plans.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub async fn delete_key(&self, id: &str) -> Result<(), HttpApiError> {
        self.key(id)?;
        for plan in self.plans().iter().filter(|plan| plan.keys.iter().any(|key| key == id)) {
            self.edit_plan(&plan.id, |plan| {
                plan.keys.retain(|key| key != id);
                Ok(())
            })
            .await?;
        }
        self.inner.keys.edit(id, |_| Ok::<_, HttpApiError>(None)).await.map(drop)
    }

    /// A key.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub fn key(&self, id: &str) -> Result<Arc<ApiKey>, HttpApiError> {
        self.inner.keys.get(id).ok_or_else(no_key)
    }

    /// All keys, by id.
    #[must_use]
    pub fn keys(&self) -> Vec<Arc<ApiKey>> {
        self.inner.keys.all().values().cloned().collect()
    }

    /// Makes a usage plan.
    ///
    /// # Errors
    /// [`HttpApiError::Invalid`] where it names a stage that is not there.
    pub async fn create_plan(&self, mut plan: UsagePlan) -> Result<Arc<UsagePlan>, HttpApiError> {
        plan.id = fresh_id(6);
        self.check_plan(&plan)?;
        let id = plan.id.clone();
        let made = self.inner.plans.edit(&id, |_| Ok::<_, HttpApiError>(Some(plan.clone())));
        made.await?.ok_or_else(no_plan)
    }

    /// Changes a usage plan. `change` may be called several times.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`], those of `change`, and those of [`HttpApis::create_plan`].
    pub async fn edit_plan(
        &self,
        id: &str,
        mut change: impl FnMut(&mut UsagePlan) -> Result<(), HttpApiError>,
    ) -> Result<Arc<UsagePlan>, HttpApiError> {
        let changed = self.inner.plans.edit(id, |before| {
            let before = before.ok_or_else(no_plan)?;
            let mut plan = before.clone();
            change(&mut plan)?;
            if plan.api_stages != before.api_stages {
                self.check_plan(&plan)?;
            }
            Ok::<_, HttpApiError>(Some(plan))
        });
        changed.await?.ok_or_else(no_plan)
    }

    /// Removes a usage plan.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub async fn delete_plan(&self, id: &str) -> Result<(), HttpApiError> {
        self.plan(id)?;
        self.inner.plans.edit(id, |_| Ok::<_, HttpApiError>(None)).await.map(drop)
    }

    /// A usage plan.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub fn plan(&self, id: &str) -> Result<Arc<UsagePlan>, HttpApiError> {
        self.inner.plans.get(id).ok_or_else(no_plan)
    }

    /// All usage plans, by id.
    #[must_use]
    pub fn plans(&self) -> Vec<Arc<UsagePlan>> {
        self.inner.plans.all().values().cloned().collect()
    }

    /// The key with this value and the plan by which it may use a stage; nothing where it may not.
    #[must_use]
    pub fn admitted(&self, value: &str, api: &str, stage: &str) -> Option<Admitted> {
        let keys = self.inner.keys.all();
        let key = keys.values().find(|key| key.enabled && key.value == value)?.clone();
        let covers = |plan: &UsagePlan| {
            let mut stages = plan.api_stages.iter();
            plan.keys.contains(&key.id) && stages.any(|own| own.api_id == api && own.stage == stage)
        };
        let plan = self.inner.plans.all().values().find(|plan| covers(plan)).cloned();
        let named = key.stage_keys.iter().any(|own| *own == format!("{api}/{stage}"));
        (plan.is_some() || named).then_some(Admitted { key, plan })
    }

    /// Counts a request of a key under a plan; false where the plan's quota is used up, and the request counts not.
    #[must_use]
    pub fn count(&self, plan: &UsagePlan, key: &ApiKey) -> bool {
        let today = self.now().millis().div_euclid(DAY_MILLIS);
        let mut days = self.inner.usage.days.lock().unwrap_or_else(PoisonError::into_inner);
        let own = days.entry((plan.id.clone(), key.id.clone())).or_default();
        if let Some(quota) = plan.quota {
            let period = quota.period.of(today);
            let same = own.iter().filter(|(day, _)| quota.period.of(**day) == period);
            let used: u64 = same.map(|(_, count)| count).sum();
            if used >= u64::from(quota.limit) {
                return false;
            }
        }
        *own.entry(today).or_default() += 1;
        // A month and a bit is all that anybody asks for.
        while own.len() > 62 {
            own.pop_first();
        }
        true
    }

    /// How many requests a key made under a plan on each day from `first` to `last` (`2026-11-26`), both included.
    #[must_use]
    pub fn used(&self, plan: &str, key: &str, first: &str, last: &str) -> Vec<u64> {
        let days = self.inner.usage.days.lock().unwrap_or_else(PoisonError::into_inner);
        let none = BTreeMap::new();
        let own = days.get(&(plan.to_owned(), key.to_owned())).unwrap_or(&none);
        let today = self.now().millis().div_euclid(DAY_MILLIS);
        let name = |day: i64| Timestamp(day * DAY_MILLIS).format("%Y-%m-%d");
        let asked = (today - 90..=today).filter(|day| (first..=last).contains(&name(*day).as_str()));
        asked.map(|day| own.get(&day).copied().unwrap_or_default()).collect()
    }

    fn check_plan(&self, plan: &UsagePlan) -> Result<(), HttpApiError> {
        for own in &plan.api_stages {
            let api = self
                .rest(&own.api_id)
                .map_err(|_| HttpApiError::NotFound("Invalid API stage specified".into()))?;
            if api.stage(&own.stage).is_none() {
                return Err(HttpApiError::NotFound(
                    "API Stage not found".to_owned() + ": " + &own.api_id + ":" + &own.stage,
                ));
            }
        }
        Ok(())
    }
}

fn no_key() -> HttpApiError {
    HttpApiError::NotFound("Invalid API Key identifier specified".to_owned())
}

fn no_plan() -> HttpApiError {
    HttpApiError::NotFound("Invalid Usage Plan identifier specified".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_those_of_the_calendar() {
        // 2026-11-26 is a Thursday.
        let day = Timestamp(1_795_651_200_000).millis() / DAY_MILLIS;
        assert_eq!(Timestamp(day * DAY_MILLIS).format("%Y-%m-%d %a"), "2026-11-26 Thu");
        for (period, days, same) in [
            (Period::Day, 1, false),
            (Period::Week, -4, true),
            (Period::Week, -5, false),
            (Period::Week, 2, true),
            (Period::Week, 3, false),
            (Period::Month, 4, true),
            (Period::Month, 5, false),
        ] {
            assert_eq!(period.of(day) == period.of(day + days), same, "{period:?} {days}");
        }
    }
}
