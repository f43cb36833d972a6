//! Which descriptors a process holds.

use std::io;
use std::os::fd::RawFd;

use super::check;

/// Closes every descriptor except these.
pub(crate) fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    for_gaps(keep, 0)
}

/// Marks every descriptor except these to be closed on exec, and these not to be.
pub(crate) fn inherit_only(keep: &[RawFd]) -> io::Result<()> {
    for_gaps(keep, libc::CLOSE_RANGE_CLOEXEC)?;
    for fd in keep {
        // SAFETY: changes a flag of a descriptor; no pointers.
        check(unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) }.into())?;
    }
    Ok(())
}

fn for_gaps(keep: &[RawFd], flags: libc::c_uint) -> io::Result<()> {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    keep.dedup();
    let mut first = 0;
    for fd in keep {
        if fd > first {
            range(first, fd - 1, flags)?;
        }
        first = fd + 1;
    }
    range(first, u32::MAX, flags)
}

fn range(first: u32, last: u32, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: no pointers. Called only in freshly forked children, which leave without running destructors of the
    // descriptors' former owners.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) })?;
    Ok(())
}
