//! The server that `ebb dev` starts: a child that ends with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::cli::Failure;
use crate::cli::client::Client;
use crate::cli::server::Server;
use crate::config::ServeArgs;

/// Time for the server to be ready.
const START: Duration = Duration::from_secs(30);

/// Time between two looks whether it is.
const POLL: Duration = Duration::from_millis(20);

/// Time for the server to end after SIGTERM: what it promises, and a little.
const STOP: Duration = Duration::from_secs(22);

/// Lines of its log that are shown when it does not start.
const SHOWN_LINES: usize = 10;

/// Tells a server whose child it is: the process id of the `ebb dev` that started it.
const PARENT: &str = "EBB_DEV_PID";

/// In a server that `ebb dev` started: lets the kernel end it when that is killed without a chance to do so itself.
pub(crate) fn end_with_parent() {
    let Some(parent) = std::env::var(PARENT).ok().and_then(|text| text.parse::<i32>().ok()) else { return };
    // Not fatal: the server then outlives an `ebb dev` that was killed, and the next one finds and uses it.
    let _ = set_pdeathsig(Signal::SIGTERM);
    if getppid() != Pid::from_raw(parent) {
        // It was killed before the kernel knew.
        std::process::exit(0);
    }
}

/// A server in a child process.
pub(crate) struct ChildServer {
    child: Child,
    log: PathBuf,
}

impl ChildServer {
    /// Starts this program again as `ebb serve`.
    pub(crate) fn start(args: &ServeArgs, data: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, place: &Path, error: std::io::Error| {
            Failure::new(format!("cannot {what}: {error}"), place.display().to_string())
        };
        fs::create_dir_all(data).map_err(|error| failed("make the data folder", data, error))?;
        // One of a server that was killed must not be taken for the new one's.
        let _ = fs::remove_file(data.join("endpoints.json"));
        let log = data.join("dev-server.log");
        let file = File::create(&log).map_err(|error| failed("write the server's log", &log, error))?;
        let copy = file.try_clone().map_err(|error| failed("write the server's log", &log, error))?;
        let program = std::env::current_exe().map_err(|error| failed("find this program", data, error))?;
        let mut command = Command::new(&program);
        command.arg("serve").arg("--data").arg(data);
        for (name, address) in [("--api", args.api), ("--edge", args.edge)] {
            if let Some(address) = address {
                command.args([name, &address.to_string()]);
            }
        }
        if let Some(region) = &args.region {
            command.args(["--region", region]);
        }
        if let Some(config) = &args.config {
            command.arg("--config").arg(config);
        }
        command.env(PARENT, std::process::id().to_string());
        // A group of its own: Ctrl-C reaches `ebb dev`, which ends the server in order.
        command.process_group(0).stdin(Stdio::null()).stdout(file).stderr(copy).kill_on_drop(true);
        let child = command.spawn().map_err(|error| failed("start the server", &program, error))?;
        Ok(Self { child, log })
    }

    /// Where the server's own log goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the server answers.
    pub(crate) async fn ready(&mut self, data: &Path) -> Result<Client, Failure> {
        let deadline = Instant::now() + START;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.gone(status));
            }
            if let Some(server) = Server::of_data(data)
                && let Ok(client) = Client::to(server).await
            {
                return Ok(client);
            }
            if Instant::now() >= deadline {
                return Err(self.failure("the server is not ready after 30 seconds"));
            }
            sleep(POLL).await;
        }
    }

    /// Waits until the server ends by itself; for ever where there is none of ours.
    pub(crate) async fn ended(server: &mut Option<Self>) -> Failure {
        let Some(server) = server else { return std::future::pending().await };
        match server.child.wait().await {
            Ok(status) => server.gone(status),
            Err(error) => server.failure(&format!("the server cannot be waited for: {error}")),
        }
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id
            && kill(Pid::from_raw(id), Signal::SIGTERM).is_ok()
            && timeout(STOP, self.child.wait()).await.is_ok()
        {
            return;
        }
        // It is gone already, or hangs; either way nothing of it may stay.
        let _ = self.child.kill().await;
    }

    fn gone(&self, status: ExitStatus) -> Failure {
        self.failure(&format!("the server ended: {status}"))
    }

    fn failure(&self, what: &str) -> Failure {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        let what = if tail.is_empty() { what.to_owned() } else { format!("{what}\n{tail}") };
        Failure::new(what, self.log.display().to_string())
    }
}
