//! What the server, the launcher and a supervisor say to each other.
//!
//! | from | to | socket | message |
//! | --- | --- | --- | --- |
//! | launcher | server | launcher socket | whether there are sandboxes (a [`Fault`] where not), then [`Support`](crate::Support) |
//! | server | launcher | launcher socket | [`SandboxSpec`](crate::SandboxSpec) with the far ends of `control` and `lease` |
//! | server | launcher | lease | [`LeaseRequest`]; closing it kills the sandbox, and the launcher closes its end when all is gone |
//! | launcher | supervisor | lifeline | [`Instruction`]; closing it ends the supervisor |
//! | server | supervisor | control | [`Order`] |
//! | supervisor | server | control | [`Report`] (the launcher sends `Failed` itself before there is a supervisor) |

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cgroup::Group;
use crate::error::Fault;
use crate::spec::{ExitStatus, Mount, Usage};

/// From the holder of a sandbox to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum LeaseRequest {
    /// Open what these mounts name and hand it to the supervisor, which answers `request` over its control socket. From
    /// now on `name` is its host name, and this much memory the limit where no cgroup has one.
    Assign { request: u64, name: String, memory_bytes: u64, mounts: Vec<Mount> },
}

/// From the launcher to a supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Instruction {
    /// The user mapping is in place.
    Begin,
    /// Put these in the root, in order, each `Tree` with its descriptor, and become the sandbox of this name, with so much
    /// memory.
    Assign { request: u64, name: String, memory_bytes: u64, placements: Vec<Placement> },
    /// The launcher could not do its part of this request.
    Refuse { request: u64, fault: Fault },
}

/// A [`Mount`] whose sources the launcher has opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Placement {
    /// A detached mount goes here.
    Tree {
        target: PathBuf,
    },
    Symlink {
        points_to: PathBuf,
        target: PathBuf,
    },
    File {
        content: Vec<u8>,
        target: PathBuf,
    },
}

/// From the server to a supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Start a program; the descriptors come along, to become these numbers.
    Spawn { request: u64, program: Program },
    /// Not answered: whether the process still exists is told by its exit.
    Signal { pid: u32, signal: i32 },
    /// Connect to this port of 127.0.0.1 inside; the socket comes along with the answer, perhaps still connecting.
    Connect { request: u64, port: u16 },
    /// Send this signal to every process inside: freezing where there is no freezer.
    SignalAll { request: u64, signal: i32 },
}

/// A [`Command`](crate::Command) without its descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) descriptors: Vec<i32>,
}

/// From a supervisor to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The sandbox is complete; the listening sockets come along.
    Ready { group: Group },
    /// There will be no sandbox.
    Failed(Fault),
    /// The answer to a request; the number is a pid where the request was to spawn, and a socket comes along where it
    /// was to connect.
    Done { request: u64, result: Result<u32, Fault> },
    /// A spawned process ended.
    Exited { pid: u32, status: ExitStatus },
    /// What was used until now, where no cgroup tells.
    Used(Usage),
}
