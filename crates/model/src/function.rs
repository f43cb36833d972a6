//! Functions, their versions and aliases, and everything configured about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arn::LayerVersionArn;
use crate::clock::Timestamp;
use crate::ids::{AliasName, Digest, FunctionName, Qualifier, RevisionId, Version};
use crate::policy::Policy;
use crate::runtime_name::RuntimeName;

/// A function with everything that hangs on it: the unit that changes as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// `$LATEST`.
    pub latest: Arc<FunctionVersion>,
    /// Published versions by number. Stored one by one, so not part of this document.
    #[serde(skip)]
    pub versions: BTreeMap<u64, Arc<FunctionVersion>>,
    /// The number that the next published version gets; never reused.
    pub next_version: u64,
    /// Aliases by name.
    #[serde(default)]
    pub aliases: BTreeMap<AliasName, Alias>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Concurrency set aside for it; zero turns it off.
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
    /// Instances kept warm, by version or alias.
    #[serde(default)]
    pub provisioned_concurrency: BTreeMap<Qualifier, u32>,
    /// When each entry of `provisioned_concurrency` was last set.
    #[serde(default)]
    pub provisioned_modified: BTreeMap<Qualifier, Timestamp>,
    /// Function URLs, by alias; `$LATEST` stands for the unqualified function.
    #[serde(default)]
    pub urls: BTreeMap<Qualifier, FunctionUrl>,
    /// Policies, by version or alias; `$LATEST` stands for the unqualified function.
    #[serde(default)]
    pub policies: BTreeMap<Qualifier, Policy>,
    /// Asynchronous settings, by version or alias; `$LATEST` stands for the unqualified function.
    #[serde(default)]
    pub event_invoke: BTreeMap<Qualifier, EventInvokeConfig>,
    /// The app whose deploy made it.
    #[serde(default)]
    pub app: Option<String>,
    /// Settings that ebb stores for the API and does not act on, by operation name.
    #[serde(default)]
    pub stored: BTreeMap<String, Value>,
}

/// One version: a configuration and its code. `$LATEST` is replaced by updates, the others never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionVersion {
    /// The function.
    pub name: FunctionName,
    /// Which version.
    pub version: Version,
    /// How it runs.
    pub settings: Settings,
    /// What it runs.
    pub code: Code,
    /// Changes with each update.
    pub revision: RevisionId,
    /// When it was last changed.
    pub last_modified: Timestamp,
    /// Whether it can be invoked.
    pub state: FunctionState,
    /// How the last update went.
    pub update: UpdateState,
}

impl FunctionVersion {
    /// Whether its instances are initialised before they are needed, and kept until they are: a published version with
    /// [`Settings::snap_start`].
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.settings.snap_start && matches!(self.version, Version::Published(_))
    }
}

/// The configuration of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What boots it.
    pub runtime: RuntimeName,
    /// The entry point, in the runtime's own notation.
    pub handler: String,
    /// The ARN of its role.
    pub role: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Seconds that an invocation may take.
    pub timeout_seconds: u32,
    /// Memory in MiB; processor time follows from it.
    pub memory_mib: u32,
    /// Size of `/tmp` in MiB.
    pub ephemeral_storage_mib: u32,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether no variables were asked for in so many words: answers show an empty set then, and none otherwise.
    #[serde(default)]
    pub environment_emptied: bool,
    /// Layers, lowest first.
    #[serde(default)]
    pub layers: Vec<LayerReference>,
    /// Processor architecture.
    pub architecture: Architecture,
    /// Whether traces are active.
    pub tracing: TracingMode,
    /// How it logs.
    pub logging: LoggingSettings,
    /// ARN of the queue or topic for events that failed for good.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// Whether published versions start from a snapshot.
    #[serde(default)]
    pub snap_start: bool,
    /// How it gets its events, where its runtime is a server of its own.
    #[serde(default)]
    pub server: Option<ServerSettings>,
    /// How many events an instance takes at a time, where a boot of the platform's runs it. A server says so itself.
    #[serde(default = "one_event")]
    pub instance_concurrency: u32,
    /// Settings that the API returns and ebb does not act on (VpcConfig, KMSKeyArn, …), by their API name.
    #[serde(default)]
    pub stored: BTreeMap<String, Value>,
}

impl Settings {
    /// How many events one instance takes at a time.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        self.server.as_ref().map_or(self.instance_concurrency, |server| server.concurrency).max(1)
    }

    /// Whether several events run in one process that has no means to give one of them up alone.
    #[must_use]
    pub fn shares_a_boot(&self) -> bool {
        self.server.is_none() && self.instance_concurrency > 1
    }

    /// Whether it has one instance at a time, with a folder that outlives it.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.stateful)
    }

    /// Whether its instance is always there and goes on when no event runs in it.
    #[must_use]
    pub fn is_awake(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.awake) || self.inspected().is_some()
    }

    /// Whether it has one instance at a time, whatever comes: it keeps state, or a debugger looks at it.
    #[must_use]
    pub fn has_one_instance(&self) -> bool {
        self.is_stateful() || self.inspected().is_some()
    }

    /// The port of the host's loopback address where debuggers reach it.
    #[must_use]
    pub fn inspected(&self) -> Option<u16> {
        self.environment.get(INSPECT_VARIABLE)?.parse().ok()
    }
}

/// Has a debugger listen in a function of Node.js or Python, at the port that is its value, which is also that of the
/// host's loopback address where it is reached. `ebb dev --inspect` sets it.
pub const INSPECT_VARIABLE: &str = "EBB_INSPECT_PORT";

/// How many events an instance takes at a time where nothing is said.
#[must_use]
pub fn one_event() -> u32 {
    1
}

/// How a version that is a server gets its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// How many events one instance takes at a time.
    pub concurrency: u32,
    /// What the path of a request begins with that the server does not see; empty for nothing.
    pub strip_prefix: String,
    /// How it is told of events that are no requests.
    pub events: EventEncoding,
    /// Whether it is asked, by a GET of `/` with the header `ebb-event: settled`, after each answer: its response says
    /// that nothing goes on any more that the request began, and that it may be frozen.
    pub settles: bool,
    /// Whether it keeps state on disk: there is one instance of it at a time, which has a folder that outlives it.
    pub stateful: bool,
    /// Whether its instance goes on when no event runs in it, and is started with the server: it has timers of its own.
    pub awake: bool,
}

impl Default for ServerSettings {
    /// The concurrency is Cloud Run's. Source: the Cloud Run documentation, "Maximum concurrent requests per instance".
    fn default() -> Self {
        Self {
            concurrency: 80,
            strip_prefix: String::new(),
            events: EventEncoding::Json,
            settles: false,
            stateful: false,
            awake: false,
        }
    }
}

impl ServerSettings {
    /// Those of a WebAssembly component, whose requests run in instances of their own within one process.
    #[must_use]
    pub fn of_components() -> Self {
        Self { concurrency: 64, ..Self::default() }
    }
}

/// How a server is told of events that are no requests; always by a POST to `/` with the header `ebb-event`, which no
/// request from outside has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventEncoding {
    /// The event is the body.
    #[default]
    Json,
    /// Each thing that happened is a CloudEvent.
    CloudEvents,
}

/// A reference from a version to a layer version, with what is needed to mount it even when the layer is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReference {
    /// Which layer version.
    pub arn: LayerVersionArn,
    /// Its zip.
    pub digest: Digest,
    /// Size of the zip in bytes.
    pub size: u64,
}

/// A version of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVersion {
    /// Its full name.
    pub arn: LayerVersionArn,
    /// Its zip.
    pub digest: Digest,
    /// Size of the zip in bytes.
    pub size: u64,
    /// Free text.
    pub description: String,
    /// License text or identifier.
    pub license: Option<String>,
    /// Runtimes that it says it works with.
    pub compatible_runtimes: Vec<String>,
    /// Architectures that it says it works with.
    pub compatible_architectures: Vec<String>,
    /// When it was published.
    pub created: Timestamp,
    /// Who may use it.
    #[serde(default)]
    pub policy: Option<Policy>,
}

/// The code of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The zip, by content.
    pub digest: Digest,
    /// Size of the zip in bytes.
    pub size: u64,
    /// How it is packed.
    pub package: PackageType,
}

/// How code is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageType {
    /// A zip archive.
    Zip,
}

/// Processor architecture of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// `x86_64`.
    X86_64,
    /// `arm64`.
    Arm64,
}

/// Tracing of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracingMode {
    /// Carry on what the caller decided.
    PassThrough,
    /// Sample here.
    Active,
}

/// How a version logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingSettings {
    /// Plain lines or JSON objects.
    pub format: LogFormat,
    /// The least level of the function's own lines, in JSON format.
    pub application_level: Option<LogLevel>,
    /// The least level of the platform's lines, in JSON format.
    pub system_level: Option<LogLevel>,
    /// The log group.
    pub group: String,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Plain lines.
    Text,
    /// JSON objects.
    Json,
}

/// Severity of a log line, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Finest.
    Trace,
    /// Debugging.
    Debug,
    /// Normal operation.
    Info,
    /// Something unexpected.
    Warn,
    /// An operation failed.
    Error,
    /// The process cannot go on.
    Fatal,
}

/// Whether a version can be invoked. Source: the Lambda developer guide, "Lambda function states".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionState {
    /// Being prepared.
    Pending,
    /// Ready.
    Active,
    /// Could not be prepared; `code` is the API's reason code, `reason` is for people.
    Failed {
        /// The API's reason code, as in `InvalidRuntime`.
        code: String,
        /// What went wrong.
        reason: String,
    },
}

/// How the last update of a version went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Still being applied.
    InProgress,
    /// Applied.
    Successful,
    /// Not applied; `code` is the API's reason code, `reason` is for people.
    Failed {
        /// The API's reason code.
        code: String,
        /// What went wrong.
        reason: String,
    },
}

/// A name for a version, or for two of them by weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// Its name.
    pub name: AliasName,
    /// The version that it points to.
    pub version: Version,
    /// Share of the traffic (0.0 to 1.0) that goes to another version.
    #[serde(default)]
    pub weights: BTreeMap<Version, f64>,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Changes with each update.
    pub revision: RevisionId,
}

/// An HTTP address of a function or alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// The label in its host name; stable for as long as the URL exists.
    pub id: String,
    /// Who may call.
    pub auth: UrlAuth,
    /// Buffered or streamed.
    pub mode: InvokeMode,
    /// Whether a request ever named the mode: only then do the answers of changes.
    #[serde(default)]
    pub mode_named: bool,
    /// Cross-origin settings.
    pub cors: Option<UrlCors>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub last_modified: Timestamp,
}

/// Who may call a function URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlAuth {
    /// Anyone.
    None,
    /// Signed requests only.
    AwsIam,
}

/// How a function URL answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvokeMode {
    /// When the whole response is there.
    Buffered,
    /// As it is written.
    ResponseStream,
}

/// Cross-origin settings of a function URL. Source: the Lambda API reference, `Cors`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlCors {
    /// Whether cookies and credentials may be sent.
    pub allow_credentials: Option<bool>,
    /// Request headers that may be sent.
    pub allow_headers: Option<Vec<String>>,
    /// Methods that may be used.
    pub allow_methods: Option<Vec<String>>,
    /// Origins that may call.
    pub allow_origins: Option<Vec<String>>,
    /// Response headers that scripts may read.
    pub expose_headers: Option<Vec<String>>,
    /// Seconds that a browser may cache a preflight answer.
    pub max_age: Option<u32>,
}

/// What happens to accepted asynchronous events of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvokeConfig {
    /// Seconds that an event may wait (60 to 21,600).
    pub max_event_age_seconds: Option<u32>,
    /// Retries after the first attempt (0 to 2).
    pub max_retry_attempts: Option<u32>,
    /// ARN that hears of successes.
    pub on_success: Option<String>,
    /// ARN that hears of failures.
    pub on_failure: Option<String>,
    /// When it was last changed.
    pub last_modified: Timestamp,
}
