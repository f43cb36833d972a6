//! One engine, and instances on it.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::{
    Delivery, Ending, Event, Instance, InstanceSpec, LogStream, ResponseSink, Runtime, StartError,
};
use ebb_model::{
    AccessKeyId, AccountId, Architecture, Clock, Code, Credentials, Digest, FunctionArn, FunctionName,
    FunctionState, FunctionVersion, LogFormat, LoggingSettings, PackageType, Qualifier, Region, RequestId,
    Response, RevisionId, RuntimeName, SecretAccessKey, Settings, SystemClock, TraceHeader, TracingMode,
    UpdateState, Version,
};
use ebb_runtime::{ControlApi, Engine, EngineConfig, StockLimits, StockUse};
use ebb_sandbox::{Launcher, LauncherOptions, Network};
use ebb_store::logs::{Direction, LogStore, ReadRequest, StreamChoice};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Anything that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that the cases share.
pub(crate) struct Machine {
    runtime: tokio::runtime::Runtime,
    engine: Option<Engine>,
    /// The same, with a stock.
    stocked: Option<Engine>,
    logs: Option<LogStore>,
    data: TempDir,
}

/// Answers every connection with the same line, and closes it.
struct Greeter;

impl ControlApi for Greeter {
    fn serve(&self, mut connection: TcpStream) {
        tokio::spawn(async move {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            drop(connection.write_all(answer).await);
        });
    }
}

impl Machine {
    /// `empty` where only the names of the cases are wanted.
    pub(crate) fn new(empty: bool) -> Self {
        let launcher =
            (!empty).then(|| Launcher::start_with(&LauncherOptions::default()).expect("a launcher"));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let data = tempfile::tempdir().expect("a folder");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let with_stock = |instances| {
            launcher.clone().map(|launcher| {
                let config = EngineConfig {
                    data: data.path().to_owned(),
                    launcher,
                    network: Network::Loopback,
                    clock: Arc::clone(&clock),
                    components: None,
                    stock: StockLimits { instances, memory_mib: 512, keep: Duration::from_secs(600) },
                };
                Engine::new(config, Arc::new(Greeter)).expect("an engine")
            })
        };
        let (engine, stocked) = (with_stock(0), with_stock(4));
        let logs = (!empty).then(|| LogStore::open(data.path().join("logs"), clock).expect("a log store"));
        Self { runtime, engine, stocked, logs, data }
    }

    /// Runs a case to its end.
    pub(crate) fn run(&self, case: impl Future<Output = ()>) {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, case).await.expect("in time") });
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("cases run on a machine that is not empty")
    }

    fn logs(&self) -> &LogStore {
        self.logs.as_ref().expect("cases run on a machine that is not empty")
    }

    /// What was logged to a function's group so far, in the order of writing.
    pub(crate) async fn logged(&self, function: &Function) -> Vec<String> {
        let request = ReadRequest {
            group: function.version.settings.logging.group.clone(),
            streams: StreamChoice::All,
            start: None,
            end: None,
            after: None,
            direction: Direction::Forward,
            max_events: 10_000,
            max_bytes: usize::MAX,
            max_scan: u64::MAX,
        };
        let mut events =
            self.logs().read(request, |_| true).await.map(|page| page.events).unwrap_or_default();
        events.sort_by_key(|event| event.position.sequence);
        events.into_iter().map(|event| event.message).collect()
    }

    /// Starts an instance of a function, by itself.
    pub(crate) async fn start(&self, function: &Function) -> Result<Arc<dyn Instance>, StartError> {
        self.engine().start(self.spec(function)).await
    }

    /// Starts an instance of a function from the stock, for which it waits to hold one, and makes sure that it is one.
    pub(crate) async fn start_from_stock(
        &self,
        function: &Function,
    ) -> Result<Arc<dyn Instance>, StartError> {
        let engine = self.stocked.as_ref().expect("cases run on a machine that is not empty");
        while !engine.has_in_stock(&self.spec(function)).await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = engine.stock_use();
        let started = engine.start(self.spec(function)).await;
        assert_eq!(engine.stock_use(), StockUse { hits: before.hits + 1, ..before });
        started
    }

    fn spec(&self, function: &Function) -> InstanceSpec {
        let logs = LogStream::open(self.logs().clone(), &function.version, SystemClock.now());
        function.spec(Arc::new(logs))
    }
}

/// A function in a folder.
pub(crate) struct Function {
    pub(crate) version: FunctionVersion,
    folder: TempDir,
    code: PathBuf,
    layers: usize,
}

impl Function {
    /// A function with these files; scripts and binaries may be executed.
    pub(crate) fn new(runtime: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("code");
        write(&code, files);
        Self { version: version(runtime), folder, code, layers: 0 }
    }

    /// Changes its settings.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.version.settings);
        self
    }

    /// Adds a layer with these files.
    pub(crate) fn layer(mut self, files: &[(&str, &str)]) -> Self {
        write(&self.folder.path().join(format!("layer-{}", self.layers)), files);
        self.layers += 1;
        self
    }

    /// Puts the files of a folder of this machine in place of its own.
    pub(crate) fn with_code(mut self, code: PathBuf) -> Self {
        self.code = code;
        self
    }

    /// The folder of its code.
    pub(crate) fn code(&self) -> &Path {
        &self.code
    }

    /// An event for it, with three seconds to go.
    pub(crate) fn event(&self, payload: &str) -> Event {
        Event {
            id: RequestId::random(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            deadline: SystemClock.now().plus(Duration::from_secs(3)),
            arn: self.arn().qualified(Some(Qualifier::parse("live").expect("valid"))),
            trace: TraceHeader(
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".into(),
            ),
            client_context: None,
            cognito_identity: None,
        }
    }

    fn arn(&self) -> FunctionArn {
        FunctionArn {
            region: Region::parse("us-east-1").expect("valid"),
            account: AccountId::parse("000000000000").expect("valid"),
            name: self.version.name.clone(),
            qualifier: None,
        }
    }

    fn spec(&self, logs: Arc<LogStream>) -> InstanceSpec {
        InstanceSpec {
            state: None,
            version: Arc::new(self.version.clone()),
            arn: self.arn(),
            code: self.code.clone(),
            layers: (0..self.layers)
                .map(|number| self.folder.path().join(format!("layer-{number}")))
                .collect(),
            credentials: Credentials {
                access_key_id: AccessKeyId("ASIAEXAMPLE".into()),
                secret_access_key: SecretAccessKey::new("secret".into()),
                session_token: Some(SecretAccessKey::new("token".into())),
            },
            logs,
            initialization: "on-demand",
        }
    }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("a file");
        let mode = if content.starts_with("#!") || content.starts_with("\u{7f}ELF") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

fn version(runtime: &str) -> FunctionVersion {
    let name = format!("f-{}", RequestId::random());
    FunctionVersion {
        name: FunctionName::parse(&name).expect("valid"),
        version: Version::parse("$LATEST").expect("valid"),
        settings: Settings {
            runtime: RuntimeName::parse(runtime).expect("known"),
            handler: if runtime.starts_with("node") { "index.handler".into() } else { "app.handler".into() },
            role: "arn:aws:iam::000000000000:role/r".into(),
            description: String::new(),
            timeout_seconds: 3,
            memory_mib: 256,
            ephemeral_storage_mib: 512,
            environment: BTreeMap::new(),
            layers: Vec::new(),
            architecture: Architecture::X86_64,
            tracing: TracingMode::PassThrough,
            logging: LoggingSettings {
                format: LogFormat::Text,
                application_level: None,
                system_level: None,
                group: format!("/aws/lambda/{name}"),
            },
            dead_letter: None,
            snap_start: false,
            environment_emptied: false,
            server: None,
            instance_concurrency: 1,
            stored: BTreeMap::new(),
        },
        code: Code { digest: Digest::of(b""), size: 0, package: PackageType::Zip },
        revision: RevisionId::random(),
        last_modified: SystemClock.now(),
        state: FunctionState::Active,
        update: UpdateState::Successful,
    }
}

/// Runs one event; what it ended in, and the answer as far as it got.
pub(crate) async fn invoke(instance: &dyn Instance, event: Event) -> (Ending, String) {
    let mut sink = ResponseSink::new(Delivery::Whole, 6 * 1024 * 1024 + 100);
    let ending = instance.invoke(event, &mut sink).await;
    let Response::Whole(answer) = sink.into_response() else { panic!("it was wanted whole") };
    (ending, String::from_utf8_lossy(&answer).into_owned())
}

/// Runs one event that must be answered, and waits until the instance is ready for the next.
pub(crate) async fn answer(instance: &dyn Instance, event: Event) -> String {
    let (ending, answer) = invoke(instance, event).await;
    assert_eq!(ending, Ending::Answered, "{answer}");
    instance.settle().await.expect("it lives on");
    answer
}

/// The error object that an event must end in.
pub(crate) async fn failure(instance: &dyn Instance, event: Event) -> String {
    match invoke(instance, event).await.0 {
        Ending::Failed(object) => String::from_utf8_lossy(&object).into_owned(),
        other => panic!("{other:?} is no failure"),
    }
}
