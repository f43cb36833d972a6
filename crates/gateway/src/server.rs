//! The listener and the life of the edge.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::Invoker;
use ebb_sources::bus::EventBuses;
use ebb_sources::http_api::{HttpApis, Identified, RestApi, TrialRequest};
use ebb_sources::https::HttpsClient;
use ebb_sources::queue::Queues;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::GatewayConfig;
use crate::connection::{self, Tasks};
use crate::edge::{Connection, Edge, Inside};
use crate::http_api::ApiEdge;
use crate::http_api::throttle::Throttles;
use crate::ports::{AppRoutes, Functions, PageBody, RequestAuthenticator, ServiceCalls, Websites};
use crate::sockets::Sockets;

/// Pause after an accept failed for want of something (file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// HTTP APIs, and the services that their routes can lead to besides functions.
pub struct GatewayApis {
    /// The APIs.
    pub apis: HttpApis,
    /// Queues.
    pub queues: Queues,
    /// Event buses.
    pub buses: EventBuses,
}

/// The edge. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Gateway {
    edge: Arc<Edge>,
}

impl Gateway {
    /// An edge for these functions, apps and HTTP APIs.
    #[must_use]
    pub fn new(
        config: GatewayConfig,
        invoker: Invoker,
        authenticator: Arc<dyn RequestAuthenticator>,
        apps: Arc<dyn AppRoutes>,
        apis: GatewayApis,
    ) -> Self {
        let GatewayApis { apis, queues, buses } = apis;
        let apis = ApiEdge::new(apis, queues, buses);
        Self::with_functions(config, Arc::new(invoker), authenticator, apps, Some(apis))
    }

    /// The same edge with websites of buckets. To be called before it serves.
    #[must_use]
    pub fn with_websites(mut self, websites: Arc<dyn Websites>) -> Self {
        if let Some(edge) = Arc::get_mut(&mut self.edge) {
            edge.websites = Some(websites);
        }
        self
    }

    /// The same edge with services that APIs can lead to. To be called before it serves.
    #[must_use]
    pub fn with_services(mut self, services: Arc<dyn ServiceCalls>) -> Self {
        if let Some(edge) = Arc::get_mut(&mut self.edge) {
            edge.services = Some(services);
        }
        self
    }

    pub(crate) fn with_functions(
        config: GatewayConfig,
        functions: Arc<dyn Functions>,
        authenticator: Arc<dyn RequestAuthenticator>,
        apps: Arc<dyn AppRoutes>,
        apis: Option<ApiEdge>,
    ) -> Self {
        let (sockets, upstream) = (Sockets::default(), HttpsClient::default());
        let (websites, services, limits) = (None, None, Throttles::default());
        let edge = Edge {
            config,
            functions,
            authenticator,
            apps,
            apis,
            sockets,
            upstream,
            services,
            websites,
            limits,
        };
        Self { edge: Arc::new(edge) }
    }

    /// Answers a request that an app makes of itself: what its functions in front of everything would have got otherwise
    /// goes past them. `client` is who asked first.
    pub async fn origin(&self, mut request: Request<Full<Bytes>>, client: IpAddr) -> Response<PageBody> {
        request.extensions_mut().insert(Inside);
        let address = SocketAddr::new(client, 0);
        let ends = Connection { peer: address, local: address };
        let response = self.edge.handle(request, ends).await;
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }

    /// Has a method of a REST API answer as it is defined, deployed or not; nothing where there is no such method.
    pub async fn try_method(
        &self,
        api: Arc<RestApi>,
        resource: &str,
        request: TrialRequest,
    ) -> Option<Response<Bytes>> {
        let shared = self.edge.apis.as_ref()?;
        self.edge.try_method(shared, api, resource, request).await
    }

    /// Asks the function of an authoriser of a REST API.
    ///
    /// # Errors
    /// The status that a client would get.
    pub async fn try_authorizer(
        &self,
        api: Arc<RestApi>,
        id: &str,
        request: TrialRequest,
    ) -> Result<Identified, StatusCode> {
        let shared = self.edge.apis.as_ref().ok_or(StatusCode::NOT_FOUND)?;
        self.edge.try_authorizer(shared, api, id, request).await
    }

    /// Forgets what the authorisers of an API said for a stage.
    pub fn forget_verdicts(&self, api: &str, stage: &str) {
        if let Some(shared) = &self.edge.apis {
            shared.forget_verdicts(api, stage);
        }
    }

    /// Serves connections until `cancellation`, then takes no more and lets running requests end, for as long as
    /// [`Limits::drain_timeout`](crate::Limits::drain_timeout). Idle connections are closed at once. Not cancel safe:
    /// dropping the future leaves open connections running.
    ///
    /// # Errors
    /// Where the listener itself fails; a failed accept is logged and survived.
    pub async fn serve(&self, listener: TcpListener, cancellation: CancellationToken) -> io::Result<()> {
        listener.local_addr()?;
        let limits = &self.edge.config.limits;
        let tasks = Tasks::default();
        let graceful = GracefulShutdown::new();
        let builder = connection::builder(limits, tasks.clone());
        let slots = Arc::new(Semaphore::new(limits.connections));
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot.map_err(io::Error::other)?,
                () = cancellation.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = cancellation.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (edge, builder, stopping) =
                        (self.edge.clone(), builder.clone(), cancellation.clone());
                    let watcher = graceful.watcher();
                    tasks.spawn(async move {
                        connection::serve(edge, builder, stream, watcher, stopping).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let drained = async {
            graceful.shutdown().await;
            tasks.ended().await;
            self.edge.sockets.close().await;
        };
        if timeout(limits.drain_timeout, drained).await.is_err() {
            let left = tasks.abort().await;
            tracing::warn!(left, "requests were cut off when the edge stopped");
        }
        Ok(())
    }
}
