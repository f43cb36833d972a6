//! What `ebb runtimes` shows.

use std::path::{Path, PathBuf};

use ebb_model::{RuntimeFamily, RuntimeName};
use serde::Serialize;

use super::{Interpreters, Language, Version};
use crate::sdk::{self, SdkRow};

/// The first Node.js that strips types without being told to. Source: the Node.js changelog, 22.18.0.
const STRIPS_TYPES: Version = Version { major: 22, minor: 18, patch: 0 };

/// Which runtimes this machine has, and how the rest is had.
#[derive(Debug, Clone, Serialize)]
pub struct RuntimesReport {
    /// Every runtime that ebb knows.
    pub runtimes: Vec<RuntimeRow>,
    /// What `ebb runtimes add` installs.
    pub sdks: Vec<SdkRow>,
}

impl RuntimesReport {
    /// The runtimes whose own version is installed, newest first.
    #[must_use]
    pub fn exact(&self) -> Vec<RuntimeName> {
        let installed = |row: &&RuntimeRow| matches!(row.status, RuntimeStatus::Installed { .. });
        self.runtimes.iter().rev().filter(installed).map(|row| row.runtime).collect()
    }
}

/// One runtime.
#[derive(Debug, Clone, Serialize)]
pub struct RuntimeRow {
    /// Its name.
    pub runtime: RuntimeName,
    /// Whether it can be had, and by what.
    pub status: RuntimeStatus,
}

/// Whether a runtime can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeStatus {
    /// The package brings all that it needs.
    NothingNeeded,
    /// By an interpreter of the version that it names.
    Installed {
        /// The interpreter's version.
        version: String,
        /// Where it is.
        path: PathBuf,
    },
    /// By an interpreter of another version.
    Compatible {
        /// The interpreter's version.
        version: String,
        /// Where it is.
        path: PathBuf,
        /// How to get the version that it names.
        hint: String,
    },
    /// It cannot.
    Missing {
        /// How to get it.
        hint: String,
    },
}

impl Interpreters {
    /// Looks every runtime up. One line of the log names all that another version stands in for, and so does the
    /// result; one that is used is warned of by itself.
    pub(crate) fn report(&self, data: &Path) -> Vec<RuntimeRow> {
        let rows: Vec<_> = RuntimeName::all()
            .map(|runtime| RuntimeRow { runtime, status: self.status(runtime, data) })
            .collect();
        let stand_ins: Vec<String> = rows
            .iter()
            .filter(|row| matches!(row.status, RuntimeStatus::Compatible { .. }))
            .map(|row| row.runtime.to_string())
            .collect();
        if !stand_ins.is_empty() {
            tracing::debug!(runtimes = stand_ins.join(" "), "compatible interpreters stand in for these");
        }
        rows
    }

    /// Whether the Node.js that functions get which name no version runs TypeScript by itself.
    pub(crate) fn run_typescript(&self) -> bool {
        let of_node = |runtime: &RuntimeName| matches!(runtime.family(), RuntimeFamily::Node(_));
        let exact = |runtime| self.find(runtime).ok().flatten().filter(|chosen| chosen.exact);
        let newest = RuntimeName::all().filter(of_node).filter_map(exact).last();
        newest.is_some_and(|chosen| chosen.interpreter.version >= STRIPS_TYPES)
    }

    fn status(&self, runtime: RuntimeName, data: &Path) -> RuntimeStatus {
        let hint = match runtime.family() {
            RuntimeFamily::Custom | RuntimeFamily::Http | RuntimeFamily::Wasm => {
                return RuntimeStatus::NothingNeeded;
            }
            RuntimeFamily::Deno => return added("deno", data),
            RuntimeFamily::Workerd => return added("workerd", data),
            family => Language::of(family).map(|(language, level)| language.hint(level)).unwrap_or_default(),
        };
        match self.find(runtime) {
            Ok(None) => RuntimeStatus::NothingNeeded,
            Ok(Some(chosen)) => {
                let (version, path) = (chosen.interpreter.version.to_string(), chosen.interpreter.program);
                match chosen.exact {
                    true => RuntimeStatus::Installed { version, path },
                    false => RuntimeStatus::Compatible { version, path, hint },
                }
            }
            Err(_) => RuntimeStatus::Missing { hint },
        }
    }
}

/// A runtime that is a program which `ebb runtimes add` installs.
fn added(name: &str, data: &Path) -> RuntimeStatus {
    match sdk::program(name, data) {
        Some(path) => {
            let version = sdk::report(data).into_iter().find(|row| row.name == name).map(|row| row.version);
            RuntimeStatus::Installed { version: version.unwrap_or_default().to_owned(), path }
        }
        None => RuntimeStatus::Missing { hint: format!("Install it with `ebb runtimes add {name}`") },
    }
}
