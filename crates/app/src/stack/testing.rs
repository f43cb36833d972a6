//! Stacks over real services, for tests.

use std::sync::Arc;

use ebb_invoker::catalog::Catalog;
use ebb_invoker::testing::{FakeCarrier, FakeRuntime, FixedCredentials};
use ebb_invoker::{Invoker, InvokerConfig, InvokerParts};
use ebb_model::{Clock, SystemClock};
use ebb_sources::bucket::{BucketParts, Buckets};
use ebb_sources::bus::{BusParts, EventBuses};
use ebb_sources::delivery::{FunctionTarget, Targets};
use ebb_sources::http_api::{HttpApis, HttpApisParts};
use ebb_sources::iam::{Iam, IamParts};
use ebb_sources::log_subscriptions::{LogSubscriptionParts, LogSubscriptions};
use ebb_sources::mapping::{MappingParts, Mappings};
use ebb_sources::parameters::ParameterStore;
use ebb_sources::queue::{QueueParts, Queues};
use ebb_sources::schedule::Scheduler;
use ebb_sources::topic::{TopicParts, Topics};
use ebb_store::Store;

use super::{StackServices, Stacks, StacksConfig};

/// Opens the services and the stacks of a store.
pub(crate) async fn stacks(store: &Store, catalog: &Catalog, scheduler: Scheduler) -> Stacks {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (account, region) = (catalog.account().clone(), catalog.region().clone());
    let parts = || (store.clone(), clock.clone(), account.clone(), region.clone());
    let invoker = Invoker::new(InvokerParts {
        config: InvokerConfig::default(),
        store: store.clone(),
        catalog: catalog.clone(),
        runtime: FakeRuntime::new(),
        credentials: Arc::new(FixedCredentials),
        clock: clock.clone(),
        results: Arc::new(FakeCarrier),
    });
    let (store_, clock_, account_, region_) = parts();
    let queues = QueueParts { store: store_, clock: clock_, account: account_, region: region_ };
    let queues = Queues::open(queues).await.unwrap();
    let (store_, clock_, account_, region_) = parts();
    let buses = BusParts { store: store_, clock: clock_, account: account_, region: region_ };
    let (store_, clock_, account_, region_) = parts();
    let buckets = BucketParts { store: store_, clock: clock_, account: account_, region: region_ };
    let (store_, clock_, account_, region_) = parts();
    let http_apis = HttpApisParts { store: store_, clock: clock_, account: account_, region: region_ };
    let (store_, clock_, account_, region_) = parts();
    let url = "http://127.0.0.1:9440".to_owned();
    let topics = TopicParts { store: store_, clock: clock_, account: account_, region: region_, url };
    let (store_, clock_, account_, _) = parts();
    let iam = IamParts { store: store_, clock: clock_, account: account_ };
    let (store_, clock_, ..) = parts();
    let mappings =
        MappingParts { store: store_, clock: clock_, invoker: invoker.clone(), queues: queues.clone() };
    let (store_, clock_, account_, region_) = parts();
    let targets = Targets::default().with("lambda", Arc::new(FunctionTarget::new(invoker.clone())));
    let log_subscriptions =
        LogSubscriptionParts { store: store_, clock: clock_, account: account_, region: region_, targets };
    let services = StackServices {
        catalog: catalog.clone(),
        invoker: invoker.clone(),
        queues,
        buses: EventBuses::open(buses).await.unwrap(),
        scheduler,
        buckets: Buckets::open(buckets).await.unwrap(),
        topics: Topics::open(topics).await.unwrap(),
        mappings: Mappings::open(mappings).await.unwrap(),
        http_apis: HttpApis::open(http_apis).await.unwrap(),
        iam: Iam::open(iam).await.unwrap(),
        parameters: ParameterStore::open(store.clone(), clock.clone()).await.unwrap(),
        log_subscriptions: LogSubscriptions::open(log_subscriptions).await.unwrap(),
    };
    Stacks::open(StacksConfig {
        services,
        store: store.clone(),
        clock,
        domain: "localhost".to_owned(),
        port: 8440,
        api: "http://127.0.0.1:9440".to_owned(),
        control: "http://127.0.0.1:9002".to_owned(),
    })
    .await
    .unwrap()
}
