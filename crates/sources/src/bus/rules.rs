//! Rules: which events of a bus, or which times, are passed on.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::buses::bus_name;
use super::targets::RuleTarget;
use super::{BusError, DEFAULT_BUS, EventBuses, Listener, is_name};
use crate::pattern::Pattern;
use crate::schedule::{Expression, Grammar};

/// The longest pattern, in characters. Source: the public model of EventBridge, `EventPattern`.
const PATTERN_CHARACTERS: usize = 4096;

/// A rule of a bus. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The bus that it is of.
    pub bus: String,
    /// Its name, unique in its bus.
    pub name: String,
    /// The pattern of the events that it passes on, as it was given.
    pub pattern: Option<String>,
    /// When it is due, as it was given.
    pub schedule: Option<String>,
    /// Whether it is on.
    pub state: RuleState,
    /// For people.
    pub description: Option<String>,
    /// A role, as it was given.
    pub role: Option<String>,
    /// What it passes events on to, by id.
    pub targets: BTreeMap<String, RuleTarget>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When the schedule began: when it was made, turned on or given another schedule.
    pub since: Timestamp,
    /// The last time that it was due.
    pub fired: Option<Timestamp>,
}

/// Whether a rule is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RuleState {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
    /// It is, also for events that read only.
    EnabledWithAllCloudtrailManagementEvents,
}

/// A rule to be made, or to take the place of one.
#[derive(Debug, Clone, Default)]
pub struct NewRule {
    /// Its name.
    pub name: String,
    /// The bus, by name or ARN; the default one where absent.
    pub bus: Option<String>,
    /// A pattern, a schedule, or both.
    pub pattern: Option<String>,
    /// A schedule.
    pub schedule: Option<String>,
    /// On, unless told.
    pub state: Option<RuleState>,
    /// For people.
    pub description: Option<String>,
    /// A role.
    pub role: Option<String>,
    /// Tags; of a rule that is there already they stay as they are.
    pub tags: BTreeMap<String, String>,
}

impl Rule {
    /// The key of its document.
    pub(super) fn key(&self) -> String {
        key(&self.bus, &self.name)
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state != RuleState::Disabled
    }
}

impl EventBuses {
    /// Makes a rule, or changes all of one but its targets and tags.
    ///
    /// # Errors
    /// [`BusError::NotFound`] for the bus; [`BusError::Invalid`], [`BusError::InvalidPattern`].
    pub async fn put_rule(&self, new: NewRule) -> Result<Arc<Rule>, BusError> {
        let bus = self.bus(new.bus.as_deref().unwrap_or(DEFAULT_BUS))?.name.clone();
        new.check(&bus)?;
        let now = self.inner.clock.now();
        let key = key(&bus, &new.name);
        let put = self.inner.rules.edit(&key, |before| {
            let same_schedule =
                before.is_some_and(|before| before.schedule == new.schedule && before.is_enabled());
            let kept = before.cloned();
            let rule = Rule {
                bus: bus.clone(),
                name: new.name.clone(),
                pattern: new.pattern.clone(),
                schedule: new.schedule.clone(),
                state: new.state.unwrap_or(RuleState::Enabled),
                description: new.description.clone(),
                role: new.role.clone(),
                since: before.filter(|_| same_schedule).map_or(now, |before| before.since),
                fired: before.filter(|_| same_schedule).and_then(|before| before.fired),
                tags: kept.as_ref().map_or_else(|| new.tags.clone(), |rule| rule.tags.clone()),
                targets: kept.map(|rule| rule.targets).unwrap_or_default(),
            };
            Ok::<_, BusError>(Some(rule))
        });
        let rule = put.await?.ok_or_else(|| not_found(&bus, &new.name))?;
        self.listen_rule(&rule);
        self.wind(&rule);
        Ok(rule)
    }

    /// A rule.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn rule(&self, bus: Option<&str>, name: &str) -> Result<Arc<Rule>, BusError> {
        let bus = bus_name(bus.unwrap_or(DEFAULT_BUS));
        self.inner.rules.get(&key(bus, name)).ok_or_else(|| not_found(bus, name))
    }

    /// The rules of a bus whose names begin so, by name.
    #[must_use]
    pub fn rules(&self, bus: &str, prefix: &str) -> Vec<Arc<Rule>> {
        let begin = key(bus_name(bus), prefix);
        let all = self.inner.rules.all();
        let of_bus = all.range(begin.clone()..).take_while(|(key, _)| key.starts_with(&begin));
        of_bus.map(|(_, rule)| rule.clone()).collect()
    }

    /// The ARN of a rule.
    #[must_use]
    pub fn rule_arn(&self, rule: &Rule) -> String {
        match rule.bus.as_str() {
            DEFAULT_BUS => self.arn(&format!("rule/{}", rule.name)),
            bus => self.arn(&format!("rule/{bus}/{}", rule.name)),
        }
    }

    /// Turns a rule on or off.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn set_rule_state(
        &self,
        bus: Option<&str>,
        name: &str,
        state: RuleState,
    ) -> Result<(), BusError> {
        let now = self.inner.clock.now();
        let edit = |rule: &mut Rule| {
            if state != RuleState::Disabled && !rule.is_enabled() {
                (rule.since, rule.fired) = (now, None);
            }
            rule.state = state;
            Ok(())
        };
        let rule = self.edit_rule(bus, name, edit).await?;
        self.listen_rule(&rule);
        self.wind(&rule);
        Ok(())
    }

    /// Removes a rule; does nothing where there is none.
    ///
    /// # Errors
    /// [`BusError::Invalid`] where it still has targets.
    pub async fn delete_rule(&self, bus: Option<&str>, name: &str) -> Result<(), BusError> {
        let bus = self.bus(bus.unwrap_or(DEFAULT_BUS))?.name.clone();
        let key = key(&bus, name);
        let removed = self.inner.rules.edit(&key, |before| match before {
            Some(rule) if !rule.targets.is_empty() => {
                Err(BusError::Invalid("Rule can't be deleted since it has targets.".to_owned()))
            }
            _ => Ok(None),
        });
        removed.await?;
        self.listen(&bus, Listener::Rule(key.clone()), None);
        self.inner.timers.set(&key, None);
        Ok(())
    }

    pub(super) async fn edit_rule(
        &self,
        bus: Option<&str>,
        name: &str,
        edit: impl Fn(&mut Rule) -> Result<(), BusError>,
    ) -> Result<Arc<Rule>, BusError> {
        let bus = bus_name(bus.unwrap_or(DEFAULT_BUS));
        let key = key(bus, name);
        let edited = self.inner.rules.edit(&key, |before| {
            let mut rule = before.cloned().ok_or_else(|| not_found(bus, name))?;
            edit(&mut rule)?;
            Ok::<_, BusError>(Some(rule))
        });
        edited.await?.ok_or_else(|| not_found(bus, name))
    }

    /// Lets a rule hear events, where it is on and has a pattern.
    pub(super) fn listen_rule(&self, rule: &Rule) {
        let text = rule.pattern.as_deref().filter(|_| rule.is_enabled());
        let pattern = text.and_then(|text| Pattern::parse(text).ok());
        self.listen(&rule.bus, Listener::Rule(rule.key()), pattern);
    }
}

impl NewRule {
    fn check(&self, bus: &str) -> Result<(), BusError> {
        if !is_name(&self.name, 64, &[]) {
            return Err(BusError::Invalid(format!("{:?} is no name of a rule", self.name)));
        }
        if self.pattern.is_none() && self.schedule.is_none() {
            let message = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        if let Some(pattern) = &self.pattern {
            if pattern.chars().count() > PATTERN_CHARACTERS {
                let message = format!("EventPattern is longer than {PATTERN_CHARACTERS} characters");
                return Err(BusError::Invalid(message));
            }
            Pattern::parse(pattern)?;
        }
        if let Some(schedule) = &self.schedule {
            if bus != DEFAULT_BUS {
                let message = "ScheduleExpression is supported only on the default event bus.";
                return Err(BusError::Invalid(message.to_owned()));
            }
            Expression::parse(schedule, Grammar::Rule)?;
        }
        Ok(())
    }
}

/// Names of buses and rules have no `|`.
pub(super) fn key(bus: &str, name: &str) -> String {
    format!("{bus}|{name}")
}

pub(super) fn not_found(bus: &str, name: &str) -> BusError {
    BusError::NotFound(format!("Rule {name} does not exist on EventBus {bus}."))
}
