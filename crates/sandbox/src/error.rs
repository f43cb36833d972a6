//! The crate's error, and the form in which it crosses process boundaries.

use std::io;

use serde::{Deserialize, Serialize};

/// Why something about a sandbox could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A system call failed, here, in the launcher or in the sandbox.
    #[error("{action}: {source}")]
    System {
        /// What was attempted, on which path.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Its processes ended, or the launcher did.
    #[error("the sandbox is gone")]
    Gone,
}

/// A failed system call as the launcher and supervisors report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) action: String,
    pub(crate) errno: i32,
}

impl Fault {
    pub(crate) fn new(action: impl Into<String>, error: &io::Error) -> Self {
        Self { action: action.into(), errno: error.raw_os_error().unwrap_or(libc::EINVAL) }
    }
}

impl From<Fault> for SandboxError {
    fn from(fault: Fault) -> Self {
        Self::System { action: fault.action, source: io::Error::from_raw_os_error(fault.errno) }
    }
}

/// Says what was attempted when a system call fails.
pub(crate) trait Attempt<T> {
    /// `action` completes "could not": a verb and what it acted on.
    fn attempt(self, action: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, action: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| Fault::new(action(), &error))
    }
}

impl<T> Attempt<T> for nix::Result<T> {
    fn attempt(self, action: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(io::Error::from).attempt(action)
    }
}
