//! Version 2: one tree for all controllers.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CPU_PERIOD_MICROSECONDS, Controllers, Entry, cpu_quota, keyed_number, make_folder, number, read, write,
};
use crate::error::{Attempt, Fault};
use crate::spec::{Limits, Usage};

/// A folder whose subfolders have these controllers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    folder: PathBuf,
    controllers: Controllers,
}

/// The group of one sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    folder: PathBuf,
    controllers: Controllers,
}

impl Hierarchy {
    /// `folder` is empty of processes and its subtree control is set.
    pub(crate) fn new(folder: PathBuf, controllers: Controllers) -> Self {
        Self { folder, controllers }
    }

    pub(crate) fn controllers(&self) -> Controllers {
        self.controllers
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn create(&self, name: &str) -> Result<Group, Fault> {
        let folder = self.folder.join(name);
        make_folder(&folder)?;
        Ok(Group { folder, controllers: self.controllers })
    }
}

impl Group {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn accounts_memory(&self) -> bool {
        self.controllers.memory
    }

    /// All but memory and the share of the processor.
    pub(super) fn set_limits(&self, limits: &Limits) -> Result<(), Fault> {
        self.let_swap(false)?;
        if self.controllers.pids {
            // The supervisor lives in the group too.
            write(&self.file("pids.max"), &(u64::from(limits.processes) + 1).to_string())?;
        }
        Ok(())
    }

    pub(super) fn set_memory(&self, bytes: u64) -> Result<(), Fault> {
        if self.controllers.memory { write(&self.file("memory.max"), &bytes.to_string()) } else { Ok(()) }
    }

    pub(super) fn let_swap(&self, may: bool) -> Result<(), Fault> {
        let file = self.file("memory.swap.max");
        // Absent where the kernel has no swap accounting.
        if self.controllers.memory && file.exists() {
            write(&file, if may { "max" } else { "0" })?;
        }
        Ok(())
    }

    /// Linux 5.19 and later. The kernel may find fewer.
    pub(super) fn reclaim(&self, bytes: u64) {
        drop(write(&self.file("memory.reclaim"), &bytes.to_string()));
    }

    pub(super) fn set_cpu(&self, millis: Option<u32>) -> Result<(), Fault> {
        if !self.controllers.cpu {
            return Ok(());
        }
        let quota = cpu_quota(millis);
        let quota = quota.map_or("max".to_owned(), |quota| quota.to_string());
        write(&self.file("cpu.max"), &format!("{quota} {CPU_PERIOD_MICROSECONDS}"))
    }

    pub(super) fn entry(&self) -> Result<Entry, Fault> {
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&self.folder);
        let folder = folder.attempt(|| format!("open {}", self.folder.display()))?;
        Ok(Entry::Clone(File::into(folder)))
    }

    pub(super) fn set_frozen(&self, frozen: bool) -> Result<(), Fault> {
        write(&self.file("cgroup.freeze"), if frozen { "1" } else { "0" })
    }

    pub(super) fn is_frozen(&self) -> Result<bool, Fault> {
        Ok(read(&self.file("cgroup.events"))?.lines().any(|line| line == "frozen 1"))
    }

    /// Absent before Linux 5.19.
    pub(super) fn peak_memory_file(&self) -> Option<PathBuf> {
        self.controllers.memory.then(|| self.file("memory.peak"))
    }

    pub(super) fn usage(&self) -> Usage {
        let memory_bytes = number(&self.file("memory.current"));
        Usage {
            memory_bytes,
            // Linux 5.19 and later; before that the best known is what is in use now.
            peak_memory_bytes: number(&self.file("memory.peak")).max(memory_bytes),
            cpu: Duration::from_micros(keyed_number(&self.file("cpu.stat"), "usage_usec").unwrap_or(0)),
            out_of_memory_kills: keyed_number(&self.file("memory.events"), "oom_kill").unwrap_or(0),
        }
    }

    /// Linux 5.14 and later; before that the death of process 1 of the sandbox has to do, which does the same.
    pub(super) fn kill(&self) {
        drop(write(&self.file("cgroup.kill"), "1"));
        drop(self.set_frozen(false));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
