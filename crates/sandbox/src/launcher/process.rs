//! The launcher process: one loop that makes sandboxes, opens what they mount, and cleans up after them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::Pid;

use super::LauncherOptions;
use super::disk::Disks;
use super::identity::Identities;
use super::sources;
use crate::cgroup::place::Surroundings;
use crate::cgroup::{self, Group, Hierarchy};
use crate::error::{Attempt, Fault};
use crate::message::{Instruction, LeaseRequest, Report};
use crate::network::{self, Networks};
use crate::seccomp::Filter;
use crate::spec::{Mount, SandboxSpec, Support};
use crate::sys::{clone, own_pages, packet};
use crate::system;

mod birth;
mod machine;

use birth::own_writable;

/// How many cgroups are kept ready.
const READY_GROUPS: usize = 16;
/// How often a cgroup that would not go is tried again.
const RETRY_MILLISECONDS: u16 = 10;
/// How long the launcher stays after the server to see everything end.
const FAREWELL_ROUNDS: u32 = 500;
/// How often the groups of earlier launchers are tried again.
const INHERITED_RETRY_MILLISECONDS: u16 = 500;

const NAMESPACES: i32 =
    libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// See [`Launcher::run`](super::Launcher::run).
pub(crate) fn run() -> ! {
    let code = match take_socket() {
        Ok(server) => match LauncherProcess::prepare(&server) {
            Ok(mut launcher) => launcher.serve(),
            Err(()) => 1,
        },
        Err(_) => 2,
    };
    std::process::exit(code)
}

/// The server's socket came as standard input, which becomes /dev/null.
fn take_socket() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let null = fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(socket)
}

#[derive(Debug)]
struct LauncherProcess {
    server: OwnedFd,
    epoll: Epoll,
    hierarchy: Hierarchy,
    networks: Networks,
    disks: Disks,
    /// Where `/tmp` lies; nowhere where it is memory.
    disk_folder: Option<PathBuf>,
    identities: Identities,
    filter: Filter,
    /// The common part of `/etc`.
    etc: Vec<Mount>,
    live: HashMap<u64, Live>,
    ready_groups: Vec<Group>,
    /// Folders of groups whose processes are still ending.
    leftovers: Vec<PathBuf>,
    /// Those of launchers before this one.
    inherited: Vec<PathBuf>,
    next: u64,
    /// Whether there is something to prepare for later requests.
    ahead: bool,
}

/// One sandbox.
#[derive(Debug)]
struct Live {
    pid: Pid,
    process: OwnedFd,
    lease: OwnedFd,
    lifeline: OwnedFd,
    held: Held,
    /// The supervisor was reaped, which the kernel allows only after everything inside is gone.
    ended: bool,
    /// The server has closed its end.
    released: bool,
}

/// What a sandbox has of what there is only so much.
#[derive(Debug)]
struct Held {
    group: Group,
    /// Of its users.
    slot: Option<u32>,
    network: network::Namespace,
    /// Bytes of the disk that it may fill.
    disk: u64,
}

/// What woke the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Server,
    Lease(u64),
    Process(u64),
}

impl Source {
    fn token(self) -> u64 {
        match self {
            Self::Server => 0,
            Self::Lease(id) => id * 2 + 2,
            Self::Process(id) => id * 2 + 3,
        }
    }

    fn of(token: u64) -> Self {
        match token {
            0 => Self::Server,
            even if even % 2 == 0 => Self::Lease(even / 2 - 1),
            odd => Self::Process(odd / 2 - 1),
        }
    }
}

impl LauncherProcess {
    /// Tries one sandbox, looks at what else the machine has for them, and tells the server both, one after the other:
    /// nobody waits for the second before there is a sandbox to make. An error was told, too.
    fn prepare(server: &OwnedFd) -> Result<Self, ()> {
        let tell = |told: &Result<(), Fault>| packet::send(server.as_fd(), told, &[]).map_err(|_| ());
        let options = LauncherOptions::from_arguments(std::env::args_os().skip(2));
        match Self::set_up(server, options.outbound) {
            Ok((mut launcher, reasons)) => {
                tell(&Ok(()))?;
                let support = launcher.look_further(options.disk, &reasons);
                packet::send(server.as_fd(), &support, &[]).map_err(|_| ())?;
                // Where it cannot be, it counts as this process's memory a little longer.
                let _ = own_pages::unmap_what_the_start_used();
                Ok(launcher)
            }
            Err(fault) => {
                tell(&Err(fault))?;
                Err(())
            }
        }
    }

    /// Also gives the reasons for what limits do without.
    fn set_up(server: &OwnedFd, outbound: bool) -> Result<(Self, Vec<String>), Fault> {
        let server = server.try_clone().attempt(|| "copy the server's socket".into())?;
        // Away from the terminal: its interrupt is for the server, which ends this process in its own time.
        let _ = nix::unistd::setsid();
        raise_descriptor_limit();
        let surroundings = Surroundings::of_this_process().attempt(|| "read /proc/self/cgroup".into())?;
        let (hierarchy, reasons) = surroundings.find();
        let outside = network::Surroundings::look(outbound);
        let identities = Identities::establish()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).attempt(|| "make an epoll".into())?;
        let inherited =
            hierarchy.folders().iter().flat_map(|base| cgroup::place::left_beside(base)).collect();
        let mut launcher = Self {
            server,
            epoll,
            hierarchy,
            networks: Networks::new(outside)?,
            disks: Disks::default(),
            disk_folder: None,
            identities,
            filter: Filter::compile().attempt(|| "compile the system call filter".into())?,
            etc: system::etc_mounts(),
            live: HashMap::new(),
            ready_groups: Vec::new(),
            leftovers: Vec::new(),
            inherited,
            next: 0,
            ahead: true,
        };
        launcher.watch(launcher.server.as_fd(), Source::Server)?;
        let reasons = launcher.try_out(reasons)?;
        Ok((launcher, reasons))
    }

    /// What sandboxes may have beyond the least.
    fn look_further(&mut self, disk: Option<PathBuf>, reasons: &[String]) -> Support {
        let network_warnings = self.networks.open_outbound();
        let disk_warning = self.choose_disk(disk);
        let mut support = self.support(reasons);
        support.warnings.extend(network_warnings.into_iter().chain(disk_warning));
        support
    }

    /// Until the server is gone and everything is cleaned up.
    fn serve(&mut self) -> i32 {
        // The socket is the only bond to the server, and a sure one: it closes however the server dies. A signal at the
        // parent's death would come too early (when the thread ends that started this process) and would end this
        // process before it can thaw and remove what is left. Supervisors watch the server's end by themselves, too.
        while let Ok(true) = self.turn() {}
        self.farewell();
        0
    }

    /// Waits for and handles what happens next. False when the server is gone.
    fn turn(&mut self) -> Result<bool, Fault> {
        let mut events = [EpollEvent::empty(); 64];
        let timeout = match (self.ahead, self.leftovers.is_empty()) {
            (true, _) => EpollTimeout::ZERO,
            (false, false) => EpollTimeout::from(RETRY_MILLISECONDS),
            (false, true) if self.inherited.is_empty() => EpollTimeout::NONE,
            (false, true) => EpollTimeout::from(INHERITED_RETRY_MILLISECONDS),
        };
        let count = match self.epoll.wait(&mut events, timeout) {
            Err(nix::Error::EINTR) => 0,
            other => other.attempt(|| "wait for requests".into())?,
        };
        if count == 0 {
            self.leftovers.retain(|folder| !cgroup::remove_empty(folder));
            self.inherited.retain(|folder| !cgroup::remove_empty(folder));
            // An error is met again, and reported, by the request that needs this.
            self.ahead = self.ahead && self.work_ahead().unwrap_or(false);
        }
        for event in &events[..count] {
            match Source::of(event.data()) {
                Source::Server => {
                    if !self.accept()? {
                        return Ok(false);
                    }
                }
                Source::Lease(id) => self.serve_lease(id),
                Source::Process(id) => self.reap(id),
            }
        }
        Ok(true)
    }

    /// Does one small thing that makes a later request cheaper; false when there is nothing left to do.
    fn work_ahead(&mut self) -> Result<bool, Fault> {
        if self.ready_groups.len() < READY_GROUPS {
            let group = self.new_group()?;
            self.ready_groups.push(group);
            return Ok(true);
        }
        Ok(self.networks.prepare()? || self.disks.prepare()?)
    }

    fn new_group(&mut self) -> Result<Group, Fault> {
        self.next += 1;
        self.hierarchy.create(&format!("s{}", self.next))
    }

    /// Takes one request. False when the server is gone.
    fn accept(&mut self) -> Result<bool, Fault> {
        let (spec, descriptors) = match packet::receive::<SandboxSpec>(self.server.as_fd()) {
            // Its descriptors did not fit into this process: they are closed, which the server sees. The others live on.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(true),
            other => match other.attempt(|| "receive a request".into())? {
                Some(request) => request,
                None => return Ok(false),
            },
        };
        self.ahead = true;
        let Ok([control, lease]) = <[OwnedFd; 2]>::try_from(descriptors) else { return Ok(true) };
        let to_server = control.try_clone();
        if let (Err(fault), Ok(to_server)) = (self.create(&spec, control, lease), to_server) {
            // A server that does not listen any more needs no answer.
            drop(packet::send(to_server.as_fd(), &Report::Failed(fault), &[]));
        }
        Ok(true)
    }

    fn adopt(&mut self, live: Live) -> Result<(), Fault> {
        self.next += 1;
        let id = self.next;
        let watched = self
            .watch(live.lease.as_fd(), Source::Lease(id))
            .and_then(|()| self.watch(live.process.as_fd(), Source::Process(id)));
        self.live.insert(id, live);
        if watched.is_err() {
            self.release(id);
        }
        watched
    }

    fn watch(&self, descriptor: std::os::fd::BorrowedFd<'_>, source: Source) -> Result<(), Fault> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, source.token());
        self.epoll.add(descriptor, event).attempt(|| "watch a descriptor".into())
    }

    fn serve_lease(&mut self, id: u64) {
        let Some(live) = self.live.get(&id) else { return };
        match packet::receive::<LeaseRequest>(live.lease.as_fd()) {
            Ok(Some((LeaseRequest::Assign { request, name, memory_bytes, mounts }, _))) => {
                let opened = own_writable(&mounts, live.held.slot)
                    .and_then(|()| mounts.iter().map(sources::open).collect::<Result<Vec<_>, _>>());
                let sent = match opened {
                    Ok(opened) => {
                        let (placements, trees): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
                        let trees: Vec<OwnedFd> = trees.into_iter().flatten().collect();
                        let instruction = Instruction::Assign { request, name, memory_bytes, placements };
                        packet::send(live.lifeline.as_fd(), &instruction, &packet::borrow(&trees))
                    }
                    Err(fault) => {
                        packet::send(live.lifeline.as_fd(), &Instruction::Refuse { request, fault }, &[])
                    }
                };
                // A supervisor that is gone is reaped in another turn, and the server sees its socket closed.
                drop(sent);
            }
            Ok(None) | Err(_) => self.release(id),
        }
    }

    /// Kills a sandbox that nobody holds any more.
    fn release(&mut self, id: u64) {
        let Some(live) = self.live.get_mut(&id) else { return };
        // Not watched any more: a closed socket would wake the loop for ever.
        let _ = self.epoll.delete(&live.lease);
        live.released = true;
        live.kill();
        self.finish(id);
    }

    fn reap(&mut self, id: u64) {
        let Some(live) = self.live.get_mut(&id) else { return };
        // Its descriptor says that it ended, so this does not block.
        let _ = nix::sys::wait::waitpid(live.pid, None);
        let _ = self.epoll.delete(&live.process);
        live.ended = true;
        self.finish(id);
    }

    /// Forgets a sandbox that is both ended and released; until then its group tells what it used.
    fn finish(&mut self, id: u64) {
        if !self.live.get(&id).is_some_and(|live| live.ended && live.released) {
            return;
        }
        if let Some(Live { held, lease, .. }) = self.live.remove(&id) {
            self.clean_up(held);
            // The server takes that for the end.
            drop(lease);
        }
    }

    fn clean_up(&mut self, held: Held) {
        self.leftovers
            .extend(held.group.folders().into_iter().filter(|folder| !cgroup::remove_empty(folder)));
        if let Some(slot) = held.slot {
            self.identities.give_back(slot);
        }
        self.networks.give_back(held.network);
        self.disks.give_back(held.disk);
    }

    /// Kills everything, waits for it, and removes what it leaves.
    fn farewell(&mut self) {
        let ids: Vec<u64> = self.live.keys().copied().collect();
        ids.into_iter().for_each(|id| self.release(id));
        self.leftovers.extend(self.ready_groups.drain(..).flat_map(|group| group.folders()));
        let mut events = [EpollEvent::empty(); 64];
        let _ = self.epoll.delete(&self.server);
        for _ in 0..FAREWELL_ROUNDS {
            self.leftovers.retain(|folder| !cgroup::remove_empty(folder));
            if self.live.is_empty() && self.leftovers.is_empty() {
                break;
            }
            let count = self.epoll.wait(&mut events, EpollTimeout::from(RETRY_MILLISECONDS)).unwrap_or(0);
            for event in &events[..count] {
                if let Source::Process(id) = Source::of(event.data()) {
                    self.reap(id);
                }
            }
        }
        self.hierarchy.folders().iter().for_each(|folder| {
            cgroup::remove_empty(folder);
        });
    }
}

impl Live {
    fn kill(&self) {
        // The one error is that it is gone already.
        drop(clone::signal(self.process.as_fd(), libc::SIGKILL));
        self.held.group.release();
    }
}

/// Sandboxes cost a few descriptors each.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
