//! One isolated process tree on Linux: namespaces, mounts, cgroup, seccomp, network, freeze, kill.
//!
//! Knows nothing of functions or runtimes, and must never learn: it is told what to mount, start and limit. The only
//! crate with `unsafe`, each with its reason.
//!
//! # Three processes
//!
//! ```text
//! server ── launcher socket ──> launcher ── clone ──> supervisor (process 1 of a sandbox) ── fork, exec ──> programs
//!    └──────────── control socket of each sandbox ───────┘
//! ```
//!
//! - The **server** holds [`Launcher`], [`Sandbox`] and [`Process`]: any threads, tokio.
//! - The **launcher** is the same executable again, with a single thread, because a fork of a process with threads is
//!   not safe. It has the server's rights, or those of root in a user namespace of its own, and does what needs them:
//!   opening the sources of mounts, cgroups, user mappings, network namespaces.
//! - A **supervisor** has all rights inside its namespaces and none outside. Its programs have none at all.
//!
//! Closing a socket ends what is behind it, so nothing survives the server, however it dies.
//!
//! Entry point: [`Launcher::begin`]. Start reading at `launcher/process.rs`, then `supervisor.rs`; who says what to whom
//! is in `message.rs`.
#![expect(
    unsafe_code,
    reason = "system calls that no safe interface offers; each block says why it is sound"
)]

mod cgroup;
mod control;
mod error;
mod launcher;
mod message;
mod network;
mod sandbox;
mod seccomp;
mod slots;
mod spec;
mod supervisor;
mod sys;
mod system;

pub use error::SandboxError;
pub use launcher::{Launcher, LauncherOptions};
pub use sandbox::{Process, Sandbox};
pub use spec::{Command, ExitStatus, Limits, Mount, Network, SandboxSpec, Support, Usage};
pub use sys::own_pages::unmap_what_the_start_used;
pub use system::base_system_mounts;
