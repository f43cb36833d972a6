//! Zips that are fine, zips that are not, and zips that nobody thought of.

mod hostile;
mod rawzip;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use rawzip::{Item, RawZip, deflated, deflated_zeros};

/// A place to unpack into, with room around it where nothing may appear.
pub(super) struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("cache")).unwrap();
        fs::write(root.path().join("canary"), "sings").unwrap();
        Self { root }
    }

    /// Unpacks as the store does, and tells what came of it.
    pub(super) fn unpack(&self, zip: &Bytes) -> Result<PathBuf, PackageError> {
        let (cache, place) = (self.root.path().join("cache"), self.root.path().join("cache/package"));
        let mut archive = Archive::open(zip, 1_000_000)?;
        let plan = Plan::of(&mut archive)?;
        extract::extract(&mut archive, &plan, &cache, &place).map(|()| place)
    }

    /// Fails where anything outside the package changed, or a refused package left anything.
    pub(super) fn check_surroundings(&self, unpacked: bool) {
        assert_eq!(names(self.root.path()), ["cache", "canary"]);
        assert_eq!(fs::read(self.root.path().join("canary")).unwrap(), b"sings");
        let expected: &[&str] = if unpacked { &["package"] } else { &[] };
        assert_eq!(names(&self.root.path().join("cache")), expected);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every path below `folder`, with its mode and content or target.
fn listing(folder: &Path) -> Vec<String> {
    let (mut lines, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = todo.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        let mode = found.permissions().mode() & 0o7777;
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        if found.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            lines.push(format!("{name}/ {mode:o}"));
        } else if found.is_symlink() {
            lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
        } else {
            lines.push(format!("{name} {mode:o} {}", fs::read_to_string(&path).unwrap()));
        }
    }
    lines.sort();
    lines.retain(|line| !line.starts_with("/ "));
    lines
}

/// Unpacks a zip of these and compares all that is there.
fn check(items: &[Item], expected: &[&str]) {
    let ground = Ground::new();
    let zip = RawZip::of(items).bytes();
    assert_eq!(inspect(&zip, 1_000_000).unwrap().entries, items.len() as u64);
    let place = ground.unpack(&zip).unwrap();
    assert_eq!(listing(&place), expected);
    ground.check_surroundings(true);
}

/// Both ways in must refuse a zip of these, for the same reason, and leave nothing.
fn check_refused(items: &[Item], expected: &str) {
    check_refused_bytes(&RawZip::of(items).bytes(), expected);
}

fn check_refused_bytes(zip: &Bytes, expected: &str) {
    let ground = Ground::new();
    let message = inspect(zip, 1_000_000).unwrap_err().to_string();
    assert_eq!(message, ground.unpack(zip).unwrap_err().to_string());
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    ground.check_surroundings(false);
}

#[test]
fn modes_are_made_safe_and_folders_made_where_they_are_implied() {
    check(
        &[
            Item::file("index.mjs", "code").mode(0o100_644),
            Item::file("bootstrap", "#!").mode(0o100_700),
            Item::file("suid", "x").mode(0o106_755),
            Item::file("secret", "x").mode(0o100_000),
            Item::file("unset", "x").mode(0),
            Item::file("windows.exe", "x").mode(0o100_777).made_on_dos(),
            Item::file("deep/er/file", "x").mode(0o100_666),
            Item::folder("empty/").mode(0o040_000),
            Item::folder("deep/").mode(0o040_777),
            Item::folder("flat").mode(0o040_755),
        ],
        &[
            "bootstrap 555 #!",
            "deep/ 755",
            "deep/er/ 755",
            "deep/er/file 444 x",
            "empty/ 755",
            "flat/ 755",
            "index.mjs 444 code",
            "secret 444 x",
            "suid 555 x",
            "unset 444 x",
            "windows.exe 444 x",
        ],
    );
}

#[test]
fn odd_names_that_are_safe_are_kept() {
    check(
        &[
            Item::folder("./"),
            Item::file("./dotted", "1"),
            Item::file("a//b", "2"),
            Item::file("...", "3"),
            Item::file("..data", "4"),
            Item::file("Case", "5"),
            Item::file("case", "6"),
            Item::file("wörld \u{1f600}", "7"),
            Item::file("new\nline", "8"),
            Item::file("C:drive", "9"),
            Item { name: b"caf\x82".to_vec(), ..Item::file("", "cp437") },
        ],
        &[
            "... 444 3",
            "..data 444 4",
            "C:drive 444 9",
            "Case 444 5",
            "a/ 755",
            "a/b 444 2",
            "café 444 cp437",
            "case 444 6",
            "dotted 444 1",
            "new\nline 444 8",
            "wörld \u{1f600} 444 7",
        ],
    );
}

#[test]
fn links_that_stay_inside_are_kept() {
    check(
        &[
            Item::file("lib/libx.so.1.2", "so"),
            Item::link("lib/libx.so", "libx.so.1.2"),
            Item::link("lib/libx.so.1", "./libx.so"),
            Item::link("bin/tool", "../lib/libx.so"),
            Item::link("dangling", "nowhere/at/all"),
            Item::link("here", "."),
            Item::link("up", "lib/../lib"),
            Item::link("through", "up/libx.so"),
        ],
        &[
            "bin/ 755",
            "bin/tool -> ../lib/libx.so",
            "dangling -> nowhere/at/all",
            "here -> .",
            "lib/ 755",
            "lib/libx.so -> libx.so.1.2",
            "lib/libx.so.1 -> ./libx.so",
            "lib/libx.so.1.2 444 so",
            "through -> up/libx.so",
            "up -> lib/../lib",
        ],
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, problem) in [
        ("../evil", "leads out of the package"),
        ("a/../../evil", "leads out of the package"),
        ("a/../b", "leads out of the package"),
        ("..", "leads out of the package"),
        ("/etc/passwd", "absolute path"),
        ("//host/share", "absolute path"),
        ("C:/windows", "absolute path"),
        ("C:\\windows", "backslash"),
        ("a\\..\\..\\evil", "backslash"),
        ("nul\0byte", "NUL"),
        ("", "no name"),
        ("./", "no name"),
    ] {
        let item = Item { name: name.as_bytes().to_vec(), ..Item::link("", "target") };
        check_refused(&[Item::file("good", "x"), item], problem);
    }
    check_refused(&[Item::file(&"n".repeat(256), "x")], "too long a name");
    check_refused(&[Item::file(&format!("{}f", "n/".repeat(1024)), "x")], "too long a path");
}

#[test]
fn links_that_leave_the_package_are_refused() {
    for (links, problem) in [
        (&[("a", "..")][..], "links out"),
        (&[("a", "../x")], "links out"),
        (&[("d/a", "../../x")], "links out"),
        (&[("a", "/etc/passwd")], "absolute"),
        (&[("a", "")], "links to nothing"),
        (&[("a", "x\0y")], "NUL"),
        (&[("a", "missing/../..")], "links out"),
        // Neither leaves on its own; together they do.
        (&[("d/e", ".."), ("z", "d/e/../x")], "links out"),
        (&[("d/e", "../d/f"), ("d/f", "../.."), ("z", "d/e")], "links out"),
        (&[("a", "b"), ("b", "a")], "circle"),
        (&[("a", "a/b")], "circle"),
    ] {
        let items: Vec<_> = links.iter().map(|(name, target)| Item::link(name, target)).collect();
        check_refused(&items, problem);
    }
    check_refused(&[Item::link("a", &"x/".repeat(2048))], "too long a path");
}

#[test]
fn nothing_is_two_things_at_once() {
    let (file, folder) = (Item::file("a", "1"), Item::folder("a/"));
    for items in [
        [file.clone(), file.clone()],
        [file.clone(), Item::file("./a", "2")],
        [file.clone(), Item::file("a/b", "2")],
        [Item::file("a/b", "2"), file.clone()],
        [file.clone(), folder.clone()],
        [folder.clone(), file.clone()],
        [Item::link("a", "b"), Item::file("a/c", "through the link")],
        [Item::file("a/c", "x"), Item::link("a", "b")],
        [Item::link("a", "b"), Item::link("a", "c")],
        [Item::link("a", "b"), folder.clone()],
    ] {
        check_refused(&items, "\"");
    }
    // Repeated folders, as some jar tools write.
    let ground = Ground::new();
    let place =
        ground.unpack(&RawZip::of(&[folder.clone(), folder, Item::file("a/b", "x")]).bytes()).unwrap();
    assert_eq!(listing(&place), ["a/ 755", "a/b 444 x"]);
}

#[test]
fn entries_that_no_instance_could_use_are_refused() {
    for mode in [0o010_644, 0o020_644, 0o060_644, 0o140_644, 0o170_644, 0o030_000] {
        check_refused(&[Item::file("odd", "").mode(mode)], "device, a pipe or a socket");
    }
    check_refused(&[Item { flags: 1, ..Item::file("a", "x") }], "encrypted");
    for method in [1, 9, 12, 14, 93, 95, 99, 999] {
        check_refused(&[Item { method, ..Item::file("a", "x") }], "method other than deflate");
    }
    check_refused(&[Item { content: b"x".to_vec(), ..Item::folder("a/") }], "folder with content");
    check_refused(&[Item { checksum: Some(7), ..Item::file("a", "x") }], "entry \"a\"");
}

#[test]
fn what_is_not_a_zip_gets_the_words_of_lambda() {
    let not_a_zip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    let empty = "Uploaded file must be a non-empty zip";
    let whole = RawZip::of(&[Item::file("a", "x")]).bytes();
    for (bytes, expected) in [
        (&b"not a zip"[..], not_a_zip),
        (b"PK\x03\x04", not_a_zip),
        (&whole[..whole.len() - 30], not_a_zip),
        (b"", empty),
        (&RawZip::of(&[]).bytes(), empty),
    ] {
        check_refused_bytes(&Bytes::copy_from_slice(bytes), expected);
    }
}

#[test]
fn the_limit_counts_what_is_really_there() {
    let bomb = deflated(&[("a", 600_000), ("b", 400_001)]);
    assert!(bomb.len() < 5_000);
    check_refused_bytes(&bomb, "Unzipped size must be smaller than 1000000 bytes");
    let info = inspect(&deflated(&[("a", 600_000), ("b", 400_000)]), 1_000_000).unwrap();
    assert_eq!(info, PackageInfo { unzipped_bytes: 1_000_000, entries: 2 });
    // Small, and each entry says that it holds one byte; all share one stream of 400,000.
    let (content, checksum) = deflated_zeros(400_000);
    let first = Item { content, checksum: Some(checksum), method: 8, size: Some(1), ..Item::file("0", "") };
    let liars: Vec<_> =
        (0..9).map(|n| Item { name: vec![b'0' + n], shares_first: n > 0, ..first.clone() }).collect();
    let message = inspect(&RawZip::of(&liars).bytes(), 1_000_000).unwrap_err().to_string();
    assert!(message.contains("larger than its declared"), "{message}");
    let honest: Vec<_> = liars.into_iter().map(|item| Item { size: Some(400_000), ..item }).collect();
    check_refused_bytes(&RawZip::of(&honest).bytes(), "smaller than 1000000 bytes");
}

#[test]
fn there_is_a_limit_to_entries_and_to_folders_they_imply() {
    let many: Vec<_> = (0..=archive::MOST_ENTRIES).map(|n| Item::file(&n.to_string(), "")).collect();
    check_refused_bytes(&RawZip::of(&many).bytes(), "more than 200000 entries");
    let deep = "d/".repeat(1_000);
    let deep: Vec<_> = (0..210).map(|n| Item::file(&format!("{n}/{deep}f"), "")).collect();
    check_refused_bytes(&RawZip::of(&deep).bytes(), "more folders than are allowed");
}

fn packages(root: &Path) -> Packages {
    let blobs = Blobs::open(&root.join("blobs"), None).unwrap();
    Packages::open(&root.join("packages"), blobs).unwrap()
}

#[tokio::test]
async fn many_who_need_a_package_at_once_share_one_folder() {
    let root = tempfile::tempdir().unwrap();
    let packages = packages(root.path());
    let zip = RawZip::of(&[Item::file("a", "x")]).bytes();
    let digest = packages.cache.blobs.put(zip).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let packages = packages.clone();
        callers.spawn(async move { packages.unpacked(digest).await.unwrap() });
    }
    let folders = callers.join_all().await;
    assert!(folders.iter().all(|folder| *folder == folders[0]));
    assert_eq!(names(&packages.cache.folder), [digest.to_string()]);
    let inode = fs::metadata(&folders[0]).unwrap().ino();
    let again = self::packages(root.path()).unpacked(digest).await.unwrap();
    assert_eq!(fs::metadata(again).unwrap().ino(), inode, "it is not unpacked again after a restart");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_harms_nobody() {
    let root = tempfile::tempdir().unwrap();
    let packages = packages(root.path());
    let zip = RawZip::of(&[Item::file("a", "x")]).bytes();
    let digest = packages.cache.blobs.put(zip).await.unwrap();
    for polls in 0..20 {
        let mut left = 0;
        let mut call = Box::pin(packages.unpacked(digest));
        std::future::poll_fn(|context| {
            left += 1;
            match call.as_mut().poll(context) {
                std::task::Poll::Pending if left <= polls => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
        drop(call);
        let folder = packages.unpacked(digest).await.unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"x");
        packages.remove(digest).await.unwrap();
        assert!(!folder.exists());
    }
}

#[tokio::test]
async fn a_package_that_is_not_there_or_not_fit_says_so_each_time() {
    let root = tempfile::tempdir().unwrap();
    let packages = packages(root.path());
    let missing = Digest::of(b"missing");
    for _ in 0..2 {
        assert!(matches!(packages.unpacked(missing).await, Err(PackageError::Missing(d)) if d == missing));
    }
    let digest = packages.cache.blobs.put(Bytes::from_static(b"not a zip")).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(packages.unpacked(digest).await, Err(PackageError::Invalid(_))));
    }
    packages.remove(missing).await.unwrap();
    assert_eq!(names(&packages.cache.folder), [""; 0]);
}

#[test]
fn opening_removes_what_a_crash_or_an_earlier_boot_left() {
    let root = tempfile::tempdir().unwrap();
    let current = packages(root.path()).cache.folder.clone();
    let all = root.path().join("packages");
    for path in [current.join("tmp-1/half"), current.join("whole/file"), all.join("boot-0/package/file")] {
        fs::create_dir_all(path).unwrap();
    }
    fs::write(all.join("stray"), "").unwrap();
    packages(root.path());
    assert_eq!(names(&current), ["whole"]);
    assert_eq!(names(&all), [current.file_name().unwrap().to_str().unwrap()]);
}
