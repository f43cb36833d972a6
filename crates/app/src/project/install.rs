//! The packages that a project depends on and does not bring: installed at the deploy, by npm and pip.
//!
//! What is installed is kept in the cache folder by what names it (the lock file, or the list itself), outside of the
//! project, and is packed from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ebb_model::{Digest, RuntimeName};
use serde_json::Value;

use super::error::ProjectError;
use super::tool;

/// Where packages of Python go in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PythonPlace {
    /// Beside the project's own modules, as Lambda has them.
    Root,
    /// In a folder of their own.
    Apart,
}

/// A folder to be packed below a name.
pub(super) type Added = (String, PathBuf);

/// Files beside a package.json that say what is installed.
const NODE_FILES: &[&str] = &["package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"];

/// The packages of Node.js that a folder wants and has not: the folder that holds them.
///
/// # Errors
/// [`ProjectError::Build`] with what npm says.
pub(super) fn node(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<Option<PathBuf>, ProjectError> {
    let path = folder.join("package.json");
    let Ok(text) = fs::read(&path) else { return Ok(None) };
    let Ok(document) = serde_json::from_slice::<Value>(&text) else { return Ok(None) };
    let wanted = document.get("dependencies").and_then(Value::as_object);
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(None) };
    if folder.ancestors().any(|above| above.join("node_modules").is_dir()) {
        return Ok(None);
    }
    let local = |version: &Value| {
        let version = version.as_str().unwrap_or_default();
        ["file:", "link:", "workspace:", "./", "../"].iter().any(|mark| version.starts_with(mark))
    };
    if let Some((name, _)) = wanted.iter().find(|(_, version)| local(version)) {
        return Err(ProjectError::Manifest {
            path,
            message: format!("the dependency {name} is a folder: run `npm install` before the deploy"),
        });
    }
    let mut key = Vec::new();
    for name in NODE_FILES {
        key.extend(fs::read(folder.join(name)).unwrap_or_default());
    }
    let cache = cache_of("npm", &key);
    if !cache.is_dir() {
        progress("installing what package.json names");
        tool::fill(&cache, |new| install_node(folder, new, &["--omit=dev"]))?;
    }
    Ok(Some(cache.join("node_modules")).filter(|modules| modules.is_dir()))
}

/// Packages that a project sees while it is built: a link that goes when this is dropped.
#[derive(Debug)]
pub(super) struct Linked(PathBuf);

impl Drop for Linked {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the link to the packages of a build is left behind");
        }
    }
}

/// Has a folder see everything that it names, what only builds need included; nothing where that is there, or nothing is
/// wanted.
///
/// # Errors
/// [`ProjectError::Build`] with what npm says.
pub(super) fn for_build(
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Option<Linked>, ProjectError> {
    let Ok(text) = fs::read(folder.join("package.json")) else { return Ok(None) };
    let document = serde_json::from_slice::<Value>(&text).unwrap_or_default();
    let wanted =
        |section: &str| document.get(section).and_then(Value::as_object).is_some_and(|all| !all.is_empty());
    let there = folder.ancestors().any(|above| above.join("node_modules").is_dir());
    if there || !(wanted("dependencies") || wanted("devDependencies")) {
        return Ok(None);
    }
    let mut key = b"with what builds need".to_vec();
    for name in NODE_FILES {
        key.extend(fs::read(folder.join(name)).unwrap_or_default());
    }
    let cache = cache_of("npm", &key);
    if !cache.is_dir() {
        progress("installing what package.json names, for the build");
        tool::fill(&cache, |new| install_node(folder, new, &["--include=dev"]))?;
    }
    let link = folder.join("node_modules");
    std::os::unix::fs::symlink(cache.join("node_modules"), &link)
        .map_err(|source| ProjectError::io("link", &link, source))?;
    Ok(Some(Linked(link)))
}

fn install_node(folder: &Path, new: &Path, which: &[&str]) -> Result<(), ProjectError> {
    for name in NODE_FILES.iter().filter(|name| folder.join(name).is_file()) {
        let copied = fs::copy(folder.join(name), new.join(name));
        copied.map_err(|source| ProjectError::io("read", &folder.join(name), source))?;
    }
    let locked = new.join("package-lock.json").is_file() || new.join("npm-shrinkwrap.json").is_file();
    let mut npm = Command::new("npm");
    npm.arg(if locked { "ci" } else { "install" });
    npm.args(which).args(["--no-audit", "--no-fund", "--loglevel=error"]);
    tool::run(npm.current_dir(new), "npm", folder)
}

/// The packages of Python that a folder wants and has not, and where they are packed.
///
/// # Errors
/// [`ProjectError::Build`] with what pip says.
pub(super) fn python(
    folder: &Path,
    place: PythonPlace,
    runtime: &str,
    progress: &mut dyn FnMut(&str),
) -> Result<Option<PathBuf>, ProjectError> {
    let path = folder.join("requirements.txt");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let wanted = |line: &str| !line.is_empty() && !line.starts_with('#');
    if !text.lines().any(|line| wanted(line.trim())) || brings_python(folder, place) {
        return Ok(None);
    }
    let python = Python::of(runtime);
    let key = [text.as_bytes(), python.version.as_bytes()].concat();
    let cache = cache_of("pip", &key);
    if !cache.is_dir() {
        progress("installing what requirements.txt names");
        tool::fill(&cache, |new| {
            let mut pip = Command::new(&python.program);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
            pip.args(python.options());
            pip.args(["--no-compile", "--upgrade", "--target"])
                .arg(new.join("packages"))
                .arg("-r")
                .arg(&path);
            tool::run(pip.current_dir(folder), "pip", folder)?;
            // Without these every start compiles all that it imports: a package is read-only where it runs.
            let mut compile = Command::new(&python.program);
            compile.args(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]);
            // Where they were compiled is nobody's business, and would make each installation another package.
            compile.arg("-s").arg(new.join("packages")).arg(new.join("packages"));
            // Only speed depends on it, and a package may hold a file that this version cannot read.
            let _ = tool::run(&mut compile, "python3", folder);
            Ok(())
        })?;
    }
    Ok(Some(cache.join("packages")).filter(|packages| packages.is_dir()))
}

/// The Python that packages are for: compiled ones only work with the version that they were made for.
struct Python {
    /// What installs them.
    program: String,
    /// The version that they are for, like `3.13`; empty where nothing says it.
    version: String,
    /// Whether the program is of another version.
    foreign: bool,
}

impl Python {
    /// For a Lambda runtime (`python3.13`), or whatever `python3` is.
    fn of(runtime: &str) -> Self {
        let wanted = runtime.strip_prefix("python").filter(|version| version.starts_with('3'));
        let Some(version) = wanted else {
            return Self {
                program: "python3".to_owned(),
                version: version_of("python3").unwrap_or_default(),
                foreign: false,
            };
        };
        let own = format!("python{version}");
        let has = |program: &str| version_of(program).as_deref() == Some(version);
        let program = if has(&own) { own } else { "python3".to_owned() };
        Self { foreign: !has(&program), version: version.to_owned(), program }
    }

    /// What pip must be told to install for another version than its own: it cannot compile for that.
    fn options(&self) -> Vec<&str> {
        if self.foreign { vec!["--python-version", &self.version, "--only-binary=:all:"] } else { Vec::new() }
    }
}

/// The version of an interpreter, like `3.13`; nothing where there is no such program.
fn version_of(program: &str) -> Option<String> {
    let script = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new(program).args(["-c", script]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && version.starts_with('3')).then_some(version)
}

/// The runtime that a function of Python without one gets, where packages are installed for it: the version that they
/// are for.
pub(super) fn python_runtime(folder: &Path) -> Option<String> {
    if !folder.join("requirements.txt").is_file() {
        return None;
    }
    let runtime = format!("python{}", version_of("python3")?);
    RuntimeName::parse(&runtime).is_ok().then_some(runtime)
}

/// Whether a folder has packages of Python in it already.
fn brings_python(folder: &Path, place: PythonPlace) -> bool {
    if folder.join(".python_packages").is_dir() {
        return true;
    }
    let installed = |entry: fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".dist-info");
    place == PythonPlace::Root && fs::read_dir(folder).into_iter().flatten().flatten().any(installed)
}

fn cache_of(kind: &str, key: &[u8]) -> PathBuf {
    tool::cache_folder().join(kind).join(Digest::of(key).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tests::folder;

    #[test]
    fn nothing_is_installed_that_is_not_wanted_or_is_there() {
        let check = |files: &[(&str, &str)]| {
            let folder = folder(files);
            let progress = &mut |step: &str| panic!("{step}");
            assert_eq!(node(folder.path(), progress).unwrap(), None, "{files:?}");
            let progress = &mut |step: &str| panic!("{step}");
            assert_eq!(
                python(folder.path(), PythonPlace::Root, "python", progress).unwrap(),
                None,
                "{files:?}"
            );
        };
        check(&[]);
        check(&[
            ("package.json", r#"{ "devDependencies": { "typescript": "*" } }"#),
            ("requirements.txt", "# none\n"),
        ]);
        check(&[("package.json", r#"{ "dependencies": { "x": "*" } }"#), ("node_modules/x/index.js", "")]);
        check(&[("requirements.txt", "x\n"), ("x-1.dist-info/METADATA", "")]);
        check(&[("requirements.txt", "x\n"), (".python_packages/lib/x", "")]);
    }

    #[test]
    fn folders_as_dependencies_are_refused_by_name() {
        let folder = folder(&[("package.json", r#"{ "dependencies": { "own": "file:../own" } }"#)]);
        let error = node(folder.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("the dependency own is a folder"), "{error}");
    }
}
