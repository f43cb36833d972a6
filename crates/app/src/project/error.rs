//! Why a folder cannot be deployed.

use std::io;
use std::path::{Path, PathBuf};

use crate::plan::InvalidPlan;

/// Why a folder cannot be deployed. Each says where, and [`ProjectError::hint`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The path is no folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Nothing in the folder is a function.
    #[error("found nothing to deploy in {}", .0.display())]
    NothingFound(PathBuf),
    /// A file has the name of a function's and exports no handler.
    #[error("{} exports no handler", .0.display())]
    NoHandler(PathBuf),
    /// The project is of a platform that is not built yet.
    #[error("{} makes this {platform}, which ebb does not deploy yet", marker.display())]
    NotBuilt {
        /// What it is, with its article.
        platform: &'static str,
        /// The file that says so.
        marker: PathBuf,
    },
    /// A project of Next.js has pages to render and no handlers.
    #[error("{} has pages to render and no route handlers: ebb deploys `app/**/route.*` and `pages/api` only", .0.display())]
    OnlyPages(PathBuf),
    /// A function is in a language that ebb does not build for this platform.
    #[error("{} is a {platform} function in a language that ebb does not build yet", file.display())]
    LanguageNotBuilt {
        /// The file.
        file: PathBuf,
        /// Whose function it is.
        platform: &'static str,
    },
    /// A file is no component that ebb runs.
    #[error("{}: {why}", path.display())]
    Component {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do.
        why: String,
    },
    /// A file's path or settings make no route.
    #[error("{}: {why}", file.display())]
    Route {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The bundler failed; holds what it said.
    #[error("bundling failed\n{0}")]
    Bundle(String),
    /// The manifest is wrong; the text says where and why.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where in it, and why.
        message: String,
    },
    /// The template is wrong; says where.
    #[error("{}: {fault}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: crate::template::Fault,
    },
    /// The folder's name makes no app name.
    #[error("the name of {} makes no name for an app", .0.display())]
    NoName(PathBuf),
    /// The parts do not make an app.
    #[error(transparent)]
    Plan(#[from] InvalidPlan),
    /// A build command failed.
    #[error("building {function} failed: `{command}` {status} (in {})\n{output}", folder.display())]
    Build {
        /// The function.
        function: String,
        /// The command.
        command: String,
        /// Where it ran.
        folder: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// A package is too large.
    #[error("{} is {bytes} bytes unpacked, and a function may have {limit}", folder.display())]
    TooLarge {
        /// What was to be packed.
        folder: PathBuf,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// A file could not be read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl ProjectError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// What to do about it, where that is not plain.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NothingFound(_) => "a function is an index.mjs, index.js, index.ts, app.py, lambda_function.py, \
                main.py or handler.* that exports `handler`, an executable `bootstrap`, one .wasm, or whatever an ebb.toml \
                names"
                .to_owned(),
            Self::NoHandler(path) if path.extension().is_some_and(|extension| extension == "py") => {
                "define `def handler(event, context)` in it, or name the function in an ebb.toml".to_owned()
            }
            Self::NoHandler(_) => {
                "export it, as in `export const handler = async (event) => ...`, or name it in an ebb.toml".to_owned()
            }
            Self::NotBuilt { .. } => "describe its functions in an ebb.toml, which is looked for first".to_owned(),
            Self::OnlyPages(_) => {
                "give its package.json a `start` script (`next start`), build it, and it is deployed as a server".to_owned()
            }
            Self::NoName(_) => "give one with --name".to_owned(),
            Self::TooLarge { .. } => {
                "leave out what the function does not need, or set `package` in ebb.toml to a smaller folder".to_owned()
            }
            _ => return None,
        })
    }
}
