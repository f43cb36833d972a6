//! The state of one instance, shared between its tasks: the API's connections, the boot's link, whoever invokes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ebb_invoker::{Event, ExitCause, InitFailure};
use ebb_model::RequestId;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::lifecycle::{EventName, ExtensionEvent, Lifecycle, Refused, Shutdown};

/// Pieces of an answer under way between the instance and its reader: enough that neither waits for the other at
/// every piece, few enough that a slow reader slows the function down.
const PARTS_UNDER_WAY: usize = 8;

/// A piece of an answer, from whoever receives it from the instance.
#[derive(Debug)]
pub(crate) enum Part {
    /// A streamed answer starts.
    Head(Option<String>),
    /// A piece of it.
    Chunk(Bytes),
    /// The whole of it.
    Whole(Bytes),
    /// It was too large to be received at all; holds its size in bytes.
    TooLarge(u64),
    /// All of it has been sent. The sender may want to know what became of it.
    End(Option<oneshot::Sender<Verdict>>),
    /// Instead of an answer, or of the rest of it, this error object.
    Failed(Bytes),
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It reached its reader.
    Accepted,
    /// It is more than the reader takes.
    TooLarge,
}

/// An answer that the runtime is sending. Dropping it ends that, whether the answer was whole or not.
#[derive(Debug)]
pub(crate) struct Answer {
    core: Arc<Core>,
    parts: mpsc::Sender<Part>,
}

impl Answer {
    /// Passes a piece on; waits while the reader is slow. Where the event was given up, the piece is dropped: the
    /// runtime sends its answer to the end all the same.
    pub(crate) async fn send(&self, part: Part) {
        let _ = self.parts.send(part).await;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.core.change(Lifecycle::runtime_answered);
    }
}

/// How an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How its main process ended, or which end stands for what happened.
    pub(crate) cause: ExitCause,
    /// What says more than the cause, such as the name of an extension that crashed.
    pub(crate) report: Option<Report>,
}

/// What the platform says of an instance that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The error's type.
    pub(crate) kind: &'static str,
    /// What happened.
    pub(crate) message: String,
}

impl Report {
    /// The error object for the caller, with the event's id where it failed during one.
    pub(crate) fn object(&self, id: Option<RequestId>) -> Bytes {
        let prefix = id.map_or_else(String::new, |id| format!("RequestId: {id} "));
        let message = format!("{prefix}Error: {}", self.message);
        json!({ "errorType": self.kind, "errorMessage": message }).to_string().into()
    }

    /// As the reason for which an instance did not become ready.
    pub(crate) fn init_failure(&self) -> InitFailure {
        InitFailure::Diagnosed { error_type: self.kind.to_owned(), message: self.message.clone() }
    }
}

/// The state of one instance.
#[derive(Debug)]
pub(crate) struct Core {
    shared: Mutex<Shared>,
    changed: watch::Sender<()>,
    /// Apart, so that those who wait for the end all the time are not woken at every step of every event.
    ended: watch::Sender<Option<Ended>>,
}

#[derive(Debug)]
struct Shared {
    lifecycle: Lifecycle,
    /// Where the answers to the events under way go, by their numbers.
    parts: HashMap<u32, mpsc::Sender<Part>>,
    /// The error object of a failed initialisation.
    init_error: Option<Bytes>,
    closing: bool,
}

/// What initialisation came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Initialised {
    /// The runtime and every extension wait for an event.
    Ready,
    /// The runtime or an extension reported this error object.
    Failed(Bytes),
    /// The instance ended.
    Ended(Ended),
}

impl Core {
    /// An instance whose runtime initialises, with these external extensions; `shared` where it takes several events at a
    /// time.
    pub(crate) fn new(external: impl IntoIterator<Item = String>, shared: bool) -> Arc<Self> {
        let lifecycle = Lifecycle::new(external, shared);
        let shared = Shared { lifecycle, parts: HashMap::new(), init_error: None, closing: false };
        Arc::new(Self {
            shared: Mutex::new(shared),
            changed: watch::Sender::new(()),
            ended: watch::Sender::new(None),
        })
    }

    /// Looks at the lifecycle.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Lifecycle) -> T) -> T {
        look(&self.lock().lifecycle)
    }

    /// Changes the lifecycle, and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Lifecycle) -> T) -> T {
        let result = change(&mut self.lock().lifecycle);
        self.changed.send_replace(());
        result
    }

    /// Waits for the event that the runtime is to answer.
    pub(crate) async fn runtime_next(&self) -> Result<Arc<Event>, Refused> {
        self.change(Lifecycle::runtime_asks)?;
        Ok(self.until(|shared| shared.lifecycle.runtime_event()).await)
    }

    /// Waits for an extension's next event.
    pub(crate) async fn extension_next(&self, id: Uuid) -> Result<ExtensionEvent, Refused> {
        self.change(|lifecycle| lifecycle.extension_asks(id))?;
        self.until(|shared| shared.lifecycle.extension_event(id).transpose()).await
    }

    /// Hands an event to the runtime and the extensions: its number, and where the answer comes from. None where the
    /// runtime has not asked for an event.
    pub(crate) fn begin(&self, event: Arc<Event>) -> Option<(u32, mpsc::Receiver<Part>)> {
        let mut shared = self.lock();
        let number = shared.lifecycle.begin(event)?;
        let (sender, receiver) = mpsc::channel(PARTS_UNDER_WAY);
        shared.parts.insert(number, sender);
        drop(shared);
        self.changed.send_replace(());
        Some((number, receiver))
    }

    /// The runtime starts to answer this event.
    pub(crate) fn answer(self: &Arc<Self>, event: &EventName<'_>, failed: bool) -> Result<Answer, Refused> {
        let mut shared = self.lock();
        shared.lifecycle.runtime_answers(event, failed)?;
        let number = match event {
            EventName::Number(number) => *number,
            // It is that of the current event.
            EventName::RequestId(_) => shared.lifecycle.number(),
        };
        let parts = shared.parts.remove(&number).ok_or(Refused::InvalidRequestId)?;
        Ok(Answer { core: Arc::clone(self), parts })
    }

    /// Nobody waits for the answer to this event any more.
    pub(crate) fn forget(&self, number: u32) {
        self.lock().parts.remove(&number);
    }

    /// Initialisation failed with this error object; only the first counts.
    pub(crate) fn init_failed(&self, error: Bytes) {
        self.lock().init_error.get_or_insert(error);
        self.changed.send_replace(());
    }

    /// An extension failed, which ends the instance, while it initialises and after.
    pub(crate) fn extension_failed(&self, report: Report) {
        self.init_failed(report.object(None));
        self.end(Ended { cause: ExitCause::Status(1), report: Some(report) });
    }

    /// From now on, processes end because they are told to.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
    }

    /// Whether processes end because they are told to.
    pub(crate) fn closing(&self) -> bool {
        self.lock().closing
    }

    /// The instance ended; only the first end counts.
    pub(crate) fn end(&self, ended: Ended) {
        let first = self.ended.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(ended);
            first
        });
        if first {
            self.changed.send_replace(());
        }
    }

    /// Waits until no answer is being received.
    pub(crate) async fn answer_received(&self) {
        self.until(|shared| (!shared.lifecycle.answering()).then_some(())).await;
    }

    /// Waits until every external extension has registered, or something has ended that.
    pub(crate) async fn registered(&self) -> Initialised {
        self.until(|shared| self.initialisation(shared, Lifecycle::all_registered)).await
    }

    /// Waits until the instance can take its first event, or something has ended that.
    pub(crate) async fn initialised(&self) -> Initialised {
        self.until(|shared| self.initialisation(shared, Lifecycle::idle)).await
    }

    /// Waits until the runtime and every extension wait for the next event.
    pub(crate) async fn settled(&self) -> Result<(), ExitCause> {
        self.until(|shared| match &*self.ended.borrow() {
            Some(ended) => Some(Err(ended.cause)),
            None => shared.lifecycle.idle().then_some(Ok(())),
        })
        .await
    }

    /// Waits until the instance has ended.
    pub(crate) async fn ended(&self) -> Ended {
        let mut end = self.ended.subscribe();
        loop {
            if let Some(ended) = end.borrow_and_update().clone() {
                return ended;
            }
            // The sender lives as long as `self`, so this never fails.
            if end.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Why the instance ended, where it has.
    pub(crate) fn cause(&self) -> Option<ExitCause> {
        self.ended.borrow().as_ref().map(|ended| ended.cause)
    }

    /// Tells the extensions that the instance ends.
    pub(crate) fn shut_down(&self, shutdown: Shutdown) {
        self.change(|lifecycle| lifecycle.shut_down(shutdown));
    }

    /// Waits until `ready` gives something; asked again after each change. Cancel safe.
    async fn until<T>(&self, mut ready: impl FnMut(&mut Shared) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(value) = ready(&mut self.lock()) {
                return value;
            }
            // The sender lives as long as `self`, so this never fails.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn initialisation(&self, shared: &Shared, ready: impl FnOnce(&Lifecycle) -> bool) -> Option<Initialised> {
        if let Some(error) = &shared.init_error {
            return Some(Initialised::Failed(error.clone()));
        }
        if let Some(ended) = &*self.ended.borrow() {
            return Some(Initialised::Ended(ended.clone()));
        }
        ready(&shared.lifecycle).then_some(Initialised::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
