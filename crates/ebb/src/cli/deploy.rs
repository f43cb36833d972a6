//! `ebb deploy`: a folder becomes an app.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use ebb_app::{Deployment, Packed, Project, StepKind};
use ebb_console::upload::Upload;
use ebb_model::Digest;
use http::Method;

use super::client::{Client, encode};
use super::confirm::confirm;
use super::output::{Output, Progress, Style};
use super::{ClientArgs, Failure, env_file, sdk};

/// Paths that are listed as left out.
const SHOWN_IGNORED: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The app's name [default: what ebb.toml says, else the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Environment variables for every function, as NAME=value lines
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The value of a parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Leave out resources that ebb does not have, rather than refuse the template
    #[arg(long)]
    skip_unsupported: bool,
    /// What invokes a function: a bucket, queue, topic or schedule
    #[arg(long = "trigger", value_name = "FUNCTION=KIND:NAME")]
    triggers: Vec<String>,
    /// Install nothing that package.json or requirements.txt name
    #[arg(long)]
    no_install: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer every question with yes
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: DeployArgs) -> Result<ExitCode, Failure> {
    let (output, begun) = (Output::new(), Instant::now());
    let mut project = open(&args.folder, args.name.as_deref())?;
    project.install = !args.no_install;
    let client = Client::connect(&args.client).await?;
    let progress = output.progress();
    let mut packed = pack(&project, BTreeMap::new(), &progress).await?;
    add_environment(&mut packed, args.env_file.as_deref())?;
    set_parameters(&mut packed, &args)?;
    for trigger in &args.triggers {
        let added = packed.plan.add_trigger(trigger);
        added.map_err(|error| Failure::new(error.to_string(), "--trigger"))?;
    }
    if !args.dry_run {
        progress.end();
        sdk::offer(output, &packed, &client, args.yes).await?;
    }
    let progress = output.progress();
    progress.say(&format!("deploying {}", packed.plan.app));
    if !args.yes && !args.dry_run {
        let planned = send(&client, &packed, true).await?;
        progress.end();
        if !accepted(&planned)? {
            output.note("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
    }
    let deployment = send(&client, &packed, args.dry_run).await?;
    progress.end();
    show(output, &deployment, args.client.json, begun)?;
    Ok(ExitCode::SUCCESS)
}

/// Recognises a folder, with the path in the failure as it was given.
pub(crate) fn open(folder: &Path, name: Option<&str>) -> Result<Project, Failure> {
    Project::open(folder, name).map_err(|error| {
        Failure::new(error.to_string(), folder.display().to_string()).maybe_hint(error.hint())
    })
}

/// Builds and packs, without holding up whatever else goes on.
pub(crate) async fn pack(
    project: &Project,
    known: BTreeMap<String, Packed>,
    progress: &Progress,
) -> Result<Packed, Failure> {
    let (project, progress) = (project.clone(), progress.clone());
    let packing = tokio::task::spawn_blocking(move || project.pack(&known, &mut |step| progress.say(step)));
    packing.await.map_err(|error| Failure::new(error.to_string(), "packing"))?.map_err(Failure::from)
}

pub(crate) fn add_environment(packed: &mut Packed, file: Option<&Path>) -> Result<(), Failure> {
    if let Some(file) = file {
        let variables = env_file::read(file)?;
        for function in &mut packed.plan.functions {
            function.environment.extend(variables.clone());
        }
        if let Some(stack) = &mut packed.plan.stack {
            stack.environment.extend(variables);
        }
    }
    Ok(())
}

/// What the command line says about the project's template.
fn set_parameters(packed: &mut Packed, args: &DeployArgs) -> Result<(), Failure> {
    let Some(stack) = &mut packed.plan.stack else {
        return match args.parameters.first() {
            None => Ok(()),
            Some(given) => Err(Failure::new("only templates have parameters", given.clone())),
        };
    };
    stack.skip_unsupported = args.skip_unsupported;
    for given in &args.parameters {
        let pair = given.split_once('=');
        let (name, value) =
            pair.ok_or_else(|| Failure::new("a parameter is given as NAME=VALUE", given.clone()))?;
        stack.parameters.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// Sends a plan with those packages that the server does not have; a dry run needs none.
pub(crate) async fn send(client: &Client, packed: &Packed, dry_run: bool) -> Result<Deployment, Failure> {
    let plan = serde_json::to_vec(&packed.plan).map_err(|error| Failure::new(error.to_string(), "plan"))?;
    let packages = if dry_run { Vec::new() } else { missing(client, packed).await? };
    let upload = Upload { plan: plan.into(), packages };
    let body = upload.encode().ok_or_else(|| Failure::new("the plan is too long", "plan"))?;
    let target = format!("/_ebb/v1/apps/{}?dry_run={dry_run}", encode(&packed.plan.app));
    client.ebb(Method::PUT, target, body).await
}

/// The packages that the server does not have.
async fn missing(client: &Client, packed: &Packed) -> Result<Vec<Bytes>, Failure> {
    let digests: Vec<Digest> = packed.packages.iter().map(|package| package.digest).collect();
    let asked = serde_json::to_vec(&digests).map_err(|error| Failure::new(error.to_string(), "packages"))?;
    let missing: Vec<Digest> = client.ebb(Method::POST, "/_ebb/v1/packages".to_owned(), asked.into()).await?;
    let wanted = packed.packages.iter().filter(|package| missing.contains(&package.digest));
    Ok(wanted.map(|package| package.zip.clone()).collect())
}

/// Asks before functions are deleted; what is only made or changed needs no question.
fn accepted(planned: &Deployment) -> Result<bool, Failure> {
    let deleted: Vec<_> = planned
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::Delete)
        .map(|step| step.function.as_str())
        .collect();
    if deleted.is_empty() {
        return Ok(true);
    }
    confirm(&format!("This deletes {}. Go on?", deleted.join(", ")), false)
}

/// Shows what a deploy did or would do.
fn show(output: Output, deployment: &Deployment, json: bool, begun: Instant) -> Result<(), Failure> {
    if json {
        let text =
            serde_json::to_string_pretty(deployment).map_err(|e| Failure::new(e.to_string(), "deploy"))?;
        output.line(&text);
        return Ok(());
    }
    for ignored in deployment.ignored.iter().take(SHOWN_IGNORED) {
        output.note(&format!("left out {}: {}", ignored.path, ignored.reason));
    }
    if let Some(more) = deployment.ignored.len().checked_sub(SHOWN_IGNORED).filter(|more| *more > 0) {
        output.note(&format!("left out {more} more; --json lists them"));
    }
    for stand_in in &deployment.stand_ins {
        output.note(stand_in);
    }
    let verb = if deployment.dry_run { "would be deployed" } else { "is deployed" };
    let took =
        if deployment.dry_run { String::new() } else { format!(" ({:.1} s)", begun.elapsed().as_secs_f64()) };
    output.line(&format!("{} {verb}{took}", output.paint(Style::Bold, &deployment.app)));
    for step in &deployment.steps {
        output.line(&format!("  {}", describe(output, step)));
    }
    if !deployment.dry_run {
        for output_of in &deployment.outputs {
            output.line(&format!("  {} = {}", output_of.name, output_of.value));
        }
        for key in &deployment.keys {
            output.line(&format!("  {} ({}): {}", key.name, key.variable, key.value));
        }
        show_urls(output, deployment);
    }
    Ok(())
}

/// One step, for people.
pub(crate) fn describe(output: Output, step: &ebb_app::Step) -> String {
    let (verb, style) = match step.kind {
        StepKind::Create => ("create", Style::Green),
        StepKind::Update => ("update", Style::Yellow),
        StepKind::Keep => ("keep", Style::Dim),
        StepKind::Delete => ("delete", Style::Red),
    };
    let line = format!("{} {}", output.paint(style, &format!("{verb:6}")), step.function);
    if step.changed.is_empty() { line } else { format!("{line} ({})", step.changed.join(", ")) }
}

pub(crate) fn show_urls(output: Output, deployment: &Deployment) {
    let width = deployment.urls.iter().map(|url| url.function.len()).max().unwrap_or_default();
    for url in &deployment.urls {
        let method = url.route.split_once(' ').map(|(method, _)| format!(" ({method})")).unwrap_or_default();
        output.line(&format!("  {:width$}  {}{method}", url.function, output.paint(Style::Cyan, &url.url)));
    }
}
