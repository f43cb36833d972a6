//! `ebb dev`: a server (if none runs), a deploy, another on every save, and the logs.

mod builds;
mod child;
mod inspect;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ebb_app::{Deployment, Packed, Project, StepKind};
use tokio::signal::unix::{SignalKind, signal};

use super::client::Client;
use super::deploy;
use super::logs::{LogOutput, Tail};
use super::output::{Output, Style};
use super::server::{Server, data_folder};
use super::{ClientArgs, Failure, sdk};
use crate::config::ServeArgs;
use builds::{Builds, Contents};
use child::ChildServer;
pub(crate) use child::end_with_parent;
use watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The app's name [default: what ebb.toml says, else the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Environment variables for every function, as NAME=value lines
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
    /// Let debuggers attach: to the first function at this port of 127.0.0.1, to the others at those after it [default
    /// port: 9229]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "9229", require_equals = true)]
    inspect: Option<u16>,
    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) async fn run(args: DevArgs) -> Result<ExitCode, Failure> {
    // Asked for before anything is started, so that no signal finds a server without its owner.
    let failed = |error: std::io::Error| Failure::new(error.to_string(), "signals");
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?);
    let project = deploy::open(&args.folder, args.name.as_deref())?;
    let mut server = None;
    let result = tokio::select! {
        result = develop(&args, project, &mut server) => result,
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    };
    if let Some(server) = server {
        server.stop().await;
    }
    result
}

/// Goes on until it fails. Dropping it ends all but the server, which the caller stops.
async fn develop(
    args: &DevArgs,
    project: Project,
    started: &mut Option<ChildServer>,
) -> Result<ExitCode, Failure> {
    let output = Output::new();
    let client = server(args, output, started).await?;
    let mut watch = Watch::start(&project.folder)?;
    let mut session = Session {
        env_file: args.env_file.as_deref(),
        inspect: args.inspect,
        yes: args.yes,
        folder: &args.folder,
        name: args.name.as_deref(),
        client: client.clone(),
        output,
        project,
        packed: BTreeMap::new(),
        builds: Builds::default(),
    };
    // Lines that the first requests make must not be missed, so the tail begins before the deploy.
    let mut tail = Tail::new(client, Some(session.project.name.clone()), None);
    let mut lines = LogOutput { output, json: false };
    session.deploy_saved(&mut watch, true).await;
    let saving = async {
        loop {
            let changed = watch.changed().await?;
            if !session.take_note(&changed) {
                continue;
            }
            session.deploy_saved(&mut watch, false).await;
        }
    };
    let following = async {
        // Until the first deploy has succeeded there is no app whose logs could be read.
        loop {
            if tail.look(&mut lines).await.is_ok() {
                return tail.follow(&mut lines).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        saved = saving => saved,
        followed = following => followed.map(|never| match never {}),
        ended = ChildServer::ended(started) => Err(ended),
    }
}

/// A client for the server of the data folder, which is started where it does not run.
async fn server(
    args: &DevArgs,
    output: Output,
    started: &mut Option<ChildServer>,
) -> Result<Client, Failure> {
    let data = data_folder(args.serve.data.as_deref())?;
    let named = ClientArgs { data: args.serve.data.clone(), json: false };
    if Server::local_data(&named).is_none() {
        // A server that the environment names is used as it is.
        return Client::connect(&named).await;
    }
    if let Some(server) = Server::of_data(&data)
        && let Ok(client) = Client::to(server).await
    {
        output.note(&format!("using the server at {}", client.endpoint()));
        return Ok(client);
    }
    let progress = output.progress();
    progress.say("starting the server");
    let child = started.insert(ChildServer::start(&args.serve, &data)?);
    let client = child.ready(&data).await?;
    progress.end();
    output.note(&format!("serving at {} (log: {})", client.endpoint(), child.log().display()));
    Ok(client)
}

/// One project, deployed again and again.
struct Session<'a> {
    env_file: Option<&'a Path>,
    inspect: Option<u16>,
    yes: bool,
    folder: &'a Path,
    name: Option<&'a str>,
    client: Client,
    output: Output,
    project: Project,
    /// What functions were packed into last, by name: what has not changed is not built again.
    packed: BTreeMap<String, Packed>,
    builds: Builds,
}

impl Session<'_> {
    /// Deploys until nothing is left that was saved while the project's own build ran.
    async fn deploy_saved(&mut self, watch: &mut Watch, mut first: bool) {
        loop {
            let folders = self.project.built_folders();
            let read = folders.clone();
            // Where it cannot be read, nothing of it is known.
            let before = tokio::task::spawn_blocking(move || Contents::of(&read)).await.ok();
            let deployed = self.deploy().await;
            self.report(deployed, first);
            first = false;
            let written = watch.take(&folders);
            let saved = before.map(|before| self.builds.saved(&before, written)).unwrap_or_default();
            if saved.is_empty() || !self.take_note(&saved) {
                return;
            }
        }
    }

    async fn deploy(&mut self) -> Result<(Deployment, Instant), Failure> {
        let begun = Instant::now();
        let progress = self.output.progress();
        let mut packed = deploy::pack(&self.project, self.packed.clone(), &progress).await?;
        let first = self.packed.is_empty();
        if first {
            progress.end();
            sdk::offer(self.output, &packed, &self.client, self.yes).await?;
        }
        self.packed = packed.by_function();
        deploy::add_environment(&mut packed, self.env_file)?;
        let debuggers = match self.inspect {
            Some(port) => inspect::prepare(&mut packed.plan, port)?,
            None => Vec::new(),
        };
        progress.say("deploying");
        let deployment = deploy::send(&self.client, &packed, false).await?;
        if first {
            debuggers.iter().for_each(|debugger| self.output.note(&debugger.to_string()));
        }
        Ok((deployment, begun))
    }

    /// Takes note of files that were saved: the functions that they belong to are built again, and the project is read
    /// again where what it is may have changed. Gives whether there is something to deploy.
    fn take_note(&mut self, paths: &[PathBuf]) -> bool {
        let manifest = self.project.folder.join("ebb.toml");
        if paths.contains(&manifest) || !manifest.is_file() {
            match deploy::open(self.folder, self.name) {
                Ok(project) if project != self.project => {
                    self.packed.clear();
                    self.project = project;
                }
                Ok(_) => {}
                Err(failure) => {
                    // A project in the middle of being edited is no end of the session.
                    self.output.failure(&failure);
                    self.packed.clear();
                    return false;
                }
            }
        }
        for function in self.project.functions() {
            if paths.iter().any(|path| path.starts_with(function.folder)) {
                self.packed.remove(function.name);
            }
        }
        true
    }

    fn report(&self, deployed: Result<(Deployment, Instant), Failure>, first: bool) {
        match deployed {
            Ok((deployment, begun)) => {
                let changed = deployment.steps.iter().filter(|step| step.kind != StepKind::Keep);
                let steps: Vec<_> = changed.map(|step| deploy::describe(self.output, step)).collect();
                if steps.is_empty() && !first {
                    return;
                }
                let took = format!("({} ms)", begun.elapsed().as_millis());
                let done = self.output.paint(Style::Green, "deployed");
                self.output.line(&format!("{done} {} {took}", steps.join(", ")));
                if first {
                    deploy::show_urls(self.output, &deployment);
                }
            }
            Err(failure) => self.output.failure(&failure),
        }
    }
}
