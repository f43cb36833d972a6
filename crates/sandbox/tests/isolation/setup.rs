//! One launcher, and programs in sandboxes of it.

use std::future::Future;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ebb_sandbox::{
    Command, ExitStatus, Launcher, LauncherOptions, Limits, Mount, Network, Process, Sandbox, SandboxSpec,
    base_system_mounts,
};

/// Anything that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that the cases share.
pub(crate) struct Machine {
    runtime: tokio::runtime::Runtime,
    launcher: Option<Launcher>,
}

/// A program that ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) printed: String,
}

impl Machine {
    /// `empty` where only the names of the cases are wanted.
    pub(crate) fn new(empty: bool) -> Self {
        let options = LauncherOptions { disk: Some(std::env::temp_dir()), outbound: true };
        let launcher = (!empty).then(|| Launcher::start_with(&options).expect("a launcher"));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Self { runtime, launcher }
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        self.launcher.as_ref().expect("cases run on a machine that is not empty")
    }

    /// Runs a case to its end.
    pub(crate) fn run<T>(&self, case: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, case).await.expect("in time") })
    }

    pub(crate) async fn sandbox(&self, spec: SandboxSpec) -> Sandbox {
        self.launcher().create(spec).await.expect("a sandbox")
    }

    /// Runs Python code in a sandbox of its own.
    pub(crate) async fn python(&self, spec: SandboxSpec, code: &str) -> Ended {
        let sandbox = self.sandbox(spec).await;
        let ended = python(&sandbox, code).await;
        sandbox.destroy().await;
        ended
    }

    /// The value of each of these Python expressions in one sandbox, or the name of the exception, in their order.
    pub(crate) fn probe(&self, network: Network, expressions: &[&str]) -> Vec<String> {
        let list = expressions.iter().map(|text| format!("{text:?}, ")).collect::<String>();
        let code = format!(
            "import ctypes, os, signal, socket, subprocess, sys, glob, errno\n\
             libc = ctypes.CDLL(None, use_errno=True)\n\
             def call(*a):\n\
             \x20   r = libc.syscall(*a)\n\
             \x20   return 'done' if r >= 0 else errno.errorcode[ctypes.get_errno()]\n\
             for text in [{list}]:\n\
             \x20   try: print(eval(text), flush=True)\n\
             \x20   except OSError as e: print(errno.errorcode.get(e.errno, type(e).__name__), flush=True)\n\
             \x20   except BaseException as e: print(type(e).__name__, flush=True)\n"
        );
        let ended = self.run(self.python(SandboxSpec { network, ..spec() }, &code));
        assert_eq!(ended.status, ExitStatus::Code(0), "{}", ended.printed);
        ended.printed.lines().map(str::to_owned).collect()
    }
}

/// A small sandbox without a network.
pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec {
        name: "tried".into(),
        mounts: base_system_mounts(),
        tmp_bytes: 16 << 20,
        limits: Limits { memory_bytes: 128 << 20, cpu_millis: None, processes: 64, open_files: 256 },
        network: Network::Loopback,
        listen: Vec::new(),
    }
}

/// As [`spec`], with one more thing in it.
pub(crate) fn with(mount: Mount) -> SandboxSpec {
    let mut spec = spec();
    spec.mounts.push(mount);
    spec
}

/// Starts Python code; gives where it prints.
pub(crate) async fn start(sandbox: &Sandbox, code: &str) -> (Process, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let errors = writer.try_clone().expect("a descriptor");
    let command = Command {
        program: "/usr/bin/python3".into(),
        args: vec!["-S".into(), "-c".into(), code.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: "/tmp".into(),
        descriptors: vec![(OwnedFd::from(writer), 1), (OwnedFd::from(errors), 2)],
    };
    (sandbox.spawn(command).await.expect("python"), reader)
}

/// Runs Python code to its end.
pub(crate) async fn python(sandbox: &Sandbox, code: &str) -> Ended {
    let (process, mut reader) = start(sandbox, code).await;
    let read = tokio::task::spawn_blocking(move || {
        let mut printed = String::new();
        drop(reader.read_to_string(&mut printed));
        printed
    });
    let status = process.wait().await;
    Ended { status, printed: read.await.expect("what it printed") }
}
