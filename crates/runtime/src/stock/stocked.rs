//! One of those in stock.

use std::io::PipeReader;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ebb_sandbox::{Command, Launcher, Mount, Network, Process, Sandbox, SandboxError};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::Kind;
use crate::plan::{BOOT_DESCRIPTOR, Plan, Program};
use crate::server;
use crate::start::socket_pair;

/// How long an interpreter may take to boot.
const BOOT_TIME: Duration = Duration::from_secs(20);

/// A sandbox without a function.
#[derive(Debug)]
pub(crate) struct Stocked {
    parts: Assigned,
    /// What it has in its root.
    mounts: Vec<Mount>,
}

/// A sandbox that was made ahead of need, with a function's package mounted in it.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) sandbox: Sandbox,
    pub(crate) listeners: Vec<TcpListener>,
    /// What runs in it, and has not been told of its function yet; nothing in an empty one.
    pub(crate) boot: Option<Boot>,
}

/// A boot that waits for its function.
#[derive(Debug)]
pub(crate) struct Boot {
    pub(crate) process: Process,
    /// To the boot.
    pub(crate) stream: UnixStream,
    /// From its standard streams.
    pub(crate) output: PipeReader,
    /// To the server that it is, where it takes connections before it has its function.
    pub(crate) connection: Option<TcpStream>,
}

impl Stocked {
    /// Makes one, and waits until its boot, where it has one, waits for a function.
    pub(super) async fn make(launcher: &Launcher, network: Network, kind: &Kind) -> Result<Self, String> {
        let (spec, program) = kind.ahead.plan(kind.tmp_mib, network);
        let mounts = spec.mounts.clone();
        let mut sandbox = launcher.create(spec).await.map_err(|error| error.to_string())?;
        let listeners = sandbox.take_listeners();
        let mut boot = match program {
            Some(program) => Some(Boot::start(&sandbox, program).await?),
            None => None,
        };
        if let (Some(boot), true) = (&mut boot, kind.ahead.listens()) {
            // Where it cannot be made now, it is made for the first request.
            boot.connection = server::connect(&sandbox, server::PORT).await.ok();
        }
        Ok(Self { parts: Assigned { sandbox, listeners, boot }, mounts })
    }

    /// What it uses. A host may go on starting when it waits for a function already.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.parts.sandbox.usage().memory_bytes
    }

    /// Whether it is still what it was made.
    pub(super) fn is_alive(&self) -> bool {
        self.parts.sandbox.is_alive()
            && !self.parts.boot.as_ref().is_some_and(|boot| boot.process.has_ended())
    }

    /// Makes it the sandbox of this function: what it lacks of its mounts, its name, its memory.
    ///
    /// # Errors
    /// Where that cannot be; it is gone then.
    pub(crate) async fn assign(self, plan: &Plan) -> Result<Assigned, SandboxError> {
        let Self { parts, mounts, .. } = self;
        let lacking = plan.sandbox.mounts.iter().filter(|mount| !mounts.contains(mount)).cloned().collect();
        parts.sandbox.assign(&plan.sandbox.name, plan.sandbox.limits.memory_bytes, lacking).await?;
        Ok(parts)
    }
}

impl Boot {
    /// Starts it, and waits until it waits for a function.
    async fn start(sandbox: &Sandbox, program: Program) -> Result<Self, String> {
        let action = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let (stream, theirs) = socket_pair().map_err(action("making a socket pair"))?;
        let (output, writer) = std::io::pipe().map_err(action("making a pipe"))?;
        let errors = writer.try_clone().map_err(action("making a pipe"))?;
        let command = Command {
            program: program.path,
            args: program.arguments,
            env: program.environment.into_iter().collect(),
            directory: "/".into(),
            descriptors: vec![
                (OwnedFd::from(writer), 1),
                (OwnedFd::from(errors), 2),
                (theirs, BOOT_DESCRIPTOR),
            ],
        };
        let process = sandbox.spawn(command).await.map_err(|error| error.to_string())?;
        let booted = async {
            tokio::select! {
                // Its greeting, which stays there for whoever reads from it.
                readable = stream.readable() => readable.map_err(action("waiting for the boot")),
                status = process.wait() => Err(format!("the boot ended: {status:?}")),
            }
        };
        timeout(BOOT_TIME, booted).await.map_err(|_| "the boot did not get ready".to_owned())??;
        Ok(Self { process, stream, output, connection: None })
    }
}
