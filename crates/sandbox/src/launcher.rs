//! The server's handle of the launcher process.

pub(crate) mod disk;
pub(crate) mod identity;
pub(crate) mod process;
pub(crate) mod sources;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use serde::de::DeserializeOwned;

use crate::error::{Fault, SandboxError};
use crate::sandbox::Sandbox;
use crate::spec::{SandboxSpec, Support};
use crate::sys::packet;

/// The single-threaded process that forks every sandbox. Begin it before any thread exists.
///
/// A cheap handle: clones share the one process, which ends when the last is dropped, and every sandbox with it. It
/// is bound to no tokio runtime; each sandbox is, to the one that it was created in.
#[derive(Debug, Clone)]
pub struct Launcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    heard: Mutex<Heard>,
}

/// What the launcher has said so far by itself.
#[derive(Debug, Default)]
struct Heard {
    ready: Option<Result<(), Fault>>,
    support: Option<Support>,
}

/// What sandboxes have beyond what they always have, where the machine can; [`Launcher::support`] tells whether.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LauncherOptions {
    /// `/tmp` lies on the disk of this folder and does not count as memory.
    pub disk: Option<PathBuf>,
    /// [`Network::Outbound`](crate::Network::Outbound) is more than loopback. As root this changes the host's network.
    pub outbound: bool,
}

impl LauncherOptions {
    const OUTBOUND: &str = "--outbound";
    const DISK: &str = "--disk";

    fn arguments(&self) -> Vec<OsString> {
        let outbound = self.outbound.then(|| Self::OUTBOUND.into());
        let disk = self.disk.iter().flat_map(|folder| [Self::DISK.into(), folder.clone().into_os_string()]);
        outbound.into_iter().chain(disk).collect()
    }

    /// From the command line of the launcher, without the program and [`Launcher::ARGUMENT`].
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = OsString>) -> Self {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some(Self::OUTBOUND) => options.outbound = true,
                Some(Self::DISK) => options.disk = arguments.next().map(PathBuf::from),
                _ => {}
            }
        }
        options
    }
}

impl Launcher {
    /// What makes this program the launcher: its first argument.
    pub const ARGUMENT: &str = "sandbox-launcher";

    /// As [`Launcher::begin`], and waits until the launcher has looked at everything: blocks for some 50 ms.
    ///
    /// # Errors
    /// As [`Launcher::begin`] and [`Launcher::ready`].
    pub fn start_with(options: &LauncherOptions) -> Result<Self, SandboxError> {
        let launcher = Self::begin(options)?;
        launcher.support()?;
        Ok(launcher)
    }

    /// Starts the launcher: this program again with the argument [`Launcher::ARGUMENT`], whose `main` must call
    /// [`Launcher::run`] first of all. It tries out one sandbox, which [`Launcher::ready`] waits for, and what sandboxes
    /// may have beyond the least, which [`Launcher::support`] waits for, before it makes those that it is asked for.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn begin(options: &LauncherOptions) -> Result<Self, SandboxError> {
        let (near, far) = packet::pair().map_err(|error| system("make the launcher's socket", error))?;
        let child = Command::new("/proc/self/exe")
            .arg(Self::ARGUMENT)
            .args(options.arguments())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(far))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| system("start the sandbox launcher", error))?;
        // It ends by itself when the socket closes, and is reaped by whoever reaps this process.
        drop(child);
        packet::set_nonblocking(&near).map_err(|error| system("prepare the launcher's socket", error))?;
        Ok(Self { shared: Arc::new(Shared { socket: near, heard: Mutex::default() }) })
    }

    /// The launcher's whole life; never returns. Only for a process that [`Launcher::begin`] started, before it has
    /// threads.
    pub fn run() -> ! {
        process::run()
    }

    /// Blocks until the launcher has tried out a sandbox.
    ///
    /// # Errors
    /// When the machine does not let this user make sandboxes at all; the text says what forbids it.
    pub fn ready(&self) -> Result<(), SandboxError> {
        self.shared.ready(&mut self.shared.heard())
    }

    /// What this machine lets sandboxes have, and warnings about what it does not. Blocks until the launcher has looked.
    ///
    /// # Errors
    /// As [`Launcher::ready`].
    pub fn support(&self) -> Result<Support, SandboxError> {
        let mut heard = self.shared.heard();
        self.shared.ready(&mut heard)?;
        match &heard.support {
            Some(support) => Ok(support.clone()),
            None => Ok(heard.support.insert(self.shared.hear()?).clone()),
        }
    }

    /// Makes a sandbox with nothing running in it. Many may be created at once. Dropping the future abandons the
    /// sandbox. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    /// When a mount's source does not exist, a port is asked for twice, or the machine is out of something.
    pub async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        check_targets(&spec)?;
        Sandbox::create(self, spec).await
    }

    /// Hands a request to the launcher.
    pub(crate) async fn send(&self, spec: &SandboxSpec, descriptors: &[OwnedFd]) -> Result<(), SandboxError> {
        loop {
            match packet::send(self.shared.socket.as_fd(), spec, &packet::borrow(descriptors)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_room().await?,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(SandboxError::Gone),
                other => {
                    let action = "send to the sandbox launcher".to_owned();
                    return other.map_err(|source| SandboxError::System { action, source });
                }
            }
        }
    }

    /// Rare (hundreds of unread requests), so a blocking thread does, and the handle needs no runtime of its own.
    async fn wait_for_room(&self) -> Result<(), SandboxError> {
        const PATIENCE_MILLISECONDS: u16 = 1_000;
        let shared = self.shared.clone();
        let wait = move || {
            let mut polled = [PollFd::new(shared.socket.as_fd(), PollFlags::POLLOUT)];
            nix::poll::poll(&mut polled, PollTimeout::from(PATIENCE_MILLISECONDS))
        };
        // Whatever ended the wait, the next send tells how things stand.
        tokio::task::spawn_blocking(wait).await.map(|_| ()).map_err(|_| SandboxError::Gone)
    }
}

impl Shared {
    /// Held while waiting, so that one reads what the launcher says and the others what it said; a panic leaves it unread.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self, heard: &mut Heard) -> Result<(), SandboxError> {
        let told = match &heard.ready {
            Some(told) => told.clone(),
            None => heard.ready.insert(self.hear()?).clone(),
        };
        Ok(told?)
    }

    /// Waits for the next thing that the launcher says by itself.
    fn hear<T: DeserializeOwned>(&self) -> Result<T, SandboxError> {
        let socket = self.socket.as_fd();
        let mut polled = [PollFd::new(socket, PollFlags::POLLIN)];
        let heard = nix::poll::poll(&mut polled, PollTimeout::NONE)
            .map_err(io::Error::from)
            .and_then(|_| packet::receive::<T>(socket));
        let heard = heard.map_err(|error| system("hear from the sandbox launcher", error))?;
        heard.map(|(told, _)| told).ok_or(SandboxError::Gone)
    }
}

fn system(action: &str, source: io::Error) -> SandboxError {
    SandboxError::System { action: action.into(), source }
}

fn check_targets(spec: &SandboxSpec) -> Result<(), SandboxError> {
    spec.mounts.iter().try_for_each(|mount| check_target(mount.target()))
}

/// Targets are absolute and go only downwards.
pub(crate) fn check_target(target: &std::path::Path) -> Result<(), SandboxError> {
    let mut parts = target.components();
    let absolute = parts.next() == Some(std::path::Component::RootDir);
    if absolute && parts.all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Ok(());
    }
    Err(SandboxError::System {
        action: format!("mount on {}: not an absolute path without ..", target.display()),
        source: io::ErrorKind::InvalidInput.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_the_command_line() {
        for (outbound, disk) in
            [(false, None), (true, None), (true, Some("/a b")), (false, Some("--outbound"))]
        {
            let options = LauncherOptions { outbound, disk: disk.map(PathBuf::from) };
            assert_eq!(LauncherOptions::from_arguments(options.arguments().into_iter()), options);
        }
    }
}
