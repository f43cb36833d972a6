//! The addresses of sandboxes and of what lies between them and the host, and those that they must not reach.

use std::fs;
use std::net::Ipv4Addr;

use crate::slots::Slots;

/// What every sandbox has as its gateway.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
/// What every sandbox asks for names.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 53);
/// Lines between routers and the host are numbered from here on, two addresses for each.
const FIRST_LINE: u32 = u32::from_be_bytes([198, 19, 128, 0]);
const LINES: u32 = 1 << 13;
/// Sandboxes are numbered from here on. These and the others lie in 198.18.0.0/15, which is for the inside of test
/// networks (RFC 2544) and so is neither in use on the internet nor, as a rule, in a company.
const FIRST_SANDBOX: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const SANDBOXES: u32 = (1 << 16) - 2;

/// Everything that is not a public address. Source: IANA IPv4 Special-Purpose Address Registry, as of 2026-11; the
/// provider's metadata service (169.254.169.254) and carrier-grade NAT (100.64.0.0/10) are among them.
pub(super) const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
];

/// The addresses of sandboxes; each is given out again as late as can be, because the kernel takes its time to remove
/// the interfaces of the last one that had it.
pub(super) fn of_sandboxes() -> Slots {
    Slots::new(SANDBOXES, 0)
}

pub(super) fn of_sandbox(slot: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_SANDBOX + slot)
}

/// The two ends of a line between a router and the host, the host's first: one that no interface of the host has.
pub(super) fn free_line(preferred: u32, taken: &[Ipv4Addr]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    (0..LINES)
        .map(|step| FIRST_LINE + 2 * (preferred.wrapping_add(step) % LINES))
        .map(|first| (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(first + 1)))
        .find(|(near, _)| !taken.contains(near))
}

/// Every IPv4 address that the host has.
pub(super) fn of_host() -> Vec<Ipv4Addr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    interfaces.filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip())).collect()
}

/// The first resolver of the host that can be reached from elsewhere. Where the host asks a stub of its own, that
/// of systemd-resolved says whom it asks in turn.
pub(super) fn host_resolver() -> Option<Ipv4Addr> {
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .iter()
        .find_map(|file| first_resolver(&fs::read_to_string(file).ok()?))
}

fn first_resolver(text: &str) -> Option<Ipv4Addr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse::<Ipv4Addr>().ok())?
    });
    addresses.into_iter().find(|address| !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_of_the_host_is_no_resolver_for_others() {
        let check = |text: &str, expected: Option<[u8; 4]>| {
            assert_eq!(first_resolver(text), expected.map(Ipv4Addr::from), "{text}");
        };
        check("nameserver 127.0.0.53\noptions edns0\n", None);
        check("# x\nsearch a.b\nnameserver 127.0.0.1\nnameserver 9.9.9.9\n", Some([9, 9, 9, 9]));
        check("nameserver fe80::1\nnameserver\t10.0.0.2\n", Some([10, 0, 0, 2]));
        check("nameserver\n", None);
    }

    #[test]
    fn a_line_is_free_where_the_host_does_not_have_it() {
        let taken = [Ipv4Addr::new(198, 19, 128, 2)];
        let line = free_line(1, &taken).unwrap();
        assert_eq!(line, (Ipv4Addr::new(198, 19, 128, 4), Ipv4Addr::new(198, 19, 128, 5)));
        assert_eq!(free_line(LINES, &[]).unwrap().0, Ipv4Addr::new(198, 19, 128, 0));
    }

    #[test]
    fn sandboxes_do_not_have_the_addresses_of_routers() {
        assert!(of_sandbox(SANDBOXES - 1) < Ipv4Addr::new(198, 19, 0, 0));
        assert_eq!(of_sandbox(0), Ipv4Addr::new(198, 18, 0, 1));
    }
}
