//! One isolated process tree on Linux: namespaces, mounts, cgroup, seccomp, network, freeze, kill.
//!
//! Knows nothing of functions or runtimes. The only crate with `unsafe`.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// What a sandbox is made of.
#[derive(Debug)]
pub struct SandboxSpec {
    /// Names it in the cgroup tree and as host name.
    pub name: String,
    /// What its root holds; everything else is absent. `/proc`, `/dev`, `/tmp` and an `/etc` of its own are always there.
    pub mounts: Vec<Mount>,
    /// Size of `/tmp`.
    pub tmp_bytes: u64,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub network: Network,
    /// TCP ports on its own 127.0.0.1 whose listening sockets the caller gets.
    pub listen: Vec<u16>,
}

/// One thing in the root of a sandbox, always read-only.
#[derive(Debug, Clone)]
pub enum Mount {
    /// A file or folder of the host, at `target`.
    Bind { source: PathBuf, target: PathBuf },
    /// Folders of the host merged, the last on top.
    Merged { layers: Vec<PathBuf>, target: PathBuf },
    /// A symbolic link.
    Symlink { points_to: PathBuf, target: PathBuf },
    /// A file with this content.
    File { content: Vec<u8>, target: PathBuf },
}

/// What a sandbox may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub memory_bytes: u64,
    /// Thousandths of a core; none for no limit.
    pub cpu_millis: Option<u32>,
    pub processes: u32,
    pub open_files: u32,
}

/// What a sandbox may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its own loopback only.
    Loopback,
    /// Public addresses as well; never the host's loopback, its private services or other sandboxes.
    Outbound,
}

/// A program to start in a sandbox.
#[derive(Debug)]
pub struct Command {
    pub program: PathBuf,
    pub args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    pub directory: PathBuf,
    /// Descriptors to hand over, each with its number in the child. 0, 1 and 2 are /dev/null where absent.
    pub descriptors: Vec<(OwnedFd, i32)>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    Code(i32),
    Signal(i32),
}

/// What a sandbox has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub memory_bytes: u64,
    pub peak_memory_bytes: u64,
    pub cpu: Duration,
    pub out_of_memory_kills: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("{action}: {source}")]
    System { action: String, source: std::io::Error },
    #[error("the sandbox is gone")]
    Gone,
}

/// The single-threaded process that forks every sandbox. Start it before any thread exists.
#[derive(Debug, Clone)]
pub struct Launcher {}

impl Launcher {
    /// Starts the launcher: this program again with the one argument [`Launcher::ARGUMENT`], whose `main` must call
    /// [`Launcher::run`] first of all.
    pub fn start() -> Result<Self, SandboxError> {
        unimplemented!()
    }
    pub const ARGUMENT: &str = "sandbox-launcher";
    /// The launcher's whole life; never returns.
    pub fn run() -> ! {
        unimplemented!()
    }
    /// What this machine lets sandboxes have, and warnings about what it does not.
    pub fn support(&self) -> Support {
        unimplemented!()
    }
    pub async fn create(&self, _spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        unimplemented!()
    }
}

/// What the machine has for sandboxes.
#[derive(Debug, Clone, Default)]
pub struct Support {
    pub memory_limit: bool,
    pub cpu_limit: bool,
    pub freezer: bool,
    pub outbound_network: bool,
    /// One sentence for each thing that is missing, for people: what, why it matters, how to get it.
    pub warnings: Vec<String>,
}

/// A live sandbox. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Sandbox {}

impl Sandbox {
    /// The listening sockets of [`SandboxSpec::listen`], in its order; taken once.
    pub fn take_listeners(&mut self) -> Vec<std::net::TcpListener> {
        unimplemented!()
    }
    pub async fn spawn(&self, _command: Command) -> Result<Process, SandboxError> {
        unimplemented!()
    }
    /// Adds a mount while it runs: how a booted instance gets its code.
    pub async fn mount(&self, _mount: Mount) -> Result<(), SandboxError> {
        unimplemented!()
    }
    pub async fn freeze(&self) -> Result<(), SandboxError> {
        unimplemented!()
    }
    pub async fn thaw(&self) -> Result<(), SandboxError> {
        unimplemented!()
    }
    pub async fn set_cpu(&self, _millis: Option<u32>) -> Result<(), SandboxError> {
        unimplemented!()
    }
    pub fn usage(&self) -> Usage {
        unimplemented!()
    }
    /// Kills every process inside and waits until the last is gone.
    pub async fn destroy(&self) {
        unimplemented!()
    }
}

/// A process started in a sandbox.
#[derive(Debug)]
pub struct Process {}

impl Process {
    /// Its pid inside the sandbox.
    pub fn pid(&self) -> u32 {
        unimplemented!()
    }
    /// Cancel safe; may be called by several.
    pub async fn wait(&self) -> ExitStatus {
        unimplemented!()
    }
    pub async fn signal(&self, _signal: i32) -> Result<(), SandboxError> {
        unimplemented!()
    }
}
