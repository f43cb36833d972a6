//! The root of a sandbox: a small read-only memory file system with mounts in it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, mkdirat};
use nix::unistd::symlinkat;

use crate::error::{Attempt, Fault};
use crate::message::Placement;
use crate::sys::tree;

/// Folders that later mounts go to, and that programs expect. The dynamic linker takes the folders of its search path
/// that are missing when a program starts for missing ever after: in a sandbox that gets its code later, those of the
/// code would be.
const FOLDERS: &[&str] =
    &["/proc", "/dev/shm", "/tmp", "/var/task/lib", "/var/runtime/lib", "/opt/lib", "/etc"];
/// Room for what [`Placement::File`]s hold.
const ROOT_OPTIONS: &str = "mode=755,size=256m";
const SHARED_MEMORY_OPTIONS: &str = "mode=1777,size=64m,nr_inodes=16384";
/// As many files as on disk, where each takes a block at least.
const BYTES_FOR_EACH_FILE: u64 = 4096;

/// The finished root, which stays writable here and for nobody else.
#[derive(Debug)]
pub(super) struct Root {
    /// A second mount of the root's own file system. Programs have no way to it.
    writable: OwnedFd,
    /// Programs may run by now, and make links where they may write.
    open_to_programs: bool,
}

impl Root {
    /// Replaces the host's root. Everything comes from `placements`: the host's paths are out of reach from then on.
    pub(super) fn build(
        name: &str,
        tmp_bytes: u64,
        placements: Vec<(Placement, Option<OwnedFd>)>,
    ) -> Result<Self, Fault> {
        enter_empty_root()?;
        set_host_name(name)?;
        let writable = tree::again(Path::new("/")).attempt(|| "mount the root again".into())?;
        let root = Self { writable, open_to_programs: false };
        for folder in FOLDERS {
            root.make_folders(Path::new(folder))?;
        }
        // A file of no bytes takes memory, too.
        let tmp_options =
            format!("mode=1777,size={tmp_bytes},nr_inodes={}", tmp_bytes / BYTES_FOR_EACH_FILE + 1);
        mount_tmpfs("/tmp", &tmp_options, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)?;
        mount_tmpfs(
            "/dev/shm",
            SHARED_MEMORY_OPTIONS,
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        )?;
        for (placement, tree) in placements {
            root.place(&placement, tree.as_ref())?;
        }
        let top = nix::fcntl::open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .attempt(|| "open the root".into())?;
        tree::make_read_only(&top).attempt(|| "make the root read-only".into())?;
        Ok(root)
    }

    /// From now on paths inside are not to be trusted.
    pub(super) fn open_to_programs(&mut self) {
        self.open_to_programs = true;
    }

    /// Changes the host name, and the files that hold it.
    pub(super) fn rename(&self, name: &str) -> Result<(), Fault> {
        set_host_name(name)?;
        crate::system::name_files(name).into_iter().try_for_each(|(target, content)| {
            self.place(&Placement::File { content: content.into_bytes(), target }, None)
        })
    }

    /// Adds one thing; also while programs run.
    pub(super) fn place(&self, placement: &Placement, mount: Option<&OwnedFd>) -> Result<(), Fault> {
        match placement {
            Placement::Tree { target } => {
                let mount =
                    mount.ok_or_else(|| Fault { action: "receive a mount".into(), errno: libc::EBADF })?;
                self.make_target(mount, target)?;
                tree::attach(mount.as_fd(), target, !self.open_to_programs)
                    .attempt(|| format!("mount on {}", target.display()))
            }
            Placement::Symlink { points_to, target } => {
                self.make_parent(target)?;
                symlinkat(points_to.as_path(), &self.writable, below(target))
                    .attempt(|| format!("make the link {}", target.display()))
            }
            Placement::File { content, target } => {
                self.make_parent(target)?;
                self.write(target, content).attempt(|| format!("write {}", target.display()))
            }
        }
    }

    /// An empty folder or file to mount on, unless something is there already.
    fn make_target(&self, mount: &OwnedFd, target: &Path) -> Result<(), Fault> {
        if fs::symlink_metadata(target).is_ok() {
            return Ok(());
        }
        let kind = fstat(mount).attempt(|| format!("look at what goes to {}", target.display()))?.st_mode;
        if kind & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits() {
            return self.make_folders(target);
        }
        self.make_parent(target)?;
        self.write(target, b"").attempt(|| format!("make {}", target.display()))
    }

    /// A file that everybody may read and execute.
    fn write(&self, target: &Path, content: &[u8]) -> io::Result<()> {
        let (flags, mode) = (OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC, 0o555);
        let mode = Mode::from_bits_truncate(mode);
        let mut file = File::from(openat(&self.writable, below(target), flags, mode)?);
        file.write_all(content)?;
        // Whatever the mask with which files are made.
        Ok(fchmod(&file, mode)?)
    }

    fn make_parent(&self, target: &Path) -> Result<(), Fault> {
        target.parent().map_or(Ok(()), |parent| self.make_folders(parent))
    }

    fn make_folders(&self, folder: &Path) -> Result<(), Fault> {
        match self.make_all(below(folder)) {
            Err(error) if !folder.is_dir() => {
                Err(error).attempt(|| format!("make the folder {}", folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// The folder and those that it is in, where they are not there. What is mounted over the root is not seen here, so
    /// a folder or file below another mount cannot be made: mounts are read-only.
    fn make_all(&self, folder: &Path) -> nix::Result<()> {
        let make = || match mkdirat(&self.writable, folder, Mode::from_bits_truncate(0o777)) {
            Err(nix::Error::EEXIST) => Ok(()),
            other => other,
        };
        match (make(), folder.parent()) {
            (Err(nix::Error::ENOENT), Some(parent)) if !parent.as_os_str().is_empty() => {
                self.make_all(parent)?;
                make()
            }
            (made, _) => made,
        }
    }
}

/// A path of the root as it is called from there. Paths through `/proc` would take the kernel much longer.
fn below(target: &Path) -> &Path {
    target.strip_prefix("/").unwrap_or(target)
}

fn set_host_name(name: &str) -> Result<(), Fault> {
    nix::unistd::sethostname(name).attempt(|| format!("set the host name {name}"))
}

/// A new root with nothing but `/proc` of this process namespace, and the old one gone.
fn enter_empty_root() -> Result<(), Fault> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .attempt(|| "detach the mounts from the host's".into())?;
    mount_tmpfs("/tmp", ROOT_OPTIONS, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)?;
    nix::unistd::chdir("/tmp").attempt(|| "enter the new root".into())?;
    fs::create_dir("proc").attempt(|| "make /proc".into())?;
    // The kernel only allows it while the host's own /proc is in sight.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "proc", Some("proc"), flags, Some("hidepid=2")).attempt(|| {
        "mount /proc (a container engine that covers parts of its own /proc forbids this; run it with \
         --security-opt systempaths=unconfined)"
            .into()
    })?;
    nix::unistd::pivot_root(".", ".").attempt(|| "change the root".into())?;
    umount2(".", MntFlags::MNT_DETACH).attempt(|| "leave the old root".into())?;
    nix::unistd::chdir("/").attempt(|| "enter the new root".into())
}

fn mount_tmpfs(target: &str, options: &str, flags: MsFlags) -> Result<(), Fault> {
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .map_err(io::Error::from)
        .attempt(|| format!("mount a tmpfs on {target}"))
}
