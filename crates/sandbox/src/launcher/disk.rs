//! `/tmp` on disk: a file system of its own size in a file that has no name, so that what lies in `/tmp` is not memory.
//!
//! For root only, with loop devices and mkfs.ext4 (Debian's e2fsprogs); elsewhere `/tmp` is a tmpfs and counts as
//! memory. The files are sparse, and most functions write little: so several times more is promised than is free, as with
//! all thin provisioning. What was written counts in full, and some is left to the server; beyond that a sandbox gets a
//! tmpfs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::Whence;

use crate::error::{Attempt, Fault};
use crate::sys::loop_device;

/// How many are kept ready, of the kind that was last asked for.
const READY: usize = 4;
/// How many kinds are remembered. Each took some 20 ms to make, and is a file of 100 KB.
const TEMPLATES: usize = 16;
/// How many times more is promised than is free.
const OVERCOMMITMENT: u64 = 8;
/// What is left to the host.
const RESERVE_BYTES: u64 = 2 << 30;
/// What the file system needs for itself: 256 bytes for each 16 KiB, and a little more.
const OVERHEAD_PARTS: u64 = 64;
const OVERHEAD_BYTES: u64 = 1 << 20;

/// What a disk is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) bytes: u64,
    /// On whose disk.
    pub(crate) folder: PathBuf,
}

/// The disks that wait for a sandbox.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    /// An empty file system of each kind, the one that was last asked for at the end.
    templates: Vec<(Kind, File)>,
    /// Of the kind that was last asked for.
    ready: Vec<OwnedFd>,
    /// To sandboxes that live.
    promised: u64,
}

impl Disks {
    /// Whether this machine can, tried out in `folder`.
    pub(crate) fn try_out(folder: &Path) -> Result<(), Fault> {
        let kind = Kind { bytes: 1 << 20, folder: folder.to_owned() };
        make(&template(&kind)?, &kind).map(drop)
    }

    /// A mount for `/tmp`. None where there is no room for it on the disk.
    pub(crate) fn take(&mut self, kind: &Kind) -> Result<Option<OwnedFd>, Fault> {
        if !self.has_room(kind) {
            return Ok(None);
        }
        let template = self.turn_to(kind)?;
        let disk = match self.ready.pop() {
            Some(disk) => disk,
            None => make(&template, kind)?,
        };
        self.promised += kind.bytes;
        Ok(Some(disk))
    }

    /// The sandbox that was given so much has ended.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.promised = self.promised.saturating_sub(bytes);
    }

    /// Makes one more; false when there are enough.
    pub(crate) fn prepare(&mut self) -> Result<bool, Fault> {
        let Some((kind, template)) = self.templates.last() else { return Ok(false) };
        if self.ready.len() >= READY {
            return Ok(false);
        }
        let disk = make(template, kind)?;
        self.ready.push(disk);
        Ok(true)
    }

    /// Makes this the kind that disks are kept ready of.
    fn turn_to(&mut self, kind: &Kind) -> Result<File, Fault> {
        let known = self.templates.iter().position(|(other, _)| other == kind);
        let (same, file) = match known {
            Some(place) => (place + 1 == self.templates.len(), self.templates.remove(place).1),
            None => (false, template(kind)?),
        };
        if !same {
            self.ready.clear();
        }
        if self.templates.len() >= TEMPLATES {
            self.templates.remove(0);
        }
        let again = file.try_clone().attempt(|| "copy a descriptor".into())?;
        self.templates.push((kind.clone(), file));
        Ok(again)
    }

    fn has_room(&self, kind: &Kind) -> bool {
        let free = nix::sys::statvfs::statvfs(&kind.folder)
            .map_or(0, |state| state.blocks_available().saturating_mul(state.fragment_size()));
        fits(self.promised, kind.bytes, free)
    }
}

/// Whether so much more can be promised: this one could be written full at once, and the others as far as is expected.
fn fits(promised: u64, more: u64, free: u64) -> bool {
    (promised / OVERCOMMITMENT).saturating_add(more).saturating_add(RESERVE_BYTES) <= free
}

/// An empty file system whose top everyone may write to, in a file that is gone when it is closed.
fn template(kind: &Kind) -> Result<File, Fault> {
    let image = unnamed(kind)?;
    let program = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or_else(|| Fault { action: "find mkfs.ext4 (install e2fsprogs)".into(), errno: libc::ENOENT })?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), image.as_raw_fd());
    let status = Command::new(program)
        .args(["-q", "-F", "-m", "0", "-i", "16384", "-O", "^has_journal,^resize_inode"])
        .args(["-E", "lazy_itable_init=1,nodiscard", &path])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .attempt(|| format!("run {program}"))?;
    if !status.success() {
        return Err(Fault { action: format!("run {program}"), errno: libc::EIO });
    }
    let mounted = loop_device::mount(&image).attempt(|| "mount a file system in a file".into())?;
    let top = PathBuf::from(format!("/proc/self/fd/{}", mounted.as_raw_fd()));
    // Only fsck would use it.
    drop(fs::remove_dir(top.join("lost+found")));
    fs::set_permissions(&top, fs::Permissions::from_mode(0o1777))
        .attempt(|| "open /tmp to everyone".into())?;
    // What is copied is the file: all must be in it.
    File::open(&top)
        .and_then(|top| Ok(nix::unistd::syncfs(top)?))
        .attempt(|| "write a file system to its file".into())?;
    Ok(image)
}

/// A copy of the template, mounted.
fn make(template: &File, kind: &Kind) -> Result<OwnedFd, Fault> {
    let image = unnamed(kind)?;
    copy_data(template, &image).attempt(|| "copy an empty file system".into())?;
    loop_device::mount(&image).attempt(|| "mount a file system in a file".into())
}

fn unnamed(kind: &Kind) -> Result<File, Fault> {
    let length = kind.bytes + kind.bytes / OVERHEAD_PARTS + OVERHEAD_BYTES;
    let make = || {
        let options =
            OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).clone();
        let file = options.open(&kind.folder)?;
        file.set_len(length)?;
        Ok::<_, io::Error>(file)
    };
    make().attempt(|| format!("make a file of {length} bytes in {}", kind.folder.display()))
}

/// Copies what is not a hole.
fn copy_data(from: &File, to: &File) -> io::Result<()> {
    let (mut from, mut to) = (from, to);
    let mut place = 0;
    loop {
        let data = match nix::unistd::lseek(from, place, Whence::SeekData) {
            Err(nix::Error::ENXIO) => return Ok(()),
            other => other?,
        };
        place = nix::unistd::lseek(from, data, Whence::SeekHole)?;
        let (start, length) = (data.cast_unsigned(), (place - data).cast_unsigned());
        from.seek(SeekFrom::Start(start))?;
        to.seek(SeekFrom::Start(start))?;
        io::copy(&mut io::Read::take(from, length), &mut to)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_promised_than_the_disk_is_expected_to_bear() {
        const GIB: u64 = 1 << 30;
        assert!(fits(0, GIB, 3 * GIB));
        assert!(fits(8 * GIB, GIB, 4 * GIB));
        assert!(!fits(8 * GIB, GIB, 4 * GIB - 1));
        assert!(!fits(0, u64::MAX, 3 * GIB));
        let mut disks = Disks { promised: 5, ..Disks::default() };
        disks.give_back(7);
        assert_eq!(disks.promised, 0);
    }

    #[test]
    fn only_data_is_copied() {
        let kind = Kind { bytes: 1 << 24, folder: std::env::temp_dir() };
        let (from, to) = (unnamed(&kind).unwrap(), unnamed(&kind).unwrap());
        std::os::unix::fs::FileExt::write_all_at(&from, b"data", 9 << 20).unwrap();
        copy_data(&from, &to).unwrap();
        let mut found = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&to, &mut found, 9 << 20).unwrap();
        assert_eq!(&found, b"data");
        let blocks = std::os::unix::fs::MetadataExt::blocks(&to.metadata().unwrap());
        assert!(blocks * 512 < 1 << 20, "{blocks} blocks");
    }
}
