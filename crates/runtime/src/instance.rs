//! One running instance.

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::{Boxed, Ending, Event, ExitCause, Instance, ResponseSink, WriteError};
use ebb_model::{Clock, LogFormat, Timestamp};
use ebb_sandbox::{Process, Sandbox};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::core::{Core, Ended, Part, Report, Verdict};
use crate::lifecycle::{Extension, Shutdown};
use crate::link::Link;
use crate::log_pipe::LogPipe;

/// What extensions of either kind have to end. Source: the Lambda developer guide, "Lambda execution environment
/// lifecycle", "Shutdown phase".
const EXTERNAL_EXTENSIONS_TIME: Duration = Duration::from_secs(2);
const INTERNAL_EXTENSIONS_TIME: Duration = Duration::from_millis(500);

/// How long it takes at most from the last that an instance says until its end is known.
const END_KNOWN_TIME: Duration = Duration::from_secs(2);

const SIGTERM: i32 = 15;

/// A process tree in a sandbox, and the tasks that listen to it. Dropping it kills the former and ends the latter.
pub(crate) struct ProcessInstance {
    pub(crate) core: Arc<Core>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) runtime: Arc<Process>,
    /// External extensions by name.
    pub(crate) extensions: Vec<(String, Arc<Process>)>,
    /// The boot, where the runtime is one.
    pub(crate) link: Option<Link>,
    pub(crate) pipes: Vec<Arc<LogPipe>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Ended with the instance.
    pub(crate) _tasks: JoinSet<()>,
}

impl Instance for ProcessInstance {
    fn invoke<'a>(&'a self, event: Event, sink: &'a mut ResponseSink) -> Boxed<'a, Ending> {
        Box::pin(self.run(Arc::new(event), sink))
    }

    fn settle(&self) -> Boxed<'_, Result<(), ExitCause>> {
        Box::pin(async {
            let settled = self.core.settled().await;
            self.flush_logs();
            settled
        })
    }

    fn freeze(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.sandbox.freeze().await {
                tracing::warn!(%error, "an instance could not be frozen");
            }
        })
    }

    fn thaw(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.sandbox.thaw().await {
                tracing::warn!(%error, "an instance could not be thawed");
            }
        })
    }

    fn page_out(&self) -> Boxed<'_, u32> {
        Box::pin(page_out(&self.sandbox))
    }

    fn max_memory_mib(&self) -> u32 {
        mebibytes(self.sandbox.peak_memory())
    }

    fn exited(&self) -> Boxed<'_, ExitCause> {
        Box::pin(async { self.core.ended().await.cause })
    }

    fn shutdown(&self, reason: &'static str) -> Boxed<'_, ()> {
        Box::pin(async move {
            self.core.close();
            // Fails where it ended by itself and its cgroup is gone; then there is nobody to say goodbye to.
            let _ = self.sandbox.thaw().await;
            self.say_goodbye(reason).await;
            self.sandbox.destroy().await;
            self.flush_logs();
        })
    }
}

impl ProcessInstance {
    async fn run(&self, event: Arc<Event>, sink: &mut ResponseSink) -> Ending {
        let (number, mut parts) = loop {
            if let Some(begun) = self.core.begin(Arc::clone(&event)) {
                break begun;
            }
            if let Err(cause) = self.core.settled().await {
                return Ending::Exited(cause);
            }
        };
        let _waiting = Waiting { core: &self.core, number };
        if let Some(link) = self.link.as_ref().filter(|link| link.ready())
            && let Err(error) = link.invoke(number, &event).await
        {
            // It is ending: how is known in a moment.
            tracing::debug!(%error, "an event could not be handed to a boot");
        }
        let mut reader_gone = std::pin::pin!(sink.reader_gone());
        let mut receiving = std::pin::pin!(receive(&mut parts, sink));
        let mut told = false;
        let received = loop {
            tokio::select! {
                // What was answered before the end counts.
                biased;
                ending = &mut receiving => break ending,
                _ = self.core.ended() => break None,
                () = &mut reader_gone, if !told => {
                    told = true;
                    // Not within the selection: half a frame must not be written.
                    self.tell_that_nobody_waits(number).await;
                }
            }
        };
        if let Some(ending) = received {
            return ending;
        }
        // The answer broke off: with the instance, whose end is known in a moment, or by itself.
        match timeout(END_KNOWN_TIME, self.core.ended()).await {
            Ok(Ended { report: Some(report), .. }) => Ending::Failed(report.object(Some(event.id))),
            Ok(Ended { cause, .. }) => Ending::Exited(cause),
            Err(_) => {
                let message = "the runtime broke off its response".to_owned();
                Ending::Failed(Report { kind: "Runtime.TruncatedResponse", message }.object(Some(event.id)))
            }
        }
    }

    async fn tell_that_nobody_waits(&self, number: u32) {
        if let Some(link) = self.link.as_ref().filter(|link| link.ready())
            && let Err(error) = link.cancel(number).await
        {
            tracing::debug!(%error, "a boot could not be told that nobody waits");
        }
    }

    fn flush_logs(&self) {
        for pipe in &self.pipes {
            pipe.flush();
        }
    }

    /// The documented shutdown phase: the runtime gets SIGTERM and three tenths of the time, then the extensions get
    /// their event and the rest of it. Without extensions there is no time at all.
    async fn say_goodbye(&self, reason: &'static str) {
        let (any, subscribed) = self.core.look(|lifecycle| {
            let extensions = lifecycle.extensions().iter();
            let subscribed = extensions.clone().filter(|extension| extension.shutdown);
            (extensions.len() > 0, subscribed.map(|extension| extension.name.clone()).collect::<Vec<_>>())
        });
        if !any {
            return;
        }
        let time =
            if self.extensions.is_empty() { INTERNAL_EXTENSIONS_TIME } else { EXTERNAL_EXTENSIONS_TIME };
        let deadline = tokio::time::Instant::now() + time;
        let shutdown = Shutdown { reason, deadline: self.clock.now().plus(time) };
        // Where it has ended already there is nothing to tell it.
        let _ = self.runtime.signal(SIGTERM).await;
        let _ = timeout(time.mul_f64(0.3), self.runtime.wait()).await;
        self.core.shut_down(shutdown);
        for (name, process) in &self.extensions {
            if subscribed.contains(name) {
                let _ = tokio::time::timeout_at(deadline, process.wait()).await;
            }
        }
    }
}

/// See [`Instance::page_out`].
pub(crate) async fn page_out(sandbox: &Sandbox) -> u32 {
    if let Err(error) = sandbox.page_out().await {
        tracing::debug!(%error, "an instance was not moved to swap");
    }
    mebibytes(sandbox.usage().memory_bytes)
}

/// As [`Instance`] counts memory.
pub(crate) fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024 * 1024)).unwrap_or(u32::MAX)
}

/// Somebody waits for the answer to an event, until this is dropped.
struct Waiting<'a> {
    core: &'a Core,
    number: u32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.forget(self.number);
    }
}

/// Passes the pieces of an answer on until it is whole; none where it breaks off.
async fn receive(parts: &mut mpsc::Receiver<Part>, sink: &mut ResponseSink) -> Option<Ending> {
    let mut too_large: Option<usize> = None;
    loop {
        let written = match parts.recv().await? {
            Part::Head(content_type) => sink.head(content_type).await,
            Part::Chunk(bytes) => sink.chunk(bytes).await,
            Part::Whole(bytes) => sink.whole(bytes).await,
            Part::TooLarge(size) => Err(WriteError::TooLarge(usize::try_from(size).unwrap_or(usize::MAX))),
            Part::Failed(object) => return Some(Ending::Failed(object)),
            Part::End(reply) => {
                let verdict = if too_large.is_some() { Verdict::TooLarge } else { Verdict::Accepted };
                if let Some(reply) = reply {
                    // Fails where the runtime hung up without waiting for what became of its answer.
                    let _ = reply.send(verdict);
                }
                return Some(too_large.map_or(Ending::Answered, |size| Ending::TooLarge { size }));
            }
        };
        if let Err(WriteError::TooLarge(size)) = written {
            too_large = Some(size);
        }
    }
}

/// What the log says of the extensions once they are initialised. Source of both forms: Lambda's own logs, and the
/// Lambda developer guide, "Lambda Telemetry API Event schema reference", `platform.extension`.
pub(crate) fn extension_lines(core: &Core, format: LogFormat, now: Timestamp) -> Vec<String> {
    core.look(|lifecycle| {
        let line = |extension: &Extension| {
            let events = [("INVOKE", extension.invoke), ("SHUTDOWN", extension.shutdown)];
            let events: Vec<_> = events.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
            let (name, state) = (&extension.name, extension.state);
            match format {
                LogFormat::Text => {
                    format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]", events.join(", "))
                }
                LogFormat::Json => {
                    let record = json!({ "name": name, "state": state.to_string(), "events": events });
                    json!({ "time": now.to_rfc3339(), "type": "platform.extension", "record": record })
                        .to_string()
                }
            }
        };
        lifecycle.extensions().iter().map(line).collect()
    })
}
