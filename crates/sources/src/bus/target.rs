//! Buses as targets: the message is an event that passes through to the rules of this bus. And API destinations, whose
//! ARNs are of the same service.

use std::time::Duration;

use ebb_invoker::Boxed;
use serde_json::Value;

use super::EventBuses;
use super::buses::bus_name;
use crate::delivery::{Delivery, Target, Undelivered};

/// Delivers to buses and API destinations.
#[derive(Debug)]
pub struct BusTarget {
    buses: EventBuses,
}

impl BusTarget {
    /// To these.
    #[must_use]
    pub fn new(buses: EventBuses) -> Self {
        Self { buses }
    }

    async fn take_over(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let target = &delivery.target;
        if target.contains(":api-destination/") {
            return self.buses.call_destination(delivery).await;
        }
        if !target.contains(":event-bus/") {
            let message = format!(
                "ebb does not deliver to {target}: of the event bus, only buses and API destinations are targets"
            );
            return Err(Undelivered::refused("UNSUPPORTED_TARGET", message));
        }
        let hops = delivery.message.extra.as_ref().and_then(|extra| extra["hops"].as_u64()).unwrap_or(0);
        let text = self.envelope(delivery)?;
        let taken = self.buses.take_over(bus_name(target), &text, hops, delivery.message.trace.clone()).await;
        taken.map_err(|(message, may_retry)| match may_retry {
            true => Undelivered::for_now("INTERNAL_FAILURE", message),
            false => Undelivered::refused("RESOURCE_NOT_FOUND", message),
        })
    }

    /// The event: what another bus passed on is one; what others send has its source and detail type beside it.
    fn envelope(&self, delivery: &Delivery) -> Result<String, Undelivered> {
        let Some(extra) = delivery.message.extra.as_ref().filter(|extra| extra["Source"].is_string()) else {
            return Ok(delivery.message.body.clone());
        };
        let text = |name: &str| extra[name].as_str().map(str::to_owned);
        let resources = extra["Resources"].as_array().into_iter().flatten();
        let resources = resources.filter_map(Value::as_str).map(str::to_owned).collect();
        let (source, detail_type) =
            (text("Source").unwrap_or_default(), text("DetailType").unwrap_or_default());
        self.buses
            .envelope(&delivery.id.to_string(), &source, &detail_type, resources, &delivery.message.body)
            .map_err(|message| Undelivered::refused("INVALID_PARAMETER", message))
    }
}

impl Target for BusTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.take_over(delivery))
    }

    fn admit(&self, delivery: &Delivery) -> Option<Duration> {
        self.buses.admit_to_destination(&delivery.target)
    }
}
