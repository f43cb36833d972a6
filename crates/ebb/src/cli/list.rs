//! `ebb ls`: apps and functions.

use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use ebb_app::App;
use ebb_console::FunctionView;
use http::Method;
use serde_json::json;

use super::client::Client;
use super::output::Output;
use super::{ClientArgs, Failure};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: ListArgs) -> Result<ExitCode, Failure> {
    let output = Output::new();
    let client = Client::connect(&args.client).await?;
    let apps: Vec<App> = client.ebb(Method::GET, "/_ebb/v1/apps".to_owned(), Bytes::new()).await?;
    let functions: Vec<FunctionView> =
        client.ebb(Method::GET, "/_ebb/v1/functions".to_owned(), Bytes::new()).await?;
    if args.client.json {
        let all = json!({ "apps": apps, "functions": functions });
        output.line(&serde_json::to_string_pretty(&all).map_err(|e| Failure::new(e.to_string(), "ls"))?);
        return Ok(ExitCode::SUCCESS);
    }
    if apps.is_empty() && functions.is_empty() {
        output.note(&format!("nothing is deployed at {}; `ebb deploy DIR` changes that", client.endpoint()));
        return Ok(ExitCode::SUCCESS);
    }
    if !apps.is_empty() {
        let rows: Vec<_> = apps.iter().flat_map(app_rows).collect();
        output.table(&["APP", "FUNCTION", "URL"], &rows);
        output.line("");
    }
    let rows: Vec<_> = functions.iter().map(function_row).collect();
    output
        .table(&["FUNCTION", "RUNTIME", "MEMORY", "STATE", "CALLS", "ERRORS", "COLD", "GB-S", "URL"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn app_rows(app: &App) -> Vec<Vec<String>> {
    let name = |index: usize| if index == 0 { app.name.clone() } else { String::new() };
    app.urls
        .iter()
        .enumerate()
        .map(|(index, url)| vec![name(index), url.function.clone(), url.url.clone()])
        .collect()
}

fn function_row(function: &FunctionView) -> Vec<String> {
    let usage = &function.usage;
    vec![
        function.name.clone(),
        function.runtime.clone(),
        format!("{} MiB", function.memory_mib),
        function.state.clone(),
        usage.invocations.to_string(),
        usage.errors.to_string(),
        usage.cold_starts.to_string(),
        format!("{:.3}", usage.gb_seconds),
        function.urls.first().cloned().unwrap_or_default(),
    ]
}
