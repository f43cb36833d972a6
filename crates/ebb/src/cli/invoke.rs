//! `ebb invoke`: runs a function once.

use std::io::Read as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Answer, Call, Client, encode};
use super::output::Output;
use super::{ClientArgs, Failure};

#[derive(Debug, Args)]
pub(crate) struct InvokeArgs {
    /// The function's name or ARN
    name: String,
    /// The event: JSON, @FILE, or - for standard input
    #[arg(default_value = "{}", allow_hyphen_values = true)]
    payload: String,
    /// A version or alias
    #[arg(long)]
    qualifier: Option<String>,
    /// Hand the event over and do not wait for the answer
    #[arg(long)]
    event: bool,
    /// Print the end of the function's log to standard error
    #[arg(long, conflicts_with = "event")]
    logs: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: InvokeArgs) -> Result<ExitCode, Failure> {
    let output = Output::new();
    let payload = payload(&args.payload)?;
    let client = Client::connect(&args.client).await?;
    let progress = output.progress();
    progress.say(&format!("running {}", args.name));
    let answer = client.send(call(&args, payload)).await?;
    progress.end();
    if !answer.status.is_success() {
        return Err(refused(&client, &answer, &args.name));
    }
    show(output, &args, &answer)
}

/// The event, from wherever it is.
pub(crate) fn payload(text: &str) -> Result<Bytes, Failure> {
    let failed = |place: &str, error: &std::io::Error| Failure::new(format!("no event: {error}"), place);
    match text.strip_prefix('@') {
        Some(file) => std::fs::read(file).map(Bytes::from).map_err(|error| failed(file, &error)),
        None if text == "-" => {
            let mut read = Vec::new();
            std::io::stdin().read_to_end(&mut read).map_err(|error| failed("standard input", &error))?;
            Ok(read.into())
        }
        None => Ok(text.to_owned().into()),
    }
}

fn call(args: &InvokeArgs, body: Bytes) -> Call<'static> {
    let qualifier =
        args.qualifier.as_deref().map(|text| format!("?Qualifier={}", encode(text))).unwrap_or_default();
    let kind = if args.event { "Event" } else { "RequestResponse" };
    let log = if args.logs || (args.client.json && !args.event) { "Tail" } else { "None" };
    Call {
        method: Method::POST,
        target: format!("/2015-03-31/functions/{}/invocations{qualifier}", encode(&args.name)),
        service: "lambda",
        headers: vec![("x-amz-invocation-type", kind.to_owned()), ("x-amz-log-type", log.to_owned())],
        body,
    }
}

fn refused(client: &Client, answer: &Answer, name: &str) -> Failure {
    let failure = client.refused(answer);
    match answer.status {
        StatusCode::NOT_FOUND => failure.hint(format!(
            "`ebb ls` shows what is there; a function of several in an app is called like {name}-FUNCTION"
        )),
        _ => failure,
    }
}

fn show(output: Output, args: &InvokeArgs, answer: &Answer) -> Result<ExitCode, Failure> {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let log = header("x-amz-log-result").and_then(|text| STANDARD.decode(text).ok());
    let log = log.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let error = header("x-amz-function-error");
    let payload = serde_json::from_slice::<Value>(&answer.body).ok();
    if args.client.json {
        let shown = json!({
            "status": answer.status.as_u16(),
            "request_id": header("x-amzn-requestid"),
            "version": header("x-amz-executed-version"),
            "function_error": error,
            "payload": payload,
            "log": log,
        });
        output
            .line(&serde_json::to_string_pretty(&shown).map_err(|e| Failure::new(e.to_string(), "invoke"))?);
    } else {
        if let Some(log) = log.filter(|_| args.logs) {
            output.note(log.trim_end());
        }
        if !answer.body.is_empty() {
            output.bytes(&answer.body);
            output.bytes(b"\n");
        }
    }
    if error.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let field =
        |name: &str| payload.as_ref().and_then(|payload| payload.get(name)?.as_str().map(str::to_owned));
    let what = match (field("errorType"), field("errorMessage")) {
        (Some(kind), Some(message)) => format!("the function failed: {kind}: {message}"),
        (_, Some(message)) => format!("the function failed: {message}"),
        _ => "the function failed".to_owned(),
    };
    Err(Failure::new(what, args.name.clone()).hint(format!("ebb logs {}", args.name)))
}
