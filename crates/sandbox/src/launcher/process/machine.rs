//! What this machine gives: tried out once, at the start, and told to people where something is missing.

use std::os::fd::AsFd;
use std::path::PathBuf;

use super::LauncherProcess;
use crate::cgroup::{self, Hierarchy};
use crate::error::{Attempt, Fault};
use crate::launcher::disk::Disks;
use crate::message::Report;
use crate::spec::{Limits, Network, SandboxSpec, Support};
use crate::sys::packet;

impl LauncherProcess {
    /// `/tmp` on the disk of the folder that the server named, where that works; else says why it is memory.
    pub(super) fn choose_disk(&mut self, folder: Option<PathBuf>) -> Option<String> {
        let folder = folder?;
        let tried = if self.identities.are_separate() {
            Disks::try_out(&folder)
        } else {
            Err(Fault { action: "mount a file system in a file".into(), errno: libc::EPERM })
        };
        match tried {
            Ok(()) => {
                self.disk_folder = Some(folder);
                None
            }
            Err(fault) => Some(format!(
                "/tmp of a function is memory, and where memory is limited by a cgroup counts towards its size ({}). As \
                 root, with loop devices and e2fsprogs, it is a file system of its own on disk",
                crate::SandboxError::from(fault)
            )),
        }
    }

    /// Makes one sandbox as they all will be. If only the cgroup is in the way, goes on without.
    pub(super) fn try_out(&mut self, mut reasons: Vec<String>) -> Result<Vec<String>, Fault> {
        if let Err(fault) = self.try_once() {
            if matches!(self.hierarchy, Hierarchy::None) {
                return Err(fault);
            }
            self.try_without_groups(fault, &mut reasons)?;
        }
        Ok(reasons)
    }

    fn try_without_groups(&mut self, fault: Fault, reasons: &mut Vec<String>) -> Result<(), Fault> {
        let unusable = std::mem::replace(&mut self.hierarchy, Hierarchy::None);
        unusable.folders().iter().for_each(|folder| {
            cgroup::remove_empty(folder);
        });
        self.try_once()?;
        reasons.push(crate::SandboxError::from(fault).to_string());
        Ok(())
    }

    fn try_once(&mut self) -> Result<(), Fault> {
        let spec = SandboxSpec {
            name: "probe".into(),
            mounts: Vec::new(),
            tmp_bytes: 1 << 20,
            limits: Limits { memory_bytes: 64 << 20, cpu_millis: Some(1000), processes: 16, open_files: 64 },
            network: Network::Loopback,
            listen: Vec::new(),
        };
        let socket = || packet::pair().attempt(|| "make a socket".into());
        let ((control, control_far), (lease, lease_far)) = (socket()?, socket()?);
        self.create(&spec, control_far, lease_far)?;
        let report = packet::receive(control.as_fd()).attempt(|| "hear from a sandbox".into())?;
        drop(lease);
        match report {
            Some((Report::Ready { .. }, _)) => Ok(()),
            Some((Report::Failed(fault), _)) => Err(fault),
            _ => Err(Fault { action: "try out a sandbox".into(), errno: libc::EPIPE }),
        }
    }

    pub(super) fn support(&self, reasons: &[String]) -> Support {
        let controllers = self.hierarchy.controllers();
        let mut warnings = Vec::new();
        let because = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        let mut missing = |there: bool, text: &str| {
            if !there {
                warnings.push(format!("{text}{because}"));
            }
        };
        missing(
            controllers.memory,
            "No memory cgroup: memory limits are sampled ten times a second and can be overrun for a moment; \
             run as root, or under `systemd-run --user --scope -p Delegate=yes`",
        );
        missing(
            controllers.cpu,
            "No cpu cgroup: a function may use every core whatever its memory size; run as root, or delegate the \
             cpu controller to this user",
        );
        missing(
            controllers.freezer,
            "No freezer cgroup: idle instances are stopped by signals, which programs can notice; run as root, or \
             delegate a cgroup to this user",
        );
        Support {
            memory_limit: controllers.memory,
            cpu_limit: controllers.cpu,
            freezer: controllers.freezer,
            outbound_network: self.networks.reach_out(),
            disk_for_tmp: self.disk_folder.is_some(),
            separate_users: self.identities.are_separate(),
            warnings,
        }
    }
}
