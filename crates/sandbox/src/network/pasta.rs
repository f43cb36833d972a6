//! A way to the world for an ordinary user: pasta, of Debian's passt, which speaks for a network namespace with sockets
//! of the host.
//!
//! It has to be started outside of the namespaces that it joins, so a process stays outside before the launcher enters
//! its own. That process ends pasta when the launcher is gone, however that went: pasta itself would stay.

use std::ffi::CString;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid};

use super::addresses::RESOLVER;
use super::firewall::UPLINK;
use crate::error::{Attempt, Fault};
use crate::sys::{descriptors, pause, privileges};

/// How long pasta may take to set up its interface; it takes some 20 ms.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_MILLISECONDS: u16 = 2;

/// A process outside of the launcher's namespaces, ready to start pasta.
#[derive(Debug)]
pub(crate) struct Pasta {
    keeper: Pid,
    /// One byte starts pasta; closing it ends both.
    word: OwnedFd,
    /// What pasta complains about.
    complaints: OwnedFd,
}

impl Pasta {
    /// Leaves a process behind in the current namespaces. Only for a process with a single thread.
    pub(crate) fn stand_by() -> Result<Self, Fault> {
        let program = ["/usr/bin/pasta", "/usr/local/bin/pasta", "/bin/pasta"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .ok_or_else(|| Fault { action: "find pasta (install passt)".into(), errno: libc::ENOENT })?;
        let (heard, word) = nix::unistd::pipe2(OFlag::O_CLOEXEC).attempt(|| "make a pipe".into())?;
        // Nobody reads on once it runs: it must neither wait for that nor be ended by it.
        let (complaints, stderr) =
            nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).attempt(|| "make a pipe".into())?;
        let launcher = std::process::id();
        // SAFETY: this process has a single thread, so the child's copy of memory is consistent.
        match unsafe { nix::unistd::fork() }.attempt(|| "fork".into())? {
            ForkResult::Child => {
                drop((word, complaints));
                keep(program, launcher, &heard, &stderr);
                // SAFETY: ends the process at once, without running anything that belongs to the launcher.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => Ok(Self { keeper: child, word, complaints }),
        }
    }

    /// Connects the current network namespace. Returns when the interface and its route are there.
    pub(super) fn join(self) -> Result<Joined, Fault> {
        nix::unistd::write(&self.word, b"1").attempt(|| "start pasta".into())?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if has_default_route() {
                return Ok(Joined { _word: self.word, _complaints: self.complaints });
            }
            if waitpid(self.keeper, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()) {
                break;
            }
            pause(LOOK_MILLISECONDS);
        }
        let mut said = Vec::new();
        // As much as there is by now.
        let _ = std::fs::File::from(self.complaints).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        let reason = said.lines().rfind(|line| !line.contains("syslog")).unwrap_or("it did not say why");
        Err(Fault { action: format!("run pasta ({reason})"), errno: libc::ENETUNREACH })
    }
}

/// Pasta runs while this lives.
#[derive(Debug)]
pub(super) struct Joined {
    _word: OwnedFd,
    _complaints: OwnedFd,
}

/// The keeper's whole life: waits for the word, starts pasta, and ends it when the launcher is gone.
fn keep(program: &str, launcher: u32, heard: &OwnedFd, stderr: &OwnedFd) {
    // Above all the launcher's end of the server's socket: its closing is how the server knows. Standard input and
    // output are /dev/null already.
    let kept = [0, 1, 2, heard.as_raw_fd()];
    if nix::unistd::dup2_stderr(stderr).is_err()
        || descriptors::close_all_but(&kept).is_err()
        || !matches!(nix::unistd::read(heard, &mut [0]), Ok(1))
    {
        return;
    }
    // SAFETY: this process has a single thread, as the one that it was forked from.
    let Ok(fork) = (unsafe { nix::unistd::fork() }) else { return };
    let pasta = match fork {
        ForkResult::Child => {
            become_pasta(program, launcher);
            return;
        }
        ForkResult::Parent { child } => child,
    };
    let ended = || waitpid(pasta, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some());
    while !ended() {
        let mut polled = [PollFd::new(heard.as_fd(), PollFlags::POLLIN)];
        // The one thing that can come is the end.
        if nix::poll::poll(&mut polled, PollTimeout::from(1_000_u16)).is_ok_and(|count| count > 0) {
            let _ = nix::sys::signal::kill(pasta, Signal::SIGKILL);
            let _ = waitpid(pasta, None);
            return;
        }
    }
}

/// Returns only where that fails.
fn become_pasta(program: &str, launcher: u32) {
    let _ = privileges::die_with_parent();
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: installs no handler of ours. Rust ignores this signal, and pasta refuses to start where it is ignored.
    let _ = unsafe { sigaction(Signal::SIGPIPE, &default) };
    let arguments: Result<Vec<CString>, _> =
        std::iter::once(program.to_owned()).chain(arguments(launcher)).map(CString::new).collect();
    let (Ok(path), Ok(arguments)) = (CString::new(program), arguments) else { return };
    let _ = nix::unistd::execve(&path, &arguments, &[] as &[CString]);
}

/// IPv4 only; no port of either side is forwarded; its gateway does not stand for the host's loopback.
fn arguments(launcher: u32) -> Vec<String> {
    let (own, gateway) = (Ipv4Addr::new(198, 19, 128, 2), Ipv4Addr::new(198, 19, 128, 1));
    let text = format!(
        "--foreground --quiet --stderr -4 --config-net --no-map-gw -t none -u none -T none -U none \
         --no-dhcp --no-ndp --no-dhcpv6 --no-ra --mtu 1500 -I {UPLINK} -a {own} -n 30 -g {gateway} \
         --dns-forward {RESOLVER} {launcher}"
    );
    text.split_whitespace().map(str::to_owned).collect()
}

/// Whether the current network namespace has one.
fn has_default_route() -> bool {
    let routes = std::fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    routes.lines().any(|line| {
        let mut fields = line.split_whitespace();
        fields.next() == Some(UPLINK) && fields.next() == Some("00000000")
    })
}
