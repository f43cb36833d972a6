//! Packages of npm that no bundler can take in: those with compiled parts, which they look for among their own files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::install::Added;
use super::next::{entries, file_name};

/// How deep a package is searched for compiled parts; they lie in `build/Release` or `prebuilds/PLATFORM`.
const DEPTH: u32 = 4;

/// Packages that stay as they are, and where they are.
#[derive(Debug, Default)]
pub(super) struct Natives {
    modules: PathBuf,
    names: BTreeSet<String>,
}

impl Natives {
    /// Looks through a folder `node_modules`.
    pub(super) fn of(modules: &Path) -> Self {
        let names = names(modules);
        let compiled: BTreeSet<String> =
            names.iter().filter(|name| has_compiled(&modules.join(name), DEPTH)).cloned().collect();
        // A package may leave the compiled part to others, one for each kind of machine.
        let leaves = |name: &&String| needs(&modules.join(name)).iter().any(|need| compiled.contains(need));
        let all = names.iter().filter(leaves).chain(&compiled).cloned().collect();
        Self { modules: modules.to_owned(), names: all }
    }

    /// What the bundler is told: to leave them out.
    pub(super) fn arguments(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| format!("--external:{name}"))
    }

    /// Those that a bundle asks for, with all that they need, for its package.
    pub(super) fn asked_for(&self, bundle: &str) -> Vec<Added> {
        let asked = |name: &&String| {
            ["from\"", "import\"", "import(\"", "require(\""].iter().any(|before| {
                [format!("{before}{name}\""), format!("{before}{name}/")].iter().any(|m| bundle.contains(m))
            })
        };
        let mut left: Vec<String> = self.names.iter().filter(asked).cloned().collect();
        let mut taken = BTreeSet::new();
        while let Some(name) = left.pop() {
            let folder = self.modules.join(&name);
            if folder.is_dir() && !taken.contains(&name) {
                left.extend(needs(&folder));
                taken.insert(name);
            }
        }
        taken.into_iter().map(|name| (format!("node_modules/{name}"), self.modules.join(name))).collect()
    }
}

/// The packages of a folder `node_modules`.
fn names(modules: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in entries(modules).unwrap_or_default() {
        let name = file_name(&entry);
        if name.starts_with('@') {
            let scoped = entries(&entry).unwrap_or_default();
            names.extend(scoped.iter().map(|inner| format!("{name}/{}", file_name(inner))));
        } else if !name.starts_with('.') && entry.is_dir() {
            names.push(name);
        }
    }
    names
}

/// Whether a package holds libraries for Node.js.
fn has_compiled(folder: &Path, depth: u32) -> bool {
    entries(folder).unwrap_or_default().iter().any(|path| match path.extension() {
        Some(extension) if extension == "node" => path.is_file(),
        _ => depth > 0 && file_name(path) != "node_modules" && path.is_dir() && has_compiled(path, depth - 1),
    })
}

/// The packages that a package depends on.
fn needs(folder: &Path) -> Vec<String> {
    let text = fs::read(folder.join("package.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
    let section = |name: &str| manifest.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    section("dependencies").into_iter().chain(section("optionalDependencies")).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_with_compiled_parts_are_taken_along_with_what_they_need() {
        let folder = crate::project::tests::folder(&[
            (
                "image/package.json",
                r#"{"dependencies": {"color": "1"}, "optionalDependencies": {"@image/linux": "1", "@image/mac": "1"}}"#,
            ),
            ("@image/linux/lib/image.node", ""),
            ("color/package.json", "{}"),
            ("plain/index.js", ""),
            ("unused/build/Release/unused.node", ""),
        ]);
        let natives = Natives::of(folder.path());
        assert_eq!(
            natives.arguments().collect::<Vec<_>>(),
            ["--external:@image/linux", "--external:image", "--external:unused"]
        );
        let names =
            |bundle: &str| natives.asked_for(bundle).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(
            names("import a from\"image\";"),
            ["node_modules/@image/linux", "node_modules/color", "node_modules/image"]
        );
        assert_eq!(names("import a from\"plain\";"), Vec::<String>::new());
    }
}
