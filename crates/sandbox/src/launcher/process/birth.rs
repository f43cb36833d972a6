//! The birth of a sandbox: what it needs is taken, its root's parts are opened, its supervisor is cloned.

use std::os::fd::{AsFd, OwnedFd};

use nix::unistd::Pid;

use super::{Held, LauncherProcess, Live, NAMESPACES};
use crate::cgroup::{Entry, Group};
use crate::error::{Attempt, Fault};
use crate::launcher::{disk, identity, sources};
use crate::message::{Instruction, Placement};
use crate::spec::{Mount, SandboxSpec};
use crate::supervisor::Blueprint;
use crate::sys::clone::{self, Side};
use crate::sys::packet;
use crate::system;

impl LauncherProcess {
    /// Makes one, which tells the server itself when it is ready.
    pub(super) fn create(
        &mut self,
        spec: &SandboxSpec,
        control: OwnedFd,
        lease: OwnedFd,
    ) -> Result<(), Fault> {
        let mut placements = sources::open_devices()?;
        let own_etc = system::own_etc_files(&spec.name, &self.networks.resolvers(spec.network));
        for mount in self.etc.iter().chain(&own_etc).chain(&spec.mounts) {
            placements.push(sources::open(mount)?);
        }
        let mut held = self.hold(spec)?;
        if let Err(fault) = own_writable(&spec.mounts, held.slot) {
            self.clean_up(held);
            return Err(fault);
        }
        placements.extend(self.take_disk(spec, &mut held));
        let born = self.give_birth(spec, control, &held, placements);
        match born {
            Ok((pid, process, lifeline)) => {
                let live = Live { pid, process, lease, lifeline, held, ended: false, released: false };
                self.adopt(live)
            }
            Err(fault) => {
                self.clean_up(held);
                Err(fault)
            }
        }
    }

    /// Takes what a sandbox needs of what there is only so much; all or nothing.
    fn hold(&mut self, spec: &SandboxSpec) -> Result<Held, Fault> {
        let network = self.networks.take(spec.network, &spec.listen)?;
        let mut held = Held { group: Group::None, slot: None, network, disk: 0 };
        let rest = self.identities.take().and_then(|slot| {
            held.slot = slot;
            held.group = match self.ready_groups.pop() {
                Some(group) => group,
                None => self.new_group()?,
            };
            Ok(())
        });
        match rest {
            Ok(()) => Ok(held),
            Err(fault) => {
                self.clean_up(held);
                Err(fault)
            }
        }
    }

    /// `/tmp` on disk; none where it is memory, or the disk has no room.
    fn take_disk(&mut self, spec: &SandboxSpec, held: &mut Held) -> Option<sources::Opened> {
        let folder = self.disk_folder.clone()?;
        // The tmpfs that is below it has the same size, so without a disk the sandbox is all the same but for memory.
        let disk = self.disks.take(&disk::Kind { bytes: spec.tmp_bytes, folder }).ok()??;
        held.disk = spec.tmp_bytes;
        Some((Placement::Tree { target: "/tmp".into() }, Some(disk)))
    }

    fn give_birth(
        &mut self,
        spec: &SandboxSpec,
        control: OwnedFd,
        held: &Held,
        placements: Vec<sources::Opened>,
    ) -> Result<(Pid, OwnedFd, OwnedFd), Fault> {
        held.group.set_limits(&spec.limits)?;
        let entry = held.group.entry()?;
        let (lifeline, far) = packet::pair().attempt(|| "make a socket".into())?;
        let side = self.networks.fork_within(&held.network, || {
            let folder = if let Entry::Clone(folder) = &entry { Some(folder.as_fd()) } else { None };
            clone::fork_into(NAMESPACES, folder)
        })?;
        match side {
            Side::Child => Blueprint {
                name: spec.name.clone(),
                control,
                lifeline: far,
                group: held.group.clone(),
                entry,
                separate_users: held.slot.is_some(),
                placements,
                tmp_bytes: spec.tmp_bytes,
                limits: spec.limits,
                listen: spec.listen.clone(),
                filter: self.filter.clone(),
            }
            .live(),
            Side::Parent { pid, pidfd } => {
                let begun = identity::map(pid, held.slot).and_then(|()| {
                    packet::send(lifeline.as_fd(), &Instruction::Begin, &[])
                        .attempt(|| "begin the sandbox".into())
                });
                if let Err(fault) = begun {
                    drop(clone::signal(pidfd.as_fd(), libc::SIGKILL));
                    let _ = nix::sys::wait::waitpid(pid, None);
                    return Err(fault);
                }
                Ok((pid, pidfd, lifeline))
            }
        }
    }
}

/// Gives the programs of a sandbox the folders that they may write to.
pub(super) fn own_writable(mounts: &[Mount], slot: Option<u32>) -> Result<(), Fault> {
    mounts.iter().try_for_each(|mount| match mount {
        Mount::Writable { source, .. } => identity::own(source, slot),
        _ => Ok(()),
    })
}
