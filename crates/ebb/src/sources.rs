//! The event services, put together: each knows only what it needs, and deliveries lead from one to the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use ebb_aws::wire::credentials::KeyRing;
use ebb_aws::wire::sigv4::{SigningScope, sign};
use ebb_invoker::{CarriedResult, Invoker, ResultCarrier};
use ebb_model::{Clock, Region};
use ebb_sources::bucket::{BucketParts, Buckets};
use ebb_sources::bus::{ApiTarget, ApiTargetParts, BusParts, BusTarget, EventBuses, RequestSigner};
use ebb_sources::delivery::{
    Attribute, Deliveries, Delivery, DeliveryParts, FunctionTarget, LogGroupTarget, Message, Sender, Targets,
};
use ebb_sources::http_api::{HttpApis, HttpApisParts};
use ebb_sources::iam::{Iam, IamParts};
use ebb_sources::log_settings::LogSettings;
use ebb_sources::log_subscriptions::{LogSubscriptionParts, LogSubscriptions};
use ebb_sources::mapping::{MappingParts, Mappings};
use ebb_sources::parameters::ParameterStore;
use ebb_sources::queue::{QueueParts, QueueTarget, Queues};
use ebb_sources::registry::{Follow, Follower};
use ebb_sources::schedule::{Scheduler, SchedulerParts, UniversalTarget};
use ebb_sources::topic::{TopicParts, TopicTarget, Topics};
use ebb_store::{NewWork, Store};
use http::request::Parts;
use serde_json::json;
use tokio::sync::Mutex;

use crate::config::Config;

/// Every event service that is built, and the worker that delivers between them.
pub(crate) struct Sources {
    pub(crate) buses: EventBuses,
    pub(crate) queues: Queues,
    pub(crate) buckets: Buckets,
    pub(crate) mappings: Mappings,
    pub(crate) scheduler: Scheduler,
    pub(crate) topics: Topics,
    pub(crate) http_apis: HttpApis,
    pub(crate) iam: Iam,
    pub(crate) parameters: ParameterStore,
    pub(crate) log_settings: LogSettings,
    pub(crate) log_subscriptions: LogSubscriptions,
    deliveries: Deliveries,
    follower: Mutex<Follower>,
}

impl Sources {
    /// Opens all of them and starts to deliver.
    pub(crate) async fn open(
        config: &Config,
        store: &Store,
        invoker: &Invoker,
        clock: &Arc<dyn Clock>,
        keys: &KeyRing,
        (api, edge): (SocketAddr, SocketAddr),
    ) -> Result<Self> {
        // Before anything is read, so that no change of another server is missed.
        let followed_from = store.records().last_change().await?;
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
        let scheduler = Scheduler::open(SchedulerParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
        })
        .await?;
        let http_apis = HttpApis::open(HttpApisParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
        })
        .await?;
        let iam = Iam::open(IamParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
        })
        .await?;
        let log_settings = LogSettings::open(store.clone(), clock.clone()).await?;
        let buckets = Buckets::open(BucketParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
        })
        .await?;
        let topics = Topics::open(TopicParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
            url: url(api),
        })
        .await?;
        let parameters = ParameterStore::open(store.clone(), clock.clone()).await?;
        invoker.catalog().set_code_objects(Box::new(buckets.clone()));
        let mappings = Mappings::open(MappingParts {
            store: store.clone(),
            clock: clock.clone(),
            invoker: invoker.clone(),
            queues: queues.clone(),
        })
        .await?;
        let signer = role_signer(config, keys, clock);
        let targets = Targets::default()
            .with("lambda", Arc::new(FunctionTarget::new(invoker.clone())))
            .with("sqs", Arc::new(QueueTarget::new(queues.clone())))
            .with("events", Arc::new(BusTarget::new(buses.clone())))
            .with("sns", Arc::new(TopicTarget::new(topics.clone())))
            .with("logs", Arc::new(LogGroupTarget::new(store.logs().clone(), clock.clone())))
            .with("execute-api", Arc::new(api_target(config, signer.clone(), clock, edge)))
            .with("scheduler", Arc::new(UniversalTarget::new(url(api), signer)));
        topics.start_fifo(targets.clone());
        buckets.deliver_to(targets.clone());
        let log_subscriptions = LogSubscriptions::open(LogSubscriptionParts {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
            targets: targets.clone(),
        })
        .await?;
        let deliveries =
            Deliveries::start(DeliveryParts { store: store.clone(), clock: clock.clone(), targets });
        let services: Vec<Arc<dyn Follow>> = vec![
            Arc::new(queues.clone()),
            Arc::new(buses.clone()),
            Arc::new(scheduler.clone()),
            Arc::new(buckets.clone()),
            Arc::new(mappings.clone()),
            Arc::new(topics.clone()),
            Arc::new(http_apis.clone()),
            Arc::new(iam.clone()),
            Arc::new(parameters.clone()),
            Arc::new(log_settings.clone()),
            Arc::new(log_subscriptions.clone()),
        ];
        let follower = Mutex::new(Follower::start(store, followed_from, services));
        Ok(Self {
            follower,
            buses,
            queues,
            buckets,
            mappings,
            scheduler,
            topics,
            http_apis,
            iam,
            parameters,
            log_settings,
            log_subscriptions,
            deliveries,
        })
    }

    /// Ends what runs by itself; what is accepted stays in the store.
    pub(crate) async fn stop(&self) {
        self.follower.lock().await.stop().await;
        self.mappings.stop().await;
        self.buses.stop().await;
        self.scheduler.stop().await;
        self.topics.stop().await;
        self.queues.stop().await;
        self.buckets.stop().await;
        self.log_subscriptions.stop();
        self.deliveries.stop().await;
    }
}

/// Roles are evaluated nowhere, so requests are signed with the root key.
fn role_signer(config: &Config, keys: &KeyRing, clock: &Arc<dyn Clock>) -> Arc<dyn RequestSigner> {
    Arc::new(RoleSigner { keys: keys.clone(), region: config.region.clone(), clock: clock.clone() })
}

/// APIs of this server as targets.
fn api_target(
    config: &Config,
    signer: Arc<dyn RequestSigner>,
    clock: &Arc<dyn Clock>,
    edge: SocketAddr,
) -> ApiTarget {
    ApiTarget::new(ApiTargetParts { edge, domain: config.domain.clone(), signer, clock: clock.clone() })
}

/// Signs what rules send to APIs and schedules to services.
struct RoleSigner {
    keys: KeyRing,
    region: Region,
    clock: Arc<dyn Clock>,
}

impl RequestSigner for RoleSigner {
    fn sign(&self, service: &str, request: &mut Parts, body: &[u8]) {
        let scope = SigningScope { region: self.region.as_str(), service };
        sign(request, body, self.keys.root(), scope, self.clock.now());
    }
}

/// Where subscribers on this machine reach the api port.
fn url(api: SocketAddr) -> String {
    if api.ip().is_unspecified() {
        return format!("http://{}:{}", Ipv4Addr::LOCALHOST, api.port());
    }
    format!("http://{api}")
}

/// Results of asynchronous events become deliveries.
pub(crate) struct Results;

impl ResultCarrier for Results {
    fn carry(&self, result: CarriedResult) -> NewWork {
        let attribute = |(name, (data_type, value)): (String, (&str, String))| {
            (name, Attribute { data_type: data_type.to_owned(), value })
        };
        // What an event bus wraps the record in.
        let envelope = json!({
            "Source": "lambda", "DetailType": result.detail_type, "Resources": [result.target, result.function_arn],
        });
        let message = Message {
            body: result.body,
            attributes: result.attributes.into_iter().map(attribute).collect(),
            extra: Some(envelope),
            ..Message::default()
        };
        let delivery = Delivery::new(result.target, message, Sender::Owner, result.at);
        Delivery { id: result.id, ..delivery }.into_work(result.at)
    }
}
