//! The way of an event: checked, matched, and committed as deliveries before it is acknowledged.

use std::sync::PoisonError;

use ebb_model::{RequestId, Timestamp};
use ebb_store::{NewWork, Write};
use serde_json::{Value, json};

use super::buses::bus_name;
use super::event::{Acceptance, Event};
use super::rules::Rule;
use super::transform::Reserved;
use super::{BusError, DEFAULT_BUS, EventBuses, Listener, NewEvent, RefusedEvent};
use crate::delivery::{Delivery, Message, PATIENCE, RetryPolicy, Sender};
use crate::pattern::Pattern;

/// The most events of a request.
const ENTRIES: usize = 10;
/// The most bytes of a request. Source: EventBridge user guide, "Amazon EventBridge quotas" (2026-11).
const REQUEST_BYTES: usize = 1024 * 1024;
/// How many buses an event may pass through: what goes round in a circle ends.
const HOPS: u64 = 8;

/// What follows from events: all of it is committed at once.
#[derive(Default)]
pub(super) struct Consequences {
    writes: Vec<Write>,
    work: Vec<NewWork>,
}

impl Consequences {
    /// The deliveries.
    pub(super) fn into_work(self) -> Vec<NewWork> {
        self.work
    }
}

impl EventBuses {
    /// Publishes events; what is accepted is durable when it returns. Gives the id of each, or why it was refused.
    ///
    /// # Errors
    /// [`BusError::Invalid`] where there are too many or they are too large, [`BusError::Store`].
    pub async fn publish(&self, events: &[NewEvent]) -> Result<Vec<Result<String, RefusedEvent>>, BusError> {
        if events.is_empty() || events.len() > ENTRIES {
            let (value, bound) = if events.is_empty() {
                ("[]", "greater than or equal to 1".to_owned())
            } else {
                ("[PutEventsRequestEntry]", format!("less than or equal to {ENTRIES}"))
            };
            return Err(BusError::Invalid(format!(
                "1 validation error detected: Value '{value}' at 'entries' failed to satisfy constraint: Member must have \
                 length {bound}"
            )));
        }
        if events.iter().map(NewEvent::size).sum::<usize>() > REQUEST_BYTES {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        let now = self.inner.clock.now();
        let mut consequences = Consequences::default();
        let mut answers = Vec::with_capacity(events.len());
        for new in events {
            let id = RequestId::random().to_string();
            let acceptance = Acceptance {
                id: &id,
                account: self.inner.account.as_str(),
                region: self.inner.region.as_str(),
                now,
                trusted: false,
            };
            answers.push(new.accept(acceptance).map(|event| {
                let bus = bus_name(new.bus.as_deref().unwrap_or(DEFAULT_BUS));
                self.pass_on(bus, &event, 0, None, &mut consequences);
                event.id
            }));
        }
        self.commit(consequences).await?;
        Ok(answers)
    }

    /// Takes an event over from another bus.
    ///
    /// # Errors
    /// What is wrong with it, for people; whether it may work later.
    pub(super) async fn take_over(
        &self,
        bus: &str,
        text: &str,
        hops: u64,
        trace: Option<String>,
    ) -> Result<(), (String, bool)> {
        if hops >= HOPS {
            return Err((format!("the event passed through {HOPS} buses and goes no further"), false));
        }
        if self.bus(bus).is_err() {
            return Err((format!("Event bus {bus} does not exist."), false));
        }
        let document: Value = serde_json::from_str(text).map_err(|error| (error.to_string(), false))?;
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        let mut consequences = Consequences::default();
        self.pass_on(
            bus,
            &Event { id, text: text.to_owned(), document, trace },
            hops,
            None,
            &mut consequences,
        );
        self.commit(consequences).await.map_err(|error| (error.to_string(), true))
    }

    /// The text of an event that a service publishes, such as a bucket or the destination of an invocation.
    pub(super) fn envelope(
        &self,
        id: &str,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: &str,
    ) -> Result<String, String> {
        let new = NewEvent {
            source: Some(source.to_owned()),
            detail_type: Some(detail_type.to_owned()),
            detail: Some(detail.to_owned()),
            resources,
            ..NewEvent::default()
        };
        let (account, region) = (self.inner.account.as_str(), self.inner.region.as_str());
        let acceptance = Acceptance { id, account, region, now: self.inner.clock.now(), trusted: true };
        new.accept(acceptance).map(|event| event.text).map_err(|refused| refused.message)
    }

    /// Whether an event matches a pattern.
    ///
    /// # Errors
    /// [`BusError::InvalidPattern`]; [`BusError::Invalid`] where it is no event.
    pub fn test_pattern(&self, pattern: &str, event: &str) -> Result<bool, BusError> {
        let pattern = Pattern::parse(pattern)?;
        let invalid = || BusError::Invalid("Parameter Event is not valid.".to_owned());
        let event: Value = serde_json::from_str(event).map_err(|_| invalid())?;
        for name in ["id", "account", "source", "time", "region", "detail-type"] {
            if event.get(name).is_none() {
                return Err(invalid());
            }
        }
        Ok(pattern.matches(&event))
    }

    /// Adds what follows from an event on a bus, for all listeners or only those given. Events on a bus that is not
    /// there have no consequences.
    pub(super) fn pass_on(
        &self,
        bus: &str,
        event: &Event,
        hops: u64,
        only: Option<&[String]>,
        consequences: &mut Consequences,
    ) {
        let listeners = {
            let index = self.inner.index.read().unwrap_or_else(PoisonError::into_inner);
            index.get(bus).map(|index| index.matching(&event.document)).unwrap_or_default()
        };
        for listener in listeners {
            match listener {
                Listener::Rule(key) => {
                    let Some(rule) = self.inner.rules.get(&key) else { continue };
                    if only.is_none_or(|only| only.contains(&self.rule_arn(&rule))) {
                        self.deliver(&rule, event, hops, &mut consequences.work);
                    }
                }
                // What is replayed is not archived again.
                Listener::Archive(name) if only.is_none() && event.document.get("replay-name").is_none() => {
                    consequences.writes.extend(self.archived(&name, event));
                }
                Listener::Archive(_) => {}
            }
        }
    }

    /// One delivery for each target of a rule.
    pub(super) fn deliver(&self, rule: &Rule, event: &Event, hops: u64, work: &mut Vec<NewWork>) {
        let now = self.inner.clock.now();
        let rule_arn = self.rule_arn(rule);
        let ingestion_time = now.format("%Y-%m-%dT%H:%M:%SZ");
        let reserved =
            Reserved { rule_arn: &rule_arn, rule_name: &rule.name, ingestion_time: &ingestion_time };
        for target in rule.targets.values() {
            let mut extra = target.parameters_for(&event.document);
            extra.insert("hops".to_owned(), json!(hops + 1));
            let message = Message {
                body: target.input.of(&event.document, &event.text, &reserved),
                group: target.message_group.clone(),
                extra: Some(Value::Object(extra)),
                trace: event.trace.clone(),
                ..Message::default()
            };
            let from = Sender::Service(self.caller(rule_arn.clone()));
            let delivery = Delivery {
                retry: target.retry.unwrap_or_else(RetryPolicy::default),
                dead_letter: target.dead_letter(&rule_arn),
                cause: Some(event.id.clone()),
                ..Delivery::new(target.arn.clone(), message, from, now)
            };
            work.push(delivery.into_work(now));
        }
    }

    pub(super) async fn commit(&self, consequences: Consequences) -> Result<(), BusError> {
        let Consequences { writes, work } = consequences;
        if writes.is_empty() && work.is_empty() {
            return Ok(());
        }
        self.inner.store.work().enqueue_and_watch(writes, work, PATIENCE).await?;
        Ok(())
    }

    /// The event of a scheduled rule.
    pub(super) fn scheduled(&self, rule: &Rule, at: Timestamp) -> Event {
        let id = RequestId::random().to_string();
        let document = json!({
            "version": "0",
            "id": id,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.inner.account.as_str(),
            "time": at.format("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.inner.region.as_str(),
            "resources": [self.rule_arn(rule)],
            "detail": {},
        });
        Event { id, text: document.to_string(), document, trace: None }
    }
}
