//! What may pass between sandboxes, the host and the world, as rules of nftables.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::addresses::{NOT_PUBLIC, RESOLVER};
use crate::error::{Attempt, Fault};

/// The router's own interface towards the world.
pub(super) const UPLINK: &str = "up";
/// Interfaces of the host that lead to routers begin with this.
pub(super) const HOST_PREFIX: &str = "ebb";

/// How many connections a sandbox may have open to the world, those included that are just over.
const CONNECTIONS: u32 = 1024;

/// Rules of the router's namespace: sandboxes speak to public addresses and to the resolver, and to nobody else. Not to
/// each other, not to the router, not to `refused`, which are the host's own addresses. Refusals are answered, so that a
/// program fails at once and not after a timeout. `resolver` is where questions for names go, unless the uplink sees
/// to that. `counted` limits the connections of each sandbox, which take room in a table of the whole machine; kernels
/// before 4.18 cannot.
pub(super) fn router_rules(refused: &[Ipv4Addr], resolver: Option<Ipv4Addr>, counted: bool) -> String {
    let mut closed: Vec<String> = NOT_PUBLIC.iter().map(ToString::to_string).collect();
    closed.extend(refused.iter().map(ToString::to_string));
    let closed = closed.join(", ");
    let forwarded = resolver.map_or(String::new(), |resolver| {
        format!(
            "ip daddr {RESOLVER} udp dport 53 dnat ip to {resolver}\n\
             ip daddr {RESOLVER} tcp dport 53 dnat ip to {resolver}"
        )
    });
    let (counters, count) = if counted {
        (
            "set connections { type ipv4_addr; flags dynamic; size 65535; }",
            format!(
                "ct state new add @connections {{ ip saddr ct count over {CONNECTIONS} }} \
                 reject with icmpx type admin-prohibited"
            ),
        )
    } else {
        ("", String::new())
    };
    format!(
        "table inet sandboxes {{
            {counters}
            set closed {{ type ipv4_addr; flags interval; auto-merge; elements = {{ {closed} }} }}
            chain names {{
                type nat hook prerouting priority dstnat; policy accept;
                {forwarded}
            }}
            chain input {{
                type filter hook input priority filter; policy drop;
                ct state established,related accept
                iifname != \"{UPLINK}\" reject with icmpx type admin-prohibited
            }}
            chain forward {{
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname \"{UPLINK}\" drop
                oifname != \"{UPLINK}\" reject with icmpx type admin-prohibited
                {count}
                ct status dnat accept
                ip daddr {RESOLVER} meta l4proto {{ tcp, udp }} th dport 53 accept
                ip daddr @closed reject with icmpx type admin-prohibited
                meta nfproto ipv4 accept
                reject with icmpx type admin-prohibited
            }}
            chain leave {{
                type nat hook postrouting priority srcnat; policy accept;
                oifname \"{UPLINK}\" masquerade
            }}
        }}\n"
    )
}

/// Rules of the host, in a table of the launcher's own: what comes from its router may only pass through, to where
/// no other router is, and nobody may call in. `far` is the router's end of the line.
pub(super) fn host_rules(table: &str, interface: &str, far: Ipv4Addr, resolver: Option<Ipv4Addr>) -> String {
    let names = resolver.map_or(String::new(), |resolver| {
        format!("iifname \"{interface}\" ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 accept")
    });
    format!(
        "table inet {table} {{
            chain input {{
                type filter hook input priority filter; policy accept;
                iifname \"{interface}\" ct state established,related accept
                {names}
                iifname \"{interface}\" reject with icmpx type admin-prohibited
            }}
            chain forward {{
                type filter hook forward priority filter; policy accept;
                iifname \"{interface}\" oifname \"{HOST_PREFIX}*\" drop
                oifname \"{interface}\" ct state new drop
            }}
            chain leave {{
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr {far} masquerade
            }}
        }}\n"
    )
}

/// Adds rules to the current network namespace, all or none.
pub(super) fn apply(rules: &str) -> Result<(), Fault> {
    run(&["-f", "-"], rules).map(|_| ())
}

/// The chains of the current namespace, each below its table, as nft prints them; empty where it cannot say.
pub(super) fn chains() -> String {
    run(&["list", "chains"], "").unwrap_or_default()
}

/// The tables among these chains whose name begins so.
pub(super) fn tables<'a>(chains: &'a str, prefix: &str) -> impl Iterator<Item = &'a str> {
    let names = chains.lines().filter_map(|line| line.strip_prefix("table inet ")?.strip_suffix(" {"));
    names.filter(move |name| name.starts_with(prefix))
}

/// Removes a table. One that is gone is as good.
pub(super) fn remove(table: &str) {
    drop(run(&["delete", "table", "inet", table], ""));
}

/// Whether somebody else's chains drop what is forwarded, as those of Docker do. Their verdict is final.
pub(super) fn drops_forwarded(chains: &str) -> bool {
    chains.lines().any(|line| line.contains("hook forward") && line.contains("policy drop"))
}

/// Runs nft in the current network namespace.
fn run(arguments: &[&str], input: &str) -> Result<String, Fault> {
    let action = || format!("run nft {}", arguments.join(" "));
    let program = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or_else(|| Fault { action: "find nft (install nftables)".into(), errno: libc::ENOENT })?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .attempt(action)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A few kilobytes, less than a pipe holds. Where it ended early its status says so.
        drop(stdin.write_all(input.as_bytes()));
    }
    let output = child.wait_with_output().attempt(action)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(Fault { action: format!("{} ({said})", action()), errno: libc::EPERM })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routers_rules_close_what_is_not_public_and_the_hosts_own() {
        let rules = router_rules(&[Ipv4Addr::new(203, 0, 113, 9)], Some(Ipv4Addr::new(10, 0, 0, 2)), true);
        for closed in ["169.254.0.0/16", "10.0.0.0/8", "203.0.113.9 }", "dnat ip to 10.0.0.2"] {
            assert!(rules.contains(closed), "{closed} is not in {rules}");
        }
        assert!(!router_rules(&[], None, false).contains("dnat ip"));
    }

    #[test]
    fn tables_are_found_above_their_chains() {
        let chains = "table ip nat {\n\tchain x {\n\t}\n}\ntable inet ebb_1 {\n\tchain y {\n\t}\n}\ntable inet other {\n}\n";
        assert_eq!(tables(chains, "ebb_").collect::<Vec<_>>(), ["ebb_1"]);
    }

    #[test]
    fn a_foreign_chain_that_drops_what_is_forwarded_is_noticed() {
        let check = |line: &str, expected| assert_eq!(drops_forwarded(line), expected, "{line}");
        check("\t\ttype filter hook forward priority filter; policy drop;", true);
        check("\t\ttype filter hook forward priority filter; policy accept;", false);
        check("\t\ttype filter hook input priority filter; policy drop;", false);
    }
}
