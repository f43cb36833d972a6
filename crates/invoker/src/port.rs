//! The port between the invoker and whatever boots instances: one implementation in `ebb-runtime`, a fake in tests.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{Credentials, FunctionArn, FunctionVersion, RequestId, RuntimeName, Timestamp, TraceHeader};
use ebb_store::StateFolder;

use crate::delivery::ResponseSink;
use crate::log_stream::LogStream;

/// A future behind a pointer, so that the port stays object safe.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Boots instances.
pub trait Runtime: Send + Sync + 'static {
    /// Whether this machine can boot `runtime`; asked when a function is created or updated.
    ///
    /// # Errors
    /// [`Unavailable`] says what is missing and how to install it.
    fn check(&self, runtime: RuntimeName) -> Result<(), Unavailable>;

    /// What runs `runtime` on this machine where that is not of the version that it names, for people. May look for
    /// interpreters on the disk.
    fn stand_in(&self, _runtime: RuntimeName) -> Option<String> {
        None
    }

    /// Does what is done once for a package rather than at each start, such as compiling it; `code` is where it is
    /// unpacked. Called before a version can be invoked, and again after a restart that it did not survive.
    ///
    /// # Errors
    /// [`Unprepared`] says what is wrong with the package, or with the platform.
    fn prepare<'a>(
        &'a self,
        _version: &'a FunctionVersion,
        _code: PathBuf,
    ) -> Boxed<'a, Result<(), Unprepared>> {
        Box::pin(async { Ok(()) })
    }

    /// Boots one instance and initialises the function in it. Resolves when it can take its first event.
    /// Dropping the future kills what was started.
    fn start(&self, spec: InstanceSpec) -> Boxed<'_, Result<Arc<dyn Instance>, StartError>>;
}

/// One sandboxed instance of one version. It takes as many events at a time as the settings of its version say.
pub trait Instance: Send + Sync + 'static {
    /// Runs one event to the end of its answer, which goes to `sink`. Dropping the future abandons the event: the
    /// instance must then be killed.
    fn invoke<'a>(&'a self, event: Event, sink: &'a mut ResponseSink) -> Boxed<'a, Ending>;

    /// Resolves when the instance is ready for its next event: the runtime and every extension have asked for it, and
    /// all that was logged has reached the [`LogStream`].
    ///
    /// # Errors
    /// The cause, where the instance ended instead.
    fn settle(&self) -> Boxed<'_, Result<(), ExitCause>>;

    /// Stops all of its processes from running until [`Instance::thaw`].
    fn freeze(&self) -> Boxed<'_, ()>;

    /// Lets it run again.
    fn thaw(&self) -> Boxed<'_, ()>;

    /// Moves what it holds in memory to swap, as far as the machine can, while it is frozen; what it holds then, in MiB.
    fn page_out(&self) -> Boxed<'_, u32>;

    /// The most memory that it has used, in MiB.
    fn max_memory_mib(&self) -> u32;

    /// Resolves when its main process has ended by itself.
    fn exited(&self) -> Boxed<'_, ExitCause>;

    /// Ends it: extensions get their shutdown event and SIGTERM and two seconds, then everything is killed.
    /// `reason` is the Extensions API's: `spindown`, `timeout` or `failure`.
    fn shutdown(&self, reason: &'static str) -> Boxed<'_, ()>;
}

/// All that is needed to boot an instance.
#[derive(Clone)]
pub struct InstanceSpec {
    /// What to run.
    pub version: Arc<FunctionVersion>,
    /// Its ARN without qualifier.
    pub arn: FunctionArn,
    /// The unpacked package.
    pub code: PathBuf,
    /// The unpacked layers, lowest first.
    pub layers: Vec<PathBuf>,
    /// The folder of its function, where that has state of its own: held for as long as the instance lives.
    pub state: Option<Arc<StateFolder>>,
    /// Its own key for the control API.
    pub credentials: Credentials,
    /// Where its log goes; the stream is the instance's own.
    pub logs: Arc<LogStream>,
    /// The value of `AWS_LAMBDA_INITIALIZATION_TYPE`: `on-demand`, `provisioned-concurrency` or `snap-start`.
    pub initialization: &'static str,
}

/// Mints the key that an instance signs its own calls with.
pub trait InstanceCredentials: Send + Sync + 'static {
    /// A temporary key for this function's role.
    fn issue(&self, version: &FunctionVersion, arn: &FunctionArn) -> Credentials;
}

/// One event, as an instance sees it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: RequestId,
    /// JSON text.
    pub payload: Bytes,
    /// When the function's timeout ends.
    pub deadline: Timestamp,
    /// As it was invoked, qualifier included.
    pub arn: FunctionArn,
    /// The trace that it belongs to.
    pub trace: TraceHeader,
    /// JSON text.
    pub client_context: Option<String>,
    /// JSON text.
    pub cognito_identity: Option<String>,
}

/// How an event ended in the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The answer is whole in the sink.
    Answered,
    /// The function or its runtime reported this error object (JSON text); the instance lives on.
    Failed(Bytes),
    /// The answer exceeded the limit, in bytes; the instance lives on.
    TooLarge {
        /// How large it was.
        size: usize,
    },
    /// Whoever reads the answer went away.
    Disconnected,
    /// The instance ended.
    Exited(ExitCause),
}

/// Why an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExitCause {
    /// The main process exited with this status.
    #[error("exit status {0}")]
    Status(i32),
    /// The main process was killed by this signal.
    #[error("signal {0}")]
    Signal(i32),
    /// It used more memory than it has.
    #[error("out of memory")]
    OutOfMemory,
}

/// Why an instance did not become ready.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The runtime or function said so, or ended.
    #[error("initialisation failed")]
    Init(InitFailure),
    /// The runtime cannot be had here.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The platform failed.
    #[error("{0}")]
    Platform(String),
}

/// How initialisation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitFailure {
    /// It reported this error object (JSON text).
    Reported(Bytes),
    /// It ended before it was ready.
    Exited(ExitCause),
    /// The platform knows what is wrong with it, such as a package without an entry point. The caller and the log are
    /// told with the id of the request in front of the message.
    Diagnosed {
        /// The error type, as in `Runtime.InvalidEntrypoint`.
        error_type: String,
        /// What is wrong.
        message: String,
    },
}

/// Why a package cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unprepared {
    /// The package is at fault; for people.
    #[error("{0}")]
    Package(String),
    /// The platform failed.
    #[error("{0}")]
    Platform(String),
}

/// A runtime that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{runtime} cannot run here: {missing}. {hint}")]
pub struct Unavailable {
    /// The runtime.
    pub runtime: RuntimeName,
    /// What is missing.
    pub missing: String,
    /// How to get it.
    pub hint: String,
}
