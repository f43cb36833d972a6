//! Where interpreters are found, and how their versions are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Interpreter, Language, Version, is_system};

/// Where to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The folders of `PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// The home folder, for version managers.
    pub(crate) home: Option<PathBuf>,
    /// The root of the file system; another one in tests.
    pub(crate) root: PathBuf,
}

impl Places {
    /// Those of this process's environment.
    pub(crate) fn of_environment() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            path: std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect(),
            home: std::env::home_dir(),
            root: PathBuf::from("/"),
        }
    }
}

/// The folders, under home and under the root, in which version managers keep one folder for each version.
const UNDER_HOME: &[(Language, &str)] = &[
    (Language::Python, ".pyenv/versions"),
    (Language::Python, ".asdf/installs/python"),
    (Language::Python, ".local/share/mise/installs/python"),
    (Language::Python, ".local/share/uv/python"),
    (Language::Node, ".nvm/versions/node"),
    (Language::Node, ".asdf/installs/nodejs"),
    (Language::Node, ".local/share/mise/installs/node"),
    (Language::Node, ".volta/tools/image/node"),
    (Language::Ruby, ".rbenv/versions"),
    (Language::Ruby, ".asdf/installs/ruby"),
    (Language::Ruby, ".rubies"),
    (Language::Java, ".sdkman/candidates/java"),
    (Language::Java, ".jdks"),
];
const UNDER_ROOT: &[(Language, &str)] = &[
    (Language::Java, "usr/lib/jvm"),
    (Language::Java, "opt"),
    (Language::Node, "opt"),
    (Language::Node, "opt/nodejs"),
    (Language::Python, "opt"),
    (Language::Python, "opt/python"),
    (Language::Ruby, "opt"),
    (Language::Ruby, "opt/rubies"),
];

/// Every interpreter of a language, each once.
pub(super) fn find(language: Language, places: &Places) -> Vec<Interpreter> {
    let mut programs = BTreeSet::new();
    for folder in folders(language, places) {
        for name in names(language, &folder) {
            // Links lead to the real program; shims of version managers are scripts and lead nowhere.
            match fs::canonicalize(folder.join(name)) {
                Ok(program) if is_elf(&program) => programs.insert(program),
                _ => false,
            };
        }
    }
    programs.into_iter().filter_map(|program| examine(language, program, places)).collect()
}

fn folders(language: Language, places: &Places) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    // A Java program is only told apart by the folder that it is in, so `PATH` says nothing more than the link's end.
    folders.extend(["usr/bin", "usr/local/bin"].map(|folder| places.root.join(folder)));
    folders.extend(places.path.iter().cloned());
    let home = places.home.iter().flat_map(|home| UNDER_HOME.iter().map(|(of, path)| (*of, home.join(path))));
    let root = UNDER_ROOT.iter().map(|(of, path)| (*of, places.root.join(path)));
    for (_, versions) in home.chain(root).filter(|(of, _)| *of == language) {
        for entry in fs::read_dir(versions).into_iter().flatten().flatten() {
            folders.push(entry.path().join("bin"));
            folders.push(entry.path().join("installation/bin"));
        }
    }
    folders
}

fn names(language: Language, folder: &Path) -> Vec<String> {
    match language {
        Language::Node => vec!["node".into(), "nodejs".into()],
        Language::Java => vec!["java".into()],
        Language::Ruby => numbered(folder, "ruby"),
        Language::Python => numbered(folder, "python3"),
    }
}

/// The names in a folder that are `stem`, or `stem` with a version behind it, as in `python3.12` and `ruby3.3`.
fn numbered(folder: &Path, stem: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| {
            name.strip_prefix(stem).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        })
        .collect()
}

fn is_elf(program: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    fs::File::open(program).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

fn examine(language: Language, program: PathBuf, places: &Places) -> Option<Interpreter> {
    let prefix = program.parent()?.parent()?.to_owned();
    let version = match language {
        // The boot is compiled once by the installation's own compiler.
        Language::Java if !prefix.join("bin/javac").exists() => return None,
        Language::Java => java_version(&prefix)?,
        _ => match version_in_path(&prefix) {
            Some(version) => version,
            None => ask(&program)?,
        },
    };
    let mut binds = Vec::new();
    if !is_system(&program) {
        binds.push(if is_installation(&prefix, places) { prefix.clone() } else { program.clone() });
    }
    Some(Interpreter { version, program, binds })
}

/// Whether a prefix holds one installation and nothing else, so that it may be shown to functions as it is.
fn is_installation(prefix: &Path, places: &Places) -> bool {
    let holds_home = places.home.as_ref().is_some_and(|home| home.starts_with(prefix));
    !holds_home
        && prefix.parent().is_some()
        && (prefix.join("lib").is_dir() || prefix.join("include").is_dir())
}

/// The version in the name of the folder of an installation, as version managers name them.
fn version_in_path(prefix: &Path) -> Option<Version> {
    let name = prefix.file_name().and_then(OsStr::to_str)?;
    let name = name.strip_prefix('v').unwrap_or(name);
    let all_numbers = name.split('.').count() == 3 && name.split('.').all(|part| part.parse::<u16>().is_ok());
    all_numbers.then(|| Version::find(name)).flatten()
}

/// Asks a program for its version. A clean environment, since shells' settings slow interpreters down.
fn ask(program: &Path) -> Option<Version> {
    let output = Command::new(program)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Version::find(std::str::from_utf8(&output.stdout).ok()?)
}

/// Reads the `release` file that every Java installation has.
fn java_version(home: &Path) -> Option<Version> {
    let release = fs::read_to_string(home.join("release")).ok()?;
    release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=")).and_then(Version::find)
}
