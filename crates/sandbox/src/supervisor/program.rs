//! Starting a program: a fork that gives up every right and then executes it.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{ForkResult, Gid, Pid, Uid};

use super::Blueprint;
use crate::cgroup::Entry;
use crate::error::{Attempt, Fault};
use crate::message::Program;
use crate::sys::{descriptors, privileges};
use crate::system::{GROUP, USER};

/// Programs are killed before anything of the server when the machine runs out of memory.
const OUT_OF_MEMORY_PREFERENCE: &str = "500";
/// What a process may have beyond the memory limit where only its address space can be limited: thread stacks and
/// reservations that are never touched.
const UNTOUCHED_MEMORY_ALLOWANCE: u64 = 1 << 30;

/// Starts it and waits until it is executed, or could not be.
pub(super) fn start(program: &Program, given: Vec<OwnedFd>, blueprint: &Blueprint) -> Result<Pid, Fault> {
    let prepared = Prepared::new(program, given)?;
    let (mut failure, report) = std::io::pipe().attempt(|| "make a pipe".into())?;
    // SAFETY: this process has a single thread, so the child's copy of memory is consistent.
    match unsafe { nix::unistd::fork() }.attempt(|| "fork".into())? {
        ForkResult::Child => {
            let mut report = OwnedFd::from(report);
            let fault = prepared.execute(&mut report, blueprint);
            // Where this fails the parent sees a child that ended with 127.
            drop(File::from(report).write_all(&postcard::to_allocvec(&fault).unwrap_or_default()));
            // SAFETY: ends the process at once, without running anything that belongs to the supervisor.
            unsafe { libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            drop(report);
            let mut fault = Vec::new();
            failure.read_to_end(&mut fault).attempt(|| "hear from the child".into())?;
            if fault.is_empty() {
                return Ok(child);
            }
            let _ = nix::sys::wait::waitpid(child, None);
            Err(postcard::from_bytes(&fault)
                .unwrap_or_else(|_| Fault { action: "start the program".into(), errno: libc::EIO }))
        }
    }
}

/// Everything in the form that the kernel takes.
struct Prepared<'a> {
    program: &'a Program,
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    given: Vec<(OwnedFd, RawFd)>,
}

impl<'a> Prepared<'a> {
    fn new(program: &'a Program, given: Vec<OwnedFd>) -> Result<Self, Fault> {
        if given.len() != program.descriptors.len() || program.descriptors.iter().any(|number| *number < 0) {
            return Err(Fault { action: "number the descriptors".into(), errno: libc::EINVAL });
        }
        let c_string = |bytes: Vec<u8>| {
            CString::new(bytes).map_err(|_| Fault {
                action: "pass an argument with a zero byte".into(),
                errno: libc::EINVAL,
            })
        };
        let path = c_string(program.path.as_os_str().as_bytes().to_vec())?;
        let args = program.args.iter().map(|arg| c_string(arg.clone().into_bytes()));
        Ok(Self {
            program,
            args: std::iter::once(Ok(path.clone())).chain(args).collect::<Result<_, _>>()?,
            path,
            env: program
                .env
                .iter()
                .map(|(k, v)| c_string(format!("{k}={v}").into()))
                .collect::<Result<_, _>>()?,
            given: given.into_iter().zip(program.descriptors.iter().copied()).collect(),
        })
    }

    /// In the child. Only returns when something failed.
    fn execute(self, report: &mut OwnedFd, blueprint: &Blueprint) -> Fault {
        match self.try_execute(report, blueprint) {
            Err(fault) => fault,
            Ok(never) => match never {},
        }
    }

    fn try_execute(
        self,
        report: &mut OwnedFd,
        blueprint: &Blueprint,
    ) -> Result<std::convert::Infallible, Fault> {
        enter_group(&blueprint.entry)?;
        nix::unistd::setsid().attempt(|| "make a session".into())?;
        reset_signals()?;
        prefer_when_out_of_memory()?;
        limit(blueprint)?;
        arrange(self.given, report)?;
        drop_rights(blueprint.separate_users)?;
        nix::unistd::chdir(&self.program.directory)
            .attempt(|| format!("enter {}", self.program.directory.display()))?;
        blueprint.filter.apply().attempt(|| "install the system call filter".into())?;
        nix::unistd::execve(&self.path, &self.args, &self.env)
            .attempt(|| format!("execute {}", self.program.path.display()))
    }
}

fn enter_group(entry: &Entry) -> Result<(), Fault> {
    if let Entry::Tasks { tasks, .. } = entry {
        for file in tasks {
            nix::unistd::write(file, b"0").attempt(|| "enter the cgroup".into())?;
        }
    }
    if !matches!(entry, Entry::Nowhere) {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)
            .attempt(|| "hide the cgroup's path".into())?;
    }
    Ok(())
}

fn reset_signals() -> Result<(), Fault> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: installs no handler of ours. Only what a Rust program ignores by itself can be set: execution resets
    // handlers, and nothing else is ignored.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.attempt(|| "reset SIGPIPE".into())?;
    SigSet::empty().thread_set_mask().attempt(|| "reset the signal mask".into())
}

fn prefer_when_out_of_memory() -> Result<(), Fault> {
    // The file belongs to a process's own user only while the process may be looked into.
    // SAFETY: takes a number.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    let written = std::fs::OpenOptions::new()
        .write(true)
        .open("/proc/self/oom_score_adj")
        .and_then(|mut file| file.write_all(OUT_OF_MEMORY_PREFERENCE.as_bytes()));
    privileges::hide().attempt(|| "hide the child".into())?;
    match written {
        // The server already runs with a higher one, which only the privileged may lower.
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
        other => other.attempt(|| "write oom_score_adj".into()),
    }
}

fn limit(blueprint: &Blueprint) -> Result<(), Fault> {
    let limits = &blueprint.limits;
    set_limit(Resource::RLIMIT_CORE, 0)?;
    set_limit(Resource::RLIMIT_NOFILE, limits.open_files.into())?;
    // Counted for a user in its user namespace; the supervisor is one more where it is the same user.
    set_limit(Resource::RLIMIT_NPROC, u64::from(limits.processes) + u64::from(!blueprint.separate_users))?;
    if !blueprint.group.accounts_memory() {
        set_limit(Resource::RLIMIT_DATA, data_limit(limits.memory_bytes))?;
    }
    Ok(())
}

/// Not the address space (Node and Java reserve many gigabytes) but what is private and writable of it.
fn data_limit(memory_bytes: u64) -> u64 {
    memory_bytes.saturating_add(UNTOUCHED_MEMORY_ALLOWANCE)
}

/// Sets the limit of a program that runs already, where no cgroup has one.
pub(super) fn limit_memory(pid: Pid, memory_bytes: u64) -> Result<(), Fault> {
    let bytes = data_limit(memory_bytes);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` lives across the call, which writes nothing.
    let set =
        unsafe { libc::prlimit(pid.as_raw(), libc::RLIMIT_DATA, &raw const limit, std::ptr::null_mut()) };
    crate::sys::check(set.into()).map(|_| ()).attempt(|| format!("limit the memory of process {pid}"))
}

fn set_limit(resource: Resource, value: u64) -> Result<(), Fault> {
    let (_, hard) = getrlimit(resource).attempt(|| format!("read {resource:?}"))?;
    let value = value.min(hard);
    setrlimit(resource, value, value).attempt(|| format!("set {resource:?} to {value}"))
}

/// Gives each descriptor its number, and closes all others on exec.
fn arrange(given: Vec<(OwnedFd, RawFd)>, report: &mut OwnedFd) -> Result<(), Fault> {
    let mut numbers: Vec<RawFd> = given.iter().map(|(_, number)| *number).chain(0..=2).collect();
    let free = numbers.iter().max().map_or(3, |highest| highest + 1);
    // Out of the way of the numbers first.
    *report = duplicate_from(report, free)?;
    let moved: Vec<(OwnedFd, RawFd)> = given
        .iter()
        .map(|(fd, number)| Ok((duplicate_from(fd, free)?, *number)))
        .collect::<Result<_, Fault>>()?;
    let null =
        File::options().read(true).write(true).open("/dev/null").attempt(|| "open /dev/null".into())?;
    let null = duplicate_from(&OwnedFd::from(null), free)?;
    for standard in 0..=2 {
        if !moved.iter().any(|(_, number)| *number == standard) {
            become_number(&null, standard)?;
        }
    }
    for (fd, number) in &moved {
        become_number(fd, *number)?;
    }
    // Their numbers may belong to others by now; the end of this process closes what is left.
    given.into_iter().for_each(|(fd, _)| std::mem::forget(fd));
    moved.into_iter().for_each(|(fd, _)| std::mem::forget(fd));
    numbers.sort_unstable();
    numbers.dedup();
    descriptors::inherit_only(&numbers).attempt(|| "close what is not handed over".into())
}

fn duplicate_from(fd: &OwnedFd, lowest: RawFd) -> Result<OwnedFd, Fault> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(lowest)).attempt(|| "move a descriptor".into())?;
    // SAFETY: the kernel made this descriptor just now.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn become_number(fd: &OwnedFd, number: RawFd) -> Result<(), Fault> {
    // SAFETY: takes no pointers. Whatever had this number is not used again: the descriptors that this child still
    // needs were moved above all numbers.
    crate::sys::check(unsafe { libc::dup3(fd.as_raw_fd(), number, OFlag::O_CLOEXEC.bits()) }.into())
        .attempt(|| format!("number descriptor {number}"))?;
    // SAFETY: made by the call above; only borrowed.
    debug_assert!(unsafe { BorrowedFd::borrow_raw(number) }.as_raw_fd() == number);
    Ok(())
}

fn drop_rights(separate_users: bool) -> Result<(), Fault> {
    privileges::drop_bounding_set().attempt(|| "drop the bounding set".into())?;
    if separate_users {
        let (user, group) = (Uid::from_raw(USER), Gid::from_raw(GROUP));
        nix::unistd::setresgid(group, group, group).attempt(|| format!("become group {GROUP}"))?;
        nix::unistd::setresuid(user, user, user).attempt(|| format!("become user {USER}"))?;
    }
    privileges::drop_capabilities().attempt(|| "drop all capabilities".into())?;
    privileges::no_new_privileges().attempt(|| "set no_new_privs".into())
}
