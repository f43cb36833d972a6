//! What every sandbox has of the host's system: its programs and libraries, and an `/etc` of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::spec::Mount;

/// The user and group that programs run as, by the names and numbers that AWS Lambda uses.
pub(crate) const USER: u32 = 993;
/// See [`USER`].
pub(crate) const GROUP: u32 = 990;
const USER_NAME: &str = "sbx_user1051";

/// The host's programs and libraries: `/usr`, and `/bin`, `/sbin` and `/lib*` as the links or folders they are there.
/// They are looked at once.
pub fn base_system_mounts() -> Vec<Mount> {
    static FOUND: OnceLock<Vec<Mount>> = OnceLock::new();
    let found = || {
        let folders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
        folders.into_iter().filter_map(|path| same_as_host(Path::new(path))).collect()
    };
    FOUND.get_or_init(found).clone()
}

fn same_as_host(path: &Path) -> Option<Mount> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    if kind.is_symlink() {
        return Some(Mount::Symlink { points_to: fs::read_link(path).ok()?, target: path.to_owned() });
    }
    kind.is_dir().then(|| Mount::Bind { source: path.to_owned(), target: path.to_owned() })
}

/// Files and folders of the host's `/etc` that programs need and that hold no secrets.
const PUBLIC: &[&str] = &[
    "ld.so.cache",
    "alternatives",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "ca-certificates",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "java-25-openjdk",
    "mime.types",
    "protocols",
    "services",
    "gai.conf",
];

/// The mounts that make up `/etc`, apart from what depends on the sandbox's name and network.
pub(crate) fn etc_mounts() -> Vec<Mount> {
    let mut mounts: Vec<Mount> = PUBLIC
        .iter()
        .map(|name| Path::new("/etc").join(name))
        .filter_map(|path| match fs::canonicalize(&path) {
            Ok(source) if source == path => Some(Mount::Bind { source, target: path }),
            // A link inside the system's own folders leads to the same there.
            Ok(source) if source.starts_with("/usr") => {
                Some(Mount::Symlink { points_to: source, target: path })
            }
            Ok(source) if source.starts_with("/etc") => Some(Mount::Bind { source, target: path }),
            _ => None,
        })
        .collect();
    mounts.extend(local_time());
    let generated = [
        ("passwd", format!("root:x:0:0:root:/root:/sbin/nologin\n{USER_NAME}:x:{USER}:{GROUP}::/tmp:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")),
        ("group", format!("root:x:0:\n{USER_NAME}:x:{GROUP}:\nnogroup:x:65534:\n")),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n".to_owned()),
        ("host.conf", "multi on\n".to_owned()),
        ("os-release", fs::read_to_string("/etc/os-release").unwrap_or_default()),
    ];
    mounts.extend(generated.into_iter().map(|(name, content)| file(name, content)));
    mounts
}

/// The files of `/etc` that depend on the sandbox.
pub(crate) fn own_etc_files(name: &str, resolvers: &str) -> Vec<Mount> {
    let named =
        name_files(name).into_iter().map(|(target, content)| Mount::File { content: content.into(), target });
    named.chain([file("resolv.conf", resolvers.to_owned())]).collect()
}

/// Those that hold its name, and what is in them.
pub(crate) fn name_files(name: &str) -> Vec<(PathBuf, String)> {
    let hosts = format!("127.0.0.1 localhost {name}\n::1 localhost ip6-localhost ip6-loopback\n");
    vec![("/etc/hosts".into(), hosts), ("/etc/hostname".into(), format!("{name}\n"))]
}

fn file(name: &str, content: String) -> Mount {
    Mount::File { content: content.into_bytes(), target: Path::new("/etc").join(name) }
}

/// The host's time zone, as the link into the zone database or the file that it is.
fn local_time() -> Option<Mount> {
    let target = PathBuf::from("/etc/localtime");
    let source = fs::canonicalize(&target).ok()?;
    Some(if source.starts_with("/usr") {
        Mount::Symlink { points_to: source, target }
    } else {
        Mount::Bind { source, target }
    })
}

/// The character devices of `/dev`, and what its links point to.
pub(crate) const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];
/// See [`DEVICES`].
pub(crate) const DEVICE_LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];
