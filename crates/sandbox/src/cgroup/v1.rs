//! Version 1: a tree for each controller.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CPU_PERIOD_MICROSECONDS, Controllers, Entry, cpu_quota, keyed_number, make_folder, number, read, write,
};
use crate::error::{Attempt, Fault};
use crate::spec::{Limits, Usage};

/// A folder in the tree of each controller that could be used. Two may be the same folder (`cpu,cpuacct`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hierarchies {
    pub(crate) memory: Option<PathBuf>,
    pub(crate) cpu: Option<PathBuf>,
    pub(crate) cpuacct: Option<PathBuf>,
    pub(crate) pids: Option<PathBuf>,
    pub(crate) freezer: Option<PathBuf>,
}

/// The same shape, one level down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group(Hierarchies);

impl Hierarchies {
    pub(crate) fn controllers(&self) -> Controllers {
        Controllers {
            memory: self.memory.is_some(),
            cpu: self.cpu.is_some(),
            pids: self.pids.is_some(),
            freezer: self.freezer.is_some(),
        }
    }

    /// Each folder once.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = [&self.memory, &self.cpu, &self.cpuacct, &self.pids, &self.freezer]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }

    pub(crate) fn create(&self, name: &str) -> Result<Group, Fault> {
        let below = |folder: &Option<PathBuf>| folder.as_ref().map(|folder| folder.join(name));
        let group = Self {
            memory: below(&self.memory),
            cpu: below(&self.cpu),
            cpuacct: below(&self.cpuacct),
            pids: below(&self.pids),
            freezer: below(&self.freezer),
        };
        for folder in group.folders() {
            make_folder(&folder)?;
        }
        Ok(Group(group))
    }
}

impl Group {
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.0.folders()
    }

    pub(super) fn accounts_memory(&self) -> bool {
        self.0.memory.is_some()
    }

    /// All but memory and the share of the processor.
    pub(super) fn set_limits(&self, limits: &Limits) -> Result<(), Fault> {
        if let Some(cpu) = &self.0.cpu {
            write(&cpu.join("cpu.cfs_period_us"), &CPU_PERIOD_MICROSECONDS.to_string())?;
        }
        if let Some(pids) = &self.0.pids {
            write(&pids.join("pids.max"), &limits.processes.to_string())?;
        }
        Ok(())
    }

    pub(super) fn set_memory(&self, bytes: u64) -> Result<(), Fault> {
        self.0.memory.as_ref().map_or(Ok(()), |memory| set_memory(memory, bytes))
    }

    /// By a limit that is lower for a moment: the kernel makes it fit, or refuses it.
    pub(super) fn reclaim(&self, bytes: u64) -> Result<(), Fault> {
        let Some(memory) = &self.0.memory else { return Ok(()) };
        let limit = memory.join("memory.limit_in_bytes");
        let usual = read(&limit)?;
        let lower = number(&memory.join("memory.usage_in_bytes")).saturating_sub(bytes);
        drop(write(&limit, &lower.to_string()));
        write(&limit, usual.trim())
    }

    pub(super) fn set_cpu(&self, millis: Option<u32>) -> Result<(), Fault> {
        let Some(cpu) = &self.0.cpu else { return Ok(()) };
        let quota = cpu_quota(millis);
        write(&cpu.join("cpu.cfs_quota_us"), &quota.map_or("-1".to_owned(), |quota| quota.to_string()))
    }

    pub(super) fn entry(&self) -> Result<Entry, Fault> {
        let tasks =
            self.folders().iter().map(|folder| open(&folder.join("tasks"))).collect::<Result<_, _>>()?;
        let freezer_state =
            self.0.freezer.as_ref().map(|folder| open(&folder.join("freezer.state"))).transpose()?;
        Ok(Entry::Tasks { tasks, freezer_state })
    }

    pub(super) fn set_frozen(&self, frozen: bool) -> Result<bool, Fault> {
        let Some(freezer) = &self.0.freezer else { return Ok(false) };
        write(&freezer.join("freezer.state"), if frozen { "FROZEN" } else { "THAWED" })?;
        Ok(true)
    }

    pub(super) fn is_frozen(&self) -> Result<bool, Fault> {
        let Some(freezer) = &self.0.freezer else { return Ok(false) };
        Ok(read(&freezer.join("freezer.state"))?.trim() == "FROZEN")
    }

    pub(super) fn peak_memory_file(&self) -> Option<PathBuf> {
        self.0.memory.as_ref().map(|folder| folder.join("memory.max_usage_in_bytes"))
    }

    pub(super) fn usage(&self) -> Usage {
        let file =
            |folder: &Option<PathBuf>, name: &str| folder.as_deref().map(|folder: &Path| folder.join(name));
        let value = |path: Option<PathBuf>| path.map_or(0, |path| number(&path));
        Usage {
            memory_bytes: value(file(&self.0.memory, "memory.usage_in_bytes")),
            peak_memory_bytes: value(file(&self.0.memory, "memory.max_usage_in_bytes")),
            cpu: Duration::from_nanos(value(file(&self.0.cpuacct, "cpuacct.usage"))),
            out_of_memory_kills: file(&self.0.memory, "memory.oom_control")
                .and_then(|path| keyed_number(&path, "oom_kill"))
                .unwrap_or(0),
        }
    }
}

fn open(file: &Path) -> Result<OwnedFd, Fault> {
    OpenOptions::new().write(true).open(file).map(File::into).attempt(|| format!("open {}", file.display()))
}

/// Limits memory, and memory and swap together where swap is accounted. The kernel refuses a moment in which the first
/// would be above the second, so whichever makes room for the other comes first.
fn set_memory(group: &Path, bytes: u64) -> Result<(), Fault> {
    let (alone, with_swap) = (group.join("memory.limit_in_bytes"), group.join("memory.memsw.limit_in_bytes"));
    let order = match std::fs::read_to_string(&with_swap) {
        Err(_) => vec![alone],
        Ok(now) if now.trim().parse::<u64>().is_ok_and(|now| now < bytes) => vec![with_swap, alone],
        Ok(_) => vec![alone, with_swap],
    };
    order.iter().try_for_each(|file| write(file, &bytes.to_string()))
}
