//! The system calls that neither the standard library nor `nix` offers in a safe form.

pub(crate) mod clone;
pub(crate) mod descriptors;
pub(crate) mod loop_device;
pub(crate) mod own_pages;
pub(crate) mod packet;
pub(crate) mod page_out;
pub(crate) mod privileges;
pub(crate) mod tree;

use std::io;

/// The result of a raw system call.
pub(crate) fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Waits this many milliseconds, in processes that have a single thread and nothing else to do.
pub(crate) fn pause(milliseconds: u16) {
    // Cut short by a signal at worst; every caller tries again.
    let _ = nix::poll::poll(&mut [], nix::poll::PollTimeout::from(milliseconds));
}
