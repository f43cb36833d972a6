//! Topics: what is published to one reaches everything that subscribed.
//!
//! Source: Amazon SNS developer guide and API reference (2026-11). `publish.rs` is the way of a message to a standard
//! topic, `fifo.rs` that to a FIFO topic, `archive.rs` what such a one keeps; `topics.rs` and `subscriptions.rs` are what is
//! configured, `unsubscribe.rs` is how that ends. What goes out is a [`Delivery`](crate::delivery::Delivery); `endpoint.rs` delivers to HTTP
//! endpoints, `target.rs` lets others publish.

mod archive;
mod attributes;
mod delivery_policy;
mod endpoint;
mod envelope;
mod error;
mod fifo;
mod filter;
mod message;
mod permissions;
mod publish;
mod signing;
mod subscription_attributes;
mod subscriptions;
mod tags;
mod target;
mod topics;
mod unsubscribe;

use std::sync::{Arc, OnceLock};

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region, ServiceCaller};
use ebb_store::{Change, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::{RateLimits, Targets};
use crate::http_client::HttpClient;
use crate::registry::{Follow, Registry};

pub use error::TopicError;
pub use message::{Published, TopicMessage};
pub use publish::Batch;
pub use subscriptions::{NewSubscription, Protocol, Subscription};
pub use target::TopicTarget;
pub use topics::Topic;

use signing::Signer;
use unsubscribe::EndedSubscription;

/// What the topics are opened with.
pub struct TopicParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region in their ARNs.
    pub region: Region,
    /// Where subscribers reach this server, as in `http://127.0.0.1:9440`: the links in messages lead there.
    pub url: String,
}

/// The topics and their subscriptions. Cheap to clone.
#[derive(Clone)]
pub struct Topics {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    url: String,
    topics: Registry<Topic>,
    /// By topic and id: those of one topic stand together.
    subscriptions: Registry<Subscription>,
    /// Subscriptions that may come back, by the same keys.
    ended: Registry<EndedSubscription>,
    signer: Signer,
    endpoints: HttpClient,
    /// Where FIFO topics deliver, once it is known.
    targets: OnceLock<Targets>,
    /// A subscription asked for a replay: the workers of FIFO topics look.
    replay_wanted: Notify,
    /// How much each subscription over HTTP takes.
    rates: RateLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Topics {
    /// Reads what is configured.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: TopicParts) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            topics: Registry::open(parts.store.clone(), "topic").await?,
            subscriptions: Registry::open(parts.store.clone(), "topic-subscription").await?,
            ended: Registry::open(parts.store.clone(), "topic-subscription-ended").await?,
            signer: Signer::open(parts.store.clone()).await?,
            endpoints: HttpClient::new(),
            targets: OnceLock::new(),
            replay_wanted: Notify::new(),
            rates: RateLimits::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store: parts.store,
            clock: parts.clock,
            account: parts.account,
            region: parts.region,
            url: parts.url.trim_end_matches('/').to_owned(),
        });
        Ok(Self { inner })
    }

    /// Ends what runs by itself; the next server goes on with it.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Runs something until it ends or the server stops.
    fn spawn<F>(&self, run: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, run) = (self.inner.stop.clone(), run(self.clone()));
        self.inner.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(run).await;
        });
    }

    /// The ARN of a topic.
    #[must_use]
    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:sns:{}:{}:{name}", self.inner.region, self.inner.account)
    }

    /// How a topic introduces itself to what it delivers to.
    fn caller(&self, topic: &Topic) -> ServiceCaller {
        ServiceCaller {
            service: "sns.amazonaws.com".to_owned(),
            source_arn: self.arn(&topic.name),
            source_account: self.inner.account.to_string(),
        }
    }

    /// The certificate under this file name, in PEM, where it is that of this server's key.
    #[must_use]
    pub fn certificate(&self, file: &str) -> Option<String> {
        self.inner.signer.certificate(file)
    }
}

impl Follow for Topics {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.topics.follow(change.clone()).await?;
            self.inner.subscriptions.follow(change.clone()).await?;
            self.inner.ended.follow(change.clone()).await?;
            self.inner.signer.follow(change).await
        })
    }
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics").field("topics", &self.inner.topics.all().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
