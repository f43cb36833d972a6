//! Starts an instance: its sandbox, the APIs inside it, its extensions, its runtime; and watches them.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ebb_invoker::{ExitCause, InitFailure, InstanceSpec, StartError};
use ebb_model::Clock;
use ebb_sandbox::{Command, ExitStatus, Launcher, Process, Sandbox, SandboxError, SandboxSpec};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::api::{ACCEPT_AGAIN, Api, FunctionFacts};
use crate::core::{Core, Ended, Initialised, Report};
use crate::engine::ControlApi;
use crate::environment::{Environment, TASK_ROOT};
use crate::inspect;
use crate::instance::{ProcessInstance, extension_lines};
use crate::link::{self, Link, Reader};
use crate::log_pipe::{Log, LogPipe};
use crate::plan::{BOOT_DESCRIPTOR, BOOT_VARIABLE, Plan, Program, invalid_entrypoint};
use crate::server::{self, Connections, Running, ServerInstance};
use crate::stock::{Assigned, Boot};

/// After the main process has ended: how long what it had sent may take to be received.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// After initialisation was reported to have failed: how long the runtime may take to end by itself, so that what it
/// still says reaches the log.
const INIT_FAILED_EXIT_TIME: Duration = Duration::from_millis(500);

const SIGKILL: i32 = 9;
/// How shells report that a program they ran was killed.
const KILLED_STATUS: i32 = 128 + SIGKILL;

/// What every start needs of the engine.
pub(crate) struct Starter<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) control: &'a Arc<dyn ControlApi>,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

/// A process, and what it prints.
type Spawned = (Arc<Process>, Arc<LogPipe>);

/// An instance under construction. Dropping it kills what was started.
struct Building {
    core: Arc<Core>,
    sandbox: Arc<Sandbox>,
    log: Log,
    pipes: Vec<Arc<LogPipe>>,
    extensions: Vec<(String, Arc<Process>)>,
    tasks: JoinSet<()>,
}

impl Starter<'_> {
    /// Starts an instance and waits until it can take its first event. In a sandbox that was made ahead
    /// of need, where one is given.
    pub(crate) async fn start(
        &self,
        spec: &InstanceSpec,
        plan: Plan,
        ahead: Option<Assigned>,
    ) -> Result<ProcessInstance, StartError> {
        let Plan { sandbox, runtime, boot, told, extensions, cpu_millis, .. } = plan;
        let names = extensions.keys().cloned().collect();
        let (mut building, boot_ahead) = self.build(spec, sandbox, ahead, names).await?;
        for (name, program) in extensions {
            building.start_extension(name, program).await?;
        }
        let registered = building.core.registered().await;
        building.check(registered).await?;
        let handler = spec.version.settings.handler.clone();
        let (runtime, link) = match boot_ahead {
            Some(waiting) => building.tell(waiting, handler, runtime.environment).await?,
            None => building.start_runtime(runtime, boot.then_some((handler, told))).await?,
        };
        let initialised = building.core.initialised().await;
        building.check_runtime(initialised, &runtime).await?;
        building.finish(spec, cpu_millis).await?;
        let Building { core, sandbox, pipes, extensions, tasks, .. } = building;
        let clock = Arc::clone(self.clock);
        Ok(ProcessInstance { core, sandbox, runtime, extensions, link, pipes, clock, _tasks: tasks })
    }
}

impl Starter<'_> {
    /// Starts a server and waits until it listens; one that is a boot too says so itself. As [`Starter::start`].
    pub(crate) async fn start_server(
        &self,
        spec: &InstanceSpec,
        plan: Plan,
        ahead: Option<Assigned>,
    ) -> Result<ServerInstance, StartError> {
        let Plan { sandbox, runtime, boot, told, cpu_millis, manners, .. } = plan;
        let told = (spec.version.settings.handler.clone(), told);
        let (mut building, boot_ahead) = self.build(spec, sandbox, ahead, Vec::new()).await?;
        let to = |port| Connections::new(Arc::clone(&building.sandbox), port);
        let (connections, events) = (to(server::PORT), manners.event_port.map(to));
        let (process, link) = match boot_ahead {
            Some(mut waiting) => {
                if let Some(stream) = waiting.connection.take() {
                    connections.adopt(stream).await;
                }
                building.tell(waiting, told.0, told.1).await?
            }
            None => building.start_runtime(runtime, boot.then_some(told)).await?,
        };
        if link.is_some() {
            let initialised = building.core.initialised().await;
            building.check_runtime(initialised, &process).await?;
        } else if let Err(ended) = server::listening(&connections, &building.core).await {
            building.check(Initialised::Ended(ended)).await?;
        }
        building.finish(spec, cpu_millis).await?;
        let Building { core, sandbox, pipes, tasks, .. } = building;
        let settings = spec.version.settings.server.clone().unwrap_or_default();
        let state = spec.state.clone();
        Ok(ServerInstance {
            core,
            sandbox,
            process,
            pipes,
            settings,
            connections,
            events,
            running: Running::default(),
            _link: link,
            trailers: manners.trailers,
            _tasks: tasks,
            _state: state,
        })
    }

    /// The sandbox, what serves the sockets in it (the control API on the last of them, the Runtime API on one before
    /// it), and the boot that waits in it.
    async fn build(
        &self,
        spec: &InstanceSpec,
        sandbox: SandboxSpec,
        ahead: Option<Assigned>,
        extensions: Vec<String>,
    ) -> Result<(Building, Option<Boot>), StartError> {
        let Assigned { sandbox, listeners, boot } = match ahead {
            Some(ahead) => ahead,
            None => {
                let created = self.launcher.create(sandbox).await;
                let mut sandbox = created.map_err(|error| platform("creating a sandbox", &error))?;
                Assigned { listeners: sandbox.take_listeners(), sandbox, boot: None }
            }
        };
        let mut building = Building {
            core: Core::new(extensions, spec.version.settings.shares_a_boot()),
            sandbox: Arc::new(sandbox),
            log: Log { stream: Arc::clone(&spec.logs), clock: Arc::clone(self.clock) },
            pipes: Vec::new(),
            extensions: Vec::new(),
            tasks: JoinSet::new(),
        };
        building.listen(listeners, facts(spec), Arc::clone(self.control))?;
        if let Some(port) = spec.version.settings.inspected() {
            building.tasks.spawn(inspect::forward(port, Arc::clone(&building.sandbox)));
        }
        Ok((building, boot))
    }
}

impl Building {
    /// Serves the APIs on the sockets that the sandbox opened for them.
    fn listen(
        &mut self,
        listeners: Vec<std::net::TcpListener>,
        facts: FunctionFacts,
        control: Arc<dyn ControlApi>,
    ) -> Result<(), StartError> {
        let listeners = listeners
            .into_iter()
            .map(|listener| listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)));
        let mut listeners =
            listeners.collect::<Result<Vec<_>, _>>().map_err(|error| platform("opening a socket", &error))?;
        let Some(control_api) = listeners.pop() else {
            return Err(platform("opening a socket", &"the sandbox did not open it"));
        };
        if let Some(runtime_api) = listeners.pop() {
            self.tasks.spawn(Api::new(Arc::clone(&self.core), facts).serve(runtime_api));
        }
        self.tasks.spawn(async move {
            loop {
                match control_api.accept().await {
                    Ok((connection, _)) => control.serve(connection),
                    Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                }
            }
        });
        Ok(())
    }

    async fn start_extension(&mut self, name: String, program: Program) -> Result<(), StartError> {
        let path = program.path.clone();
        let process = match self.spawn(program, Path::new("/"), None).await? {
            Ok((process, _)) => process,
            Err(why) => {
                let message = format!("fork/exec {}: {why}", path.display());
                return Err(refused(&Report { kind: "Extension.LaunchError", message }));
            }
        };
        let (watched, core, of) = (Arc::clone(&process), Arc::clone(&self.core), name.clone());
        self.tasks.spawn(async move { watch_extension(&of, &watched, &core).await });
        self.extensions.push((name, process));
        Ok(())
    }

    /// Starts the runtime: our boot, told its handler and environment, or a program that speaks the Runtime API.
    async fn start_runtime(
        &mut self,
        program: Program,
        told: Option<(String, Environment)>,
    ) -> Result<(Arc<Process>, Option<Link>), StartError> {
        let path = program.path.clone();
        let (ours, theirs) = match told {
            Some(told) => {
                let (ours, theirs) =
                    socket_pair().map_err(|error| platform("making a socket pair", &error))?;
                (Some((ours, told)), Some(theirs))
            }
            None => (None, None),
        };
        let (process, output) = match self.spawn(program, Path::new(TASK_ROOT), theirs).await? {
            Ok(spawned) => spawned,
            Err(why) => {
                return Err(refused(&invalid_entrypoint(format!("fork/exec {}: {why}", path.display()))));
            }
        };
        let Some((stream, (handler, environment))) = ours else {
            self.watch(&process, None);
            return Ok((process, None));
        };
        let link = self.link(&process, stream, output, handler, environment).await;
        Ok((process, Some(link)))
    }

    /// Gives a runtime that is booted its function.
    async fn tell(
        &mut self,
        Boot { process, stream, output, .. }: Boot,
        handler: String,
        mut environment: Environment,
    ) -> Result<(Arc<Process>, Option<Link>), StartError> {
        // It has its socket, and has removed the name of it.
        environment.remove(BOOT_VARIABLE);
        let pipe =
            LogPipe::of(output, self.log.clone()).map_err(|error| platform("reading a pipe", &error))?;
        self.read(&pipe);
        let process = Arc::new(process);
        let link = self.link(&process, stream, pipe, handler, environment).await;
        Ok((process, Some(link)))
    }

    async fn link(
        &mut self,
        process: &Arc<Process>,
        stream: UnixStream,
        output: Arc<LogPipe>,
        handler: String,
        environment: Environment,
    ) -> Link {
        let (writes, reads) = link::connect(stream, Arc::clone(&self.core), self.log.clone(), output);
        // Where it cannot be written to, it is ending.
        let _ = writes.start(handler, TASK_ROOT.to_owned(), environment).await;
        self.watch(process, Some(reads));
        writes
    }

    fn watch(&mut self, process: &Arc<Process>, reader: Option<Reader>) {
        let watch = Watch {
            process: Arc::clone(process),
            sandbox: Arc::clone(&self.sandbox),
            core: Arc::clone(&self.core),
            pipes: self.pipes.clone(),
        };
        self.tasks.spawn(watch.run(reader));
    }

    fn read(&mut self, pipe: &Arc<LogPipe>) {
        let reading = Arc::clone(pipe);
        self.tasks.spawn(async move { reading.run().await });
        self.pipes.push(Arc::clone(pipe));
    }

    /// Starts a program with its output going to the log. The inner error says why the program itself cannot start.
    async fn spawn(
        &mut self,
        program: Program,
        directory: &Path,
        boot: Option<OwnedFd>,
    ) -> Result<Result<Spawned, String>, StartError> {
        let (pipe, writer) =
            LogPipe::new(self.log.clone()).map_err(|error| platform("making a pipe", &error))?;
        let error_writer = writer.try_clone().map_err(|error| platform("making a pipe", &error))?;
        let mut descriptors = vec![(writer, 1), (error_writer, 2)];
        descriptors.extend(boot.map(|boot| (boot, BOOT_DESCRIPTOR)));
        let command = Command {
            program: program.path,
            args: program.arguments,
            env: program.environment.into_iter().collect(),
            directory: directory.to_owned(),
            descriptors,
        };
        self.read(&pipe);
        match self.sandbox.spawn(command).await {
            Ok(process) => Ok(Ok((Arc::new(process), pipe))),
            Err(SandboxError::System { source, .. }) => match cannot_execute(&source) {
                Some(why) => Ok(Err(why.to_owned())),
                None => Err(platform("starting a program", &source)),
            },
            Err(error) => Err(platform("starting a program", &error)),
        }
    }

    async fn check_runtime(&self, initialised: Initialised, runtime: &Process) -> Result<(), StartError> {
        if matches!(initialised, Initialised::Failed(_)) {
            // Whether it ends by itself or not, it is killed afterwards.
            let _ = timeout(INIT_FAILED_EXIT_TIME, runtime.wait()).await;
        }
        self.check(initialised).await
    }

    async fn check(&self, initialised: Initialised) -> Result<(), StartError> {
        let failure = match initialised {
            Initialised::Ready => return Ok(()),
            Initialised::Failed(object) => InitFailure::Reported(object),
            Initialised::Ended(Ended { report: Some(report), .. }) => report.init_failure(),
            Initialised::Ended(Ended { cause, .. }) => InitFailure::Exited(cause),
        };
        self.core.close();
        self.sandbox.destroy().await;
        self.flush_logs();
        Err(StartError::Init(failure))
    }

    /// Initialisation has ended well: from now on the function's share of the processor applies.
    async fn finish(&self, spec: &InstanceSpec, cpu_millis: u32) -> Result<(), StartError> {
        self.flush_logs();
        let format = spec.version.settings.logging.format;
        for line in extension_lines(&self.core, format, self.log.clock.now()) {
            self.log.write(line);
        }
        self.sandbox
            .set_cpu(Some(cpu_millis))
            .await
            .map_err(|error| platform("limiting the processor", &error))
    }

    fn flush_logs(&self) {
        for pipe in &self.pipes {
            pipe.flush();
        }
    }
}

/// Waits for the end of the main process, and with it of everything.
struct Watch {
    process: Arc<Process>,
    sandbox: Arc<Sandbox>,
    core: Arc<Core>,
    pipes: Vec<Arc<LogPipe>>,
}

impl Watch {
    async fn run(self, reader: Option<Reader>) {
        let reading = reader.map(|reader| AbortOnDropHandle::new(tokio::spawn(reader.run())));
        let status = self.process.wait().await;
        if self.core.closing() {
            return;
        }
        let cause = exit_cause(status, self.sandbox.usage().out_of_memory_kills);
        // Children of the main process keep its pipes and sockets open: they go with it.
        self.sandbox.destroy().await;
        let last_words = async {
            if let Some(reading) = reading {
                // Its panic, where it had one, is reported where panics are.
                let _ = reading.await;
            }
            self.core.answer_received().await;
        };
        if timeout(LAST_WORDS_TIME, last_words).await.is_err() {
            tracing::debug!("an instance ended before all that it had sent was received");
        }
        for pipe in &self.pipes {
            pipe.flush();
        }
        self.core.end(Ended { cause, report: None });
    }
}

async fn watch_extension(name: &str, process: &Process, core: &Core) {
    let status = process.wait().await;
    if core.closing() {
        return;
    }
    let how = match status {
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(signal) => format!("signal {signal}"),
    };
    let message = format!("the extension {name} ended: {how}");
    core.extension_failed(Report { kind: "Extension.Crash", message });
}

/// Why an instance ended, from how its main process did.
fn exit_cause(status: ExitStatus, out_of_memory_kills: u64) -> ExitCause {
    match status {
        ExitStatus::Signal(SIGKILL) | ExitStatus::Code(KILLED_STATUS) if out_of_memory_kills > 0 => {
            ExitCause::OutOfMemory
        }
        ExitStatus::Code(code) => ExitCause::Status(code),
        ExitStatus::Signal(signal) => ExitCause::Signal(signal),
    }
}

/// What the system says of a program that it cannot execute, in Lambda's words; none for any other error.
fn cannot_execute(error: &std::io::Error) -> Option<&'static str> {
    const EXEC_FORMAT: i32 = 8;
    match error.kind() {
        std::io::ErrorKind::NotFound => Some("no such file or directory"),
        std::io::ErrorKind::PermissionDenied => Some("permission denied"),
        _ if error.raw_os_error() == Some(EXEC_FORMAT) => Some("exec format error"),
        _ => None,
    }
}

/// A stream for this process, and its other end.
pub(crate) fn socket_pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}

fn facts(spec: &InstanceSpec) -> FunctionFacts {
    FunctionFacts {
        name: spec.version.name.to_string(),
        version: spec.version.version.to_string(),
        handler: spec.version.settings.handler.clone(),
        account: spec.arn.account.to_string(),
    }
}

fn refused(report: &Report) -> StartError {
    StartError::Init(report.init_failure())
}

fn platform(action: &str, error: &dyn std::fmt::Display) -> StartError {
    StartError::Platform(format!("{action}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_killed_main_process_is_out_of_memory() {
        let check = |status, kills, expected| assert_eq!(exit_cause(status, kills), expected);
        check(ExitStatus::Signal(9), 1, ExitCause::OutOfMemory);
        check(ExitStatus::Code(137), 1, ExitCause::OutOfMemory);
        check(ExitStatus::Signal(9), 0, ExitCause::Signal(9));
        check(ExitStatus::Code(3), 1, ExitCause::Status(3));
        check(ExitStatus::Signal(11), 1, ExitCause::Signal(11));
    }
}
