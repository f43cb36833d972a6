//! Noticing saves.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::cli::Failure;

/// Quiet after a change that makes it a save: editors write in several steps.
const QUIET: Duration = Duration::from_millis(30);

/// The longest wait for quiet.
const LONGEST: Duration = Duration::from_millis(150);

/// Changes that wait to be read. Where there are more, one is as good as many: something changed.
const WAITING: usize = 4_096;

/// Folders in which no source is: version control, and what builds and tools write.
const NO_SOURCE: &[&str] = &[".git", "target", "__pycache__", ".cache", ".venv"];

/// The changes below a folder. Watching ends with this value.
pub(crate) struct Watch {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<PathBuf>,
    /// Changes that were read and not yet given.
    kept: Vec<PathBuf>,
    root: PathBuf,
}

impl Watch {
    pub(crate) fn start(root: &Path) -> Result<Self, Failure> {
        let (sender, changes) = mpsc::channel(WAITING);
        let failed = |error: notify::Error| {
            Failure::new(format!("cannot watch it: {error}"), root.display().to_string())
        };
        let watched = root.to_owned();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if !is_change(event.kind) {
                return;
            }
            for path in event.paths.into_iter().filter(|path| is_source(path, &watched)) {
                // A full channel already says that there is something to do.
                let _ = sender.try_send(path);
            }
        })
        .map_err(failed)?;
        watcher.watch(root, RecursiveMode::Recursive).map_err(failed)?;
        Ok(Self { _watcher: watcher, changes, kept: Vec::new(), root: root.to_owned() })
    }

    /// Waits for a save; gives the files that changed.
    pub(crate) async fn changed(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let mut changed = vec![self.next().await?];
        let end = Instant::now() + LONGEST;
        while let Ok(path) = timeout_at((Instant::now() + QUIET).min(end), self.next()).await {
            changed.push(path?);
        }
        changed.sort();
        changed.dedup();
        Ok(changed)
    }

    /// Gives what changed meanwhile in these folders, where builds write; anything else is kept for later.
    pub(crate) fn take(&mut self, folders: &[PathBuf]) -> Vec<PathBuf> {
        let mut taken = Vec::new();
        if folders.is_empty() {
            return taken;
        }
        while let Ok(path) = self.changes.try_recv() {
            let is_built = folders.iter().any(|folder| path.starts_with(folder));
            if is_built { &mut taken } else { &mut self.kept }.push(path);
        }
        taken
    }

    async fn next(&mut self) -> Result<PathBuf, Failure> {
        if let Some(path) = self.kept.pop() {
            return Ok(path);
        }
        let ended = || Failure::new("watching it ended", self.root.display().to_string());
        self.changes.recv().await.ok_or_else(ended)
    }
}

fn is_change(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_))
}

pub(super) fn is_source(path: &Path, root: &Path) -> bool {
    let inside = path.strip_prefix(root).unwrap_or(path);
    !inside
        .components()
        .any(|part| matches!(part, Component::Normal(name) if NO_SOURCE.iter().any(|no| name == *no)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_write_is_no_source() {
        let root = Path::new("/home/me/target/project");
        for (path, source) in
            [("index.mjs", true), ("lib/a.py", true), ("target/debug/x", false), ("a/.git/HEAD", false)]
        {
            assert_eq!(is_source(&root.join(path), root), source, "{path}");
        }
    }

    #[tokio::test]
    async fn saves_are_noticed_together_and_what_builds_write_is_apart() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("built")).unwrap();
        let mut watch = Watch::start(&root).unwrap();
        std::fs::write(root.join("a"), "1").unwrap();
        std::fs::write(root.join("b"), "1").unwrap();
        let changed = watch.changed().await.unwrap();
        assert!(changed.contains(&root.join("a")), "{changed:?}");
        std::fs::write(root.join("built/out"), "1").unwrap();
        std::fs::write(root.join("c"), "1").unwrap();
        // Once the later change is there, the earlier one is too.
        let mut built = Vec::new();
        while watch.kept.is_empty() {
            built.extend(watch.take(&[root.join("built")]));
            tokio::task::yield_now().await;
        }
        assert!(built.contains(&root.join("built/out")), "{built:?}");
        let changed = watch.changed().await.unwrap();
        assert!(
            changed.contains(&root.join("c")) && !changed.contains(&root.join("built/out")),
            "{changed:?}"
        );
    }
}
