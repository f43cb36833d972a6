//! The server's end of the boot protocol, for instances that run one of our own boots.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use ebb_boot::{Decoder, FrameError, FromBoot, InvokeMetadata, Kind, Start, ToBoot};
use ebb_invoker::log_stream::LogLine;
use ebb_invoker::{Event, ExitCause};
use ebb_model::{LogLevel, Timestamp};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

use crate::core::{Answer, Core, Ended, Part, Report};
use crate::environment::Environment;
use crate::lifecycle::{EventName, Lifecycle};
use crate::log_pipe::{Log, LogPipe};

/// What is read from the socket at a time, at first; frames that are larger make the buffer grow.
const READ_BYTES: usize = 16 * 1024;

/// Writes to a boot.
#[derive(Debug)]
pub(crate) struct Link {
    writer: Mutex<Writer>,
    /// The boot holds a function, and takes events.
    ready: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Writer {
    stream: OwnedWriteHalf,
    /// Half a frame was written by somebody who was given up: what follows would be taken for the rest of it.
    broken: bool,
}

/// Reads from a boot.
pub(crate) struct Reader {
    stream: OwnedReadHalf,
    ready: Arc<AtomicBool>,
    core: Arc<Core>,
    log: Log,
    /// What the boot's process prints.
    output: Arc<LogPipe>,
    /// The streamed answers that it is sending, by the numbers of their events.
    answers: HashMap<u32, Answer>,
}

/// The two ends for one boot: writes here, reads there.
pub(crate) fn connect(stream: UnixStream, core: Arc<Core>, log: Log, output: Arc<LogPipe>) -> (Link, Reader) {
    let (stream, writer) = stream.into_split();
    let ready = Arc::new(AtomicBool::new(false));
    let writer = Writer { stream: writer, broken: false };
    let link = Link { writer: Mutex::new(writer), ready: Arc::clone(&ready) };
    (link, Reader { stream, ready, core, log, output, answers: HashMap::new() })
}

impl Link {
    /// Whether the boot takes events; false while it initialises, and for ever where another program runs in its place
    /// and speaks the Runtime API.
    pub(crate) fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Gives the boot its function, with what its environment does not hold yet.
    pub(crate) async fn start(&self, handler: String, root: String, env: Environment) -> io::Result<()> {
        self.send(ToBoot::Start(Start { handler, root, env })).await
    }

    /// Gives it an event. Not cancel safe: where half an event was written, no other can be.
    pub(crate) async fn invoke(&self, number: u32, event: &Event) -> io::Result<()> {
        let metadata = InvokeMetadata {
            request_id: event.id.to_string(),
            deadline_ms: event.deadline.millis(),
            function_arn: event.arn.to_string(),
            trace_id: event.trace.0.clone(),
            client_context: event.client_context.clone(),
            cognito_identity: event.cognito_identity.clone(),
        };
        self.send(ToBoot::Invoke { id: number, metadata, event: event.payload.clone() }).await
    }

    /// Tells it that nobody waits for an event's answer any more; the event goes on. Not cancel safe, as
    /// [`Link::invoke`].
    pub(crate) async fn cancel(&self, number: u32) -> io::Result<()> {
        self.send(ToBoot::Cancel { id: number }).await
    }

    async fn send(&self, message: ToBoot) -> io::Result<()> {
        let mut frame = message.encode().map_err(io::Error::other)?.into_buf();
        let mut writer = self.writer.lock().await;
        if std::mem::replace(&mut writer.broken, true) {
            return Err(io::Error::other("an event before this one was given up while it was written"));
        }
        writer.stream.write_all_buf(&mut frame).await?;
        writer.broken = false;
        Ok(())
    }
}

impl Reader {
    /// Reads until the boot closes its end.
    pub(crate) async fn run(mut self) {
        let mut decoder = Decoder::default();
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(frame)) => match FromBoot::try_from(frame) {
                    Ok(message) => self.handle(message).await,
                    Err(error) => return self.violated(&error.to_string()),
                },
                Ok(None) => match self.stream.read_buf(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                Err(FrameError::TooLarge { kind: Kind::Response, id, length, .. }) => {
                    self.answered(id, [Part::TooLarge(length), Part::End(None)]).await;
                }
                Err(FrameError::TooLarge { kind: Kind::Failure, id, length, .. }) => {
                    let message =
                        format!("Error object of {length} bytes is larger than the maximum allowed");
                    let object =
                        json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message });
                    self.answered(id, [Part::Failed(object.to_string().into())]).await;
                }
                Err(error) if error.is_recoverable() => {
                    tracing::warn!(%error, "a frame of a boot was skipped");
                }
                Err(error) => return self.violated(&error.to_string()),
            }
        }
    }

    async fn handle(&mut self, message: FromBoot) {
        match message {
            FromBoot::Hello(hello) => tracing::debug!(runtime = hello.runtime, "booted"),
            FromBoot::Ready => {
                self.ready.store(true, Ordering::Release);
                self.ask();
            }
            FromBoot::InitFailed(error) => {
                // Refused only where it is said twice.
                let _ = self.core.change(Lifecycle::runtime_init_error);
                self.core.init_failed(error);
            }
            FromBoot::Response { id, body } => self.answered(id, [Part::Whole(body), Part::End(None)]).await,
            FromBoot::Failure { id, error } => self.answered(id, [Part::Failed(error)]).await,
            FromBoot::StreamHead { id, head } => {
                if let Ok(answer) = self.core.answer(&EventName::Number(id), false) {
                    self.answers.insert(id, answer);
                }
                self.pass(id, Part::Head(head.content_type)).await;
            }
            FromBoot::StreamChunk { id, chunk } => self.pass(id, Part::Chunk(chunk)).await,
            FromBoot::StreamEnd { id, error } => {
                self.pass(id, error.map_or(Part::End(None), Part::Failed)).await;
                if self.answers.remove(&id).is_some() {
                    self.ask();
                }
            }
            FromBoot::Log { level, time_ms, message, .. } => self.write(level, time_ms, &message),
        }
    }

    /// An answer came, whole. An answer to anything but the current event is dropped.
    async fn answered<const N: usize>(&mut self, id: u32, parts: [Part; N]) {
        let failed = matches!(parts[0], Part::Failed(_));
        let Ok(answer) = self.core.answer(&EventName::Number(id), failed) else { return };
        for part in parts {
            answer.send(part).await;
        }
        drop(answer);
        self.ask();
    }

    async fn pass(&self, id: u32, part: Part) {
        if let Some(answer) = self.answers.get(&id) {
            answer.send(part).await;
        }
    }

    /// A boot that has answered, or is ready, takes the next event without asking.
    fn ask(&self) {
        if let Err(error) = self.core.change(Lifecycle::runtime_asks) {
            tracing::debug!(%error, "a boot is ready at a time when it cannot be");
        }
    }

    fn write(&self, level: Option<ebb_boot::LogLevel>, time_ms: i64, message: &Bytes) {
        // What was printed before comes first.
        self.output.drain();
        let message = String::from_utf8_lossy(message);
        let message = message.strip_suffix('\n').unwrap_or(&message).to_owned();
        self.log.stream.write(LogLine { timestamp: Timestamp(time_ms), level: level.map(level_of), message });
    }

    fn violated(&self, what: &str) {
        tracing::warn!(what, "an instance wrote something to its boot's socket that is not of the protocol");
        let message = "the runtime's connection to the platform was written to by something else".to_owned();
        let report = Report { kind: "Runtime.ProtocolError", message };
        self.core.end(Ended { cause: ExitCause::Status(1), report: Some(report) });
    }
}

fn level_of(level: ebb_boot::LogLevel) -> LogLevel {
    match level {
        ebb_boot::LogLevel::Trace => LogLevel::Trace,
        ebb_boot::LogLevel::Debug => LogLevel::Debug,
        ebb_boot::LogLevel::Info => LogLevel::Info,
        ebb_boot::LogLevel::Warn => LogLevel::Warn,
        ebb_boot::LogLevel::Error => LogLevel::Error,
        ebb_boot::LogLevel::Fatal => LogLevel::Fatal,
    }
}
