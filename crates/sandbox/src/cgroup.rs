//! Control groups of both versions: limits, freezing and accounting of one sandbox.
//!
//! Every group of one launcher lies below one folder of its own, named after its process, so that what a crashed
//! launcher left can be told apart and removed by the next.

pub(crate) mod place;
pub(crate) mod v1;
pub(crate) mod v2;

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::error::{Attempt, Fault};
use crate::spec::{Limits, Usage};

/// How long a processor quota counts. Short, so that a small quota stutters instead of stalling.
const CPU_PERIOD_MICROSECONDS: u64 = 20_000;
/// The kernel's smallest quota.
const CPU_QUOTA_MINIMUM_MICROSECONDS: u64 = 1_000;

/// Where groups can be made.
#[derive(Debug)]
pub(crate) enum Hierarchy {
    One(v1::Hierarchies),
    Two(v2::Hierarchy),
    None,
}

/// Which controllers there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Controllers {
    pub(crate) memory: bool,
    pub(crate) cpu: bool,
    pub(crate) pids: bool,
    pub(crate) freezer: bool,
}

impl Hierarchy {
    pub(crate) fn controllers(&self) -> Controllers {
        match self {
            Self::One(hierarchies) => hierarchies.controllers(),
            Self::Two(hierarchy) => hierarchy.controllers(),
            Self::None => Controllers::default(),
        }
    }

    /// Makes an empty group.
    pub(crate) fn create(&self, name: &str) -> Result<Group, Fault> {
        match self {
            Self::One(hierarchies) => hierarchies.create(name).map(Group::One),
            Self::Two(hierarchy) => hierarchy.create(name).map(Group::Two),
            Self::None => Ok(Group::None),
        }
    }

    /// The folders that hold the groups; to be removed at the end.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        match self {
            Self::One(hierarchies) => hierarchies.folders(),
            Self::Two(hierarchy) => vec![hierarchy.folder().to_owned()],
            Self::None => Vec::new(),
        }
    }
}

/// The group of one sandbox. Server and launcher both use it, through the file system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Group {
    One(v1::Group),
    Two(v2::Group),
    None,
}

/// How a process gets into a group.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Each program writes "0" to these after it is forked; the supervisor stays outside, and so can thaw and spawn
    /// while the group is frozen.
    Tasks { tasks: Vec<OwnedFd>, freezer_state: Option<OwnedFd> },
    /// The supervisor is cloned into this folder and all others inherit it.
    Clone(OwnedFd),
    /// There is no group.
    Nowhere,
}

impl Group {
    pub(crate) fn set_limits(&self, limits: &Limits) -> Result<(), Fault> {
        match self {
            Self::One(group) => group.set_limits(limits)?,
            Self::Two(group) => group.set_limits(limits)?,
            Self::None => {}
        }
        self.set_memory(limits.memory_bytes)?;
        self.set_cpu(limits.cpu_millis)
    }

    pub(crate) fn set_memory(&self, bytes: u64) -> Result<(), Fault> {
        match self {
            Self::One(group) => group.set_memory(bytes),
            Self::Two(group) => group.set_memory(bytes),
            Self::None => Ok(()),
        }
    }

    pub(crate) fn set_cpu(&self, millis: Option<u32>) -> Result<(), Fault> {
        match self {
            Self::One(group) => group.set_cpu(millis),
            Self::Two(group) => group.set_cpu(millis),
            Self::None => Ok(()),
        }
    }

    pub(crate) fn entry(&self) -> Result<Entry, Fault> {
        match self {
            Self::One(group) => group.entry(),
            Self::Two(group) => group.entry(),
            Self::None => Ok(Entry::Nowhere),
        }
    }

    /// Asks the kernel to freeze or thaw; see [`Group::is_frozen`]. False where it cannot.
    pub(crate) fn set_frozen(&self, frozen: bool) -> Result<bool, Fault> {
        match self {
            Self::One(group) => group.set_frozen(frozen),
            Self::Two(group) => group.set_frozen(frozen).map(|()| true),
            Self::None => Ok(false),
        }
    }

    pub(crate) fn is_frozen(&self) -> Result<bool, Fault> {
        match self {
            Self::One(group) => group.is_frozen(),
            Self::Two(group) => group.is_frozen(),
            Self::None => Ok(false),
        }
    }

    /// Everything that the files tell; what they do not is zero.
    pub(crate) fn usage(&self) -> Usage {
        match self {
            Self::One(group) => group.usage(),
            Self::Two(group) => group.usage(),
            Self::None => Usage::default(),
        }
    }

    /// The file that holds the peak memory of [`Group::usage`] as a number, where there may be one.
    pub(crate) fn peak_memory_file(&self) -> Option<PathBuf> {
        match self {
            Self::One(group) => group.peak_memory_file(),
            Self::Two(group) => group.peak_memory_file(),
            Self::None => None,
        }
    }

    /// Whether [`Group::usage`] knows the memory.
    pub(crate) fn accounts_memory(&self) -> bool {
        match self {
            Self::One(group) => group.accounts_memory(),
            Self::Two(group) => group.accounts_memory(),
            Self::None => false,
        }
    }

    /// The processes in it.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let Some(folder) = (match self {
            Self::One(group) => group.folders().into_iter().next(),
            Self::Two(group) => Some(group.folder().to_owned()),
            Self::None => None,
        }) else {
            return Vec::new();
        };
        // It may be gone.
        let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw).collect()
    }

    /// Whether what it holds may be moved to swap. Version 1 limits memory and swap together, and lets it be.
    pub(crate) fn let_swap(&self, may: bool) -> Result<(), Fault> {
        match self {
            Self::Two(group) => group.let_swap(may),
            Self::One(_) | Self::None => Ok(()),
        }
    }

    /// Takes so many bytes from it that the kernel can do without, as far as there are any.
    pub(crate) fn reclaim(&self, bytes: u64) -> Result<(), Fault> {
        match self {
            Self::One(group) => group.reclaim(bytes),
            Self::Two(group) => {
                group.reclaim(bytes);
                Ok(())
            }
            Self::None => Ok(()),
        }
    }

    /// Lets a killed group die: thaws it where frozen processes ignore the kill, kills it whole where that exists.
    pub(crate) fn release(&self) {
        match self {
            // Nothing to thaw, or nothing frozen: either way the processes are dying.
            Self::One(group) => drop(group.set_frozen(false)),
            Self::Two(group) => group.kill(),
            Self::None => {}
        }
    }

    /// The folders of the group, for [`remove_empty`].
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        match self {
            Self::One(group) => group.folders(),
            Self::Two(group) => vec![group.folder().to_owned()],
            Self::None => Vec::new(),
        }
    }
}

/// Removes a group's folder. True when it is gone; false while processes in it are still ending.
pub(crate) fn remove_empty(folder: &Path) -> bool {
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Microseconds of each period; none is no limit.
fn cpu_quota(millis: Option<u32>) -> Option<u64> {
    millis.map(|millis| {
        (u64::from(millis) * CPU_PERIOD_MICROSECONDS / 1000).max(CPU_QUOTA_MINIMUM_MICROSECONDS)
    })
}

fn write(file: &Path, value: &str) -> Result<(), Fault> {
    let attempt = || fs::OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes());
    attempt().attempt(|| format!("write {value:?} to {}", file.display()))
}

fn read(file: &Path) -> Result<String, Fault> {
    fs::read_to_string(file).attempt(|| format!("read {}", file.display()))
}

/// The number in a file of one number, or zero.
fn number(file: &Path) -> u64 {
    fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The number after `key` in a file of `key number` lines.
fn keyed_number(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn make_folder(folder: &Path) -> Result<(), Fault> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.attempt(|| format!("make the cgroup {}", folder.display())),
    }
}

#[cfg(test)]
mod tests;
