//! The interpreters that this machine has, and which of them runs a runtime.
//!
//! An exact version is taken first, of several the system's own; else the nearest higher version of the family, else
//! the nearest lower one that the boot still runs on. Versions are looked up when they are first asked for.

mod choice;
mod report;
mod search;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ebb_invoker::Unavailable;
use ebb_model::{RuntimeFamily, RuntimeName};

pub use report::{RuntimeRow, RuntimeStatus, RuntimesReport};
pub(crate) use search::Places;

/// One interpreter on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Interpreter {
    /// Its version.
    pub(crate) version: Version,
    /// The program itself, no link and no shim.
    pub(crate) program: PathBuf,
    /// What it needs of the host beside the system's folders, at the same path.
    pub(crate) binds: Vec<PathBuf>,
}

/// A version; parts that are not known are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    pub(crate) major: u16,
    pub(crate) minor: u16,
    pub(crate) patch: u16,
}

impl Version {
    /// Reads the first version in a text, as in `v20.20.2`, `Python 3.11.2` or `17.0.15+6`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let end = text[start..].find(|c| !number(c)).map_or(text.len(), |length| start + length);
        let mut parts = text[start..end].split('.').map(|part| part.parse().ok());
        let mut next = || parts.next().flatten().unwrap_or(0);
        Some(Self { major: next(), minor: next(), patch: next() })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A language, whatever the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    Node,
    Python,
    Java,
    Ruby,
}

impl Language {
    /// The language of a runtime and the part of the version that names it; none for custom runtimes.
    pub(crate) fn of(family: RuntimeFamily) -> Option<(Self, u16)> {
        match family {
            RuntimeFamily::Node(major) => Some((Self::Node, major)),
            RuntimeFamily::Python(minor) => Some((Self::Python, minor)),
            RuntimeFamily::Java(feature) => Some((Self::Java, feature)),
            RuntimeFamily::Ruby(minor) => Some((Self::Ruby, minor)),
            RuntimeFamily::Custom
            | RuntimeFamily::Http
            | RuntimeFamily::Deno
            | RuntimeFamily::Workerd
            | RuntimeFamily::Wasm => None,
        }
    }

    /// The part of a version that runtimes are named by; none for another major version of Python or Ruby.
    pub(crate) fn level(self, version: Version) -> Option<u16> {
        match self {
            Self::Node | Self::Java => Some(version.major),
            Self::Python | Self::Ruby => (version.major == 3).then_some(version.minor),
        }
    }

    /// The lowest level that the boot runs on.
    fn lowest(self) -> u16 {
        match self {
            Self::Node => 18,
            Self::Python => 9,
            Self::Java => 17,
            Self::Ruby => 0,
        }
    }

    /// What people call a level of it.
    fn describe(self, level: u16) -> String {
        match self {
            Self::Node => format!("Node.js {level}"),
            Self::Python => format!("Python 3.{level}"),
            Self::Java => format!("A Java {level} development kit"),
            Self::Ruby => format!("Ruby 3.{level}"),
        }
    }

    /// How to get a level of it on a usual machine.
    fn hint(self, level: u16) -> String {
        match self {
            Self::Node => format!("Install it with `apt-get install nodejs` or `nvm install {level}`"),
            Self::Python => {
                format!("Install it with `apt-get install python3.{level}` or `pyenv install 3.{level}`")
            }
            Self::Java => format!("Install it with `apt-get install openjdk-{level}-jdk-headless`"),
            Self::Ruby => format!("Install it with `apt-get install ruby` or `rbenv install 3.{level}.0`"),
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node => "Node.js",
            Self::Python => "Python",
            Self::Java => "Java",
            Self::Ruby => "Ruby",
        })
    }
}

/// What runs a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The interpreter.
    pub(crate) interpreter: Interpreter,
    /// Whether it has the version that the runtime names.
    pub(crate) exact: bool,
}

/// The interpreters of this machine, looked up once.
#[derive(Debug)]
pub(crate) struct Interpreters {
    places: Places,
    node: OnceLock<Vec<Interpreter>>,
    python: OnceLock<Vec<Interpreter>>,
    java: OnceLock<Vec<Interpreter>>,
    ruby: OnceLock<Vec<Interpreter>>,
    /// Runtimes whose stand-in has been told of.
    told: Mutex<Vec<RuntimeName>>,
}

impl Interpreters {
    /// Looks in these places, when first asked.
    pub(crate) fn new(places: Places) -> Self {
        let (node, python, java, ruby) = Default::default();
        Self { places, node, python, java, ruby, told: Mutex::default() }
    }

    /// What runs `runtime` here; none for custom runtimes, which bring their own program. The first call for a
    /// language runs its interpreters to ask for their versions, which takes some tens of milliseconds.
    ///
    /// # Errors
    /// [`Unavailable`] where nothing does.
    pub(crate) fn choose(&self, runtime: RuntimeName) -> Result<Option<Chosen>, Unavailable> {
        let chosen = self.find(runtime)?;
        if let Some(chosen) = chosen.as_ref().filter(|chosen| !chosen.exact) {
            self.tell(runtime, &chosen.interpreter);
        }
        Ok(chosen)
    }

    /// As [`Interpreters::choose`], for those who only want to know: a stand-in is told of when it is used.
    pub(crate) fn find(&self, runtime: RuntimeName) -> Result<Option<Chosen>, Unavailable> {
        let Some((language, level)) = Language::of(runtime.family()) else { return Ok(None) };
        let chosen = choice::choose(language, level, self.of(language)).ok_or_else(|| Unavailable {
            runtime,
            missing: format!("{} is not installed", language.describe(level)),
            hint: language.hint(level),
        })?;
        Ok(Some(chosen))
    }

    /// The interpreters of a language that the boot runs on, the system's own first, then the newest.
    pub(crate) fn usable(&self, language: Language) -> Vec<&Interpreter> {
        let usable = |interpreter: &&Interpreter| {
            language.level(interpreter.version).is_some_and(|level| level >= language.lowest())
        };
        let mut found: Vec<_> = self.of(language).iter().filter(usable).collect();
        found.sort_by_key(|interpreter| {
            (!is_system(&interpreter.program), std::cmp::Reverse(interpreter.version))
        });
        found
    }

    fn of(&self, language: Language) -> &[Interpreter] {
        let found = match language {
            Language::Node => &self.node,
            Language::Python => &self.python,
            Language::Java => &self.java,
            Language::Ruby => &self.ruby,
        };
        found.get_or_init(|| search::find(language, &self.places))
    }

    fn tell(&self, runtime: RuntimeName, interpreter: &Interpreter) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&runtime) {
            told.push(runtime);
            tracing::warn!(
                %runtime, version = %interpreter.version, program = %interpreter.program.display(),
                "its own version is not installed: a compatible interpreter runs it"
            );
        }
    }
}

/// Whether a path is among the folders that every sandbox has.
fn is_system(path: &Path) -> bool {
    ["/usr", "/bin", "/lib", "/lib64", "/sbin"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests;
