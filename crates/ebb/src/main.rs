//! The binary: command line, configuration, wiring, start and stop. No logic of its own.
//!
//! Start reading at `serve.rs` (what the platform is made of) and `cli.rs` (the verbs).

mod api_port;
mod cli;
mod config;
mod serve;
mod sources;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The launcher is this program again. It must be known before anything else happens, above all before any thread.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ebb_sandbox::Launcher::ARGUMENT) {
        ebb_sandbox::Launcher::run();
    }
    cli::run()
}
