//! Giving up what a program inside must not have.

use std::io;

use super::check;

/// The highest capability that the kernel could know.
const LAST_CAPABILITY: libc::c_int = 63;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Empties the bounding set, so that no program file can give capabilities back. Needs CAP_SETPCAP.
pub(crate) fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..=LAST_CAPABILITY {
        match prctl(libc::PR_CAPBSET_DROP, capability as libc::c_ulong) {
            // The kernel knows no more than these.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            other => other?,
        };
    }
    Ok(())
}

/// Empties the effective, permitted, inheritable and ambient sets.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let header: [u32; 2] = [CAPABILITY_VERSION_3, 0];
    let none = [0_u32; 6];
    // SAFETY: the header and the two sets of three words are laid out as version 3 asks, and live across the call.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })?;
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong).map(|_| ())
}

/// No program that is executed gains rights.
pub(crate) fn no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(|_| ())
}

/// Others may neither trace this process nor look into its folder of `/proc`.
pub(crate) fn hide() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0).map(|_| ())
}

/// This process is killed when the thread that made it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong).map(|_| ())
}

/// The name in process lists; the kernel keeps 15 bytes.
pub(crate) fn rename(name: &std::ffi::CStr) -> io::Result<()> {
    prctl(libc::PR_SET_NAME, name.as_ptr() as libc::c_ulong).map(|_| ())
}

fn prctl(option: libc::c_int, argument: libc::c_ulong) -> io::Result<libc::c_long> {
    // SAFETY: each option used here takes a number, or a terminated string that its caller keeps alive.
    check(unsafe { libc::prctl(option, argument, 0, 0, 0) }.into())
}
