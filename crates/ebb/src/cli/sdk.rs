//! Offering to install an AWS SDK that a function imports and does not package.

use std::io::{IsTerminal as _, stderr, stdin};

use ebb_app::Packed;
use ebb_runtime::sdk;

use super::confirm::confirm;
use super::output::Output;
use super::server::Server;
use super::{ClientArgs, Failure};

/// Installs what functions want and the server's data folder does not have, after asking. Where nobody can be asked, or
/// the server is elsewhere, says what is wanted and goes on.
pub(crate) async fn offer(
    output: Output,
    packed: &Packed,
    args: &ClientArgs,
    yes: bool,
) -> Result<(), Failure> {
    let data = Server::local_data(args);
    let installed = data.as_deref().map(sdk::installed).unwrap_or_default();
    for name in packed.sdks.iter().copied().filter(|name| !installed.contains(name)) {
        let Some(data) = data.clone().filter(|_| yes || (stdin().is_terminal() && stderr().is_terminal()))
        else {
            output.note(&format!(
                "a function imports the AWS SDK and does not package it: where the server runs, `ebb runtimes add {name}`"
            ));
            continue;
        };
        if !confirm(&format!("A function imports the AWS SDK and does not package it. Install {name}?"), yes)?
        {
            continue;
        }
        let progress = output.progress();
        progress.say(&format!("installing {name}"));
        let shown = progress.clone();
        let installing =
            tokio::task::spawn_blocking(move || sdk::install(name, &data, &mut |step| shown.say(step)));
        let installed = installing.await.map_err(|error| Failure::new(error.to_string(), "runtimes add"))?;
        progress.end();
        match installed {
            Ok(_) => output.note(&format!("{name} is installed")),
            // The function may still be of use without it, and the server says at its first import what is missing.
            Err(error) => output.failure(&Failure::new(error.to_string(), "runtimes add")),
        }
    }
    Ok(())
}
