//! The compiler: from a component to machine code for this machine's processor, and what is wrong with files that are
//! no components of `wasi:http`.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::process::ExitCode;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::{engine, state};

/// What a component must export, without its version.
const HANDLER: &str = "wasi:http/incoming-handler@";
/// What the next generation of the interface is called, which has another form.
const NEXT_HANDLER: &str = "wasi:http/handler@";
/// What programs for the command line export.
const COMMAND: &str = "wasi:cli/run@";
/// The versions of the interface that run here; all of them fit each other.
const VERSION: &str = "0.2.";

/// The first bytes of both kinds of WebAssembly files.
const MAGIC: &[u8] = b"\0asm";
/// What follows in a module. Source: the WebAssembly core specification, "Modules", binary format.
const MODULE: &[u8] = &[1, 0, 0, 0];

/// Why a file cannot be served. For people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not WebAssembly.
    #[error("it is not a WebAssembly component")]
    NotWasm,
    /// A core module.
    #[error(
        "it is a core module, not a component: build it for wasm32-wasip2, or make a component of it with \
         `wasm-tools component new`"
    )]
    Module,
    /// The component is broken, or uses what the engine does not have.
    #[error("it does not compile: {0}")]
    Invalid(String),
    /// It handles no requests.
    #[error("it exports no {HANDLER}{VERSION}x{0}")]
    NoHandler(String),
    /// It wants what the host does not have.
    #[error("it cannot be linked: {0}")]
    Imports(String),
}

/// Compiles the component that the first argument names; see [`crate::COMPILE_ARGUMENT`].
#[must_use]
pub fn compile(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(path) = arguments.next() else {
        eprintln!("use: {} COMPONENT", crate::COMPILE_ARGUMENT);
        return ExitCode::FAILURE;
    };
    let written = fs::read(&path)
        .map_err(|error| format!("it cannot be read: {error}"))
        .and_then(|bytes| compiled(&bytes).map_err(|refused| refused.to_string()))
        .and_then(|code| write(&code).map_err(|error| format!("its machine code cannot be kept: {error}")));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn write(code: &[u8]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(code)?;
    output.flush()
}

/// The machine code of a component that can be served.
///
/// # Errors
/// [`Refused`].
pub(crate) fn compiled(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    match bytes.strip_prefix(MAGIC) {
        None => return Err(Refused::NotWasm),
        Some(rest) if rest.starts_with(MODULE) => return Err(Refused::Module),
        Some(_) => {}
    }
    let invalid = |error: wasmtime::Error| Refused::Invalid(format!("{error:#}"));
    let engine = engine::compiling().map_err(invalid)?;
    let component = Component::from_binary(&engine, bytes).map_err(invalid)?;
    examine(&engine, &component)?;
    component.serialize().map_err(invalid)
}

/// Whether it handles requests, and wants nothing that the host does not have.
fn examine(engine: &Engine, component: &Component) -> Result<(), Refused> {
    let exports: Vec<_> =
        component.component_type().exports(engine).map(|(name, _)| name.to_owned()).collect();
    let handles = |name: &String| name.strip_prefix(HANDLER).is_some_and(|it| it.starts_with(VERSION));
    if !exports.iter().any(handles) {
        return Err(Refused::NoHandler(instead(&exports)));
    }
    let linker = state::linker(engine).map_err(|error| Refused::Imports(format!("{error:#}")))?;
    let linked = state::linked(&linker, component);
    linked.map(|_| ()).map_err(|error| Refused::Imports(format!("{error:#}")))
}

/// What a component exports that handles no requests of this version, in words that say what to do.
fn instead(exports: &[String]) -> String {
    let exports_one = |start: &str| exports.iter().find(|name| name.starts_with(start));
    if let Some(other) = exports_one(HANDLER) {
        return format!(", but {other}, another version: build it against {VERSION}x");
    }
    if let Some(next) = exports_one(NEXT_HANDLER) {
        return format!(", but {next}, which ebb does not run yet: build it against wasi:http {VERSION}x");
    }
    if exports_one(COMMAND).is_some() {
        return ": it is a program for the command line".to_owned();
    }
    match exports {
        [] => String::new(),
        names => format!(", but {}", names.join(", ")),
    }
}
