//! WebAssembly components: which file of a project is one, and whether it handles requests.
//!
//! Only what the file says about itself is read here, so that a wrong one is refused before anything is sent; whether it
//! compiles is found out by the server.

use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::ServerSettings;
use wasmparser::{Encoding, Parser, Payload};

use super::description::{Description, Source, SourceFunction};
use super::error::ProjectError;
use super::handler::{self, Inferred};
use super::pack::{Files, Zipped};
use super::spin;

/// The runtime of components.
pub(super) const RUNTIME: &str = "wasm";
/// What a component that handles requests exports, without its version.
const HANDLER: &str = "wasi:http/incoming-handler@";
/// The versions of it that run here.
const VERSION: &str = "0.2.";

/// A component of a project, before it is built.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    /// The file, or a folder that holds it.
    pub(super) package: PathBuf,
    /// Its path in the folder; where nothing is said, the only component there.
    pub(super) file: Option<String>,
    /// What else it has where it is a Spin application's.
    pub(super) spin: Option<Box<spin::Settings>>,
}

/// The component of a folder that holds one and nothing else that would be a function.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    let mut found = components(folder);
    (found.len() == 1 && !handler::has_candidate(folder)).then(|| found.remove(0))
}

/// Describes the component in a folder.
pub(super) fn describe(folder: &Path, marker: &Path) -> Result<Description, ProjectError> {
    let function = function(folder, Component { package: marker.to_owned(), file: None, spin: None });
    Ok(Description { functions: vec![function], ..Description::default() })
}

/// The function that a component is.
pub(super) fn function(folder: &Path, component: Component) -> SourceFunction {
    SourceFunction {
        server: Some(ServerSettings::of_components()),
        ..SourceFunction::served(folder, RUNTIME, Source::Component(component))
    }
}

impl Component {
    /// How it is run: the handler is its path in the package.
    pub(super) fn inferred(&self) -> Result<Inferred, ProjectError> {
        Ok(Inferred { runtime: RUNTIME.to_owned(), handler: name_of(&self.path()?) })
    }

    /// Checks and packs it as a function of `app`.
    pub(super) fn pack(&self, app: &str) -> Result<Zipped, ProjectError> {
        let path = self.path()?;
        let bytes = fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))?;
        if let Err(why) = examine(&bytes) {
            return Err(ProjectError::Component { path, why });
        }
        let mut files = Files::default();
        files.add(name_of(&path), bytes);
        if let Some(spin) = &self.spin {
            spin.pack(app, &mut files)?;
        }
        files.zip(&path)
    }

    fn path(&self) -> Result<PathBuf, ProjectError> {
        if let Some(file) = &self.file {
            return Ok(self.package.join(file));
        }
        if !self.package.is_dir() {
            return Ok(self.package.clone());
        }
        let mut found = components(&self.package);
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(ProjectError::NothingFound(self.package.clone())),
            _ => {
                let why = "it holds several .wasm files: name one as the handler".to_owned();
                Err(ProjectError::Component { path: self.package.clone(), why })
            }
        }
    }
}

/// What a component is called in its package.
fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The `.wasm` files of a folder.
fn components(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let mut found: Vec<_> = paths.filter(is_wasm).collect();
    found.sort();
    found
}

/// Whether this is a component that handles requests; if not, why not and what to do.
fn examine(bytes: &[u8]) -> Result<(), String> {
    let mut depth = 0_u32;
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| format!("it is not a WebAssembly component: {error}"))?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err("it is a core module, not a component: build it for wasm32-wasip2, or make a component of \
                    it with `wasm-tools component new`"
                    .to_owned());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(|error| error.to_string())?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let handles = |name: &String| name.strip_prefix(HANDLER).is_some_and(|it| it.starts_with(VERSION));
    if exports.iter().any(handles) {
        return Ok(());
    }
    let instead = match exports.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    Err(format!("it exports {instead}, and no {HANDLER}{VERSION}x, which is what ebb runs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that exports an instance by this name, and has a module with exports of its own in it.
    fn component(export: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                 (core module (func (export "{HANDLER}{VERSION}0")))
                 (component (instance $i) (export "{HANDLER}{VERSION}0" (instance $i)))
                 (instance $i)
                 (export "{export}" (instance $i)))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn components_that_handle_no_requests_are_refused_with_what_to_do() {
        let check = |bytes: &[u8], words: &str| {
            let said = examine(bytes).err().unwrap_or_default();
            assert!(if words.is_empty() { said.is_empty() } else { said.contains(words) }, "{said}");
        };
        check(&component("wasi:http/incoming-handler@0.2.0"), "");
        check(&component("wasi:http/incoming-handler@0.2.12"), "");
        check(&component("wasi:http/handler@0.3.0"), "exports wasi:http/handler@0.3.0, and no");
        check(&component("wasi:cli/run@0.2.0"), "exports wasi:cli/run@0.2.0");
        check(&wat::parse_str("(component)").unwrap(), "exports nothing");
        check(&wat::parse_str("(module)").unwrap(), "core module");
        check(b"", "not a WebAssembly component");
        check(b"#!/bin/sh\n", "not a WebAssembly component");
    }
}
