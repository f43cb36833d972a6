//! What callers say about a sandbox, and what they are told: plain values without behaviour.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a sandbox is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Its host name, and the name of its supervisor in a process list.
    pub name: String,
    /// What its root holds; everything else is absent. `/proc`, `/dev`, `/tmp` and an `/etc` of its own are always
    /// there, and `/var/task`, `/var/runtime` and `/opt` are always folders.
    pub mounts: Vec<Mount>,
    /// Size of `/tmp`, in bytes. What lies there also counts as memory, unless [`Support::disk_for_tmp`].
    pub tmp_bytes: u64,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub network: Network,
    /// TCP ports on its own 127.0.0.1 whose listening sockets the caller gets.
    pub listen: Vec<u16>,
}

/// One thing in the root of a sandbox, read-only but for [`Mount::Writable`]. Targets are absolute and hold no `..`;
/// missing folders above them are made. A later mount hides what an earlier one put at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A file or folder of the host, at `target`. The source is opened with the server's rights; the programs inside
    /// read it with their own, so it must be readable by everyone.
    Bind {
        /// On the host.
        source: PathBuf,
        /// Inside.
        target: PathBuf,
    },
    /// A folder of the host that the programs may write to. All that is in it is theirs from then on: one sandbox at a
    /// time can have it. Nothing in it can be executed.
    Writable {
        /// On the host.
        source: PathBuf,
        /// Inside.
        target: PathBuf,
    },
    /// Folders of the host merged, the last on top. One folder is a plain bind; several need overlayfs, and where the
    /// kernel refuses that (user namespaces before Linux 5.11) the error says so.
    Merged {
        /// On the host, the lowest first.
        layers: Vec<PathBuf>,
        /// Inside.
        target: PathBuf,
    },
    /// A symbolic link.
    Symlink {
        /// Inside.
        points_to: PathBuf,
        /// Where the link lies, inside.
        target: PathBuf,
    },
    /// A file with this content, readable and executable by everyone.
    File {
        /// All of it.
        content: Vec<u8>,
        /// Inside.
        target: PathBuf,
    },
}

impl Mount {
    /// Where it appears.
    pub fn target(&self) -> &std::path::Path {
        match self {
            Self::Bind { target, .. }
            | Self::Writable { target, .. }
            | Self::Merged { target, .. }
            | Self::Symlink { target, .. }
            | Self::File { target, .. } => target,
        }
    }
}

/// What a sandbox may use, all of its processes together except `open_files`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, page cache included, and `/tmp` unless [`Support::disk_for_tmp`]. What runs never comes to
    /// swap; see [`Sandbox::page_out`](crate::Sandbox::page_out).
    pub memory_bytes: u64,
    /// Thousandths of a core; none for no limit.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub processes: u32,
    /// Open descriptors of each process.
    pub open_files: u32,
}

/// What a sandbox may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Its own loopback only.
    Loopback,
    /// Public addresses as well; never the host's loopback, its private services or other sandboxes. Where
    /// [`Support::outbound_network`] is false this is the same as `Loopback`.
    Outbound,
}

/// A program to start in a sandbox.
#[derive(Debug)]
pub struct Command {
    /// Absolute path inside the sandbox.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Where it starts, inside the sandbox.
    pub directory: PathBuf,
    /// Descriptors to hand over, each with its number in the child. 0, 1 and 2 are /dev/null where absent.
    pub descriptors: Vec<(OwnedFd, i32)>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it; 9 also when the whole sandbox was killed.
    Signal(i32),
}

/// What a sandbox has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Memory in use now.
    pub memory_bytes: u64,
    /// The most memory ever in use. Without a memory cgroup, sampled ten times a second.
    pub peak_memory_bytes: u64,
    /// Processor time of all its programs.
    pub cpu: Duration,
    /// How many processes were killed because memory ran out.
    pub out_of_memory_kills: u64,
}

/// What the machine has for sandboxes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Memory is limited by the kernel, for a whole sandbox at once.
    pub memory_limit: bool,
    /// [`Limits::cpu_millis`] holds.
    pub cpu_limit: bool,
    /// Freezing is done by the kernel; otherwise by stop signals, which programs can notice.
    pub freezer: bool,
    /// [`Network::Outbound`] is more than loopback.
    pub outbound_network: bool,
    /// `/tmp` is on disk, as long as the disk has room for all that was promised; else it is memory.
    pub disk_for_tmp: bool,
    /// Each sandbox has a host user of its own.
    pub separate_users: bool,
    /// One sentence for each thing that is missing, for people: what, why it matters, how to get it.
    pub warnings: Vec<String>,
}
