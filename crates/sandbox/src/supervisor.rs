//! Process 1 of a sandbox: builds its root, starts programs on request, reports how they end, and takes everything
//! with it when it ends.
//!
//! It is a fork of the launcher, alone in its namespaces, with every right inside them and none outside. Programs
//! cannot see, trace or signal it. It ends when the server or the launcher closes its socket.

mod ports;
mod program;
mod root;
mod watch;

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid};

use crate::cgroup::{Entry, Group};
use crate::error::{Attempt, Fault};
use crate::message::{Instruction, Order, Placement, Report};
use crate::seccomp::Filter;
use crate::spec::{ExitStatus, Limits};
use crate::sys::{descriptors, packet, privileges};

/// Everything that a supervisor is born with.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) name: String,
    /// To the server.
    pub(crate) control: OwnedFd,
    /// To the launcher.
    pub(crate) lifeline: OwnedFd,
    pub(crate) group: Group,
    pub(crate) entry: Entry,
    /// Whether supervisor and programs are different users (0 and [`crate::system::USER`] inside); else both are the
    /// one user that is mapped.
    pub(crate) separate_users: bool,
    /// What goes into the root, in order, the devices included; `Tree`s with their mount.
    pub(crate) placements: Vec<(Placement, Option<OwnedFd>)>,
    pub(crate) tmp_bytes: u64,
    pub(crate) limits: Limits,
    pub(crate) listen: Vec<u16>,
    pub(crate) filter: Filter,
}

impl Blueprint {
    /// The supervisor's whole life, in the process just cloned for it.
    pub(crate) fn live(self) -> ! {
        let control = self.control.try_clone();
        let code = match self.build().and_then(|mut supervisor| supervisor.serve()) {
            Ok(()) => 0,
            Err(fault) => {
                if let Ok(control) = control {
                    // Nobody is left to tell when this fails.
                    drop(packet::send(control.as_fd(), &Report::Failed(fault), &[]));
                }
                1
            }
        };
        // SAFETY: ends the process at once; the launcher's exit handlers must not run in this copy of it.
        unsafe { libc::_exit(code) }
    }

    fn build(mut self) -> Result<Supervisor, Fault> {
        descriptors::close_all_but(&self.kept()).attempt(|| "close the launcher's descriptors".into())?;
        self.wait_for_mapping()?;
        self.take_identity()?;
        let signals = block_child_signals()?;
        let placements = std::mem::take(&mut self.placements);
        let root = root::Root::build(&self.name, self.tmp_bytes, placements)?;
        let listeners = ports::listen(&self.listen)?;
        let report = Report::Ready { group: self.group.clone() };
        packet::send(self.control.as_fd(), &report, &packet::borrow(&listeners))
            .attempt(|| "report the sandbox".into())?;
        let watch = (!self.group.accounts_memory()).then(|| watch::Watch::new(self.limits.memory_bytes));
        Ok(Supervisor { blueprint: self, root, signals, spawned: HashSet::new(), watch })
    }

    fn kept(&self) -> Vec<RawFd> {
        let mut kept = vec![self.control.as_raw_fd(), self.lifeline.as_raw_fd()];
        kept.extend(self.placements.iter().filter_map(|(_, tree)| Some(tree.as_ref()?.as_raw_fd())));
        match &self.entry {
            Entry::Tasks { tasks, freezer_state } => {
                kept.extend(tasks.iter().chain(freezer_state).map(AsRawFd::as_raw_fd));
            }
            Entry::Clone(folder) => kept.push(folder.as_raw_fd()),
            Entry::Nowhere => {}
        }
        kept
    }

    fn wait_for_mapping(&self) -> Result<(), Fault> {
        match packet::receive(self.lifeline.as_fd()).attempt(|| "wait for the launcher".into())? {
            Some((Instruction::Begin, _)) => Ok(()),
            _ => Err(Fault { action: "wait for the launcher".into(), errno: libc::ECONNRESET }),
        }
    }

    fn take_identity(&self) -> Result<(), Fault> {
        if self.separate_users {
            let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
            nix::unistd::setresgid(group, group, group).attempt(|| "become the sandbox's group".into())?;
            nix::unistd::setgroups(&[]).attempt(|| "leave the server's groups".into())?;
            nix::unistd::setresuid(user, user, user).attempt(|| "become the sandbox's user".into())?;
        }
        privileges::hide().attempt(|| "hide the supervisor".into())?;
        // A supervisor that has to thaw before it ends cannot be killed; it sees the launcher's end as a closed socket.
        if !matches!(self.entry, Entry::Tasks { .. }) {
            privileges::die_with_parent()
                .attempt(|| "bind the supervisor's life to the launcher's".into())?;
        }
        rename_process(&self.name)
    }
}

/// What a process list calls the supervisor.
fn rename_process(sandbox: &str) -> Result<(), Fault> {
    let name = CString::new(format!("sbx {sandbox}")).attempt_name()?;
    privileges::rename(&name).attempt(|| "name the supervisor".into())
}

trait AttemptName<T> {
    fn attempt_name(self) -> Result<T, Fault>;
}

impl<T> AttemptName<T> for Result<T, std::ffi::NulError> {
    fn attempt_name(self) -> Result<T, Fault> {
        self.map_err(|_| Fault { action: "use a name with a zero byte".into(), errno: libc::EINVAL })
    }
}

/// SIGCHLD arrives by descriptor, and a lost terminal or pipe never ends this process.
fn block_child_signals() -> Result<SignalFd, Fault> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.thread_block().attempt(|| "block SIGCHLD".into())?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .attempt(|| "watch for SIGCHLD".into())
}

#[derive(Debug)]
struct Supervisor {
    blueprint: Blueprint,
    root: root::Root,
    signals: SignalFd,
    /// Which of its children the server knows.
    spawned: HashSet<Pid>,
    /// Where no memory cgroup counts.
    watch: Option<watch::Watch>,
}

impl Supervisor {
    /// Until the server or the launcher is gone.
    fn serve(&mut self) -> Result<(), Fault> {
        let outcome = self.serve_until_closed();
        if let Entry::Tasks { freezer_state: Some(state), .. } = &self.blueprint.entry {
            // Frozen processes would ignore being killed. Where this fails there is nothing frozen.
            let _ = nix::unistd::write(state, b"THAWED");
        }
        outcome
    }

    fn serve_until_closed(&mut self) -> Result<(), Fault> {
        loop {
            let [control, lifeline, signals] = self.wait()?;
            if signals {
                self.reap()?;
            }
            if control && !self.obey()? || lifeline && !self.follow()? {
                return Ok(());
            }
            if let Some(usage) = self.watch.as_mut().and_then(watch::Watch::sample) {
                self.report(&Report::Used(usage))?;
            }
        }
    }

    fn wait(&self) -> Result<[bool; 3], Fault> {
        let mut polled =
            [&self.blueprint.control.as_fd(), &self.blueprint.lifeline.as_fd(), &self.signals.as_fd()]
                .map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
        let timeout = if self.watch.is_some() && !self.spawned.is_empty() {
            PollTimeout::from(watch::INTERVAL_MILLISECONDS)
        } else {
            PollTimeout::NONE
        };
        match nix::poll::poll(&mut polled, timeout) {
            Err(nix::Error::EINTR) => return Ok([false; 3]),
            other => other.attempt(|| "wait for orders".into())?,
        };
        Ok(polled.map(|fd| fd.any().unwrap_or(false)))
    }

    fn obey(&mut self) -> Result<bool, Fault> {
        let received = packet::receive(self.blueprint.control.as_fd());
        let Some((order, descriptors)) = received.or_else(closed).attempt(|| "receive an order".into())?
        else {
            return Ok(false);
        };
        match order {
            Order::Spawn { request, program } => {
                self.root.open_to_programs();
                let result = program::start(&program, descriptors, &self.blueprint);
                if let Ok(pid) = result {
                    self.spawned.insert(pid);
                }
                self.answer(request, result.map(|pid| pid.as_raw().cast_unsigned()))?;
            }
            Order::Signal { pid, signal } => {
                // A pid that was reaped could be another process by now.
                let pid = Pid::from_raw(pid.cast_signed());
                if self.spawned.contains(&pid) {
                    drop(kill(pid, signal));
                }
            }
            Order::Connect { request, port } => match ports::connect(port) {
                Ok(socket) => {
                    let done = Report::Done { request, result: Ok(0) };
                    packet::send(self.blueprint.control.as_fd(), &done, &[socket.as_fd()])
                        .attempt(|| "hand out a connection".into())?;
                }
                Err(fault) => self.answer(request, Err(fault))?,
            },
            Order::SignalAll { request, signal } => {
                // All but this process; none at all is fine.
                let result = match kill(Pid::from_raw(-1), signal) {
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(0),
                    other => other.attempt(|| format!("send signal {signal} to all processes")).map(|()| 0),
                };
                self.answer(request, result)?;
            }
        }
        Ok(true)
    }

    /// Becomes the sandbox of this name, with so much memory.
    fn assign(&mut self, name: String, memory_bytes: u64) -> Result<(), Fault> {
        self.root.rename(&name)?;
        rename_process(&name)?;
        self.blueprint.name = name;
        self.blueprint.limits.memory_bytes = memory_bytes;
        if let Some(watch) = &mut self.watch {
            watch.set_limit(memory_bytes);
            for pid in &self.spawned {
                program::limit_memory(*pid, memory_bytes)?;
            }
        }
        Ok(())
    }

    fn follow(&mut self) -> Result<bool, Fault> {
        let received = packet::receive(self.blueprint.lifeline.as_fd());
        let Some((instruction, descriptors)) =
            received.or_else(closed).attempt(|| "receive an instruction".into())?
        else {
            return Ok(false);
        };
        match instruction {
            Instruction::Begin => {}
            Instruction::Assign { request, name, memory_bytes, placements } => {
                let mut trees = descriptors.iter();
                let placed = placements.iter().try_for_each(|placement| {
                    let tree = matches!(placement, Placement::Tree { .. }).then(|| trees.next()).flatten();
                    self.root.place(placement, tree)
                });
                let result = placed.and_then(|()| self.assign(name, memory_bytes));
                self.answer(request, result.map(|()| 0))?;
            }
            Instruction::Refuse { request, fault } => self.answer(request, Err(fault))?,
        }
        Ok(true)
    }

    fn reap(&mut self) -> Result<(), Fault> {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, ExitStatus::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, ExitStatus::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(nix::Error::ECHILD) => return Ok(()),
                Ok(_) | Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(error).attempt(|| "reap processes".into()),
            };
            if self.spawned.remove(&pid) {
                if let Some(usage) = self.watch.as_mut().map(watch::Watch::after_exit) {
                    self.report(&Report::Used(usage))?;
                }
                self.report(&Report::Exited { pid: pid.as_raw().cast_unsigned(), status })?;
            }
        }
    }

    fn answer(&self, request: u64, result: Result<u32, Fault>) -> Result<(), Fault> {
        self.report(&Report::Done { request, result })
    }

    fn report(&self, report: &Report) -> Result<(), Fault> {
        packet::send(self.blueprint.control.as_fd(), report, &[]).attempt(|| "report to the server".into())
    }
}

/// A peer that died with unread messages is as gone as one that closed.
fn closed<T>(error: io::Error) -> io::Result<Option<T>> {
    if error.kind() == io::ErrorKind::ConnectionReset { Ok(None) } else { Err(error) }
}

/// Real-time signals, which `nix` cannot name, included.
fn kill(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    crate::sys::check(unsafe { libc::kill(pid.as_raw(), signal) }.into()).map(|_| ())
}
