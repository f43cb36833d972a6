//! Moving the memory of a process to swap.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::unistd::Pid;

use super::check;

/// How many ranges one call takes; the kernel's limit is 1,024.
const RANGES_AT_ONCE: usize = 512;

/// Whether this machine has any swap.
pub(crate) fn there_is_swap() -> bool {
    // The first line is the heading.
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().nth(1).is_some())
}

/// Moves what a process alone holds, and no file, to swap, as far as there is room: it comes back page by page when it is
/// used. What is shared with other processes or read from files stays: others may be using it.
///
/// Source: process_madvise(2), `MADV_PAGEOUT`, Linux 5.10.
pub(crate) fn page_out(pid: Pid) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let process = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel made this descriptor for this process just now.
    let process = unsafe { OwnedFd::from_raw_fd(process as libc::c_int) };
    let ranges = private_ranges(&fs::read_to_string(format!("/proc/{pid}/maps"))?);
    for batch in ranges.chunks(RANGES_AT_ONCE) {
        let batch: Vec<libc::iovec> = batch
            .iter()
            .map(|(from, to)| libc::iovec { iov_base: *from as *mut libc::c_void, iov_len: to - from })
            .collect();
        // SAFETY: the ranges are of the other process, in which advice changes nothing but where pages lie; `batch` lives
        // across the call.
        check(unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                process.as_raw_fd(),
                batch.as_ptr(),
                batch.len(),
                libc::MADV_PAGEOUT,
                0,
            )
        })?;
    }
    Ok(())
}

/// How much of a process lies in swap, in bytes.
pub(crate) fn swapped(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSwap:"));
    let kibibytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// The ranges of `/proc/PID/maps` that are writable, private and of no file.
fn private_ranges(maps: &str) -> Vec<(usize, usize)> {
    maps.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (range, mode) = (fields.next()?, fields.next()?);
            let inode = fields.nth(2)?;
            let (from, to) = range.split_once('-')?;
            let ours = mode.starts_with("rw") && mode.ends_with('p') && inode == "0";
            let number = |text| usize::from_str_radix(text, 16).ok();
            ours.then(|| Some((number(from)?, number(to)?))).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_shared_and_unwritable_memory_stay() {
        let maps = "\
55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000001000 r-xp 00000000 fe:00 42                         /usr/bin/node
7f0000001000-7f0000002000 rw-p 00001000 fe:00 42                         /usr/bin/node
7f0000002000-7f0000004000 rw-p 00000000 00:00 0
7f0000004000-7f0000005000 rw-s 00000000 00:01 77                         /dev/shm/x
7f0000005000-7f0000006000 ---p 00000000 00:00 0
7fff00000000-7fff00021000 rw-p 00000000 00:00 0                          [stack]
";
        let sizes: Vec<usize> = private_ranges(maps).iter().map(|(from, to)| to - from).collect();
        assert_eq!(sizes, [0x21000, 0x2000, 0x21000]);
    }
}
