//! The command line: what can be said, and where it goes.
//!
//! Each verb is a file below `cli/`. A verb gives a [`Failure`] or an exit code; only this file prints failures.
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 not understood.

mod client;
mod confirm;
mod deploy;
mod dev;
mod env_file;
mod events;
mod failure;
mod invoke;
mod list;
mod logs;
mod output;
mod remove;
mod replay;
mod runtimes;
mod sdk;
mod send;
mod server;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, ServeArgs};
use failure::Failure;
use output::Output;

/// Your own serverless cloud in one binary
#[derive(Debug, Parser)]
#[command(
    name = "ebb",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  ebb dev my-function                  serve, deploy, watch and show logs
  ebb serve                            the platform alone
  ebb deploy my-function               a folder with index.mjs, app.py, bootstrap or ebb.toml
  ebb invoke my-function '{\"n\": 1}'

The server is found by EBB_ENDPOINT or AWS_ENDPOINT_URL and the AWS credentials in the environment,
else by the data folder (~/.local/share/ebb)."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the platform
    #[command(after_help = "\
Examples:
  ebb serve
  ebb serve --data /var/lib/ebb --api 0.0.0.0:9440 --edge 0.0.0.0:80
  ebb serve --config /etc/ebb.toml")]
    Serve(ServeArgs),
    /// Serve (if no server runs), deploy, deploy again on every save, and show logs
    #[command(after_help = "\
Examples:
  ebb dev                      the current folder
  ebb dev examples/hello
  ebb dev . --env-file .env    with environment variables from a file")]
    Dev(dev::DevArgs),
    /// Deploy a folder
    #[command(after_help = "\
Examples:
  ebb deploy                         the current folder, under its own name
  ebb deploy site --name shop        under another name
  ebb deploy site --dry-run          say what would change
  ebb deploy site --yes --json       in a script")]
    Deploy(deploy::DeployArgs),
    /// Run a function and print what it answers
    #[command(after_help = "\
Examples:
  ebb invoke hello                   with {} as the event
  ebb invoke hello '{\"name\": \"you\"}'
  ebb invoke hello @event.json       the event from a file
  echo '{}' | ebb invoke hello -     the event from standard input
  ebb invoke hello --logs            with its log on standard error")]
    Invoke(invoke::InvokeArgs),
    /// Show what functions have logged
    #[command(after_help = "\
Examples:
  ebb logs                           everything, the newest lines
  ebb logs hello -f                  a function or an app, and go on
  ebb logs hello --since 1h --filter ERROR
  ebb logs hello --filter '{ $.level = \"error\" }' --json")]
    Logs(logs::LogsArgs),
    /// Show what happened to events: accepted, tried, failed, retried, delivered, dead-lettered
    #[command(after_help = "\
Examples:
  ebb events                         the newest steps of all events
  ebb events ID -f                   one event and those that it led to, and go on
  ebb events --since 1h --json")]
    Events(events::EventsArgs),
    /// Send a message to a queue or a topic, or an event to a bus
    #[command(after_help = "\
Examples:
  ebb send orders '{\"n\": 1}'          to whatever is called orders
  ebb send orders.fifo @order.json --group alice
  echo '{\"n\": 1}' | ebb send bus:default - --type order.placed")]
    Send(send::SendArgs),
    /// Move dead letters back to where they come from, or replay an archive to its bus
    #[command(after_help = "\
Examples:
  ebb replay orders-dead             dead letters go back to their queue
  ebb replay my-archive --since 1h   events of the last hour, to the bus once more")]
    Replay(replay::ReplayArgs),
    /// List apps and functions
    #[command(after_help = "\
Examples:
  ebb ls
  ebb ls --json")]
    Ls(list::ListArgs),
    /// Delete an app and its functions
    #[command(after_help = "\
Examples:
  ebb rm hello
  ebb rm hello --yes                 without asking")]
    Rm(remove::RemoveArgs),
    /// Show which runtimes this machine has, or add to them
    #[command(after_help = "\
Examples:
  ebb runtimes
  ebb runtimes add python-sdk        boto3, importable by every Python function
  ebb runtimes add node-sdk          the AWS SDK for JavaScript v3, likewise")]
    Runtimes(runtimes::RuntimesArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  ebb completions bash > ~/.local/share/bash-completion/completions/ebb
  ebb completions zsh > ~/.zfunc/_ebb
  ebb completions fish > ~/.config/fish/completions/ebb.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What every client verb takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClientArgs {
    /// The data folder of the server, where the environment names none [default: ~/.local/share/ebb]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    // clap itself answers --help and --version, and ends with 2 for what it does not understand.
    let verb = Cli::parse().verb;
    match dispatch(verb) {
        Ok(code) => code,
        Err(failure) => {
            Output::new().failure(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Serve(args) => serve(&args),
        Verb::Completions { shell } => {
            // The generator takes a reader that goes away for a bug; a buffer never does.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ebb", &mut script);
            Output::new().line(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Runtimes(args) => runtimes::run(&args),
        Verb::Dev(args) => wait(dev::run(args)),
        Verb::Deploy(args) => wait(deploy::run(args)),
        Verb::Invoke(args) => wait(invoke::run(args)),
        Verb::Logs(args) => wait(logs::run(args)),
        Verb::Events(args) => wait(events::run(args)),
        Verb::Send(args) => wait(send::run(args)),
        Verb::Replay(args) => wait(replay::run(args)),
        Verb::Ls(args) => wait(list::run(args)),
        Verb::Rm(args) => wait(remove::run(args)),
    }
}

fn serve(args: &ServeArgs) -> Result<ExitCode, Failure> {
    dev::end_with_parent();
    let config = Config::load(args).map_err(|error| Failure::usage(error.to_string(), "configuration"))?;
    match crate::serve::run(&config) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure::new(format!("{error:#}"), "serve")),
    }
}

/// Runs a client verb to its end.
fn wait(verb: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no event loop: {error}"), "start"))?;
    let result = runtime.block_on(verb);
    // A read of standard input or a build may still sit in a thread; nobody waits for it any more.
    runtime.shutdown_background();
    result
}
