//! The server's handles of a live sandbox and of the processes in it.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::unix::AsyncFd;

use crate::cgroup::Group;
use crate::control::{Control, Exit, late, send};
use crate::error::{Attempt as _, Fault, SandboxError};
use crate::launcher::{Launcher, check_target};
use crate::message::{LeaseRequest, Order, Program, Report};
use crate::spec::{Command, ExitStatus, Mount, SandboxSpec, Usage};
use crate::sys::{packet, page_out};

/// How long the kernel may take to freeze: a process in an uninterruptible call holds it up.
const FREEZE_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last process may take to end after it was killed.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// How often, and how long after each other, memory that lies in swap is taken from the sandbox.
const DROP_ROUNDS: u32 = 20;
const DROP_PAUSE: Duration = Duration::from_millis(25);

/// A live sandbox. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Sandbox {
    control: Arc<Control>,
    /// Closing it is the order to kill; the launcher closes the other end when all is gone.
    lease: AsyncFd<OwnedFd>,
    group: Group,
    listeners: Vec<TcpListener>,
    /// What [`Sandbox::peak_memory`] reads, opened when it is first asked; none where there is no such file.
    peak_memory: OnceLock<Option<File>>,
}

impl Sandbox {
    pub(crate) async fn create(launcher: &Launcher, spec: SandboxSpec) -> Result<Self, SandboxError> {
        let action = || format!("make the sockets of sandbox {}", spec.name);
        let system = |source: io::Error| SandboxError::System { action: action(), source };
        let (control, control_far) = packet::pair().map_err(system)?;
        let (lease, lease_far) = packet::pair().map_err(system)?;
        let control = Arc::new(Control::new(control).map_err(system)?);
        let lease = packet::register(lease).map_err(system)?;
        launcher.send(&spec, &[control_far, lease_far]).await?;
        let (group, listeners) = match control.first_report().await? {
            (Report::Ready { group }, listeners) => (group, listeners),
            (Report::Failed(fault), _) => return Err(fault.into()),
            _ => return Err(SandboxError::Gone),
        };
        let listeners: Vec<TcpListener> = listeners.into_iter().map(TcpListener::from).collect();
        listeners.iter().try_for_each(|listener| listener.set_nonblocking(true)).map_err(system)?;
        // Ends with the supervisor, and so with this sandbox.
        drop(tokio::spawn(control.clone().read_reports()));
        Ok(Self { control, lease, group, listeners, peak_memory: OnceLock::new() })
    }

    /// The listening sockets of [`SandboxSpec::listen`], in its order, non-blocking; taken once.
    pub fn take_listeners(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listeners)
    }

    /// Starts a program and returns when it is executed. Its end is only known through the [`Process`]; dropping that
    /// does not end it.
    ///
    /// # Errors
    /// When it cannot be executed (with the path in the text), or the sandbox is gone. While frozen by a version 2
    /// cgroup this waits for the thaw.
    pub async fn spawn(&self, command: Command) -> Result<Process, SandboxError> {
        let (descriptors, numbers): (Vec<OwnedFd>, Vec<i32>) = command.descriptors.into_iter().unzip();
        let what = format!("start {}", command.program.display());
        let mut program = Some(Program {
            path: command.program,
            args: command.args,
            env: command.env,
            directory: command.directory,
            descriptors: numbers,
        });
        let deliver = async |request| {
            let Some(program) = program.take() else { return Err(SandboxError::Gone) };
            self.control.order(&Order::Spawn { request, program }, &descriptors).await
        };
        let answer = self.control.request(true, &what, deliver).await?;
        let exit = answer.exit.ok_or(SandboxError::Gone)?;
        Ok(Process { pid: answer.number, control: self.control.clone(), exit })
    }

    /// A connection to what listens on this port of 127.0.0.1 inside, non-blocking.
    ///
    /// # Errors
    /// [`SandboxError::System`] of the kind `ConnectionRefused` where nothing listens there; it may also come when the
    /// socket is first used. While frozen by a version 2 cgroup this waits for the thaw.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, SandboxError> {
        let what = format!("connect to port {port}");
        let deliver = async |request| self.control.order(&Order::Connect { request, port }, &[]).await;
        let answer = self.control.request(false, &what, deliver).await?;
        answer.socket.map(TcpStream::from).ok_or(SandboxError::Gone)
    }

    /// Whether it is not known to be gone.
    pub fn is_alive(&self) -> bool {
        self.control.is_alive()
    }

    /// Gives a sandbox that was made ahead of need the name and the memory of what it is now for, and adds its mounts, in
    /// this order, at most some fifty. What it uses already counts.
    ///
    /// # Errors
    /// When it uses more memory than that already, a source cannot be opened, a target lies in another mount and does not
    /// exist there, or it is gone. What came before that may be done then.
    pub async fn assign(
        &self,
        name: &str,
        memory_bytes: u64,
        mounts: Vec<Mount>,
    ) -> Result<(), SandboxError> {
        mounts.iter().try_for_each(|mount| check_target(mount.target()))?;
        let name = name.to_owned();
        let deliver = async |request| {
            let message = LeaseRequest::Assign { request, name, memory_bytes, mounts };
            send(&self.lease, &message, &[], "send to the sandbox launcher").await
        };
        let assigned = self.control.request(false, "assign the sandbox", deliver);
        // While the launcher and the supervisor do theirs.
        let limited = async { Ok(self.group.set_memory(memory_bytes)?) };
        tokio::try_join!(assigned, limited).map(|_| ())
    }

    /// Stops every program, and returns when all stand still.
    pub async fn freeze(&self) -> Result<(), SandboxError> {
        if !self.group.set_frozen(true)? {
            return self.signal_all(libc::SIGSTOP).await;
        }
        let frozen = async {
            while !self.group.is_frozen()? {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, Fault>(())
        };
        match tokio::time::timeout(FREEZE_PATIENCE, frozen).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                self.group.set_frozen(false)?;
                Err(late("freeze the sandbox"))
            }
        }
    }

    /// Lets every program go on.
    pub async fn thaw(&self) -> Result<(), SandboxError> {
        if self.group.set_frozen(false)? { Ok(()) } else { self.signal_all(libc::SIGCONT).await }
    }

    /// Moves the memory of its programs to swap, as far as the machine has any: for one that is frozen and will be for a
    /// while. What it uses afterwards tells how far that went.
    ///
    /// # Errors
    /// Where the kernel cannot, or does not let this user.
    pub async fn page_out(&self) -> Result<(), SandboxError> {
        if !page_out::there_is_swap() {
            return Ok(());
        }
        let before = self.group.usage().memory_bytes;
        let group = self.group.clone();
        blocking(move || move_out(&group)).await?;
        for _ in 0..DROP_ROUNDS {
            let group = self.group.clone();
            if blocking(move || drop_copies(&group, before)).await? {
                break;
            }
            // The writing may take a moment yet.
            tokio::time::sleep(DROP_PAUSE).await;
        }
        Ok(())
    }

    /// Changes [`Limits::cpu_millis`](crate::Limits::cpu_millis); without a cpu cgroup nothing happens.
    pub async fn set_cpu(&self, millis: Option<u32>) -> Result<(), SandboxError> {
        Ok(self.group.set_cpu(millis)?)
    }

    /// What all of its programs have used until now; to be asked before [`Sandbox::destroy`].
    pub fn usage(&self) -> Usage {
        let counted = self.group.usage();
        let watched = self.control.used();
        let memory = if self.group.accounts_memory() { counted } else { watched };
        Usage { cpu: counted.cpu.max(watched.cpu), ..memory }
    }

    /// The most memory that all of its programs have used together until now, in bytes: as in [`Sandbox::usage`], but
    /// for one system call, since it is asked after every event.
    pub fn peak_memory(&self) -> u64 {
        let open = || File::open(self.group.peak_memory_file()?).ok();
        let Some(file) = self.peak_memory.get_or_init(open) else { return self.usage().peak_memory_bytes };
        let mut text = [0; 24];
        // Fails when the group is gone; what it used is then no longer known.
        let read = file.read_at(&mut text, 0).unwrap_or(0);
        std::str::from_utf8(&text[..read]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// Kills every process inside and waits until the last is gone.
    pub async fn destroy(&self) {
        // An error means that the launcher has closed it already.
        let _ = shutdown_sending(&self.lease);
        let closed = async {
            loop {
                let Ok(mut ready) = self.lease.readable().await else { return };
                let received = ready.try_io(|lease| packet::receive::<()>(lease.as_fd()));
                if received.is_ok() {
                    return;
                }
            }
        };
        // A process that cannot end for so long hangs in the kernel; the launcher goes on waiting for it.
        drop(tokio::time::timeout(END_PATIENCE, closed).await);
    }

    async fn signal_all(&self, signal: i32) -> Result<(), SandboxError> {
        let deliver = async |request| self.control.order(&Order::SignalAll { request, signal }, &[]).await;
        self.control.request(false, "signal all processes", deliver).await.map(|_| ())
    }
}

/// Does what may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, SandboxError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| SandboxError::Gone)??)
}

fn move_out(group: &Group) -> Result<(), Fault> {
    group.let_swap(true)?;
    let moved = group.processes().into_iter().try_for_each(|process| {
        page_out::page_out(process).attempt(|| format!("move process {process} to swap"))
    });
    // What is there stays there until it is used: only what runs must not come to swap.
    group.let_swap(false)?;
    moved
}

/// What was written to swap stays in memory as well until somebody needs the room: takes it. Whether it is gone.
fn drop_copies(group: &Group, before: u64) -> Result<bool, Fault> {
    let swapped: u64 = group.processes().into_iter().map(page_out::swapped).sum();
    let left = (group.usage().memory_bytes + swapped).saturating_sub(before);
    // Some of it may have been read again, or never have counted.
    if left <= swapped / 8 {
        return Ok(true);
    }
    group.reclaim(left)?;
    Ok(false)
}

fn shutdown_sending(lease: &AsyncFd<OwnedFd>) -> nix::Result<()> {
    use std::os::fd::AsRawFd;
    shutdown(lease.as_raw_fd(), Shutdown::Write)
}

/// A process started in a sandbox.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    control: Arc<Control>,
    exit: Exit,
}

impl Process {
    /// Its pid inside the sandbox.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended. Cancel safe; may be called by several, and again. Killed by signal 9 when the sandbox went.
    pub async fn wait(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|status| *status).unwrap_or(ExitStatus::Signal(libc::SIGKILL))
    }

    /// Whether it is known to have ended.
    pub fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Sends it a signal; one that has ended already is no error. While frozen, it takes effect at the thaw.
    pub async fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        self.control.order(&Order::Signal { pid: self.pid, signal }, &[]).await
    }
}
