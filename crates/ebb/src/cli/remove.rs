//! `ebb rm`: deletes an app with its functions, or a function that is part of no app.

use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use ebb_app::App;
use ebb_console::FunctionView;
use http::Method;

use super::client::{Call, Client, encode};
use super::confirm::confirm;
use super::output::Output;
use super::{ClientArgs, Failure};

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The app, or a function that is part of none
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: RemoveArgs) -> Result<ExitCode, Failure> {
    let output = Output::new();
    let client = Client::connect(&args.client).await?;
    let apps: Vec<App> = client.ebb(Method::GET, "/_ebb/v1/apps".to_owned(), Bytes::new()).await?;
    let Some(app) = apps.into_iter().find(|app| app.name == args.name) else {
        return remove_function(&client, &args, output).await;
    };
    if !confirm(
        &format!("This deletes app {} with {}. Go on?", app.name, app.functions.join(", ")),
        args.yes,
    )? {
        return kept(output);
    }
    let target = format!("/_ebb/v1/apps/{}", encode(&app.name));
    let removed: App = client.ebb(Method::DELETE, target, Bytes::new()).await?;
    if args.client.json {
        let text = serde_json::to_string_pretty(&removed).map_err(|e| Failure::new(e.to_string(), "rm"))?;
        output.line(&text);
    } else {
        output.line(&format!("{} is deleted", removed.name));
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove_function(client: &Client, args: &RemoveArgs, output: Output) -> Result<ExitCode, Failure> {
    let functions: Vec<FunctionView> =
        client.ebb(Method::GET, "/_ebb/v1/functions".to_owned(), Bytes::new()).await?;
    let Some(function) = functions.into_iter().find(|function| function.name == args.name) else {
        let what = format!("there is no app or function named {}", args.name);
        return Err(Failure::new(what, client.endpoint()).hint("`ebb ls` shows what is there"));
    };
    if let Some(app) = function.app {
        let what = format!("{} is part of app {app}", function.name);
        return Err(Failure::new(what, client.endpoint()).hint(format!("ebb rm {app}")));
    }
    if !confirm(&format!("This deletes function {}. Go on?", function.name), args.yes)? {
        return kept(output);
    }
    let answer = client
        .send(Call {
            method: Method::DELETE,
            target: format!("/2015-03-31/functions/{}", encode(&function.name)),
            service: "lambda",
            headers: vec![],
            body: Bytes::new(),
        })
        .await?;
    if !answer.status.is_success() {
        return Err(client.refused(&answer));
    }
    output.line(&format!("{} is deleted", function.name));
    Ok(ExitCode::SUCCESS)
}

fn kept(output: Output) -> Result<ExitCode, Failure> {
    output.note("nothing was deleted");
    Ok(ExitCode::FAILURE)
}
