//! The way of sandboxes to public addresses.
//!
//! ```text
//! sandbox ── veth ──> router namespace, with the rules ── uplink ──> host
//! ```
//!
//! The router is a network namespace of the launcher's own, so nothing of it outlives the launcher. Its uplink is a
//! pair of interfaces and a few rules on the host where the launcher is root, and pasta where it is not.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};

use super::netlink::{End, Netlink};
use super::pasta::{Joined, Pasta};
use super::{addresses, current, enter, firewall};
use crate::cgroup::place;
use crate::error::{Attempt, Fault};
use crate::slots::Slots;

/// Interfaces of a router towards its sandboxes are numbered from here on. Below are loopback and the tunnels that some
/// kernels put into each namespace.
const FIRST_INDEX: i32 = 1024;
/// The one interface of a sandbox, and a router's uplink.
const ONLY_INDEX: i32 = 64;
/// Tables of the host that belong to launchers are named this and the launcher.
const TABLE_PREFIX: &str = "ebb_sandboxes_";
/// What a host drops that only routes for some: said once, at the start.
pub(super) const DROPPED: &str = "The firewall of this machine drops what is forwarded (Docker's does so): functions may \
    not reach the internet; allow it with `iptables -I DOCKER-USER -i ebb+ -j ACCEPT` and \
    `iptables -I DOCKER-USER -o ebb+ -j ACCEPT`";

/// Connects sandboxes.
#[derive(Debug)]
pub(super) struct Outbound {
    router: OwnedFd,
    /// Of the router.
    routes: Netlink,
    addresses: Slots,
    next_index: i32,
    uplink: Uplink,
}

#[derive(Debug)]
enum Uplink {
    /// By the kernel, with this table of the host.
    Host {
        table: String,
    },
    Pasta {
        _joined: Joined,
    },
}

impl Outbound {
    /// By the kernel of the host, which the launcher must be root of. Also says what may be in the way.
    pub(super) fn by_host(home: &OwnedFd) -> Result<(Self, Vec<String>), Fault> {
        let owner = place::owner().replace('.', "_");
        let chains = firewall::chains();
        remove_stale_tables(&chains);
        let (taken, resolver) = (addresses::of_host(), addresses::host_resolver());
        let line = addresses::free_line(std::process::id(), &taken).ok_or_else(|| Fault {
            action: "find a free address for the router".into(),
            errno: libc::EADDRINUSE,
        })?;
        let interface = format!("{}{}", firewall::HOST_PREFIX, std::process::id());
        super::unshare_network()?;
        let made = current().and_then(|router| Self::furnish_router(router, &taken, resolver));
        enter(home)?;
        let (router, routes) = made?;
        connect(&routes, home, &interface, line).attempt(|| "connect the router with the host".into())?;
        let table = format!("{TABLE_PREFIX}{owner}");
        firewall::apply(&firewall::host_rules(&table, &interface, line.1, resolver))?;
        // From here on a failure must take the table with it.
        let outbound = Self::of(router, routes, Uplink::Host { table });
        allow_forwarding("/proc/sys/net/ipv4/ip_forward")?;
        let dropped = firewall::drops_forwarded(&chains).then(|| DROPPED.to_owned());
        Ok((outbound, dropped.into_iter().collect()))
    }

    /// By pasta: the launcher's own network namespace is the router.
    pub(super) fn by_pasta(pasta: Pasta, refused: &[Ipv4Addr]) -> Result<Self, Fault> {
        let joined = pasta.join()?;
        let (router, routes) = Self::furnish_router(current()?, refused, None)?;
        Ok(Self::of(router, routes, Uplink::Pasta { _joined: joined }))
    }

    /// Makes a router of the current network namespace.
    fn furnish_router(
        router: OwnedFd,
        refused: &[Ipv4Addr],
        resolver: Option<Ipv4Addr>,
    ) -> Result<(OwnedFd, Netlink), Fault> {
        super::interface::loopback_up()?;
        without_version_6("all");
        without_version_6("default");
        // A refusal that comes a second late is a program that hangs for a second. Slower where it cannot be set.
        drop(fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0"));
        let rules = |counted| firewall::router_rules(refused, resolver, counted);
        firewall::apply(&rules(true)).or_else(|_| firewall::apply(&rules(false)))?;
        allow_forwarding("/proc/sys/net/ipv4/ip_forward")?;
        let routes = Netlink::open().attempt(|| "open a netlink socket".into())?;
        Ok((router, routes))
    }

    fn of(router: OwnedFd, routes: Netlink, uplink: Uplink) -> Self {
        Self { router, routes, addresses: addresses::of_sandboxes(), next_index: FIRST_INDEX, uplink }
    }

    /// Connects the current network namespace, which is a new one. Gives the number of its address, to be given back.
    pub(super) fn connect(&mut self) -> Result<u32, Fault> {
        let slot = self.addresses.take().ok_or_else(|| Fault {
            action: "find a free address for the sandbox".into(),
            errno: libc::EADDRNOTAVAIL,
        })?;
        let connected = self.connect_as(addresses::of_sandbox(slot));
        if connected.is_err() {
            self.addresses.give_back(slot);
        }
        connected.map(|()| slot)
    }

    fn connect_as(&mut self, own: Ipv4Addr) -> Result<(), Fault> {
        let index = self.next_index;
        // Of two thousand million; the lowest are long free by then.
        self.next_index = self.next_index.checked_add(1).unwrap_or(FIRST_INDEX);
        without_version_6("default");
        let name = format!("s{index}");
        let attempt = || {
            let inside = Netlink::open()?;
            let (here, there) = (End { name: "eth0", index: ONLY_INDEX }, End { name: &name, index });
            inside.add_pair(here, there, self.router.as_fd())?;
            inside.add_address(ONLY_INDEX, own, addresses::GATEWAY)?;
            inside.add_default_route(ONLY_INDEX, addresses::GATEWAY)?;
            self.routes.set_up(index)?;
            self.routes.add_address(index, addresses::GATEWAY, own)
        };
        attempt().attempt(|| format!("connect the sandbox as {own}"))
    }

    pub(super) fn give_back(&mut self, slot: u32) {
        self.addresses.give_back(slot);
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        if let Uplink::Host { table } = &self.uplink {
            firewall::remove(table);
        }
    }
}

/// The line between router and host; the current namespace is the host's.
fn connect(
    routes: &Netlink,
    home: &OwnedFd,
    interface: &str,
    (near, far): (Ipv4Addr, Ipv4Addr),
) -> std::io::Result<()> {
    let outside = Netlink::open()?;
    let index = ONLY_INDEX;
    // The host's kernel chooses its own number.
    let (here, there) = (End { name: firewall::UPLINK, index }, End { name: interface, index: 0 });
    routes.add_pair(here, there, home.as_fd())?;
    let host_index = nix::net::if_::if_nametoindex(interface)?;
    outside.set_up(host_index.cast_signed())?;
    outside.add_address(host_index.cast_signed(), near, far)?;
    routes.add_address(index, far, near)?;
    routes.add_default_route(index, near)
}

fn allow_forwarding(file: &str) -> Result<(), Fault> {
    if fs::read_to_string(file).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    fs::write(file, "1").attempt(|| format!("write 1 to {file}"))
}

/// There are no rules for version 6, so there are no addresses either. Where the kernel has none the file is absent.
fn without_version_6(interfaces: &str) {
    drop(fs::write(format!("/proc/sys/net/ipv6/conf/{interfaces}/disable_ipv6"), "1"));
}

/// Those of launchers that were killed.
fn remove_stale_tables(chains: &str) {
    for table in firewall::tables(chains, TABLE_PREFIX) {
        let owner = table.trim_start_matches(TABLE_PREFIX).replacen('_', ".", 1);
        if !place::is_alive(&owner) {
            firewall::remove(table);
        }
    }
}
