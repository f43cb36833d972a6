//! Network namespaces, made ahead of need and owned by the launcher, so that nobody inside has rights over them.
//!
//! To make one and to take one down is dear, and nobody inside can change anything of it. So one that leads nowhere serves
//! again when its sandbox has ended and nobody listens in it any more. One that leads to the world does not: whoever the
//! last sandbox talked to would reach the next, which could also see with whom that was.

mod addresses;
mod firewall;
mod interface;
mod netlink;
mod outbound;
pub(crate) mod pasta;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Attempt, Fault};
use crate::spec::Network;
use crate::sys::clone::Side;
use outbound::Outbound;
use pasta::Pasta;

/// How many of each kind are kept ready.
const READY: usize = 16;
/// How many of each kind are kept at most, those counted that were used before.
const KEPT: usize = 2 * READY;

/// The namespaces that wait for a sandbox.
#[derive(Debug)]
pub(crate) struct Networks {
    /// The launcher's own.
    home: OwnedFd,
    /// Until it was tried out.
    surroundings: Option<Surroundings>,
    outbound: Option<Outbound>,
    loopback_only: Ready,
    connected: Ready,
}

/// Namespaces of one kind; some are made ahead once the first was asked for.
#[derive(Debug, Default)]
struct Ready {
    wanted: bool,
    made: Vec<Namespace>,
    /// Those whose sandboxes have ended, the oldest first.
    used: VecDeque<Namespace>,
}

/// One namespace; to be given back with [`Networks::give_back`].
#[derive(Debug)]
pub(crate) struct Namespace {
    descriptor: OwnedFd,
    network: Network,
    /// The number of its address, where it is connected.
    address: Option<u32>,
    /// Where the server listens in it, for the sandbox that has it or had it last.
    ports: Vec<u16>,
}

/// How the launcher's user may reach the world, found out before it enters namespaces of its own.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Whether sandboxes are to reach the world at all.
    wanted: bool,
    /// Where the launcher is not root.
    pasta: Option<Result<Pasta, Fault>>,
    /// Of the host.
    addresses: Vec<Ipv4Addr>,
}

impl Surroundings {
    /// Call it before the process leaves the host's namespaces.
    pub(crate) fn look(wanted: bool) -> Self {
        let pasta = (wanted && !nix::unistd::getuid().is_root()).then(Pasta::stand_by);
        Self { wanted, pasta, addresses: addresses::of_host() }
    }
}

impl Surroundings {
    fn connect(self, home: &OwnedFd) -> Result<(Outbound, Vec<String>), Fault> {
        match self.pasta {
            None => Outbound::by_host(home),
            Some(pasta) => pasta
                .and_then(|pasta| Outbound::by_pasta(pasta, &self.addresses))
                .map(|outbound| (outbound, Vec::new())),
        }
    }
}

impl Networks {
    /// Loopback only, until [`Networks::open_outbound`].
    pub(crate) fn new(surroundings: Surroundings) -> Result<Self, Fault> {
        let (loopback_only, connected) = Default::default();
        Ok(Self {
            home: current()?,
            surroundings: Some(surroundings),
            outbound: None,
            loopback_only,
            connected,
        })
    }

    /// Opens the way to the world where it is wanted. Says why there is none, or what may be in it.
    pub(crate) fn open_outbound(&mut self) -> Vec<String> {
        let wanted = self.surroundings.take().filter(|surroundings| surroundings.wanted);
        match wanted.map(|surroundings| surroundings.connect(&self.home)) {
            None => Vec::new(),
            Some(Ok((outbound, warnings))) => {
                self.outbound = Some(outbound);
                warnings
            }
            Some(Err(fault)) => vec![unreachable(fault)],
        }
    }

    /// Whether [`Network::Outbound`] is more than loopback.
    pub(crate) fn reach_out(&self) -> bool {
        self.outbound.is_some()
    }

    /// What a sandbox's `/etc/resolv.conf` says.
    pub(crate) fn resolvers(&self, network: Network) -> String {
        if network == Network::Outbound && self.reach_out() {
            format!("nameserver {}\n", addresses::RESOLVER)
        } else {
            String::new()
        }
    }

    /// Readies one more namespace; false when there are enough.
    pub(crate) fn prepare(&mut self) -> Result<bool, Fault> {
        for network in [Network::Outbound, Network::Loopback] {
            let ready = self.ready(network);
            if ready.wanted && ready.made.len() < READY {
                let namespace = self.again_or_new(network)?;
                self.ready(network).made.push(namespace);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A namespace for one sandbox, in which the server will listen on these ports.
    pub(crate) fn take(&mut self, network: Network, ports: &[u16]) -> Result<Namespace, Fault> {
        let network = if self.reach_out() { network } else { Network::Loopback };
        let ready = self.ready(network);
        ready.wanted = true;
        let namespace = match ready.made.pop() {
            Some(namespace) => namespace,
            None => self.again_or_new(network)?,
        };
        Ok(Namespace { ports: ports.to_vec(), ..namespace })
    }

    /// The sandbox that had it has ended, and nothing runs in it any more.
    pub(crate) fn give_back(&mut self, namespace: Namespace) {
        if let Some(address) = namespace.address {
            if let Some(outbound) = &mut self.outbound {
                outbound.give_back(address);
            }
            return;
        }
        let ready = self.ready(namespace.network);
        ready.used.push_back(namespace);
        if ready.made.len() + ready.used.len() > KEPT {
            ready.used.pop_front();
        }
    }

    fn again_or_new(&mut self, network: Network) -> Result<Namespace, Fault> {
        let used = self.ready(network).used.pop_front();
        match used {
            Some(namespace) if self.is_quiet(&namespace)? => Ok(namespace),
            _ => self.make(network),
        }
    }

    /// Whether nobody listens in it: the server holds the sockets on which it listened for an instance a moment longer
    /// than that lives. What processes of the sandbox had went with them.
    fn is_quiet(&self, namespace: &Namespace) -> Result<bool, Fault> {
        enter(&namespace.descriptor)?;
        // As long as one listens, none other can.
        let quiet =
            namespace.ports.iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
        enter(&self.home)?;
        Ok(quiet)
    }

    /// Forks in that namespace; only the child stays there. The calling process must have a single thread.
    pub(crate) fn fork_within(
        &self,
        namespace: &Namespace,
        fork: impl FnOnce() -> std::io::Result<Side>,
    ) -> Result<Side, Fault> {
        enter(&namespace.descriptor)?;
        let side = fork();
        if !matches!(side, Ok(Side::Child)) {
            enter(&self.home)?;
        }
        side.attempt(|| "clone a sandbox".into())
    }

    fn ready(&mut self, network: Network) -> &mut Ready {
        match network {
            Network::Outbound => &mut self.connected,
            Network::Loopback => &mut self.loopback_only,
        }
    }

    fn make(&mut self, network: Network) -> Result<Namespace, Fault> {
        unshare_network()?;
        let made = self.furnish(network);
        enter(&self.home)?;
        made
    }

    /// In the new namespace.
    fn furnish(&mut self, network: Network) -> Result<Namespace, Fault> {
        interface::loopback_up()?;
        // Closed connections leave nothing behind that the next sandbox could see. Only the default if it cannot be written.
        drop(fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0"));
        // Every port is as good as another here. Only the default if the file cannot be written.
        drop(fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"));
        let descriptor = current()?;
        let address = match (&mut self.outbound, network) {
            (Some(outbound), Network::Outbound) => Some(outbound.connect()?),
            _ => None,
        };
        Ok(Namespace { descriptor, network, address, ports: Vec::new() })
    }
}

/// For people: what is missing, why it matters, how to get it.
fn unreachable(fault: Fault) -> String {
    let why = crate::SandboxError::from(fault);
    format!(
        "No network for functions beyond their own loopback: {why}. As root this takes nftables and the right to \
         change the network; as another user pasta (Debian's package passt), nftables and access to /dev/net/tun"
    )
}

fn unshare_network() -> Result<(), Fault> {
    unshare(CloneFlags::CLONE_NEWNET).attempt(|| "make a network namespace".into())
}

fn current() -> Result<OwnedFd, Fault> {
    File::open("/proc/self/ns/net").map(OwnedFd::from).attempt(|| "open /proc/self/ns/net".into())
}

fn enter(namespace: &OwnedFd) -> Result<(), Fault> {
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).attempt(|| "enter a network namespace".into())
}
