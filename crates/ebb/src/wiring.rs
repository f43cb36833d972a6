//! Adapters where two crates of one layer need each other: the consumer owns the trait, this is the implementation.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use ebb_app::{
    AppError, Apps, AppsConfig, Destination, EdgeRequest, Plan, StackError, StackServices, Stacks,
    StacksConfig, Target,
};
use ebb_aws::api::apigatewayv2::{EdgePort, HttpApiState};
use ebb_aws::api::cloudformation::CloudFormation;
use ebb_aws::api::lambda::{self, EdgeAddress, Lambda};
use ebb_aws::api::s3::S3Api;
use ebb_aws::api::{
    apigatewayv2, cloudformation, ecr, events, execute_api, iam, logs, scheduler, sns, sqs, ssm, sts,
};
use ebb_aws::wire::credentials::KeyRing;
use ebb_aws::wire::sigv4::Authorization;
use ebb_aws::{AwsConfig, AwsService};
use ebb_console::{AppPort, AppPortError, Console, ConsoleParts, LogPatterns, MessageTest, RuntimePort};
use ebb_gateway::{
    AppFile, AppRequest, AppRoute, AppRoutes, AuthenticationError, Caller, PageBody, RequestAuthenticator,
    RouteMatch, RouteTarget, SignedRequest, Websites,
};
use ebb_invoker::logs::FilterPattern;
use ebb_invoker::{Boxed, Invoker};
use ebb_model::{Clock, Digest, FunctionReference, InvokeMode, SystemClock};
use ebb_runtime::sdk::{self, SdkError};
use ebb_runtime::{CONTROL_API_PORT, ControlApi, Engine, StockUse};
use ebb_sources::http_api::{Identified, RestApi, TrialRequest};
use ebb_store::Store;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::api_port::{ApiPort, LateGateway};
use crate::config::Config;
use crate::sources::Sources;
use crate::stack_calls::StackCalls;

/// The control API of instances. The engine needs it before the services that it leads to exist, which need the
/// engine: it is set once, when they do.
#[derive(Default)]
pub(crate) struct LateControl {
    port: OnceLock<ApiPort>,
    connections: TaskTracker,
    graceful: GracefulShutdown,
}

impl LateControl {
    /// Connects it; before, connections are closed.
    pub(crate) fn set(&self, port: ApiPort) {
        // It is set once, by the one who made it.
        let _ = self.port.set(port);
    }

    /// Waits for the connections; each ends with its instance.
    pub(crate) async fn stop(&self) {
        self.connections.close();
        self.connections.wait().await;
    }
}

impl ControlApi for LateControl {
    fn serve(&self, connection: TcpStream) {
        if let Some(port) = self.port.get() {
            self.connections.spawn(port.clone().connection(connection, self.graceful.watcher()));
        }
    }
}

/// Every AWS service that is built.
pub(crate) fn aws(
    config: &Config,
    keys: &KeyRing,
    clock: &Arc<dyn Clock>,
    store: &Store,
    invoker: &Invoker,
    (sources, stacks): (&Sources, &Stacks),
    (edge_port, gateway): (u16, &LateGateway),
) -> AwsService {
    let aws = AwsConfig { region: config.region.clone(), account: config.account.clone(), scheme: "http" };
    let edge = EdgeAddress { scheme: "http", domain: config.domain.clone(), port: edge_port };
    let mappings = sources.mappings.clone();
    let state = Lambda { invoker: invoker.clone(), keys: keys.clone(), edge: edge.clone(), mappings };
    let (http_apis, read_document) = (sources.http_apis.clone(), ebb_app::read_yaml);
    let edge_port = Arc::new(EdgeOfApis(gateway.clone()));
    let apis = HttpApiState { apis: http_apis, edge: edge.clone(), read_document, edge_port };
    AwsService::new(
        aws,
        keys.clone(),
        clock.clone(),
        vec![
            lambda::api(state),
            logs::api(logs::Logs {
                store: store.logs().clone(),
                settings: sources.log_settings.clone(),
                subscriptions: sources.log_subscriptions.clone(),
            }),
            sts::api(keys.clone()),
            events::api(sources.buses.clone()),
            sqs::api(sources.queues.clone()),
            scheduler::api(sources.scheduler.clone()),
            sns::api(sources.topics.clone()),
            iam::api(sources.iam.clone()),
            ecr::api(),
            execute_api::api(sources.http_apis.clone()),
            apigatewayv2::api(apis),
            cloudformation::api(CloudFormation { stacks: Arc::new(StackCalls(stacks.clone())) }),
            ssm::api(sources.parameters.clone()),
        ],
    )
}

/// Lets the AWS protocols ask the gateway, once it is there.
struct EdgeOfApis(LateGateway);

impl EdgePort for EdgeOfApis {
    fn method(
        &self,
        api: Arc<RestApi>,
        resource: String,
        trial: TrialRequest,
    ) -> Boxed<'_, Option<http::Response<Bytes>>> {
        Box::pin(async move { self.0.get()?.try_method(api, &resource, trial).await })
    }

    fn authorizer(
        &self,
        api: Arc<RestApi>,
        id: String,
        trial: TrialRequest,
    ) -> Boxed<'_, Result<Identified, http::StatusCode>> {
        Box::pin(async move {
            let gateway = self.0.get().ok_or(http::StatusCode::SERVICE_UNAVAILABLE)?;
            gateway.try_authorizer(api, &id, trial).await
        })
    }

    fn forget_verdicts(&self, api: &str, stage: &str) {
        if let Some(gateway) = self.0.get() {
            gateway.forget_verdicts(api, stage);
        }
    }
}

/// Lets the gateway ask the AWS protocols who signed a request.
pub(crate) struct Authenticator(pub(crate) AwsService);

impl RequestAuthenticator for Authenticator {
    fn authenticate(&self, request: &SignedRequest<'_>) -> Result<Caller, AuthenticationError> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = request.method.clone();
        parts.uri = request.uri.clone();
        parts.headers = request.headers.clone();
        let query = parts.uri.query().unwrap_or_default();
        let authorization = Authorization::read(&parts.headers, query).ok().flatten();
        if authorization.as_ref().is_some_and(|signed| signed.scope().service != request.service) {
            let expected = request.service;
            return Err(AuthenticationError(format!(
                "Credential should be scoped to correct service: '{expected}'."
            )));
        }
        let access_key = authorization.map(|authorization| authorization.access_key_id).unwrap_or_default();
        let key = self
            .0
            .authenticate(&parts, request.body)
            .map_err(|error| AuthenticationError(error.to_string()))?;
        Ok(Caller { access_key, account: key.account().clone(), arn: key.arn(), user_id: key.user_id() })
    }
}

/// Lets the gateway show the websites of buckets.
pub(crate) struct Sites(pub(crate) S3Api);

impl Websites for Sites {
    fn answer<'a>(&'a self, request: &'a Parts) -> Boxed<'a, Option<http::Response<PageBody>>> {
        self.0.website(request)
    }
}

/// The stacks, over the services that their resources are in.
pub(crate) async fn stacks(
    config: &Config,
    store: &Store,
    invoker: &Invoker,
    sources: &Sources,
    clock: &Arc<dyn Clock>,
    (api, edge): (SocketAddr, SocketAddr),
) -> Result<Stacks, StackError> {
    Stacks::open(StacksConfig {
        services: StackServices {
            catalog: invoker.catalog().clone(),
            invoker: invoker.clone(),
            queues: sources.queues.clone(),
            buses: sources.buses.clone(),
            scheduler: sources.scheduler.clone(),
            buckets: sources.buckets.clone(),
            mappings: sources.mappings.clone(),
            http_apis: sources.http_apis.clone(),
            topics: sources.topics.clone(),
            iam: sources.iam.clone(),
            parameters: sources.parameters.clone(),
            log_subscriptions: sources.log_subscriptions.clone(),
        },
        store: store.clone(),
        clock: clock.clone(),
        domain: config.domain.clone(),
        port: edge.port(),
        api: format!("http://{api}"),
        control: format!("http://127.0.0.1:{CONTROL_API_PORT}"),
    })
    .await
}

/// The apps, with the runtimes that the engine finds on this machine.
pub(crate) async fn apps(
    config: &Config,
    store: &Store,
    invoker: &Invoker,
    engine: &Arc<Engine>,
    sources: &Sources,
    stacks: Stacks,
    edge_port: u16,
) -> Result<Apps, AppError> {
    let engine = engine.clone();
    Apps::open(AppsConfig {
        catalog: invoker.catalog().clone(),
        store: store.clone(),
        scheduler: sources.scheduler.clone(),
        stacks,
        clock: Arc::new(SystemClock),
        domain: config.domain.clone(),
        port: edge_port,
        preferred: Box::new(move || engine.report().exact()),
    })
    .await
}

/// ebb's own API.
pub(crate) fn console(
    config: &Config,
    store: &Store,
    invoker: &Invoker,
    apps: &Apps,
    engine: &Arc<Engine>,
    edge_port: u16,
) -> Console {
    Console::new(ConsoleParts {
        invoker: invoker.clone(),
        store: store.clone(),
        apps: Arc::new(Deployer(apps.clone())),
        runtimes: Arc::new(Runtimes { data: config.data.clone(), engine: engine.clone() }),
        patterns: Arc::new(Patterns),
        region: config.region.clone(),
        domain: config.domain.clone(),
        port: edge_port,
    })
}

/// Lets the console see and install what functions run on.
struct Runtimes {
    data: PathBuf,
    engine: Arc<Engine>,
}

impl RuntimePort for Runtimes {
    fn stock_use(&self) -> (u64, u64) {
        let StockUse { hits, misses } = self.engine.stock_use();
        (hits, misses)
    }

    fn installed(&self) -> Vec<String> {
        self.engine.installed().into_iter().map(str::to_owned).collect()
    }

    fn add(&self, name: String) -> Boxed<'_, Result<(), AppPortError>> {
        Box::pin(async move {
            let data = self.data.clone();
            let installing = tokio::task::spawn_blocking(move || {
                sdk::install(sdk::bringing(&name), &data, &mut |step| tracing::info!("{step}")).map(|_| ())
            });
            let installed = installing.await.map_err(|error| AppPortError::Internal(error.to_string()))?;
            installed.map_err(|error| match error {
                SdkError::Unknown { .. } => AppPortError::NotFound(error.to_string()),
                SdkError::ToolMissing { .. } | SdkError::Tool { .. } => {
                    AppPortError::Conflict(error.to_string())
                }
                SdkError::Folder { .. } => AppPortError::Internal(error.to_string()),
            })
        })
    }
}

/// Lets the gateway ask where the requests of apps go.
pub(crate) struct Routes(pub(crate) Apps);

impl AppRoutes for Routes {
    fn route(&self, app: &str, request: &AppRequest<'_>) -> AppRoute {
        let header = |name: &str| {
            let values: Vec<_> =
                request.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            let between = if name == "cookie" { "; " } else { "," };
            (!values.is_empty()).then(|| values.join(between))
        };
        let seen = EdgeRequest {
            method: request.method.as_str(),
            path: request.path,
            query: request.query,
            host: request.host,
            header: &header,
            inside: request.inside,
        };
        let Some(Target { to, headers }) = self.0.route(app, &seen) else {
            return AppRoute { to: RouteMatch::NoApp, headers: HeaderMap::new() };
        };
        let header = |(name, value): (String, String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        AppRoute { to: route_match(to), headers: headers.into_iter().filter_map(header).collect() }
    }

    fn file(&self, file: &AppFile) -> Boxed<'static, Option<Bytes>> {
        let (apps, content) = (self.0.clone(), Digest::try_from(file.content.clone()));
        Box::pin(async move {
            let read = apps.file(content.ok()?).await;
            read.inspect_err(|error| tracing::error!(%error, "a file of an app could not be read"))
                .ok()
                .flatten()
        })
    }
}

fn route_match(to: Destination) -> RouteMatch {
    let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
    match to {
        Destination::Nowhere => RouteMatch::NoRoute,
        Destination::Function(to) => RouteMatch::Function(RouteTarget {
            function: FunctionReference::named(to.function),
            matched_prefix: to.matched,
            mode: if to.stream { InvokeMode::ResponseStream } else { InvokeMode::Buffered },
            background: to.background,
            rate_limit: to.rate_limit,
            rewritten: to.rewritten,
        }),
        Destination::File(file) => RouteMatch::File(AppFile {
            path: file.path,
            content: file.digest.to_string(),
            status: status(file.status),
        }),
        Destination::Proxy(url) => match Uri::try_from(url) {
            Ok(url) => RouteMatch::Proxy(url),
            Err(_) => RouteMatch::Answer { status: StatusCode::BAD_GATEWAY, location: None },
        },
        Destination::Answer { status: code, location } => RouteMatch::Answer {
            status: status(code),
            location: location.and_then(|location| HeaderValue::try_from(location).ok()),
        },
    }
}

/// Lets the console deploy apps. Their documents are JSON text on the way.
struct Deployer(Apps);

impl AppPort for Deployer {
    fn list(&self) -> Result<Bytes, AppPortError> {
        json(&self.0.list())
    }

    fn get(&self, name: &str) -> Result<Bytes, AppPortError> {
        json(&self.0.get(name).map_err(app_error)?)
    }

    fn deploy(
        &self,
        name: String,
        plan: Bytes,
        packages: Vec<Bytes>,
        dry_run: bool,
    ) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move {
            let plan: Plan =
                serde_json::from_slice(&plan).map_err(|error| AppPortError::Invalid(error.to_string()))?;
            if plan.app != name {
                return Err(AppPortError::Invalid(format!("the plan is of {}, not of {name}", plan.app)));
            }
            json(&self.0.deploy(plan, packages, dry_run).await.map_err(app_error)?)
        })
    }

    fn remove(&self, name: String) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move { json(&self.0.remove(&name).await.map_err(app_error)?) })
    }

    fn missing(&self, digests: Bytes) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move {
            let digests: Vec<Digest> =
                serde_json::from_slice(&digests).map_err(|error| AppPortError::Invalid(error.to_string()))?;
            json(&self.0.missing(&digests).await.map_err(app_error)?)
        })
    }
}

fn json(value: &impl Serialize) -> Result<Bytes, AppPortError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| AppPortError::Internal(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn app_error(error: AppError) -> AppPortError {
    let message = error.to_string();
    match error {
        _ if error.is_internal() => AppPortError::Internal(message),
        AppError::NotFound(_) => AppPortError::NotFound(message),
        AppError::Taken { .. } => AppPortError::Conflict(message),
        _ => AppPortError::Invalid(message),
    }
}

/// Lets the console read the filter patterns of the log service.
struct Patterns;

impl LogPatterns for Patterns {
    fn compile(&self, pattern: &str) -> Result<MessageTest, String> {
        let pattern = FilterPattern::parse(pattern).map_err(|error| error.to_string())?;
        Ok(Box::new(move |message| pattern.matches(message)))
    }
}
