//! Detached mounts: opened in one place, attached in another, possibly by a process that could not open them.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use super::check;

/// Restrictions of a mount. Whatever was already restricted stays so.
pub(crate) const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
pub(crate) const DEVICE: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;

/// What may be written, and neither executed nor a device.
pub(crate) const DATA: u64 = DEVICE | libc::MOUNT_ATTR_NODEV;

/// A path for the kernel.
pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// A private copy of the mounts at and below `source`, with these restrictions added.
pub(crate) fn bind(source: &Path, attributes: u64) -> io::Result<OwnedFd> {
    let tree = copy(None, &c_path(source)?, libc::AT_RECURSIVE as libc::c_uint)?;
    restrict(&tree, attributes)?;
    Ok(tree)
}

/// A second, detached mount of what is mounted at `path`, without what lies below it.
pub(crate) fn again(path: &Path) -> io::Result<OwnedFd> {
    copy(None, &c_path(path)?, 0)
}

fn copy(directory: Option<BorrowedFd<'_>>, path: &CString, flags: libc::c_uint) -> io::Result<OwnedFd> {
    let directory = directory.map_or(libc::AT_FDCWD, |fd| fd.as_raw_fd());
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | flags;
    // SAFETY: `path` is a terminated string that lives across the call; the kernel reads nothing else.
    let fd = check(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) })?;
    Ok(owned(fd))
}

/// Adds restrictions to a mount and all below it, and cuts it off from mount events elsewhere.
fn restrict(tree: &OwnedFd, attributes: u64) -> io::Result<()> {
    set_attributes(
        tree,
        attributes,
        libc::MS_PRIVATE,
        (libc::AT_EMPTY_PATH | libc::AT_RECURSIVE) as libc::c_uint,
    )
}

/// Makes one mount read-only; what is mounted below it stays as it is.
pub(crate) fn make_read_only(mount: &OwnedFd) -> io::Result<()> {
    set_attributes(mount, READ_ONLY, 0, libc::AT_EMPTY_PATH as libc::c_uint)
}

fn set_attributes(mount: &OwnedFd, set: u64, propagation: u64, flags: libc::c_uint) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 };
    // SAFETY: the path is an empty terminated string, `attributes` lives across the call and its size is passed.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// Attaches a detached mount at a path, which may lead over links only if they are `trusted`.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: &Path, trusted: bool) -> io::Result<()> {
    let mut how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC);
    if !trusted {
        how = how.resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    }
    let target = openat2(AT_FDCWD, target, how)?;
    // SAFETY: both strings are empty and terminated, and live across the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// A detached read-only overlay of these folders, the last on top. At least two.
pub(crate) fn overlay(layers: &[OwnedFd]) -> io::Result<OwnedFd> {
    // Paths through /proc are short (the kernel takes 255 bytes a value) and hold neither colons nor commas.
    let lower: Vec<String> =
        layers.iter().rev().map(|fd| format!("/proc/self/fd/{}", fd.as_raw_fd())).collect();
    let lower = CString::new(lower.join(":"))?;
    create(c"overlay", c"lowerdir", &lower, READ_ONLY)
}

/// A detached mount of the ext4 file system on this device, writable.
pub(crate) fn mount_ext4(device: &CString) -> io::Result<OwnedFd> {
    create(c"ext4", c"source", device, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)
}

/// A detached mount of a new file system of this type, with one setting and these restrictions.
fn create(kind: &CStr, key: &CStr, value: &CString, attributes: u64) -> io::Result<OwnedFd> {
    // SAFETY: the name is a terminated string.
    let context =
        owned(check(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) })?);
    configure(&context, libc::FSCONFIG_SET_STRING, Some((key, value)))?;
    configure(&context, libc::FSCONFIG_CMD_CREATE, None)?;
    // SAFETY: takes no pointers.
    let mount = check(unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            libc::FSMOUNT_CLOEXEC,
            attributes as libc::c_uint,
        )
    })?;
    Ok(owned(mount))
}

fn configure(context: &OwnedFd, command: libc::c_uint, setting: Option<(&CStr, &CString)>) -> io::Result<()> {
    let (key, value) =
        setting.map_or((std::ptr::null(), std::ptr::null()), |(k, v)| (k.as_ptr(), v.as_ptr()));
    // SAFETY: key and value are null or terminated strings that live across the call.
    check(unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) })?;
    Ok(())
}

fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: only called with a descriptor that a system call has just made for this process.
    unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) }
}
