//! The files that a component of a Spin application names, by patterns or by folders.
//!
//! Source: the Spin documentation, "Including Files with Components" (2026-11).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::ProjectError;

/// The files of a folder, with their paths in it; a file has an empty one.
pub(super) fn below(folder: &Path) -> Result<Vec<(String, PathBuf)>, ProjectError> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), folder.to_owned())];
    let mut seen = BTreeSet::new();
    while let Some((name, path)) = left.pop() {
        let read = |source| ProjectError::io("read", &path, source);
        if !path.metadata().map_err(read)?.is_dir() {
            found.push((name, path));
            continue;
        }
        // Links may lead around in a circle.
        if !seen.insert(path.canonicalize().map_err(read)?) {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(read)? {
            let entry = entry.map_err(read)?;
            let own = entry.file_name().to_string_lossy().into_owned();
            let is_build = matches!(own.as_str(), ".git" | "target" | "node_modules" | ".spin");
            if !is_build {
                left.push((format!("{name}/{own}").trim_start_matches('/').to_owned(), entry.path()));
            }
        }
    }
    Ok(found)
}

/// Whether a path matches a pattern: `**` stands for any folders, `*` for anything within one name, `?` for a character.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    folders_match(&pattern, &path)
}

fn folders_match(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            folders_match(rest, path)
                || path.split_first().is_some_and(|(_, path)| folders_match(pattern, path))
        }
        (Some((first, rest)), Some((name, path))) => {
            name_matches(first.as_bytes(), name.as_bytes()) && folders_match(rest, path)
        }
        _ => false,
    }
}

fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            name_matches(rest, name)
                || name.split_first().is_some_and(|(_, name)| name_matches(pattern, name))
        }
        (Some((b'?', rest)), Some((_, name))) => name_matches(rest, name),
        (Some((one, rest)), Some((other, name))) => one == other && name_matches(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn files_are_matched_by_patterns() {
        for (pattern, path, expected) in [
            ("a.txt", "a.txt", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "b/a.txt", false),
            ("b/*", "b/a.txt", true),
            ("b/**/*", "b/c/d/a.txt", true),
            ("**/*.txt", "a.txt", true),
            ("b/**", "c/a.txt", false),
            ("?.txt", "ab.txt", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
