//! The AWS SDKs that functions can import without packaging them, as in Lambda's managed runtimes, and programs that run
//! functions: installed once into the data folder through pip and npm, pinned by version and hash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::boots::write_once;
use crate::interpreters::{Interpreters, Language, Places};

/// One SDK.
#[derive(Debug)]
struct Sdk {
    name: &'static str,
    /// Whose functions can import it; nothing where it is a program.
    language: Option<Language>,
    about: &'static str,
    /// The package whose version is shown as the SDK's.
    main: &'static str,
    /// What pins it: file names and contents.
    files: &'static [(&'static str, &'static str)],
    /// The folder inside the installation that instances see, and where.
    folder: &'static str,
    target: &'static str,
}

const SDKS: &[Sdk] = &[
    Sdk {
        name: "python-sdk",
        language: Some(Language::Python),
        about: "boto3 and botocore for the Python runtimes",
        main: "boto3==",
        files: &[("requirements.txt", include_str!("../../../runtimes/sdk/python/requirements.txt"))],
        folder: "python",
        target: "/var/runtime/python",
    },
    Sdk {
        name: NODE_LAYER,
        language: Some(Language::Node),
        about: "the AWS SDK for JavaScript v3 for the Node.js runtimes",
        main: "\"@aws-sdk/client-s3\": \"",
        files: &[
            ("package.json", include_str!("../../../runtimes/sdk/node/package.json")),
            ("package-lock.json", include_str!("../../../runtimes/sdk/node/package-lock.json")),
        ],
        folder: "node_modules",
        target: "/var/runtime/node_modules",
    },
    Sdk {
        name: "workerd",
        language: None,
        about: "the program that runs Cloudflare Workers",
        main: "\"workerd\": \"",
        files: &[
            ("package.json", include_str!("../../../runtimes/sdk/workerd/package.json")),
            ("package-lock.json", include_str!("../../../runtimes/sdk/workerd/package-lock.json")),
        ],
        folder: "node_modules/@cloudflare",
        target: "",
    },
    Sdk {
        name: "deno",
        language: None,
        about: "the deno program, for Supabase functions and other programs of Deno",
        main: "\"deno\": \"",
        files: &[
            ("package.json", include_str!("../../../runtimes/sdk/deno/package.json")),
            ("package-lock.json", include_str!("../../../runtimes/sdk/deno/package-lock.json")),
        ],
        folder: "node_modules/@deno",
        target: "",
    },
];

/// One SDK, for people.
#[derive(Debug, Clone, Serialize)]
pub struct SdkRow {
    /// What `ebb runtimes add` takes.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The version of its main package.
    pub version: &'static str,
    /// Whether it is in the data folder.
    pub installed: bool,
}

/// What the layer of Node.js brings beside the SDK.
pub const TYPESCRIPT: &str = "typescript";
const NODE_LAYER: &str = "node-sdk";

/// The SDK that brings what is asked for by this name: its own, or [`TYPESCRIPT`].
#[must_use]
pub fn bringing(name: &str) -> &str {
    if name == TYPESCRIPT { NODE_LAYER } else { name }
}

/// Why an SDK was not installed.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// There is none of this name.
    #[error("there is no {name} to add: ebb has {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The package manager is not on this machine.
    #[error("{tool} is needed to install {name}. {hint}")]
    ToolMissing {
        /// What was to be installed.
        name: &'static str,
        /// The package manager.
        tool: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// The package manager failed; holds the end of what it said.
    #[error("installing {name}: {said}")]
    Tool {
        /// What was to be installed.
        name: &'static str,
        /// What it said.
        said: String,
    },
    /// The data folder could not be written.
    #[error("installing {name}: {source}")]
    Folder {
        /// What was to be installed.
        name: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

/// What can be installed: the names that [`install`] takes.
#[must_use]
pub fn available() -> Vec<&'static str> {
    SDKS.iter().map(|sdk| sdk.name).collect()
}

/// The names of those that are in the data folder, in their present version.
#[must_use]
pub fn installed(data: &Path) -> Vec<&'static str> {
    SDKS.iter().filter(|sdk| sdk.installation(data).is_dir()).map(|sdk| sdk.name).collect()
}

/// All of them, for people.
pub(crate) fn report(data: &Path) -> Vec<SdkRow> {
    let row = |sdk: &Sdk| SdkRow {
        name: sdk.name,
        about: sdk.about,
        version: sdk.version(),
        installed: sdk.installation(data).is_dir(),
    };
    SDKS.iter().map(row).collect()
}

/// Installs one into the data folder, whole or not at all, and gives its folder. Where it is there already, nothing is
/// done. Blocks for some seconds; `progress` gets a line for each step.
///
/// # Errors
/// [`SdkError`]; nothing is left behind then.
pub fn install(name: &str, data: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, SdkError> {
    let sdk = SDKS
        .iter()
        .find(|sdk| sdk.name == name)
        .ok_or_else(|| SdkError::Unknown { name: name.to_owned(), known: available().join(", ") })?;
    let folder = sdk.installation(data);
    if folder.is_dir() {
        progress(&format!("{name} {} is installed already", sdk.version()));
        return Ok(folder);
    }
    progress(&format!("installing {name} {}", sdk.version()));
    let mut failure = None;
    let written = write_once(&folder, |new| {
        for (file, content) in sdk.files {
            fs::write(new.join(file), content)?;
        }
        let result = match sdk.language {
            Some(Language::Python) => install_python(sdk, new, progress),
            _ => install_node(sdk, new),
        };
        result.map_err(|error| {
            failure = Some(error);
            io::Error::other("the package manager failed")
        })
    });
    match (written, failure) {
        (_, Some(failure)) => Err(failure),
        (Err(source), None) => Err(SdkError::Folder { name: sdk.name, source }),
        (Ok(()), None) => {
            progress(&format!("installed {name} {}", sdk.version()));
            Ok(folder)
        }
    }
}

/// The program of this name, where it is installed by now.
pub fn program(name: &str, data: &Path) -> Option<PathBuf> {
    let installed = SDKS.iter().find(|sdk| sdk.name == name && sdk.language.is_none())?;
    // One folder for each platform, of which npm installs that of this machine.
    let platforms = fs::read_dir(installed.installation(data).join(installed.folder)).ok()?;
    let programs = platforms.flatten().flat_map(|platform| {
        [name.to_owned(), format!("bin/{name}")].map(|inside| platform.path().join(inside))
    });
    programs.into_iter().find(|program| program.is_file())
}

/// Where a language's SDK is once it is installed: the folder that instances see, and where they see it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// Whose it is.
    pub(crate) language: Language,
    folder: PathBuf,
    target: &'static str,
}

impl Layer {
    /// Those of every language that has one.
    pub(crate) fn all(data: &Path) -> Vec<Self> {
        let layer = |sdk: &Sdk| {
            let folder = sdk.installation(data).join(sdk.folder);
            sdk.language.map(|language| Self { language, folder, target: sdk.target })
        };
        SDKS.iter().filter_map(layer).collect()
    }

    /// What to mount, where it is installed by now.
    pub(crate) fn installed(&self) -> Option<(PathBuf, &'static str)> {
        self.folder.is_dir().then(|| (self.folder.clone(), self.target))
    }
}

impl Sdk {
    /// The version of its main package, out of the file that pins it.
    fn version(&self) -> &'static str {
        let pinned = self.files[0].1;
        let Some(start) = pinned.find(self.main) else { return "" };
        let rest = &pinned[start + self.main.len()..];
        rest.split([' ', '"', '\n']).next().unwrap_or_default()
    }

    /// Its folder: named by version and by what pins it, so that a change of either is another installation.
    fn installation(&self, data: &Path) -> PathBuf {
        data.join("runtimes").join(format!("{}-{}-{}", self.name, self.version(), self.hash()))
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (_, content) in self.files {
            hash.update(content.as_bytes());
        }
        hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn install_python(sdk: &Sdk, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), SdkError> {
    let interpreters = Interpreters::new(Places::of_environment());
    let pythons: Vec<_> =
        interpreters.usable(Language::Python).into_iter().map(|python| &python.program).collect();
    let with_pip = |program: &&&PathBuf| {
        let asked = Command::new(program).args(["-m", "pip", "--version"]).stdin(Stdio::null()).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let hint = "Install it with `apt-get install python3-pip`";
    let missing = SdkError::ToolMissing { name: sdk.name, tool: "pip", hint };
    let python = pythons.iter().find(with_pip).ok_or(missing)?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-compile",
    ])
    .args(["--disable-pip-version-check", "--no-input", "--quiet", "--target"])
    .arg(folder.join(sdk.folder))
    .arg("--requirement")
    .arg(folder.join("requirements.txt"));
    run(sdk, pip)?;
    progress("compiling it for the installed versions of Python");
    let mut versions = Vec::new();
    for python in interpreters.usable(Language::Python) {
        let version = (python.version.major, python.version.minor);
        if !versions.contains(&version) {
            versions.push(version);
            let mut compile = Command::new(&python.program);
            compile.args(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]);
            compile.arg(folder.join(sdk.folder));
            // Only speed depends on it, and a package may hold a file that this version cannot read.
            let _ = run(sdk, compile);
        }
    }
    Ok(())
}

fn install_node(sdk: &Sdk, folder: &Path) -> Result<(), SdkError> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm.current_dir(folder);
    run(sdk, npm)
}

fn run(sdk: &Sdk, mut command: Command) -> Result<(), SdkError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => SdkError::ToolMissing {
            name: sdk.name,
            tool: "npm",
            hint: "Install it with `apt-get install npm`",
        },
        _ => SdkError::Folder { name: sdk.name, source },
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = said[said.len().saturating_sub(8)..].join("\n");
    Err(SdkError::Tool { name: sdk.name, said: tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_what_pins_them() {
        for sdk in SDKS {
            assert!(sdk.version().split('.').count() >= 3, "{}: {:?}", sdk.name, sdk.version());
            let folder = sdk.installation(Path::new("/data"));
            assert!(folder.starts_with("/data/runtimes"), "{}", folder.display());
        }
    }

    #[test]
    fn what_pins_them_names_hashes_and_no_hosts() {
        for (name, content) in SDKS.iter().flat_map(|sdk| sdk.files) {
            assert!(!content.contains("\"resolved\"") && !content.contains("--index-url"), "{name}");
        }
        let requirements = SDKS[0].files[0].1;
        let pins = requirements.lines().filter(|line| line.contains("==")).count();
        assert_eq!(requirements.matches("--hash=sha256:").count(), pins);
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_there_are() {
        let error = install("perl-sdk", Path::new("/nonexistent"), &mut |_| {}).expect_err("unknown");
        assert!(error.to_string().contains("python-sdk, node-sdk, workerd"), "{error}");
    }
}
