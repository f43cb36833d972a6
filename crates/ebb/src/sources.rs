//! The event services, put together: each knows only what it needs, and deliveries lead from one to the other.

use std::sync::Arc;

use anyhow::Result;
use ebb_invoker::Invoker;
use ebb_model::Clock;
use ebb_sources::bus::{BusParts, BusTarget, EventBuses};
use ebb_sources::delivery::{Deliveries, DeliveryParts, FunctionTarget, Targets};
use ebb_sources::queue::{QueueParts, QueueTarget, Queues};
use ebb_store::Store;

use crate::config::Config;

/// Every event service that is built, and the worker that delivers between them.
pub(crate) struct Sources {
    pub(crate) buses: EventBuses,
    pub(crate) queues: Queues,
    deliveries: Deliveries,
}

impl Sources {
    /// Opens all of them and starts to deliver.
    pub(crate) async fn open(
        config: &Config,
        store: &Store,
        invoker: &Invoker,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let queues = Queues::open(QueueParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
        })
        .await?;
        let buses = EventBuses::open(BusParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
        })
        .await?;
        let targets = Targets::default()
            .with("lambda", Arc::new(FunctionTarget::new(invoker.clone())))
            .with("sqs", Arc::new(QueueTarget::new(queues.clone())))
            .with("events", Arc::new(BusTarget::new(buses.clone())));
        let deliveries =
            Deliveries::start(DeliveryParts { store: store.clone(), clock: clock.clone(), targets });
        Ok(Self { buses, queues, deliveries })
    }

    /// Ends what runs by itself; what is accepted stays in the store.
    pub(crate) async fn stop(&self) {
        self.buses.stop().await;
        self.queues.stop().await;
        self.deliveries.stop().await;
    }
}
