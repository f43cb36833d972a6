//! A runtime without processes, for tests: what an instance does is told by the payload of each event.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{
    AccessKeyId, Credentials, FunctionArn, FunctionVersion, RequestId, RuntimeName, SecretAccessKey,
    Timestamp, Version,
};
use ebb_store::StateFolder;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::delivery::{ResponseSink, WriteError};
use crate::log_stream::LogLine;
use crate::port::{
    Boxed, Ending, Event, ExitCause, InitFailure, Instance, InstanceCredentials, InstanceSpec, Runtime,
    StartError, Unavailable,
};

/// What an event makes a [`FakeRuntime`]'s instance do: the fields of its payload, all optional, in this order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Act {
    /// Write this line to the log.
    log: Option<String>,
    /// Take this long.
    sleep_ms: u64,
    /// Panic inside the runtime.
    panic: bool,
    /// End the process with this status.
    exit: Option<i32>,
    /// End the process by this signal.
    signal: Option<i32>,
    /// Use too much memory.
    oom: bool,
    /// Report this error object.
    fail: Option<Value>,
    /// Answer with so many bytes.
    bytes: Option<usize>,
    /// Answer in these pieces, 10 ms apart.
    chunks: Option<Vec<String>>,
    /// Answer with this; else with the number of the instance and how many events it had.
    answer: Option<Value>,
    /// Take this long after the answer before the next event.
    settle_ms: u64,
    /// Write this line after the answer.
    late_log: Option<String>,
    /// End the process with this status after the answer.
    exit_late: Option<i32>,
}

/// What the start of an instance does.
#[derive(Debug, Clone)]
pub enum Init {
    /// Succeeds after this time.
    Ready(Duration),
    /// Never ends.
    Hang,
    /// Reports this error object.
    Report(Value),
    /// Ends its process.
    Exit(ExitCause),
    /// The platform knows what is wrong.
    Diagnose,
    /// Has no interpreter.
    Unavailable,
    /// The platform fails.
    Platform,
}

/// How long an instance takes to end.
const SHUTDOWN: Duration = Duration::from_micros(500);

/// A runtime without processes.
#[derive(Default)]
pub struct FakeRuntime {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    inits: VecDeque<Init>,
    started: usize,
    calls: Vec<String>,
    instances: Vec<Arc<FakeInstance>>,
    events: Vec<Event>,
}

impl FakeRuntime {
    /// One whose instances start in 20 ms.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next starts do; those after them succeed.
    pub fn script(&self, inits: impl IntoIterator<Item = Init>) {
        self.lock().inits.extend(inits);
    }

    /// What was asked of it so far, such as `start 1`, `freeze 1` or `shutdown 1 timeout`; events apart.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// How many instances were started.
    #[must_use]
    pub fn started(&self) -> usize {
        self.lock().started
    }

    /// How many instances became ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.lock().instances.len()
    }

    /// The ids of all events that instances had.
    #[must_use]
    pub fn ids(&self) -> Vec<RequestId> {
        self.lock().events.iter().map(|event| event.id).collect()
    }

    /// The payloads of all events that instances had.
    #[must_use]
    pub fn payloads(&self) -> Vec<Value> {
        self.lock().events.iter().filter_map(|event| serde_json::from_slice(&event.payload).ok()).collect()
    }

    /// The numbers of the published versions whose instances were started, in order.
    #[must_use]
    pub fn versions(&self) -> Vec<u64> {
        let version = |instance: &Arc<FakeInstance>| match instance.spec.version.version {
            Version::Latest => None,
            Version::Published(number) => Some(number),
        };
        let mut versions: Vec<_> = self.lock().instances.iter().filter_map(version).collect();
        versions.sort_unstable();
        versions
    }

    /// Ends the process of an instance; the first is 1.
    pub fn crash(&self, number: usize) {
        let found = self.lock().instances.iter().find(|instance| instance.number == number).cloned();
        if let Some(instance) = found {
            instance.crashed.cancel();
        }
    }
}

impl Runtime for FakeRuntime {
    fn check(&self, _runtime: RuntimeName) -> Result<(), Unavailable> {
        Ok(())
    }

    fn start(&self, mut spec: InstanceSpec) -> Boxed<'_, Result<Arc<dyn Instance>, StartError>> {
        Box::pin(async move {
            let (number, init) = {
                let mut state = self.lock();
                state.started += 1;
                let number = state.started;
                let how = spec.initialization;
                state.calls.push(if how == "on-demand" {
                    format!("start {number}")
                } else {
                    format!("start {number} {how}")
                });
                (number, state.inits.pop_front().unwrap_or(Init::Ready(Duration::from_millis(20))))
            };
            match init {
                Init::Ready(after) => tokio::time::sleep(after).await,
                Init::Hang => std::future::pending().await,
                Init::Report(object) => {
                    return Err(StartError::Init(InitFailure::Reported(object.to_string().into())));
                }
                Init::Exit(cause) => return Err(StartError::Init(InitFailure::Exited(cause))),
                Init::Diagnose => {
                    let (error_type, message) =
                        ("Runtime.InvalidEntrypoint".to_owned(), "no bootstrap".to_owned());
                    return Err(StartError::Init(InitFailure::Diagnosed { error_type, message }));
                }
                Init::Unavailable => {
                    let (missing, hint) = ("no interpreter".to_owned(), "Install one".to_owned());
                    return Err(Unavailable { runtime: spec.version.settings.runtime, missing, hint }.into());
                }
                Init::Platform => return Err(StartError::Platform("no sandbox".to_owned())),
            }
            let instance = Arc::new(FakeInstance {
                number,
                folder: Mutex::new(spec.state.take()),
                spec,
                state: self.state.clone(),
                events: Mutex::default(),
                crashed: CancellationToken::new(),
            });
            self.lock().instances.push(instance.clone());
            Ok(instance as Arc<dyn Instance>)
        })
    }
}

struct FakeInstance {
    number: usize,
    spec: InstanceSpec,
    /// Held until it is shut down.
    folder: Mutex<Option<Arc<StateFolder>>>,
    state: Arc<Mutex<State>>,
    events: Mutex<Events>,
    crashed: CancellationToken,
}

#[derive(Default)]
struct Events {
    count: usize,
    running: bool,
    last: Option<Act>,
}

impl FakeInstance {
    fn note(&self, call: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (verb, rest) =
            call.split_once(' ').map_or((call, String::new()), |(verb, rest)| (verb, format!(" {rest}")));
        state.calls.push(format!("{verb} {}{rest}", self.number));
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, message: &str) {
        let line = LogLine { timestamp: Timestamp(0), level: None, message: message.to_owned() };
        self.spec.logs.write(line);
    }

    /// The end of the event by the process, where the act has one.
    fn end(act: &Act) -> Option<Ending> {
        let cause = match act {
            Act { exit: Some(status), .. } => ExitCause::Status(*status),
            Act { signal: Some(signal), .. } => ExitCause::Signal(*signal),
            Act { oom: true, .. } => ExitCause::OutOfMemory,
            Act { fail: Some(object), .. } => return Some(Ending::Failed(object.to_string().into())),
            _ => return None,
        };
        Some(Ending::Exited(cause))
    }

    async fn answer(&self, act: &Act, count: usize, sink: &mut ResponseSink) -> Result<(), WriteError> {
        if let Some(bytes) = act.bytes {
            return sink.whole(vec![b'x'; bytes].into()).await;
        }
        if let Some(chunks) = &act.chunks {
            sink.head(Some("text/plain".to_owned())).await?;
            for chunk in chunks {
                sink.chunk(Bytes::copy_from_slice(chunk.as_bytes())).await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return Ok(());
        }
        let answer = act.answer.clone().unwrap_or_else(|| json!({"instance": self.number, "count": count}));
        sink.whole(answer.to_string().into()).await
    }
}

impl Instance for FakeInstance {
    fn invoke<'a>(&'a self, event: Event, sink: &'a mut ResponseSink) -> Boxed<'a, Ending> {
        Box::pin(async move {
            let act: Act = serde_json::from_slice(&event.payload).unwrap_or_default();
            let count = {
                let mut events = self.events();
                if events.running {
                    self.note("overlap");
                }
                events.running = true;
                events.count += 1;
                events.count
            };
            self.state.lock().unwrap_or_else(PoisonError::into_inner).events.push(event);
            if let Some(line) = &act.log {
                self.log(line);
            }
            if act.sleep_ms > 0 {
                tokio::time::sleep(Duration::from_millis(act.sleep_ms)).await;
            }
            assert!(!act.panic, "asked to panic");
            let ending = match Self::end(&act) {
                Some(ending) => ending,
                None => match self.answer(&act, count, sink).await {
                    Ok(()) => Ending::Answered,
                    Err(WriteError::TooLarge(size)) => Ending::TooLarge { size },
                },
            };
            self.events().last = Some(act);
            ending
        })
    }

    fn settle(&self) -> Boxed<'_, Result<(), ExitCause>> {
        Box::pin(async move {
            let act = self.events().last.take().unwrap_or_default();
            if act.settle_ms > 0 {
                tokio::time::sleep(Duration::from_millis(act.settle_ms)).await;
            }
            if let Some(line) = &act.late_log {
                self.log(line);
            }
            self.events().running = false;
            act.exit_late.map_or(Ok(()), |status| Err(ExitCause::Status(status)))
        })
    }

    fn freeze(&self) -> Boxed<'_, ()> {
        Box::pin(async move { self.note("freeze") })
    }

    fn thaw(&self) -> Boxed<'_, ()> {
        Box::pin(async move { self.note("thaw") })
    }

    fn page_out(&self) -> Boxed<'_, u32> {
        Box::pin(async move {
            self.note("page out");
            10
        })
    }

    fn max_memory_mib(&self) -> u32 {
        40
    }

    fn exited(&self) -> Boxed<'_, ExitCause> {
        Box::pin(async move {
            self.crashed.cancelled().await;
            ExitCause::Signal(9)
        })
    }

    fn shutdown(&self, reason: &'static str) -> Boxed<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(SHUTDOWN).await;
            self.note(&format!("shutdown {reason}"));
            self.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        })
    }
}

/// Mints the same key for everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedCredentials;

impl InstanceCredentials for FixedCredentials {
    fn issue(&self, _version: &FunctionVersion, _arn: &FunctionArn) -> Credentials {
        Credentials {
            access_key_id: AccessKeyId("ASIAFIXED00000000000".to_owned()),
            secret_access_key: SecretAccessKey::new("secret".to_owned()),
            session_token: Some(SecretAccessKey::new("token".to_owned())),
        }
    }
}

/// Carries results into a queue of work of its own, as JSON text of target, body and attributes.
#[derive(Debug, Default)]
pub struct FakeCarrier;

impl FakeCarrier {
    /// The queue that results go to.
    pub const QUEUE: &'static str = "carried";
}

impl crate::ResultCarrier for FakeCarrier {
    fn carry(&self, result: crate::CarriedResult) -> ebb_store::NewWork {
        let body = json!({"target": result.target, "body": result.body, "attributes": result.attributes});
        ebb_store::NewWork {
            queue: Self::QUEUE,
            body: body.to_string().into(),
            due: result.at,
            watched: None,
        }
    }
}
