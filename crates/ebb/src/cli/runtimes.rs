//! `ebb runtimes`: what this machine has, and adding to it. Works on the data folder, without a server.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ebb_runtime::{RuntimeStatus, RuntimesReport, sdk};

use super::output::{Output, Style};
use super::server::data_folder;
use super::{ClientArgs, Failure};

#[derive(Debug, Args)]
pub(crate) struct RuntimesArgs {
    #[command(subcommand)]
    verb: Option<RuntimesVerb>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Subcommand)]
enum RuntimesVerb {
    /// Install something into the data folder, pinned by version and hash
    Add {
        /// What, as `ebb runtimes` lists it
        name: String,
    },
}

pub(crate) fn run(args: &RuntimesArgs) -> Result<ExitCode, Failure> {
    let output = Output::new();
    let data = data_folder(args.client.data.as_deref())?;
    match &args.verb {
        Some(RuntimesVerb::Add { name }) => add(output, name, &data),
        None => show(output, &ebb_runtime::runtimes_report(&data), args.client.json),
    }
}

fn add(output: Output, name: &str, data: &Path) -> Result<ExitCode, Failure> {
    let progress = output.progress();
    let mut last = String::new();
    let result = sdk::install(name, data, &mut |step| {
        progress.say(step);
        step.clone_into(&mut last);
    });
    progress.end();
    match result {
        Ok(_) => {
            output.line(&last);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let failure = Failure::new(error.to_string(), "runtimes add");
            Err(match error {
                sdk::SdkError::Unknown { .. } => failure.hint("`ebb runtimes` lists what can be added"),
                _ => failure,
            })
        }
    }
}

fn show(output: Output, report: &RuntimesReport, json: bool) -> Result<ExitCode, Failure> {
    if json {
        let text =
            serde_json::to_string_pretty(report).map_err(|e| Failure::new(e.to_string(), "runtimes"))?;
        output.line(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = report
        .runtimes
        .iter()
        .map(|row| {
            let (state, detail) = match &row.status {
                RuntimeStatus::NothingNeeded => ("ready", "the package brings its own program".to_owned()),
                RuntimeStatus::Installed { version, path } => {
                    ("ready", format!("{version} at {}", path.display()))
                }
                RuntimeStatus::Compatible { version, path, .. } => {
                    ("stand-in", format!("{version} at {}", path.display()))
                }
                RuntimeStatus::Missing { hint } => ("missing", hint.clone()),
            };
            vec![row.runtime.to_string(), state.to_owned(), detail]
        })
        .collect();
    output.table(&["RUNTIME", "STATE", "BY"], &rows);
    output.line("");
    let rows: Vec<_> = report
        .sdks
        .iter()
        .map(|sdk| {
            let state = if sdk.installed { "installed" } else { "not installed" };
            vec![sdk.name.to_owned(), sdk.version.to_owned(), state.to_owned(), sdk.about.to_owned()]
        })
        .collect();
    output.table(&["ADD", "VERSION", "STATE", "WHAT"], &rows);
    if report.sdks.iter().any(|sdk| !sdk.installed) {
        output.note(&output.paint(Style::Dim, "install one with `ebb runtimes add NAME`"));
    }
    Ok(ExitCode::SUCCESS)
}
