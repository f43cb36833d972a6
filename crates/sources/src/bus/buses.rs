//! Buses: made, changed, listed and removed; their policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{PolicyDocument, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BusError, DEFAULT_BUS, EventBuses, is_name};

/// The most that a policy may be, in bytes. Source: EventBridge API reference, `PutPermission`.
const POLICY_BYTES: usize = 10 * 1024;

/// An event bus. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A key of a key service, as it was given: ebb has none.
    pub kms_key: Option<String>,
    /// The ARN of a queue, as it was given.
    pub dead_letter: Option<String>,
    /// What is logged, as it was given.
    pub log_config: Option<Value>,
    /// The resource policy: a document of IAM.
    pub policy: Option<Value>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// What may be changed of a bus; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct BusChange {
    /// For people.
    pub description: Option<String>,
    /// A key of a key service.
    pub kms_key: Option<String>,
    /// The ARN of a queue.
    pub dead_letter: Option<String>,
    /// What is logged.
    pub log_config: Option<Value>,
}

impl Bus {
    fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            kms_key: None,
            dead_letter: None,
            log_config: None,
            policy: None,
            tags: BTreeMap::new(),
            created: now,
            modified: now,
        }
    }

    fn apply(&mut self, change: BusChange) {
        let BusChange { description, kms_key, dead_letter, log_config } = change;
        self.description = description.or(self.description.take());
        self.kms_key = kms_key.or(self.kms_key.take());
        self.dead_letter = dead_letter.or(self.dead_letter.take());
        self.log_config = log_config.or(self.log_config.take());
    }

    fn document(&self) -> PolicyDocument {
        self.policy.clone().map_or_else(|| PolicyDocument::new("2012-10-17"), PolicyDocument::of)
    }
}

impl EventBuses {
    /// Makes a bus.
    ///
    /// # Errors
    /// [`BusError::Exists`], [`BusError::Invalid`] for its name.
    pub async fn create_bus(
        &self,
        name: &str,
        change: BusChange,
        tags: BTreeMap<String, String>,
    ) -> Result<Arc<Bus>, BusError> {
        if !is_name(name, 256, &['/']) {
            return Err(BusError::Invalid(format!("{name:?} is no name of an event bus")));
        }
        if name.starts_with("aws.") || name.contains('/') {
            let message = "Event bus name must not contain '/'.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        let now = self.inner.clock.now();
        let made = self.inner.buses.edit(name, |before| {
            if before.is_some() || name == DEFAULT_BUS {
                return Err(BusError::Exists(format!("Event bus {name} already exists.")));
            }
            let mut bus = Bus { tags: tags.clone(), ..Bus::new(name, now) };
            bus.apply(change.clone());
            Ok(Some(bus))
        });
        made.await?.ok_or_else(|| not_found(name))
    }

    /// Changes a bus.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn update_bus(&self, name: &str, change: BusChange) -> Result<Arc<Bus>, BusError> {
        let edit = |bus: &mut Bus| {
            bus.apply(change.clone());
            Ok(())
        };
        self.edit_bus(name, edit).await
    }

    pub(super) async fn edit_bus(
        &self,
        name: &str,
        edit: impl Fn(&mut Bus) -> Result<(), BusError>,
    ) -> Result<Arc<Bus>, BusError> {
        let now = self.inner.clock.now();
        let edited = self.inner.buses.edit(name, |before| {
            let default = (name == DEFAULT_BUS).then(|| Bus::new(name, now));
            let mut bus = before.cloned().or(default).ok_or_else(|| not_found(name))?;
            edit(&mut bus)?;
            bus.modified = now;
            Ok::<_, BusError>(Some(bus))
        });
        edited.await?.ok_or_else(|| not_found(name))
    }

    /// A bus, by name or ARN.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn bus(&self, name: &str) -> Result<Arc<Bus>, BusError> {
        let name = bus_name(name);
        match self.inner.buses.get(name) {
            Some(bus) => Ok(bus),
            None if name == DEFAULT_BUS => Ok(Arc::new(Bus::new(name, Timestamp(0)))),
            None => Err(not_found(name)),
        }
    }

    /// All buses, by name.
    #[must_use]
    pub fn buses(&self) -> Vec<Arc<Bus>> {
        let mut all = self.inner.buses.all().as_ref().clone();
        all.entry(DEFAULT_BUS.to_owned()).or_insert_with(|| Arc::new(Bus::new(DEFAULT_BUS, Timestamp(0))));
        all.into_values().collect()
    }

    /// The ARN of a bus.
    #[must_use]
    pub fn bus_arn(&self, name: &str) -> String {
        self.arn(&format!("event-bus/{name}"))
    }

    /// Removes a bus; does nothing where there is none.
    ///
    /// # Errors
    /// [`BusError::Invalid`] for the default bus, and where it still has rules.
    pub async fn delete_bus(&self, name: &str) -> Result<(), BusError> {
        if name == DEFAULT_BUS {
            return Err(BusError::Invalid("Cannot delete event bus default.".to_owned()));
        }
        if !self.rules(name, "").is_empty() {
            let message = format!("Event bus {name} can't be deleted since it has rules.");
            return Err(BusError::Invalid(message));
        }
        self.inner.buses.edit(name, |_| Ok::<_, BusError>(None)).await.map(drop)
    }

    /// Sets the whole policy of a bus.
    ///
    /// # Errors
    /// [`BusError::NotFound`], [`BusError::Invalid`] where it is no policy, [`BusError::LimitExceeded`].
    pub async fn set_policy(&self, name: &str, policy: &str) -> Result<(), BusError> {
        let invalid = || BusError::Invalid("The policy is not valid JSON with a Statement.".to_owned());
        let policy: Value = serde_json::from_str(policy).map_err(|_| invalid())?;
        if !policy["Statement"].is_array() && !policy["Statement"].is_object() {
            return Err(invalid());
        }
        self.put_policy(name, |_| Ok(policy.clone())).await
    }

    /// Adds a statement to the policy of a bus, in the place of one with the same `Sid`.
    ///
    /// # Errors
    /// As [`EventBuses::set_policy`].
    pub async fn add_statement(&self, name: &str, statement: Value) -> Result<(), BusError> {
        let add = |bus: &Bus| {
            let mut policy = bus.document();
            policy.put(statement.clone());
            Ok(policy.into_value())
        };
        self.put_policy(name, add).await
    }

    /// Takes a statement out of the policy of a bus; all of them where no id is given.
    ///
    /// # Errors
    /// [`BusError::NotFound`] where there is no such bus or statement.
    pub async fn remove_statement(&self, name: &str, id: Option<&str>) -> Result<(), BusError> {
        let edit = |bus: &mut Bus| {
            let mut policy = bus.document();
            match id {
                None => bus.policy = None,
                Some(id) if !policy.remove(id) => {
                    let message = "Statement with the provided id does not exist.";
                    return Err(BusError::NotFound(message.to_owned()));
                }
                Some(_) => {
                    bus.policy = Some(policy)
                        .filter(|policy| !policy.statements().is_empty())
                        .map(PolicyDocument::into_value);
                }
            }
            Ok(())
        };
        self.edit_bus(name, edit).await.map(drop)
    }

    async fn put_policy(
        &self,
        name: &str,
        policy: impl Fn(&Bus) -> Result<Value, BusError>,
    ) -> Result<(), BusError> {
        let edit = |bus: &mut Bus| {
            let policy = policy(bus)?;
            if policy.to_string().len() > POLICY_BYTES {
                return Err(BusError::LimitExceeded("The policy is longer than 10240 bytes.".to_owned()));
            }
            bus.policy = Some(policy);
            Ok(())
        };
        self.edit_bus(name, edit).await.map(drop)
    }
}

/// The name in a name or an ARN.
pub(super) fn bus_name(text: &str) -> &str {
    text.split_once(":event-bus/").map_or(text, |(_, name)| name)
}

fn not_found(name: &str) -> BusError {
    BusError::NotFound(format!("Event bus {name} does not exist."))
}
