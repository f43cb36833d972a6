//! Opening what mounts name, with the launcher's rights.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Fault};
use crate::message::Placement;
use crate::spec::Mount;
use crate::sys::tree;
use crate::system::{DEVICE_LINKS, DEVICES};

/// What goes into the root, with its mount where it is one.
pub(crate) type Opened = (Placement, Option<OwnedFd>);

/// Opens one mount. Nothing of it depends on paths afterwards.
pub(crate) fn open(mount: &Mount) -> Result<Opened, Fault> {
    Ok(match mount.clone() {
        Mount::Bind { source, target } => (Placement::Tree { target }, Some(bind(&source)?)),
        Mount::Writable { source, target } => (Placement::Tree { target }, Some(bind_writable(&source)?)),
        Mount::Merged { layers, target } => (Placement::Tree { target }, Some(merge(&layers)?)),
        Mount::Symlink { points_to, target } => (Placement::Symlink { points_to, target }, None),
        Mount::File { content, target } => (Placement::File { content, target }, None),
    })
}

/// The devices of every sandbox.
pub(crate) fn open_devices() -> Result<Vec<Opened>, Fault> {
    let device = |name: &&str| {
        let path = Path::new("/dev").join(name);
        let tree = tree::bind(&path, tree::DEVICE).attempt(|| format!("open {}", path.display()))?;
        Ok((Placement::Tree { target: path }, Some(tree)))
    };
    let link = |(name, points_to): &(&str, &str)| {
        Ok((Placement::Symlink { points_to: points_to.into(), target: Path::new("/dev").join(name) }, None))
    };
    DEVICES.iter().map(device).chain(DEVICE_LINKS.iter().map(link)).collect()
}

fn bind(source: &Path) -> Result<OwnedFd, Fault> {
    tree::bind(source, tree::READ_ONLY).attempt(|| format!("open {} to mount it", source.display()))
}

fn bind_writable(source: &Path) -> Result<OwnedFd, Fault> {
    tree::bind(source, tree::DATA).attempt(|| format!("open {} to mount it", source.display()))
}

fn merge(layers: &[PathBuf]) -> Result<OwnedFd, Fault> {
    match layers {
        [] => Err(Fault { action: "merge no folders".into(), errno: libc::EINVAL }),
        [one] => bind(one),
        several => {
            let folders = several.iter().map(|layer| open_folder(layer)).collect::<Result<Vec<_>, _>>()?;
            tree::overlay(&folders).attempt(|| {
                let names: Vec<_> = several.iter().map(|layer| layer.display().to_string()).collect();
                format!("merge {} with overlayfs", names.join(" and "))
            })
        }
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, Fault> {
    let file = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path);
    file.map(OwnedFd::from).attempt(|| format!("open {} to merge it", path.display()))
}
