//! Files as block devices, and mounts of them.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::{check, tree};

/// From linux/loop.h.
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
/// Somebody else may take a free device first.
const ATTEMPTS: u32 = 8;
/// Between how many bytes of a device wait in memory for being written before who writes more has to wait.
const WAITING_BYTES: (u64, u64) = (4 << 20, 16 << 20);

/// A `loop_config` of linux/loop.h: the file's descriptor is its first field, the flags lie at 60.
#[repr(C, align(8))]
struct Configuration([u8; 304]);

/// Mounts the ext4 file system in `image`. Detached; when the last of the mount is gone, so is the device, and nothing
/// but `image` is needed before that. Linux 5.8 and later.
pub(crate) fn mount(image: &File) -> io::Result<OwnedFd> {
    let mut last = io::Error::from_raw_os_error(libc::EBUSY);
    for _ in 0..ATTEMPTS {
        match attach(image) {
            // The device clears itself when nobody holds it any more: the mount does before `device` is closed.
            Ok((path, device)) => {
                let mounted = tree::mount_ext4(&path);
                drop(device);
                return mounted;
            }
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn attach(image: &File) -> io::Result<(CString, File)> {
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    // SAFETY: takes no argument.
    let number = check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) }.into())?;
    let path = format!("/dev/loop{number}");
    let device = OpenOptions::new().read(true).write(true).open(&path)?;
    let mut configuration = Configuration([0; 304]);
    configuration.0[..4].copy_from_slice(&image.as_fd().as_raw_fd().to_ne_bytes());
    configuration.0[60..64].copy_from_slice(&LO_FLAGS_AUTOCLEAR.to_ne_bytes());
    // SAFETY: the structure has the size and layout that this request reads, and lives across the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const configuration) }.into())?;
    limit_waiting(number);
    Ok((CString::new(path)?, device))
}

/// Makes who writes to the device wait for its disk early. Cgroups of the first version do not slow down a writer whose
/// memory is full of what is not written yet, but kill it; with a bound of the device (Linux 6.2 and later, Linux's
/// ABI/testing/sysfs-class-bdi) it never gets so far. Elsewhere nothing is bounded, and there is nothing to say.
fn limit_waiting(number: i64) {
    let (least, most) = WAITING_BYTES;
    for (name, value) in [("strict_limit", 1), ("max_bytes", most), ("min_bytes", least)] {
        drop(fs::write(format!("/sys/block/loop{number}/bdi/{name}"), value.to_string()));
    }
}
