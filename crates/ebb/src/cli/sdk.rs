//! Offering to install what functions run on: a program such as workerd, or an AWS SDK that a function imports and
//! does not package.

use std::io::{IsTerminal as _, stderr, stdin};

use ebb_app::Packed;
use http::Method;

use super::Failure;
use super::client::{Client, encode};
use super::confirm::confirm;
use super::output::Output;

/// Has the server install what functions want and it does not have, after asking. Where nobody can be asked, says what
/// is wanted and goes on.
pub(crate) async fn offer(
    output: Output,
    packed: &Packed,
    client: &Client,
    yes: bool,
) -> Result<(), Failure> {
    if packed.sdks.is_empty() {
        return Ok(());
    }
    let installed: Vec<String> =
        client.ebb(Method::GET, "/_ebb/v1/runtimes".to_owned(), bytes::Bytes::new()).await?;
    for name in packed.sdks.iter().copied().filter(|name| !installed.iter().any(|have| have == name)) {
        let why = why(name);
        let can_ask = stdin().is_terminal() && stderr().is_terminal();
        if !yes && !can_ask {
            let adds = ebb_runtime::sdk::bringing(name);
            output.note(&format!("{why}: where the server runs, `ebb runtimes add {adds}`"));
            continue;
        }
        if !confirm(&format!("{why}. Install {name}?"), yes)? {
            continue;
        }
        let progress = output.progress();
        progress.say(&format!("installing {name}"));
        let target = format!("/_ebb/v1/runtimes/{}", encode(name));
        let installed: Result<Vec<String>, Failure> =
            client.ebb(Method::POST, target, bytes::Bytes::new()).await;
        progress.end();
        match installed {
            Ok(_) => output.note(&format!("{name} is installed")),
            // The function may still be of use without it, and the server says at its first import what is missing.
            Err(failure) => output.failure(&failure),
        }
    }
    Ok(())
}

fn why(name: &str) -> String {
    match name {
        "deno" => "Functions run on deno, which the server does not have".to_owned(),
        "workerd" => "Workers run on workerd, which the server does not have".to_owned(),
        ebb_runtime::sdk::TYPESCRIPT => {
            "A function is TypeScript, which the server's Node.js does not run by itself".to_owned()
        }
        _ => "A function imports the AWS SDK and does not package it".to_owned(),
    }
}
