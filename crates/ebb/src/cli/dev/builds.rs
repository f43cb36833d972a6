//! Telling saves from what builds write, while a project's own build writes where its sources are.
//!
//! A file that a build changes is written again by the next one; a save is not. So what looks like a save leads to one more
//! build, and what that writes again was none.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use super::watch::is_source;

/// Builds in a row that nobody's save is known to ask for.
const MOST_AGAIN: u32 = 3;
/// Where packages are, which nobody edits.
const PACKAGES: &str = "node_modules";

/// What builds of a session write.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    /// Files that two builds in a row wrote.
    outputs: BTreeSet<PathBuf>,
    /// What the last one wrote.
    last: BTreeSet<PathBuf>,
    /// How many of the last builds were made to be sure.
    again: u32,
}

/// What the files below some folders held, as far as they can be read.
#[derive(Debug)]
pub(crate) struct Contents(BTreeMap<PathBuf, u64>);

impl Builds {
    /// The files among `written` that were saved while a build ran, as far as is known: where there are any, one more
    /// build is due. `before` is what the files held when it began.
    pub(crate) fn saved(&mut self, before: &Contents, written: Vec<PathBuf>) -> Vec<PathBuf> {
        let written: BTreeSet<_> = written.into_iter().collect();
        if self.again > 0 {
            self.outputs.extend(written.intersection(&self.last).cloned());
        }
        let saved = written.iter().filter(|path| !self.outputs.contains(*path) && before.differs(path));
        let saved: Vec<_> = saved.cloned().collect();
        self.last = written;
        if saved.is_empty() || self.again == MOST_AGAIN {
            self.again = 0;
            return Vec::new();
        }
        self.again += 1;
        saved
    }
}

impl Contents {
    /// Of the files below these folders. Blocks.
    pub(crate) fn of(folders: &[PathBuf]) -> Self {
        let mut found = BTreeMap::new();
        for folder in folders {
            let mut left = vec![folder.clone()];
            while let Some(path) = left.pop() {
                // What cannot be read is taken not to be there.
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                for entry in entries {
                    let (path, kind) = (entry.path(), entry.file_type());
                    if !is_source(&path, folder) || entry.file_name() == PACKAGES {
                        continue;
                    }
                    match kind {
                        Ok(kind) if kind.is_dir() => left.push(path),
                        Ok(kind) if kind.is_file() => found.extend(hash(&path).map(|hash| (path, hash))),
                        _ => {}
                    }
                }
            }
        }
        Self(found)
    }

    /// Whether a file was there, and holds something else now.
    fn differs(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|before| hash(path) != Some(*before))
    }
}

fn hash(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_during_a_build_leads_to_one_more_and_what_builds_write_to_none() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        file("a.ts", "1");
        let mut builds = Builds::default();
        // What it makes was not there.
        let before = Contents::of(&folders);
        let output = file("out.js", "1");
        assert_eq!(builds.saved(&before, vec![output.clone()]), Vec::<PathBuf>::new());
        // It changes what it made, and somebody saves.
        let before = Contents::of(&folders);
        let written = vec![file("out.js", "2"), file("a.ts", "2")];
        assert_eq!(builds.saved(&before, written).len(), 2);
        let before = Contents::of(&folders);
        assert_eq!(builds.saved(&before, vec![file("out.js", "3")]), Vec::<PathBuf>::new());
        // From now on it is known.
        let before = Contents::of(&folders);
        assert_eq!(builds.saved(&before, vec![file("out.js", "4")]), Vec::<PathBuf>::new());
        let before = Contents::of(&folders);
        let saved = file("a.ts", "5");
        assert_eq!(builds.saved(&before, vec![file("out.js", "5"), saved.clone()]), [saved]);
    }

    #[test]
    fn a_build_that_never_writes_the_same_does_not_go_on_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..8).map(|index| folder.path().join(format!("{index}.js"))).collect();
        paths.iter().for_each(|path| fs::write(path, "1").unwrap());
        let mut builds = Builds::default();
        let mut made = 0;
        for path in &paths {
            let before = Contents::of(&[folder.path().to_owned()]);
            fs::write(path, "2").unwrap();
            made += 1;
            if builds.saved(&before, vec![path.clone()]).is_empty() {
                break;
            }
        }
        assert_eq!(made, MOST_AGAIN + 1);
    }
}
