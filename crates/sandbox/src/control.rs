//! The server's end of a supervisor's control socket: requests out, answers and exits in.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};

use crate::error::{Fault, SandboxError};
use crate::message::{Order, Report};
use crate::spec::{ExitStatus, Usage};
use crate::sys::packet;

/// How long a supervisor may take over one request. Generous: a loaded machine is not an error.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a process ended, as soon as it is known.
pub(crate) type Exit = watch::Receiver<Option<ExitStatus>>;

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) number: u32,
    /// The end of the process that a spawn request started.
    pub(crate) exit: Option<Exit>,
    /// The socket of a request to connect.
    pub(crate) socket: Option<OwnedFd>,
}

#[derive(Debug)]
pub(crate) struct Control {
    socket: AsyncFd<OwnedFd>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_request: u64,
    /// Whose answers are awaited, and whether a process comes of it.
    waiting: HashMap<u64, (bool, oneshot::Sender<Result<Answer, Fault>>)>,
    running: HashMap<u32, watch::Sender<Option<ExitStatus>>>,
    /// The last of [`Report::Used`].
    used: Usage,
    gone: bool,
}

impl Control {
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { socket: packet::register(socket)?, state: Mutex::default() })
    }

    /// The first report: [`Report::Ready`] or [`Report::Failed`].
    pub(crate) async fn first_report(&self) -> Result<(Report, Vec<OwnedFd>), SandboxError> {
        let received = tokio::time::timeout(PATIENCE, self.receive()).await;
        received.map_err(|_| late("create the sandbox"))?.ok_or(SandboxError::Gone)
    }

    /// Reads reports until the supervisor is gone. The one task of a sandbox; it ends with the supervisor, which ends
    /// when the sandbox is dropped.
    pub(crate) async fn read_reports(self: Arc<Self>) {
        while let Some((report, mut descriptors)) = self.receive().await {
            self.state().take_in(report, descriptors.pop());
        }
        let mut state = self.state();
        state.gone = true;
        state.waiting.clear();
        // Whoever waits is told that it was killed with the sandbox.
        state.running.drain().for_each(|(_, exit)| {
            let _ = exit.send(Some(ExitStatus::Signal(libc::SIGKILL)));
        });
    }

    /// Sends what `order` makes of a new request number, and waits for its answer. `deliver` does the sending.
    pub(crate) async fn request<F>(
        &self,
        spawns: bool,
        what: &str,
        deliver: F,
    ) -> Result<Answer, SandboxError>
    where
        F: AsyncFnOnce(u64) -> Result<(), SandboxError>,
    {
        let (answered, answer) = oneshot::channel();
        let request = {
            let mut state = self.state();
            if state.gone {
                return Err(SandboxError::Gone);
            }
            state.next_request += 1;
            let request = state.next_request;
            state.waiting.insert(request, (spawns, answered));
            request
        };
        let whole = async {
            deliver(request).await?;
            Ok(answer.await.map_err(|_| SandboxError::Gone)??)
        };
        let answer = tokio::time::timeout(PATIENCE, whole).await.map_err(|_| late(what)).flatten();
        if answer.is_err() {
            self.state().waiting.remove(&request);
        }
        answer
    }

    /// Sends one order.
    pub(crate) async fn order(&self, order: &Order, descriptors: &[OwnedFd]) -> Result<(), SandboxError> {
        send(&self.socket, order, descriptors, "send to the sandbox").await
    }

    /// Whether the supervisor is not known to be gone.
    pub(crate) fn is_alive(&self) -> bool {
        !self.state().gone
    }

    pub(crate) fn used(&self) -> Usage {
        self.state().used
    }

    async fn receive(&self) -> Option<(Report, Vec<OwnedFd>)> {
        loop {
            let mut ready = self.socket.readable().await.ok()?;
            match ready.try_io(|socket| packet::receive(socket.as_fd())) {
                // A reset is the death of a supervisor with orders unread.
                Ok(received) => return received.ok().flatten(),
                Err(_would_block) => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_in(&mut self, report: Report, socket: Option<OwnedFd>) {
        match report {
            Report::Done { request, result } => {
                let Some((spawns, answered)) = self.waiting.remove(&request) else { return };
                let answer = result.map(|number| {
                    let exit = spawns.then(|| {
                        let (ended, exit) = watch::channel(None);
                        // Known before its exit can be reported: reports keep their order.
                        self.running.insert(number, ended);
                        exit
                    });
                    Answer { number, exit, socket }
                });
                // The one who asked may have given up.
                drop(answered.send(answer));
            }
            Report::Exited { pid, status } => {
                if let Some(ended) = self.running.remove(&pid) {
                    let _ = ended.send(Some(status));
                }
            }
            Report::Used(usage) => self.used = usage,
            Report::Ready { .. } | Report::Failed(_) => {}
        }
    }
}

/// Sends one message on a non-blocking socket.
pub(crate) async fn send<M: serde::Serialize>(
    socket: &AsyncFd<OwnedFd>,
    message: &M,
    descriptors: &[OwnedFd],
    action: &str,
) -> Result<(), SandboxError> {
    loop {
        let ready = socket.writable().await;
        let mut ready = ready.map_err(|source| SandboxError::System { action: action.into(), source })?;
        let sent = ready.try_io(|socket| packet::send(socket.as_fd(), message, &packet::borrow(descriptors)));
        match sent {
            Ok(Err(error))
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                return Err(SandboxError::Gone);
            }
            Ok(sent) => return sent.map_err(|source| SandboxError::System { action: action.into(), source }),
            Err(_would_block) => {}
        }
    }
}

pub(crate) fn late(action: &str) -> SandboxError {
    SandboxError::System { action: action.into(), source: io::ErrorKind::TimedOut.into() }
}
