//! New processes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::unistd::Pid;

use super::check;

/// From linux/sched.h; the constant of `libc` has too narrow a type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Where execution goes on after a fork.
pub(crate) enum Side {
    Child,
    Parent { pid: Pid, pidfd: OwnedFd },
}

/// Forks into new namespaces (`CLONE_NEW…` flags) and, if given, into a cgroup of version 2.
///
/// Only for processes with a single thread: the child goes on with a copy of this one's memory, and a lock that another
/// thread held would stay held in it.
pub(crate) fn fork_into(namespaces: i32, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: all-zero is a valid value of this plain struct.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = namespaces as u64 | libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: no CLONE_VM, so the child has its own copy of memory and stack; the callers are single-threaded, so no
    // lock is held by a thread that the child lacks. `args` and `pidfd` live across the call.
    let pid =
        check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) })?;
    if pid == 0 {
        return Ok(Side::Child);
    }
    // SAFETY: the kernel made this descriptor for this process just now.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Side::Parent { pid: Pid::from_raw(pid as libc::pid_t), pidfd })
}

/// Sends a signal to the process behind a descriptor; one that is gone already is no error.
pub(crate) fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: the third argument may be null; nothing else is a pointer.
    let result = check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    });
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other.map(|_| ()),
    }
}
