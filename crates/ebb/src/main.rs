//! The binary: command line, configuration, wiring, start and stop. No logic of its own.
//!
//! Start reading at `serve.rs` (what the platform is made of) and `cli.rs` (the verbs).

mod api_calls;
mod api_port;
mod cli;
mod config;
mod serve;
mod sources;
mod stack_calls;
mod wiring;

use std::ffi::OsStr;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The launcher is this program again. It must be known before anything else happens, above all before any thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ebb_sandbox::Launcher::ARGUMENT) {
        ebb_sandbox::Launcher::run();
    }
    // Inside instances it is one of several small programs.
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(OsStr::to_str) {
        Some(ebb_runtime::watchdog::ARGUMENT) => ebb_runtime::watchdog::run(arguments),
        Some(ebb_wasm_host::COMPILE_ARGUMENT) => ebb_wasm_host::compile(arguments),
        Some(ebb_wasm_host::SERVE_ARGUMENT) => ebb_wasm_host::serve(),
        _ => cli::run(),
    }
}
