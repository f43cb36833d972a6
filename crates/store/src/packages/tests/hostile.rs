//! Generated archives: whatever they hold, nothing outside the package changes and nothing panics.

use std::io::ErrorKind;

use proptest::prelude::*;

use super::rawzip::{Item, RawZip};
use super::*;

/// Parts of paths, chosen to collide and to climb.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned),
        2 => Just("..".to_owned()),
        2 => Just(".".to_owned()),
        1 => prop::sample::select(vec!["", "A", "\\", "C:", "x\0y", "tmp-1", "package", "canary", "cache"])
            .prop_map(str::to_owned),
        1 => ".{0,4}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    (prop::bool::weighted(0.1), prop::collection::vec(part(), 1..5), prop::bool::weighted(0.2)).prop_map(
        |(absolute, parts, folder)| {
            format!("{}{}{}", if absolute { "/" } else { "" }, parts.join("/"), if folder { "/" } else { "" })
        },
    )
}

fn item() -> impl Strategy<Value = Item> {
    let file = (path(), ".{0,8}").prop_map(|(name, content)| Item::file(&name, &content));
    let link = (path(), path()).prop_map(|(name, target)| Item::link(&name, &target));
    let odd = (path(), any::<u16>()).prop_map(|(name, mode)| Item::file(&name, "").mode(mode.into()));
    prop_oneof![5 => file, 3 => path().prop_map(|name| Item::folder(&name)), 5 => link, 1 => odd]
}

/// Items that mostly make an archive which is accepted, so that what is accepted gets tested.
fn tame_item() -> impl Strategy<Value = Item> {
    let name = || {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]), 1..4)
            .prop_map(|parts| parts.join("/"))
    };
    let target = prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "..", "."]), 1..4)
        .prop_map(|parts| parts.join("/"));
    prop_oneof![
        2 => (name(), "[a-z]{0,4}").prop_map(|(name, content)| Item::file(&name, &content)),
        1 => name().prop_map(|name| Item::folder(&name)),
        3 => (name(), target).prop_map(|(name, target)| Item::link(&name, &target)),
    ]
}

/// Unpacks and holds the outcome to what must always be so.
fn check(zip: &Bytes) -> bool {
    let ground = Ground::new();
    let inspected = inspect(zip, 1_000_000);
    let unpacked = ground.unpack(zip);
    ground.check_surroundings(unpacked.is_ok());
    assert_eq!(inspected.is_ok(), unpacked.is_ok(), "{inspected:?} but {unpacked:?}");
    let Ok(place) = unpacked else { return false };
    let mut todo = vec![place.clone()];
    while let Some(path) = todo.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_symlink() {
            match fs::canonicalize(&path) {
                Ok(target) => assert!(target.starts_with(&place), "{path:?} leads to {target:?}"),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
                    "{path:?}: {error}"
                ),
            }
        } else if found.is_dir() {
            assert_eq!(found.permissions().mode() & 0o7777, 0o755);
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert!(found.is_file() && matches!(found.permissions().mode() & 0o7777, 0o444 | 0o555));
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_entries_change_nothing_outside(items in prop::collection::vec(item(), 1..8)) {
        check(&RawZip::of(&items).bytes());
    }

    #[test]
    fn links_of_an_accepted_package_stay_inside(items in prop::collection::vec(tame_item(), 1..7)) {
        check(&RawZip::of(&items).bytes());
    }

    #[test]
    fn damaged_archives_never_panic(
        items in prop::collection::vec(tame_item(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut zip = RawZip::of(&items).bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(zip.len());
            zip[place] = byte;
        }
        if let Some(cut) = cut {
            zip.truncate(cut.index(zip.len()));
        }
        check(&zip.into());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!check(&bytes.into()));
    }
}

#[test]
fn every_byte_of_a_small_archive_may_be_anything() {
    let items = [Item::file("a/b", "x"), Item::link("a/c", "../a/b"), Item::folder("d/")];
    let whole = RawZip::of(&items).bytes();
    assert!(check(&whole));
    for place in 0..whole.len() {
        for byte in [0, 1, 0x2e, 0x2f, 0x7f, 0x80, 0xff] {
            let mut zip = whole.to_vec();
            zip[place] = byte;
            check(&zip.into());
        }
    }
}
