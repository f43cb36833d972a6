use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn interpreter(version: &str, program: &str) -> Interpreter {
    let version = Version::find(version).expect("a version");
    Interpreter { version, program: program.into(), binds: Vec::new() }
}

#[test]
fn versions_are_found_in_what_programs_print() {
    let check = |text, expected: Option<(u16, u16, u16)>| {
        let found = Version::find(text).map(|version| (version.major, version.minor, version.patch));
        assert_eq!(found, expected, "{text}");
    };
    check("v20.20.2\n", Some((20, 20, 2)));
    check("Python 3.11.2", Some((3, 11, 2)));
    check("ruby 3.1.2p20 (2022-04-12 revision 4491bb740a)", Some((3, 1, 2)));
    check("\"17.0.15\"", Some((17, 0, 15)));
    check("25", Some((25, 0, 0)));
    check("none", None);
}

#[test]
fn the_same_version_wins_then_the_nearest_higher_then_the_nearest_lower() {
    let found = [
        interpreter("2.7.18", "/a/2.7/bin/python"),
        interpreter("3.8.1", "/a/3.8/bin/python3.8"),
        interpreter("3.10.1", "/a/3.10/bin/python3.10"),
        interpreter("3.11.7", "/a/3.11/bin/python3.11"),
        interpreter("3.11.2", "/usr/bin/python3.11"),
        interpreter("3.13.0", "/a/3.13/bin/python3.13"),
    ];
    let check = |level, program: Option<&str>, exact| {
        let chosen = choice::choose(Language::Python, level, &found);
        let seen = chosen.as_ref().map(|chosen| chosen.interpreter.program.to_str().expect("text"));
        assert_eq!(seen, program, "3.{level}");
        assert_eq!(chosen.is_some_and(|chosen| chosen.exact), exact, "3.{level}");
    };
    check(11, Some("/usr/bin/python3.11"), true);
    check(12, Some("/a/3.13/bin/python3.13"), false);
    check(14, Some("/a/3.13/bin/python3.13"), false);
    check(9, Some("/a/3.10/bin/python3.10"), false);
    assert_eq!(choice::choose(Language::Python, 9, &found[..2]), None, "below what the boot runs on");
}

/// Programs of an imagined machine; each is an ELF file by its first bytes only.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let program = |path: &str, content: &[u8]| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
    };
    program("home/.pyenv/versions/3.12.1/bin/python3.12", b"\x7fELF");
    program("home/.pyenv/versions/3.12.1/lib/x", b"");
    program("home/.pyenv/shims/python3", b"#!/usr/bin/env bash\n");
    program("home/.nvm/versions/node/v22.3.0/bin/node", b"\x7fELF");
    program("home/.nvm/versions/node/v22.3.0/include/x", b"");
    program("usr/lib/jvm/temurin-21/bin/java", b"\x7fELF");
    program("usr/lib/jvm/temurin-21/release", b"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"21.0.4\"\n");
    symlink("python3.12", root.path().join("home/.pyenv/versions/3.12.1/bin/python3")).expect("a link");
    root
}

#[test]
fn version_managers_are_searched_and_shims_are_not_taken() {
    let root = machine();
    let canonical = root.path().canonicalize().expect("canonical");
    let home = canonical.join("home");
    let path = vec![home.join(".pyenv/shims")];
    let places = Places { path, home: Some(home.clone()), root: canonical.clone() };
    let check = |language, program: &Path, version: &str, binds: &[PathBuf]| {
        let found = search::find(language, &places);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].program, program);
        assert_eq!(found[0].version.to_string(), version);
        assert_eq!(found[0].binds, binds);
    };
    let python = home.join(".pyenv/versions/3.12.1");
    check(Language::Python, &python.join("bin/python3.12"), "3.12.1", &[python]);
    let node = home.join(".nvm/versions/node/v22.3.0");
    check(Language::Node, &node.join("bin/node"), "22.3.0", &[node]);
}

#[test]
fn what_is_missing_says_how_to_get_it() {
    let root = tempfile::tempdir().expect("a folder");
    let places = Places { path: Vec::new(), home: None, root: root.path().to_owned() };
    let interpreters = Interpreters::new(places);
    let error =
        interpreters.choose(RuntimeName::parse("python3.12").expect("known")).expect_err("nothing there");
    assert_eq!(error.missing, "Python 3.12 is not installed");
    assert!(error.hint.contains("apt-get install python3.12"), "{}", error.hint);
    let custom = RuntimeName::parse("provided.al2023").expect("known");
    assert_eq!(interpreters.choose(custom), Ok(None));
}
