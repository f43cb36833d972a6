//! Finding a place for groups: what is mounted, where this process is in it, and what it may write there.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Controllers, Hierarchy, make_folder, remove_empty, v1, v2, write};
use crate::error::Fault;

/// Every folder of this crate's groups is named this, the launcher's pid and its start time, with dots between.
const PREFIX: &str = "ebb-sandboxes";
/// Where the server and launcher go when they have to leave their own group to the sandboxes.
const SERVER_PREFIX: &str = "ebb-server";

/// What this process is told of its groups.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// `/proc/self/cgroup`.
    pub(crate) cgroups: String,
    /// `/proc/self/mountinfo`.
    pub(crate) mounts: String,
    /// Processes that may be moved out of their group: the launcher and its server.
    pub(crate) ours: Vec<u32>,
    /// A name for this launcher's folders.
    pub(crate) owner: String,
}

impl Surroundings {
    pub(crate) fn of_this_process() -> std::io::Result<Self> {
        let pid = std::process::id();
        Ok(Self {
            cgroups: fs::read_to_string("/proc/self/cgroup")?,
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
            ours: vec![pid, std::os::unix::process::parent_id()],
            owner: owner(),
        })
    }

    /// Takes version 1 where it has the memory controller, else version 2. Also says what stood in the way.
    pub(crate) fn find(&self) -> (Hierarchy, Vec<String>) {
        let one = self.version_1();
        if one.memory.is_some() {
            return (Hierarchy::One(one), Vec::new());
        }
        let two = self.version_2();
        match two {
            Ok(hierarchy) => (Hierarchy::Two(hierarchy), Vec::new()),
            Err(_) if !one.folders().is_empty() => (Hierarchy::One(one), Vec::new()),
            Err(reasons) => (Hierarchy::None, reasons),
        }
    }

    /// The folder of this process in the tree of `controller` (empty for version 2).
    fn own_folder(&self, controller: &str) -> Option<(PathBuf, PathBuf)> {
        let path = self.cgroups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?;
            controllers.split(',').any(|name| name == controller).then(|| parts.next())?
        })?;
        self.mounts.lines().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut after = after.split(' ');
            let (kind, options) = (after.next()?, after.nth(1)?);
            let right = if controller.is_empty() {
                kind == "cgroup2"
            } else {
                kind == "cgroup" && options.split(',').any(|option| option == controller)
            };
            let mut before = before.split(' ').skip(3);
            let (root, mount) = (before.next()?, before.next()?);
            let below = Path::new(path).strip_prefix(root).ok().filter(|_| right)?;
            Some((PathBuf::from(mount), Path::new(mount).join(below)))
        })
    }

    fn version_1(&self) -> v1::Hierarchies {
        let folder = |controller: &str| {
            let (_, own) = self.own_folder(controller)?;
            self.make_base(&own).ok()
        };
        v1::Hierarchies {
            memory: folder("memory"),
            cpu: folder("cpu"),
            cpuacct: folder("cpuacct"),
            pids: folder("pids"),
            freezer: folder("freezer"),
        }
    }

    fn version_2(&self) -> Result<v2::Hierarchy, Vec<String>> {
        let (mount, own) = self.own_folder("").ok_or_else(|| vec!["no cgroup tree is mounted".to_owned()])?;
        let mut reasons = Vec::new();
        for candidate in own.ancestors().take_while(|folder| folder.starts_with(&mount)) {
            match self.settle_in(candidate, candidate == own) {
                Ok(hierarchy) => return Ok(hierarchy),
                Err(fault) => reasons.push(fault),
            }
        }
        Err(reasons)
    }

    /// Makes the base folder below `candidate` and gets controllers into it.
    fn settle_in(&self, candidate: &Path, own: bool) -> Result<v2::Hierarchy, String> {
        let explain = |fault: Fault| crate::SandboxError::from(fault).to_string();
        let listed = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
        let has = |names: &str, name: &str| names.split_whitespace().any(|known| known == name);
        let needed: Vec<&str> = ["memory", "pids", "cpu"]
            .into_iter()
            .filter(|name| !has(&listed(candidate, "cgroup.subtree_control"), name))
            .filter(|name| has(&listed(candidate, "cgroup.controllers"), name))
            .collect();
        let base = self.make_base(candidate).map_err(explain)?;
        if own && !needed.is_empty() {
            self.leave(candidate).map_err(explain)?;
        }
        for name in needed {
            // Judged below by what there is then.
            drop(write(&candidate.join("cgroup.subtree_control"), &format!("+{name}")));
        }
        let available = listed(&base, "cgroup.controllers");
        for name in available.split_whitespace().filter(|name| ["memory", "pids", "cpu"].contains(name)) {
            write(&base.join("cgroup.subtree_control"), &format!("+{name}")).map_err(explain)?;
        }
        let controllers = Controllers {
            memory: has(&available, "memory"),
            cpu: has(&available, "cpu"),
            pids: has(&available, "pids"),
            freezer: base.join("cgroup.freeze").exists(),
        };
        if !controllers.memory {
            remove_empty(&base);
            return Err(format!("{} passes no memory controller down", candidate.display()));
        }
        Ok(v2::Hierarchy::new(base, controllers))
    }

    /// A group with controllers may hold no processes: moves ours into a subgroup, if there are no others.
    fn leave(&self, own: &Path) -> Result<(), Fault> {
        let there = super::read(&own.join("cgroup.procs"))?;
        let pids: Vec<u32> = there.lines().filter_map(|line| line.parse().ok()).collect();
        if pids.is_empty() || !pids.iter().all(|pid| self.ours.contains(pid)) {
            return Ok(());
        }
        let folder = own.join(format!("{SERVER_PREFIX}.{}", self.owner));
        make_folder(&folder)?;
        pids.iter().try_for_each(|pid| write(&folder.join("cgroup.procs"), &pid.to_string()))
    }

    fn make_base(&self, parent: &Path) -> Result<PathBuf, Fault> {
        remove_stale(parent);
        let base = parent.join(format!("{PREFIX}.{}", self.owner));
        make_folder(&base)?;
        Ok(base)
    }
}

/// Removes the folders of launchers that are gone, and kills what still lives in them.
fn remove_stale(parent: &Path) {
    stale(parent).iter().for_each(|folder| clear(folder));
}

/// The folders of launchers that are gone.
fn stale(parent: &Path) -> Vec<PathBuf> {
    let is_stale = |name: &std::ffi::OsStr| {
        let name = name.to_str().unwrap_or_default();
        let rest = name.strip_prefix(PREFIX).or(name.strip_prefix(SERVER_PREFIX));
        rest.and_then(|rest| rest.strip_prefix('.')).is_some_and(|owner| !is_alive(owner))
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter(|entry| is_stale(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// What is left of launchers that are gone beside this folder of ours, inner folders first: where nobody has asked yet
/// how their processes ended, the kernel does not let go of it.
pub(crate) fn left_beside(base: &Path) -> Vec<PathBuf> {
    fn collect(folder: PathBuf, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                collect(entry.path(), all);
            }
        }
        all.push(folder);
    }
    let mut all = Vec::new();
    base.parent().map(stale).into_iter().flatten().for_each(|folder| collect(folder, &mut all));
    all
}

/// Kills and removes a folder with all below it, as far as that goes at once; the launcher takes the rest by and by.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            clear(&entry.path());
        }
    }
    let pids = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines().filter_map(|line| line.parse().ok()) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
    }
    for (file, value) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
        if folder.join(file).exists() {
            drop(write(&folder.join(file), value));
        }
    }
    for _ in 0..20 {
        if remove_empty(folder) {
            return;
        }
        crate::sys::pause(5);
    }
}

/// This process's name for what it makes outside of itself, so that a later one can tell whether it was left behind.
pub(crate) fn owner() -> String {
    let pid = std::process::id();
    format!("{pid}.{}", start_time(pid).unwrap_or(0))
}

/// Whether the process that called itself this is still there.
pub(crate) fn is_alive(owner: &str) -> bool {
    owner.split_once('.').is_some_and(|(pid, started)| {
        pid.parse().ok().and_then(start_time).is_some_and(|time| Ok(time) == started.parse())
    })
}

/// In the ninth field of `/proc/PID/stat`: the process is ending. From linux/sched.h.
const PF_EXITING: u64 = 4;

/// When a process started, in clock ticks since boot: with its pid this names it for good. None of one that is ending, or
/// has ended and nobody has asked how yet.
fn start_time(pid: u32) -> Option<u64> {
    started(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn started(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything; the state follows, and field 22 is the nineteenth after that.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    fields.nth(12)?.parse().ok().filter(|_| !ended && flags & PF_EXITING == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(cgroups: &str, mounts: &str) -> Surroundings {
        Surroundings {
            cgroups: cgroups.into(),
            mounts: mounts.into(),
            ours: vec![41, 42],
            owner: "41.7".into(),
        }
    }

    fn version_2_mount(at: &Path) -> String {
        format!("31 23 0:27 / {} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", at.display())
    }

    #[test]
    fn version_1_uses_the_own_folder_in_each_tree() {
        let tree = tempfile::tempdir().unwrap();
        let at = tree.path().display();
        let mounts = format!(
            "35 31 0:32 / {at}/memory rw - cgroup cgroup rw,memory\n\
             32 31 0:29 / {at}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             37 31 0:34 /outer {at}/freezer rw - cgroup cgroup rw,freezer\n"
        );
        let cgroups = "6:freezer:/outer/x\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n";
        for folder in ["memory/a/b", "cpu,cpuacct", "freezer/x"] {
            fs::create_dir_all(tree.path().join(folder)).unwrap();
        }
        let (Hierarchy::One(found), warnings) = surroundings(cgroups, &mounts).find() else {
            panic!("not found")
        };
        let base = |folder: &str| Some(tree.path().join(folder).join("ebb-sandboxes.41.7"));
        assert_eq!(found.memory, base("memory/a/b"));
        assert_eq!((found.cpu.clone(), found.cpuacct), (base("cpu,cpuacct"), base("cpu,cpuacct")));
        assert_eq!((found.freezer, found.pids), (base("freezer/x"), None));
        assert!(warnings.is_empty() && found.memory.unwrap().exists());
    }

    /// A plain folder cannot play the kernel's part of filling new groups, so these exist beforehand.
    fn version_2(own: &str, procs: &str, with_controllers: &str) -> (tempfile::TempDir, Hierarchy) {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join(own);
        for made in [&folder.join("ebb-sandboxes.41.7"), &folder.join("ebb-server.41.7")] {
            fs::create_dir_all(made).unwrap();
            fs::write(made.join("cgroup.procs"), "").unwrap();
        }
        fs::write(folder.join("cgroup.procs"), procs).unwrap();
        fs::write(folder.join("cgroup.controllers"), "cpu io memory pids").unwrap();
        fs::write(folder.join("cgroup.subtree_control"), "").unwrap();
        let base = tree.path().join(with_controllers).join("ebb-sandboxes.41.7");
        fs::create_dir_all(&base).unwrap();
        fs::write(base.join("cgroup.controllers"), "cpu memory pids").unwrap();
        fs::write(base.join("cgroup.subtree_control"), "").unwrap();
        fs::write(base.join("cgroup.freeze"), "0").unwrap();
        let (found, _) = surroundings(&format!("0::/{own}\n"), &version_2_mount(tree.path())).find();
        (tree, found)
    }

    #[test]
    fn version_2_moves_the_server_out_of_a_delegated_group() {
        let (tree, found) = version_2("system.slice/ebb.service", "41\n42\n", "system.slice/ebb.service");
        let own = tree.path().join("system.slice/ebb.service");
        assert_eq!(found.folders(), [own.join("ebb-sandboxes.41.7")]);
        let all = Controllers { memory: true, cpu: true, pids: true, freezer: true };
        assert_eq!(found.controllers(), all);
        assert!(!fs::read_to_string(own.join("ebb-server.41.7/cgroup.procs")).unwrap().is_empty());
        assert!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap().contains("+cpu"));
    }

    #[test]
    fn version_2_settles_above_when_others_share_the_group() {
        let (tree, found) = version_2("user.slice/shell.scope", "41\n42\n99\n", "user.slice");
        assert_eq!(found.folders(), [tree.path().join("user.slice/ebb-sandboxes.41.7")]);
        let left = tree.path().join("user.slice/shell.scope/ebb-server.41.7/cgroup.procs");
        assert!(fs::read_to_string(left).unwrap().is_empty());
    }

    #[test]
    fn a_process_that_has_ended_is_not_alive_even_unreaped() {
        let check = |state: &str, flags: u32, expected| {
            let stat = format!("41 (a) b) {state} 1 2 3 4 5 {flags} 7 8 9 10 11 12 13 14 15 16 17 18 777 20");
            assert_eq!(started(&stat), expected, "{state} {flags}");
        };
        check("S", 4_194_304, Some(777));
        check("R", 4_194_308, None);
        check("Z", 4, None);
        check("X", 4, None);
        assert!(is_alive(&owner()) && !is_alive("1.1") && !is_alive("x"));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_mounted() {
        let (found, reasons) = surroundings("0::/\n", "").find();
        assert!(matches!(found, Hierarchy::None));
        assert_eq!(reasons.len(), 1);
    }
}
