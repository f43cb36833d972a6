//! Which users of the host the sandboxes are.

use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, getgid, getuid};

use crate::error::{Attempt, Fault};
use crate::slots::Slots;
use crate::system::{GROUP, USER};

/// The first of the host users that sandboxes have, when the server is root. Two for each sandbox: its supervisor and
/// its programs, the groups likewise. Above what systemd gives to containers (up to 1,879,048,191), below what it
/// reserves for foreign images (from 2,147,352,576).
const FIRST_USER: u32 = 1_900_000_000;
/// How many sandboxes can have users of their own.
const SLOTS: u32 = 1 << 16;

/// How users inside map to users outside.
#[derive(Debug)]
pub(crate) enum Identities {
    /// Each sandbox has two of its own.
    Separate(Slots),
    /// All are the server's user, which is 0 in the launcher's namespace.
    Shared,
}

impl Identities {
    /// As root nothing happens; any other user gets a user namespace for this process, with the rights that the
    /// launcher needs in it, and a network namespace that it may leave and come back to.
    pub(crate) fn establish() -> Result<Self, Fault> {
        let (user, group) = (getuid(), getgid());
        if user.is_root() {
            // Two servers on one machine hardly meet; where they do, namespaces still keep their sandboxes apart.
            return Ok(Self::Separate(Slots::new(SLOTS, std::process::id().wrapping_mul(37))));
        }
        unshare(CloneFlags::CLONE_NEWUSER).attempt(|| explanation().into())?;
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).attempt(|| explanation().into())?;
        map_files("self", &format!("0 {user} 1"), &format!("0 {group} 1"), true)?;
        Ok(Self::Shared)
    }

    /// A place for one more sandbox.
    pub(crate) fn take(&mut self) -> Result<Option<u32>, Fault> {
        let Self::Separate(slots) = self else { return Ok(None) };
        let slot = slots.take();
        slot.map(Some)
            .ok_or_else(|| Fault { action: "find a free user for the sandbox".into(), errno: libc::EAGAIN })
    }

    pub(crate) fn give_back(&mut self, slot: u32) {
        if let Self::Separate(slots) = self {
            slots.give_back(slot);
        }
    }

    pub(crate) fn are_separate(&self) -> bool {
        matches!(self, Self::Separate(_))
    }
}

/// Gives a folder of the host, and all in it, to the programs of the sandbox with this slot. Without a slot they are the
/// server's own user, who has it already. Links are not followed.
pub(crate) fn own(folder: &Path, slot: Option<u32>) -> Result<(), Fault> {
    let Some(slot) = slot else { return Ok(()) };
    give(folder, FIRST_USER + 2 * slot + 1).attempt(|| format!("give away {}", folder.display()))
}

fn give(path: &Path, user: u32) -> io::Result<()> {
    lchown(path, Some(user), Some(user))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(())
}

/// Writes the mapping of a new user namespace. Without a slot its only user is the launcher's.
pub(crate) fn map(pid: Pid, slot: Option<u32>) -> Result<(), Fault> {
    let lines = |own: u32| match slot {
        Some(slot) => {
            let first = FIRST_USER + 2 * slot;
            format!("0 {first} 1\n{own} {} 1\n", first + 1)
        }
        None => format!("{own} 0 1\n"),
    };
    map_files(&pid.to_string(), &lines(USER), &lines(GROUP), false)
}

fn map_files(process: &str, users: &str, groups: &str, deny_setgroups: bool) -> Result<(), Fault> {
    let write = |file: &str, content: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::write(&path, content).attempt(|| format!("write {path}"))
    };
    if deny_setgroups {
        write("setgroups", "deny")?;
    }
    write("uid_map", users)?;
    write("gid_map", groups)
}

/// Why an ordinary user may not have namespaces, as far as the system tells.
fn explanation() -> &'static str {
    let setting =
        |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).map(|text| text.trim().to_owned());
    let is = |name: &str, value: &str| setting(name).is_ok_and(|found| found == value);
    if is("kernel/unprivileged_userns_clone", "0") {
        "make a user namespace (forbidden to ordinary users here; allow it with \
         `sysctl kernel.unprivileged_userns_clone=1`, or run as root)"
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "make a user namespace (AppArmor forbids it to programs without a profile; allow it with \
         `sysctl kernel.apparmor_restrict_unprivileged_userns=0` or a profile with `userns,`, or run as root)"
    } else if is("user/max_user_namespaces", "0") {
        "make a user namespace (switched off; allow it with `sysctl user.max_user_namespaces=65536`, or run as root)"
    } else {
        "make a user namespace (inside a container the engine may forbid it; run as root there)"
    }
}
