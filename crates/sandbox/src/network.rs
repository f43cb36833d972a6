//! Network namespaces, made ahead of need and owned by the launcher, so that nobody inside has rights over them.

mod interface;

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Attempt, Fault};
use crate::sys::clone::Side;

/// How many are kept ready.
const READY: usize = 16;

/// The namespaces that wait for a sandbox.
#[derive(Debug)]
pub(crate) struct Networks {
    /// The launcher's own.
    home: OwnedFd,
    ready: Vec<OwnedFd>,
}

impl Networks {
    pub(crate) fn new() -> Result<Self, Fault> {
        Ok(Self { home: current()?, ready: Vec::new() })
    }

    /// Makes one more namespace; false when there are enough.
    pub(crate) fn prepare(&mut self) -> Result<bool, Fault> {
        if self.ready.len() >= READY {
            return Ok(false);
        }
        let namespace = self.make()?;
        self.ready.push(namespace);
        Ok(true)
    }

    /// A namespace with nothing but loopback.
    pub(crate) fn take(&mut self) -> Result<OwnedFd, Fault> {
        self.ready.pop().map_or_else(|| self.make(), Ok)
    }

    /// Forks in that namespace; only the child stays there. The calling process must have a single thread.
    pub(crate) fn fork_within(
        &self,
        namespace: &OwnedFd,
        fork: impl FnOnce() -> std::io::Result<Side>,
    ) -> Result<Side, Fault> {
        enter(namespace)?;
        let side = fork();
        if !matches!(side, Ok(Side::Child)) {
            enter(&self.home)?;
        }
        side.attempt(|| "clone a sandbox".into())
    }

    fn make(&self) -> Result<OwnedFd, Fault> {
        unshare(CloneFlags::CLONE_NEWNET).attempt(|| "make a network namespace".into())?;
        let namespace = interface::loopback_up().and_then(|()| {
            // Every port is as good as another here. Only the default if the file cannot be written.
            drop(fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"));
            current()
        });
        enter(&self.home)?;
        namespace
    }
}

fn current() -> Result<OwnedFd, Fault> {
    File::open("/proc/self/ns/net").map(OwnedFd::from).attempt(|| "open /proc/self/ns/net".into())
}

fn enter(namespace: &OwnedFd) -> Result<(), Fault> {
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).attempt(|| "enter a network namespace".into())
}
