//! Lifecycle rules: when objects, their older versions and unfinished uploads are removed by themselves.
//!
//! Source: S3 user guide, "Expiring objects", "Lifecycle configuration elements" and "Setting lifecycle configuration
//! rules" (2026-11). A time that is so many days after another is rounded up to the next midnight, UTC. Transitions to
//! other storage classes are kept by whoever sets them and not made: there is one.

mod apply;

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Object, Upload, Versioning};

/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1000;

/// A rule. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Names it.
    pub id: String,
    /// Whether it is on.
    pub enabled: bool,
    /// What it is about.
    pub filter: LifecycleFilter,
    /// When current versions expire.
    pub expiration: Option<Expiration>,
    /// Whether delete markers go that have nothing left to hide.
    pub removes_markers: bool,
    /// When older versions go.
    pub noncurrent: Option<NoncurrentExpiration>,
    /// After how many days uploads are given up that nobody ended.
    pub abort_uploads_days: Option<u32>,
}

/// What a rule is about. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LifecycleFilter {
    /// Keys that begin so.
    pub prefix: String,
    /// Objects that have all of these tags.
    pub tags: BTreeMap<String, String>,
    /// Objects of more bytes.
    pub larger_than: Option<u64>,
    /// Objects of fewer bytes.
    pub smaller_than: Option<u64>,
}

/// When current versions expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// So many days after they were written.
    Days(u32),
    /// From this time on.
    Date(Timestamp),
}

/// When older versions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    /// How many days after a newer one took their place.
    pub days: u32,
    /// How many of them stay whatever their age: the newest.
    pub keep: u32,
}

/// What is to be done with the versions of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Due<'a> {
    /// The current version expires: it goes, or gets a delete marker where versions are kept.
    Expire(&'a Object),
    /// This version goes for good.
    Remove(&'a Object),
}

impl LifecycleFilter {
    fn covers(&self, object: &Object) -> bool {
        let has = |(key, value): (&String, &String)| object.tags.get(key) == Some(value);
        object.key.starts_with(&self.prefix)
            && (object.marker || self.tags.iter().all(has))
            && (object.marker || self.larger_than.is_none_or(|bytes| object.size > bytes))
            && (object.marker || self.smaller_than.is_none_or(|bytes| object.size < bytes))
    }
}

impl LifecycleRule {
    /// When a current version expires by this rule.
    fn expires(&self, object: &Object) -> Option<Timestamp> {
        let covered = self.enabled && self.filter.covers(object);
        match self.expiration.filter(|_| covered)? {
            Expiration::Days(days) => Some(midnight_after(object.modified, days)),
            Expiration::Date(date) => Some(date),
        }
    }

    /// When an upload is given up by this rule.
    #[must_use]
    pub fn aborts(&self, upload: &Upload) -> Option<Timestamp> {
        // Rules about tags or sizes are not about uploads, which have neither yet.
        let plain = LifecycleFilter { prefix: self.filter.prefix.clone(), ..LifecycleFilter::default() };
        let covered = self.enabled && self.filter == plain && upload.key.starts_with(&self.filter.prefix);
        self.abort_uploads_days.filter(|_| covered).map(|days| midnight_after(upload.begun, days))
    }
}

/// When a current version expires, and by which rule: the first that does.
#[must_use]
pub fn expiry<'a>(rules: &'a [LifecycleRule], object: &Object) -> Option<(Timestamp, &'a LifecycleRule)> {
    let times = rules.iter().filter_map(|rule| Some((rule.expires(object)?, rule)));
    times.min_by_key(|(at, _)| *at)
}

/// So many days later, rounded up to the next midnight.
fn midnight_after(at: Timestamp, days: u32) -> Timestamp {
    let then = at.millis() + i64::from(days) * DAY;
    Timestamp((then.div_euclid(DAY) + 1) * DAY)
}

/// What is due of the versions of one key; the current one comes first, then the older ones from the newest on.
fn due<'a>(
    rules: &[LifecycleRule],
    versions: &'a [Object],
    versioning: Versioning,
    now: Timestamp,
) -> Vec<Due<'a>> {
    let mut all = Vec::new();
    let Some(current) = versions.first() else { return all };
    let expired = expiry(rules, current).is_some_and(|(at, _)| at <= now);
    if !current.marker {
        all.extend(expired.then_some(Due::Expire(current)));
    } else if versions.len() == 1 && versioning != Versioning::Never {
        // Nothing is left for it to hide.
        let removed = rules
            .iter()
            .any(|rule| rule.enabled && rule.removes_markers && current.key.starts_with(&rule.filter.prefix));
        all.extend((removed || expired).then_some(Due::Remove(current)));
    }
    for (newer, pair) in versions.windows(2).enumerate() {
        let [successor, object] = pair else { continue };
        let goes = |rule: &LifecycleRule| {
            rule.enabled
                && rule.filter.covers(object)
                && rule.noncurrent.is_some_and(|noncurrent| {
                    newer >= noncurrent.keep as usize
                        && midnight_after(successor.modified, noncurrent.days) <= now
                })
        };
        all.extend(rules.iter().any(goes).then_some(Due::Remove(object)));
    }
    all
}

#[cfg(test)]
mod tests;
