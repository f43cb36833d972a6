//! Instances that are servers of their own: any program that listens on `$PORT`.
//!
//! Source of the contract: the Cloud Run documentation, "Container runtime contract" (2026-11). The server is started
//! by a command; an event becomes an HTTP request to it ([`request`]) and its response the answer ([`answer`]), which
//! is streamed with Lambda's prelude. It takes several events at a time, each over a connection of its own
//! ([`connections`]), made inside the sandbox's network and handed out to here.
//!
//! The hosts of WebAssembly components and of workers are such servers that are boots too: they are told their function
//! over the boot's socket, and say in a header ([`ebb_boot::FAILURE_HEADER`]) where it failed.

mod answer;
mod cloud_events;
mod connections;
mod request;
mod running;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::{Boxed, Ending, Event, ExitCause, Instance, ResponseSink, StateFolder};
use ebb_model::ServerSettings;
use ebb_sandbox::{Process, Sandbox};
use http::header::{CONNECTION, TE, UPGRADE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::core::{Core, Ended};
use crate::instance::{mebibytes, page_out};
use crate::link::Link;
use crate::log_pipe::LogPipe;
use answer::Answer;
pub(crate) use connections::{Connections, PORT, connect};
use request::Exchange;
use running::Entered;
pub(crate) use running::Running;

/// How long it takes at most from a connection that broke off until the end of the process is known.
const END_KNOWN_TIME: Duration = Duration::from_secs(2);

/// What a server has to end after SIGTERM. Cloud Run gives ten seconds to servers that anybody may be connected to;
/// here nothing runs in it any more.
const TERM_TIME: Duration = Duration::from_secs(2);

/// The pauses between two looks at whether the server listens: this share of the time that it has had.
const PAUSE_SHARE: u32 = 16;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

const SIGTERM: i32 = 15;

/// A server in a sandbox. Dropping it kills everything inside.
pub(crate) struct ServerInstance {
    pub(crate) core: Arc<Core>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) process: Arc<Process>,
    pub(crate) pipes: Vec<Arc<LogPipe>>,
    pub(crate) settings: ServerSettings,
    pub(crate) connections: Connections,
    /// For events that are no requests, where those are not the same.
    pub(crate) events: Option<Connections>,
    pub(crate) running: Running,
    /// Where it is a boot too. It ends when this is dropped.
    pub(crate) _link: Option<Link>,
    /// Whether it says behind what it answered until then that, and how, the function failed.
    pub(crate) trailers: bool,
    /// Ended with the instance.
    pub(crate) _tasks: JoinSet<()>,
    /// Another instance may have its folder when this is gone.
    pub(crate) _state: Option<Arc<StateFolder>>,
}

/// Waits until the server listens, or has ended instead.
pub(crate) async fn listening(connections: &Connections, core: &Core) -> Result<(), Ended> {
    let started = Instant::now();
    let looking = async {
        while connections.open().await.is_err() {
            let pause = started.elapsed() / PAUSE_SHARE;
            tokio::time::sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        }
    };
    tokio::select! {
        biased;
        ended = core.ended() => Err(ended),
        () = looking => Ok(()),
    }
}

impl Instance for ServerInstance {
    fn invoke<'a>(&'a self, event: Event, sink: &'a mut ResponseSink) -> Boxed<'a, Ending> {
        Box::pin(self.run(event, sink))
    }

    fn settle(&self) -> Boxed<'_, Result<(), ExitCause>> {
        Box::pin(async {
            self.flush_logs();
            self.core.cause().map_or(Ok(()), Err)
        })
    }

    fn freeze(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.sandbox.freeze().await {
                tracing::warn!(%error, "a server could not be frozen");
            }
        })
    }

    fn thaw(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.sandbox.thaw().await {
                tracing::warn!(%error, "a server could not be thawed");
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

    fn shutdown(&self, _reason: &'static str) -> Boxed<'_, ()> {
        Box::pin(async move {
            self.core.close();
            // Fails where it ended by itself and its cgroup is gone; then there is nobody to say goodbye to.
            let _ = self.sandbox.thaw().await;
            let _ = self.process.signal(SIGTERM).await;
            let _ = timeout(TERM_TIME, self.process.wait()).await;
            self.sandbox.destroy().await;
            self.flush_logs();
        })
    }
}

impl ServerInstance {
    /// Runs one event. Dropping the future closes its connection, by which the server sees that nobody waits any more.
    async fn run(&self, event: Event, sink: &mut ResponseSink) -> Ending {
        let exchange = request::of(&event, &self.settings);
        let mut entered = self.running.enter();
        let reader_gone = sink.reader_gone();
        let answered = tokio::select! {
            // What was answered before the end counts.
            biased;
            answered = self.answer(exchange, sink, &mut entered) => answered,
            () = reader_gone => {
                // What the request began goes on without the client.
                if let Err(error) = self.settled(&mut entered).await {
                    tracing::debug!(%error, "a server could not be asked whether work goes on");
                }
                return Ending::Disconnected;
            }
        };
        let Err(broken) = answered else { return answered.unwrap_or(Ending::Answered) };
        // The connection broke off: with the server, whose end is known in a moment, or by itself.
        match timeout(END_KNOWN_TIME, self.core.ended()).await {
            Ok(Ended { cause, .. }) => Ending::Exited(cause),
            Err(_) => {
                let message =
                    format!("RequestId: {} Error: the server broke off its response: {broken}", event.id);
                let object = json!({ "errorType": "Runtime.TruncatedResponse", "errorMessage": message });
                Ending::Failed(object.to_string().into())
            }
        }
    }

    /// Sends the requests that an event is made of and passes the answer on; the error is that of a connection.
    async fn answer(
        &self,
        exchange: Exchange,
        sink: &mut ResponseSink,
        entered: &mut Entered<'_>,
    ) -> Result<Ending, connections::Broken> {
        match exchange {
            Exchange::Http(mut request) => {
                if self.trailers {
                    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
                }
                let sent = sink.take_sent();
                if sent.is_some() {
                    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
                    request.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
                }
                let (response, connection) = self.connections.send(*request).await?;
                if let Some(sent) = sent.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) {
                    let ending = tunnel::run(response, sent, sink).await?;
                    self.settled(entered).await?;
                    return Ok(ending);
                }
                let answer = if sink.wants_whole() { Answer::Whole } else { Answer::Streamed };
                let ending = answer.pass(response, sink).await?;
                self.connections.give_back(connection);
                self.settled(entered).await?;
                Ok(ending)
            }
            Exchange::Events(requests) => {
                let connections = self.events.as_ref().unwrap_or(&self.connections);
                let mut ending = Ending::Answered;
                for request in requests {
                    let (response, connection) = connections.send(request).await?;
                    ending = Answer::OfEvent.pass(response, sink).await?;
                    connections.give_back(connection);
                    if ending != Ending::Answered {
                        break;
                    }
                }
                Ok(ending)
            }
        }
    }

    /// Waits until the server says that nothing goes on in it, where it is one that does. Only the last of the events that
    /// run does: nobody freezes the instance before.
    async fn settled(&self, entered: &mut Entered<'_>) -> Result<(), connections::Broken> {
        if entered.leave() && self.settings.settles {
            let (response, connection) = self.connections.send(request::settled()).await?;
            answer::drain(response).await?;
            self.connections.give_back(connection);
        }
        Ok(())
    }

    fn flush_logs(&self) {
        for pipe in &self.pipes {
            pipe.flush();
        }
    }
}
