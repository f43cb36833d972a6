//! The engine: everything that this machine can boot.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ebb_invoker::{Boxed, Instance, InstanceSpec, Runtime, StartError, Unavailable, Unprepared};
use ebb_model::{Clock, FunctionVersion, RuntimeFamily, RuntimeName, Settings};
use ebb_sandbox::{Launcher, Network};
use tokio::net::TcpStream;

use crate::boots::Boots;
use crate::components::{ComponentHost, components};
use crate::host::Hosted;
use crate::interpreters::{Interpreter, Interpreters, Language, Places, RuntimesReport};
use crate::plan::{Managed, Plan, Tool, hosted_plan, invalid_entrypoint, plan, server_plan};
use crate::sdk::{self, Layer};
use crate::start::Starter;
use crate::stock::{Assigned, Kind, Stock, StockLimits, StockUse, Stocked};
use crate::workers::workers;

/// Where the program of Deno is inside.
const DENO: &str = "/var/runtime/deno";

/// What the engine is made of.
pub struct EngineConfig {
    /// The data folder: boots and SDK layers are kept in `runtimes/` there.
    pub data: PathBuf,
    /// Makes sandboxes.
    pub launcher: Launcher,
    /// What instances may reach.
    pub network: Network,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What components run on; without it, functions that are components are refused.
    pub components: Option<ComponentHost>,
    /// What may be booted ahead of need.
    pub stock: StockLimits,
}

/// The service that instances reach at `AWS_ENDPOINT_URL`.
pub trait ControlApi: Send + Sync + 'static {
    /// Serves one connection that an instance made; returns at once. The connection ends with the instance.
    fn serve(&self, connection: TcpStream);
}

/// The interpreter of a runtime, and the folder of its boot.
type Prepared = (Interpreter, PathBuf);

/// Boots instances as sandboxed processes.
pub struct Engine {
    config: EngineConfig,
    control: Arc<dyn ControlApi>,
    interpreters: Arc<Interpreters>,
    boots: Boots,
    /// What runs runtimes that were asked for before: neither interpreters nor boots change while the server runs.
    prepared: RwLock<HashMap<RuntimeName, Prepared>>,
    layers: Vec<Layer>,
    stock: Stock,
    hits: AtomicU64,
    misses: AtomicU64,
    components: Option<Hosted>,
    /// Known once workerd is installed, which may happen at any time.
    workers: OnceLock<Hosted>,
    /// This program, for what it is inside of instances.
    binary: PathBuf,
}

impl Engine {
    /// An engine that hands the calls that instances make on the control API to `control`. Writes the boots to the
    /// data folder. Interpreters are looked up when they are first needed.
    ///
    /// # Errors
    /// Where the data folder cannot be written.
    pub fn new(config: EngineConfig, control: Arc<dyn ControlApi>) -> std::io::Result<Self> {
        let boots = Boots::write(&config.data)?;
        let interpreters = Arc::new(Interpreters::new(Places::of_environment()));
        let layers = Layer::all(&config.data);
        let stock = Stock::new(config.launcher.clone(), config.network, config.stock);
        let binary = std::env::current_exe()?;
        let of_host = |host| components(host, binary.clone(), config.launcher.clone(), &config.data);
        let components = config.components.map(of_host);
        let (hits, misses, workers, prepared) = Default::default();
        Ok(Self {
            config,
            control,
            interpreters,
            boots,
            prepared,
            layers,
            stock,
            hits,
            misses,
            components,
            workers,
            binary,
        })
    }

    /// How many cold starts that could have had an instance from the stock had one, and how many had to do without.
    #[must_use]
    pub fn stock_use(&self) -> StockUse {
        StockUse { hits: self.hits.load(Relaxed), misses: self.misses.load(Relaxed) }
    }

    /// What `ebb runtimes` shows. Runs interpreters to ask for their versions: call it where blocking is allowed.
    #[must_use]
    pub fn report(&self) -> RuntimesReport {
        report(&self.interpreters, &self.config.data)
    }

    /// What functions may ask for beside their runtime and is here: SDKs by name, and [`sdk::TYPESCRIPT`]. Blocks as
    /// [`Engine::report`] does.
    #[must_use]
    pub fn installed(&self) -> Vec<&'static str> {
        let mut installed = sdk::installed(&self.config.data);
        if installed.contains(&sdk::bringing(sdk::TYPESCRIPT)) || self.interpreters.run_typescript() {
            installed.push(sdk::TYPESCRIPT);
        }
        installed
    }

    /// Whether the stock has the best that this function could have; if not, it will: for tests of what functions meet
    /// in one.
    ///
    /// # Errors
    /// Where this machine cannot run it.
    pub async fn has_in_stock(&self, spec: &InstanceSpec) -> Result<bool, StartError> {
        let managed = self.managed(spec.version.settings.runtime).await?;
        Ok(self.stock.prepare(&best_kind(&spec.version.settings, managed.as_ref())) > 0)
    }

    async fn boot(&self, spec: InstanceSpec) -> Result<Arc<dyn Instance>, StartError> {
        let _under_way = self.stock.start_under_way();
        if let Some(hosted) = self.hosted(&spec.version.settings)? {
            return self.boot_hosted(spec, hosted).await;
        }
        if spec.version.settings.runtime.family().is_server() {
            return self.boot_server(spec).await;
        }
        let managed = self.managed(spec.version.settings.runtime).await?;
        let plan = plan(&spec, managed.as_ref(), self.config.network)
            .map_err(|report| StartError::Init(report.init_failure()))?;
        let starter =
            Starter { launcher: &self.config.launcher, control: &self.control, clock: &self.config.clock };
        let best = best_kind(&spec.version.settings, managed.as_ref());
        let ahead = self.take_from_stock(best, &spec, &plan).await;
        Ok(Arc::new(starter.start(&spec, plan, ahead).await?))
    }

    async fn start_server(
        &self,
        spec: &InstanceSpec,
        plan: Plan,
        best: Kind,
    ) -> Result<Arc<dyn Instance>, StartError> {
        let ahead = self.take_from_stock(best, spec, &plan).await;
        let starter =
            Starter { launcher: &self.config.launcher, control: &self.control, clock: &self.config.clock };
        Ok(Arc::new(starter.start_server(spec, plan, ahead).await?))
    }

    /// The best kind for this function that is in stock, else an empty sandbox, made the function's own; none where there
    /// is neither.
    async fn take_from_stock(&self, best: Kind, spec: &InstanceSpec, plan: &Plan) -> Option<Assigned> {
        if let Some(assigned) = assign(self.stock.take(&best), plan).await {
            self.hits.fetch_add(1, Relaxed);
            return Some(assigned);
        }
        self.misses.fetch_add(1, Relaxed);
        let empty = Kind::empty(&spec.version.settings);
        if empty == best { None } else { assign(self.stock.take_instead(&empty), plan).await }
    }

    async fn boot_server(&self, spec: InstanceSpec) -> Result<Arc<dyn Instance>, StartError> {
        let runtime = spec.version.settings.runtime;
        let mut tools = self.tools().await?;
        if runtime.family() == RuntimeFamily::Deno {
            tools.push(self.deno(runtime)?);
        }
        let plan = server_plan(&spec, &tools, self.config.network);
        self.start_server(&spec, plan, Kind::empty(&spec.version.settings)).await
    }

    async fn boot_hosted(
        &self,
        spec: InstanceSpec,
        hosted: &Hosted,
    ) -> Result<Arc<dyn Instance>, StartError> {
        let compiled = hosted.compiled(&spec.version, &spec.code).await.map_err(|error| match error {
            Unprepared::Package(why) => StartError::Init(invalid_entrypoint(why).init_failure()),
            Unprepared::Platform(why) => StartError::Platform(why),
        })?;
        let plan = hosted_plan(&spec, &hosted.host, &compiled, self.config.network);
        let kind = Kind::of_host(&spec.version.settings, hosted.host.clone());
        self.start_server(&spec, plan, kind).await
    }

    /// What runs these functions, where that is a host.
    fn hosted(&self, settings: &Settings) -> Result<Option<&Hosted>, Unavailable> {
        let runtime = settings.runtime;
        match runtime.family() {
            RuntimeFamily::Wasm => self.components(runtime).map(Some),
            RuntimeFamily::Workerd if settings.server.is_none() => {
                let (missing, hint) = (
                    "how its server is run is not in the function's settings",
                    "Deploy it with `ebb deploy`",
                );
                Err(Unavailable { runtime, missing: missing.into(), hint: hint.into() })
            }
            RuntimeFamily::Workerd => self.workers(runtime).map(Some),
            _ => Ok(None),
        }
    }

    fn components(&self, runtime: RuntimeName) -> Result<&Hosted, Unavailable> {
        self.components.as_ref().ok_or_else(|| Unavailable {
            runtime,
            missing: "this program has no host for components".into(),
            hint: String::new(),
        })
    }

    fn workers(&self, runtime: RuntimeName) -> Result<&Hosted, Unavailable> {
        if let Some(workers) = self.workers.get() {
            return Ok(workers);
        }
        let launcher = self.config.launcher.clone();
        let found = workers(runtime, &self.config.data, self.binary.clone(), launcher)?;
        Ok(self.workers.get_or_init(|| found))
    }

    /// The interpreters that commands of servers may name. The first call looks them up.
    async fn tools(&self) -> Result<Vec<Tool>, StartError> {
        let interpreters = Arc::clone(&self.interpreters);
        let found = tokio::task::spawn_blocking(move || {
            let languages = [Language::Node, Language::Python];
            let first =
                |language| interpreters.usable(language).first().map(|found| Tool::of(language, found));
            languages.into_iter().filter_map(first).collect()
        });
        found.await.map_err(|error| StartError::Platform(format!("looking interpreters up: {error}")))
    }

    fn deno(&self, runtime: RuntimeName) -> Result<Tool, Unavailable> {
        let program = sdk::program("deno", &self.config.data).ok_or_else(|| Unavailable {
            runtime,
            missing: "deno is not installed".into(),
            hint: "Install it with `ebb runtimes add deno`".into(),
        })?;
        // The data folder may be given relative to the working folder, which the launcher does not know, and be where an
        // instance has something else.
        let program = program.canonicalize().unwrap_or(program);
        let inside = PathBuf::from(DENO);
        Ok(Tool { names: &["deno"], binds: vec![(program, inside.clone())], program: inside })
    }

    /// The interpreter and the boot of this runtime; none where the package has a program of its own. The first call for
    /// an interpreter may compile its boot.
    async fn managed(&self, runtime: RuntimeName) -> Result<Option<Managed>, StartError> {
        let Some((language, _)) = Language::of(runtime.family()) else { return Ok(None) };
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner).get(&runtime).cloned();
        let (interpreter, boot) = match known {
            Some(known) => known,
            None => self.prepare_boot(runtime, language).await?,
        };
        let sdk = self.layers.iter().find(|layer| layer.language == language).and_then(Layer::installed);
        Ok(Some(Managed { language, interpreter, boot, sdk }))
    }

    /// Looks the interpreter of a runtime up, and compiles the boot for it where that was not done before.
    async fn prepare_boot(&self, runtime: RuntimeName, language: Language) -> Result<Prepared, StartError> {
        let (interpreters, boots) = (Arc::clone(&self.interpreters), self.boots.clone());
        let preparing = move || prepare(runtime, language, &interpreters, &boots);
        let prepared = tokio::task::spawn_blocking(preparing).await;
        let prepared =
            prepared.map_err(|error| StartError::Platform(format!("preparing a boot: {error}")))??;
        self.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(runtime, prepared.clone());
        Ok(prepared)
    }
}

impl Runtime for Engine {
    fn check(&self, runtime: RuntimeName) -> Result<(), Unavailable> {
        if runtime.family() == RuntimeFamily::Deno {
            return self.deno(runtime).map(|_| ());
        }
        match runtime.family() {
            RuntimeFamily::Wasm => self.components(runtime).map(|_| ()),
            RuntimeFamily::Workerd => self.workers(runtime).map(|_| ()),
            _ => self.interpreters.choose(runtime).map(|_| ()),
        }
    }

    fn stand_in(&self, runtime: RuntimeName) -> Option<String> {
        let chosen = self.interpreters.find(runtime).ok().flatten().filter(|chosen| !chosen.exact)?;
        let (language, _) = Language::of(runtime.family())?;
        Some(format!("{language} {}", chosen.interpreter.version))
    }

    fn prepare<'a>(
        &'a self,
        version: &'a FunctionVersion,
        code: PathBuf,
    ) -> Boxed<'a, Result<(), Unprepared>> {
        Box::pin(async move {
            let settings = &version.settings;
            // What cannot be had is said by the start.
            if let Some(hosted) = self.hosted(settings).ok().flatten() {
                self.stock.prepare(&Kind::of_host(settings, hosted.host.clone()));
                hosted.compiled(version, &code).await?;
            } else {
                let managed = self.managed(settings.runtime).await.ok().flatten();
                self.stock.prepare(&best_kind(settings, managed.as_ref()));
            }
            Ok(())
        })
    }

    fn start(&self, spec: InstanceSpec) -> Boxed<'_, Result<Arc<dyn Instance>, StartError>> {
        Box::pin(self.boot(spec))
    }
}

/// What of the stock saves a function the most that is in no host.
fn best_kind(settings: &Settings, managed: Option<&Managed>) -> Kind {
    managed.and_then(|managed| Kind::booted(settings, managed)).unwrap_or_else(|| Kind::empty(settings))
}

/// Makes what was in stock the function's own; none where that fails, since the function can be started by itself.
async fn assign(stocked: Option<Stocked>, plan: &Plan) -> Option<Assigned> {
    let assigned = stocked?.assign(plan).await.inspect_err(|error| {
        tracing::warn!(%error, "a sandbox in stock could not be made a function's; it is started by itself");
    });
    assigned.ok()
}

fn prepare(
    runtime: RuntimeName,
    language: Language,
    interpreters: &Interpreters,
    boots: &Boots,
) -> Result<Prepared, StartError> {
    let missing =
        |missing: String, hint: String| StartError::Unavailable(Unavailable { runtime, missing, hint });
    let Some(chosen) = interpreters.choose(runtime)? else {
        return Err(missing("it has no interpreter".into(), String::new()));
    };
    let boot = boots.of(language, &chosen.interpreter).map_err(|why| missing(why, String::new()))?;
    Ok((chosen.interpreter, boot))
}

/// What `ebb runtimes` shows, without a server. Blocks as [`Engine::report`] does.
#[must_use]
pub fn runtimes_report(data: &Path) -> RuntimesReport {
    report(&Interpreters::new(Places::of_environment()), data)
}

fn report(interpreters: &Interpreters, data: &Path) -> RuntimesReport {
    RuntimesReport { runtimes: interpreters.report(data), sdks: sdk::report(data) }
}
