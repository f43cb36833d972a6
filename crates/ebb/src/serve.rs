//! `ebb serve`: puts the platform together, runs it until it is told to stop, and takes it apart in order.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ebb_app::Stacks;
use ebb_aws::api::s3::S3Api;
use ebb_aws::wire::credentials::KeyRing;
use ebb_gateway::{Gateway, GatewayApis, GatewayConfig};
use ebb_invoker::catalog::{Catalog, CatalogConfig};
use ebb_invoker::{Invoker, InvokerConfig, InvokerParts};
use ebb_model::{Clock, SystemClock};
use ebb_runtime::{ComponentHost, Engine, EngineConfig, StockLimits};
use ebb_sandbox::{Launcher, LauncherOptions, Network, unmap_what_the_start_used};
use ebb_store::{Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api_calls::ApiCalls;
use crate::api_port::{ApiPort, LateGateway};
use crate::config::{Config, LogSetting, NetworkSetting};
use crate::sources::{Results, Sources};
use crate::wiring::{self, Authenticator, LateControl, Routes, Sites};

/// How long everything but the last writes may take to stop: the contract is to be gone 20 seconds after SIGTERM.
const STOP: Duration = Duration::from_secs(17);

/// How long changes of stacks may still take at a shutdown.
const CHANGES: Duration = Duration::from_secs(5);
/// How long the store, and after it what blocks, may take on top of [`STOP`].
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the platform until SIGTERM or SIGINT. Call it before any thread exists: it starts the launcher first.
///
/// # Errors
/// Where the platform cannot start: the data folder is held, an address is taken, the machine has no namespaces.
pub(crate) fn run(config: &Config) -> Result<()> {
    log_to_standard_error(config.log);
    make_folder(&config.data)?;
    let options = LauncherOptions {
        disk: Some(config.data.clone()),
        outbound: config.network == NetworkSetting::Outbound,
    };
    let launcher = Launcher::begin(&options).context("the sandbox launcher does not start")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        // Signals that come while it starts must not kill it half-way.
        let stop = stop_signal()?;
        let (platform, addresses) = Platform::start(config, launcher.clone()).await?;
        let ready = match sandboxes(launcher).await {
            Ok(()) => announce(&config.data, addresses),
            failed => failed,
        };
        if ready.is_ok() {
            stop.cancelled().await;
            tracing::info!("stopping");
        }
        platform.stop().await;
        ready
    });
    // Work that blocks (unpacking, say) is not waited for any longer: nothing of it was acknowledged.
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}

/// Everything that runs.
struct Platform {
    store: Store,
    invoker: Invoker,
    sources: Sources,
    stacks: Stacks,
    api: Port,
    edge: Port,
    /// Connections that instances have to the control API.
    control: Arc<LateControl>,
}

/// A listener that is being served.
struct Port {
    serving: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Platform {
    /// Everything, and where it listens: the api port and the edge.
    async fn start(config: &Config, launcher: Launcher) -> Result<(Self, (SocketAddr, SocketAddr))> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Store::open(&StoreConfig {
            data: config.data.clone(),
            database: config.database.clone(),
            blobs: config.blobs.clone(),
        })
        .await?;
        let api_listener = listen(config.api).await?;
        let edge_listener = listen(config.edge).await?;
        let addresses = (api_listener.local_addr()?, edge_listener.local_addr()?);
        let keys = KeyRing::open(&config.data.join("credentials"), config.account.clone(), clock.clone())?;

        let control = Arc::new(LateControl::default());
        let engine = Engine::new(
            EngineConfig {
                data: config.data.clone(),
                launcher,
                network: network(config.network),
                clock: clock.clone(),
                components: Some(ComponentHost {
                    compile: ebb_wasm_host::COMPILE_ARGUMENT,
                    serve: ebb_wasm_host::SERVE_ARGUMENT,
                    compatibility: ebb_wasm_host::compatibility,
                }),
                stock: StockLimits {
                    instances: config.stock_instances,
                    memory_mib: config.stock_memory_mib,
                    keep: config.keep_warm,
                },
            },
            control.clone(),
        )?;
        let engine = Arc::new(engine);
        let catalog = Catalog::open(CatalogConfig {
            store: store.clone(),
            clock: clock.clone(),
            account: config.account.clone(),
            region: config.region.clone(),
            runtime: engine.clone(),
        })
        .await?;
        let invoker = Invoker::new(InvokerParts {
            config: InvokerConfig {
                keep_warm: config.keep_warm,
                memory_budget_mib: config.memory_budget_mib,
                spare_from: config.spare_from,
                page_out_after: config.page_out_after,
                ..InvokerConfig::default()
            },
            store: store.clone(),
            catalog,
            runtime: engine.clone(),
            credentials: Arc::new(keys.clone()),
            clock: clock.clone(),
            results: Arc::new(Results),
        });
        let edge_port = addresses.1.port();
        let sources = Sources::open(config, &store, &invoker, &clock, &keys, addresses).await?;
        let stacks = wiring::stacks(config, &store, &invoker, &sources, &clock, addresses).await?;
        let apps =
            wiring::apps(config, &store, &invoker, &engine, &sources, stacks.clone(), edge_port).await?;
        let late = LateGateway::default();
        let edge_of = (edge_port, &late);
        let aws = wiring::aws(config, &keys, &clock, &store, &invoker, (&sources, &stacks), edge_of);
        let console = wiring::console(config, &store, &invoker, &apps, &engine, edge_port);
        let s3 = S3Api::new(sources.buckets.clone(), keys.clone(), clock.clone(), config.domain.clone());
        let api_port =
            ApiPort::new(aws.clone(), s3.clone(), (&sources.topics, &stacks), console, late.clone());
        control.set(api_port.clone());
        let gateway = Gateway::new(
            GatewayConfig::new(&config.domain, config.region.clone(), config.account.clone())
                .with_domains(config.domains.clone()),
            invoker.clone(),
            Arc::new(Authenticator(aws)),
            Arc::new(Routes(apps)),
            GatewayApis {
                apis: sources.http_apis.clone(),
                queues: sources.queues.clone(),
                buses: sources.buses.clone(),
            },
        )
        .with_websites(Arc::new(Sites(s3)))
        .with_services(Arc::new(ApiCalls::new(&keys, config.region.clone(), addresses.0)));
        // It is set once, here.
        let _ = late.set(gateway.clone());
        let platform = Self {
            store,
            invoker,
            sources,
            stacks,
            api: Port::serve("api", |stop| async move { api_port.serve(api_listener, stop).await }),
            edge: Port::serve("edge", |stop| async move { gateway.serve(edge_listener, stop).await }),
            control,
        };
        Ok((platform, addresses))
    }

    /// New requests are refused first, running ones end, then instances, then what is not yet written; all within
    /// [`STOP`].
    async fn stop(self) {
        let deadline = Instant::now() + STOP;
        self.api.stop.cancel();
        self.edge.stop.cancel();
        let stopped = async {
            let (api, edge) = tokio::join!(self.api.serving, self.edge.serving);
            for ended in [api, edge] {
                if let Err(error) = ended {
                    tracing::error!(%error, "a listener ended badly");
                }
            }
            if tokio::time::timeout(CHANGES, self.stacks.stop()).await.is_err() {
                tracing::info!("a change of a stack did not end in time; the next server undoes it");
            }
            self.sources.stop().await;
            self.invoker.shutdown(deadline).await;
            self.control.stop().await;
        };
        if tokio::time::timeout_at(deadline, stopped).await.is_err() {
            tracing::warn!("not everything ended in time; what was cut off is taken up by the next server");
        }
        if tokio::time::timeout(LAST_WORDS, self.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; all that was acknowledged is durable");
        }
    }
}

impl Port {
    fn serve<F>(name: &'static str, serve: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let serving = serve(stop.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(port = name, %error, "a listener failed");
            }
        });
        Self { serving, stop }
    }
}

/// Waits until the launcher has tried out a sandbox; not before the store is open, since a second server for its folder
/// has one thing to say. What sandboxes lack on this machine is said as soon as the launcher knows, which is the end of
/// the start.
///
/// # Errors
/// Where there are no sandboxes at all.
async fn sandboxes(launcher: Launcher) -> Result<()> {
    let looking = launcher.clone();
    tokio::task::spawn_blocking(move || launcher.ready())
        .await?
        .context("the sandbox launcher does not start")?;
    tokio::task::spawn_blocking(move || {
        match looking.support() {
            Ok(support) => support.warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
            Err(error) => tracing::error!(%error, "the sandbox launcher does not start"),
        }
        if let Err(error) = unmap_what_the_start_used() {
            tracing::debug!(%error, "what the start used of the program goes on counting as memory");
        }
    });
    Ok(())
}

/// The data folder, which the launcher is told of before the store opens it; the owner's alone.
fn make_folder(data: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.with_context(|| format!("cannot make the data folder {}", data.display()))
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

fn network(setting: NetworkSetting) -> Network {
    match setting {
        NetworkSetting::Outbound => Network::Outbound,
        NetworkSetting::Loopback => Network::Loopback,
    }
}

/// Says where the server listens: in `endpoints.json` for programs, on standard error for people.
fn announce(data: &Path, (api, edge): (SocketAddr, SocketAddr)) -> Result<()> {
    let text =
        serde_json::json!({ "api": format!("http://{api}"), "edge": format!("http://{edge}") }).to_string();
    // Renamed into place, so that whoever waits for the file never reads half of it.
    let (part, file) = (data.join("endpoints.json.part"), data.join("endpoints.json"));
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, &file))
        .with_context(|| file.display().to_string())?;
    tracing::info!("ready: api http://{api}, edge http://{edge}, data {}", data.display());
    Ok(())
}

/// Cancelled by the first SIGTERM or SIGINT.
fn stop_signal() -> Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    // Lives as long as the process: the runtime is dropped when it ends.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}

fn log_to_standard_error(setting: LogSetting) {
    let level = match setting {
        LogSetting::Error => tracing::Level::ERROR,
        LogSetting::Warn => tracing::Level::WARN,
        LogSetting::Info => tracing::Level::INFO,
        LogSetting::Debug => tracing::Level::DEBUG,
        LogSetting::Trace => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
}
