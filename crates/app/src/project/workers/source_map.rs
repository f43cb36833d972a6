//! The source map of a bundled worker: what `runtimes/workerd/stack.js` reads.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

/// The longest mappings that go with a worker, in bytes: they are in the memory of each of its isolates.
const LONGEST: usize = 4 * 1024 * 1024;

/// A map, with the sources by their paths in the project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceMap {
    bundle: String,
    sources: Vec<String>,
    mappings: String,
}

#[derive(Deserialize)]
struct Written {
    sources: Vec<String>,
    mappings: String,
}

impl SourceMap {
    /// The map that a bundler wrote beside a bundle; none where there is none, or it is too large.
    pub(super) fn of_bundle(project: &Path, bundle: &Path) -> Option<Self> {
        let (out, name) = (bundle.parent()?, bundle.file_name()?.to_string_lossy().into_owned());
        let map = fs::read(out.join(format!("{name}.map"))).ok()?;
        let Written { sources, mappings } = serde_json::from_slice(&map).ok()?;
        if mappings.len() > LONGEST {
            return None;
        }
        let sources = sources.iter().map(|source| shown(project, &out.join(source))).collect();
        Some(Self { bundle: name, sources, mappings })
    }

    pub(super) fn text(&self) -> String {
        json!({ "bundle": self.bundle, "sources": self.sources, "mappings": self.mappings }).to_string()
    }
}

/// A source as people know it: from the project on, or from the packages that it is in.
fn shown(project: &Path, source: &Path) -> String {
    let mut path = PathBuf::new();
    for part in source.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    let whole = path.display().to_string();
    if let Ok(inside) = path.strip_prefix(project) {
        return inside.display().to_string();
    }
    match whole.rfind("/node_modules/") {
        Some(at) => whole[at + 1..].to_owned(),
        None => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_shown_from_the_project_on() {
        for (source, expected) in [
            ("/tmp/x/../../home/p/src/a.ts", "src/a.ts"),
            ("/tmp/x/../cache/node_modules/hono/dist/h.js", "node_modules/hono/dist/h.js"),
            ("/tmp/x/./b.ts", "b.ts"),
        ] {
            assert_eq!(shown(Path::new("/home/p"), Path::new(source)), expected, "{source}");
        }
    }

    #[test]
    fn a_bundle_without_a_map_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("index.js");
        assert_eq!(SourceMap::of_bundle(folder.path(), &bundle), None);
        let map = json!({ "version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAAA" });
        fs::write(folder.path().join("index.css.map"), "a style sheet's").unwrap();
        fs::write(folder.path().join("index.js.map"), map.to_string()).unwrap();
        let found = SourceMap::of_bundle(folder.path(), &bundle).unwrap();
        assert_eq!((found.bundle.as_str(), found.sources.as_slice()), ("index.js", &["a.ts".to_owned()][..]));
    }
}
