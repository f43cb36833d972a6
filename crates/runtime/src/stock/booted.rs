//! One instance in stock.

use std::io::PipeReader;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ebb_sandbox::{Command, Launcher, Mount, Network, Process, Sandbox, SandboxError};
use futures_util::future::try_join_all;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Kind;
use crate::plan::{self, BOOT_DESCRIPTOR, Bootable, Plan};
use crate::start::socket_pair;

/// How long an interpreter may take to boot.
const BOOT_TIME: Duration = Duration::from_secs(20);

/// A booted instance without a function.
#[derive(Debug)]
pub(crate) struct Stocked {
    parts: Assigned,
    memory_bytes: u64,
}

/// A booted instance with a function's package mounted in it, which it has not been told of yet.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) sandbox: Sandbox,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) process: Process,
    /// To the boot.
    pub(crate) stream: UnixStream,
    /// From its standard streams.
    pub(crate) output: PipeReader,
}

impl Stocked {
    /// Makes one, and waits until its boot waits for a function.
    pub(super) async fn boot(
        launcher: &Launcher,
        network: Network,
        kind: &Kind,
        bootable: &Bootable,
    ) -> Result<Self, String> {
        let (spec, program) = plan::in_stock(bootable, kind.runtime, kind.tmp_mib, network);
        let action = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let mut sandbox = launcher.create(spec).await.map_err(|error| error.to_string())?;
        let listeners = sandbox.take_listeners();
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
        let memory_bytes = sandbox.usage().memory_bytes;
        Ok(Self { parts: Assigned { sandbox, listeners, process, stream, output }, memory_bytes })
    }

    /// What it used when it was booted.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Whether its process runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.parts.process.has_ended()
    }

    /// Makes it the sandbox of this function: its package and layers, its name, its memory.
    ///
    /// # Errors
    /// Where that cannot be; it is gone then.
    pub(crate) async fn assign(self, plan: &Plan) -> Result<Assigned, SandboxError> {
        let sandbox = &self.parts.sandbox;
        let own: Vec<Mount> =
            plan.sandbox.mounts.iter().filter(|mount| plan::is_the_functions(mount)).cloned().collect();
        // None of them lies in another.
        let mount = try_join_all(own.into_iter().map(|mount| sandbox.mount(mount)));
        let name = sandbox.assign(&plan.sandbox.name, plan.sandbox.limits.memory_bytes);
        tokio::try_join!(mount, name)?;
        Ok(self.parts)
    }
}
