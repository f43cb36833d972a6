//! What a sandbox reaches.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use ebb_sandbox::{Network, SandboxSpec};

use crate::Case;
use crate::setup::{Machine, python, spec, start};

pub(crate) const CASES: &[Case] = &[
    ("loopback_reaches_nothing", loopback_reaches_nothing),
    ("outbound_reaches_public_addresses_only", outbound_reaches_public_addresses_only),
    ("one_sandbox_does_not_take_every_connection", one_sandbox_does_not_take_every_connection),
    ("the_hosts_own_services_are_out_of_reach", the_hosts_own_services_are_out_of_reach),
    ("sandboxes_do_not_reach_each_other", sandboxes_do_not_reach_each_other),
    ("abstract_sockets_of_the_host_are_out_of_reach", abstract_sockets_of_the_host_are_out_of_reach),
    ("a_network_serves_again_once_nobody_listens_in_it", a_network_serves_again_once_nobody_listens_in_it),
];

/// Where the machine gives no outbound network there is nothing to try, and it says why.
fn lacks_outbound(machine: &Machine) -> bool {
    let support = machine.launcher().support().unwrap();
    if !support.outbound_network {
        eprintln!("skipped, no outbound network: {:?}", support.warnings);
    }
    !support.outbound_network
}

fn connect(address: impl std::fmt::Display, port: u16) -> String {
    format!("socket.create_connection(('{address}', {port}), 3) and 'reached'")
}

fn loopback_reaches_nothing(machine: &Machine) {
    let to = ["192.0.2.1", "169.254.169.254", "10.0.0.1", "198.19.0.1", "8.8.8.8"].map(|a| connect(a, 53));
    let seen = machine.probe(Network::Loopback, &to.each_ref().map(String::as_str));
    assert!(seen.iter().all(|result| result == "ENETUNREACH"), "{seen:?}");
}

fn outbound_reaches_public_addresses_only(machine: &Machine) {
    if lacks_outbound(machine) {
        return;
    }
    let Some(world) = World::make() else { return };
    let refused = [
        "169.254.169.254",
        "10.255.255.53",
        "10.0.0.1",
        "172.17.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "127.1.2.3",
        "198.19.0.1",
        "198.18.0.1",
        "198.18.0.2",
        "224.0.0.1",
    ];
    let mut tried: Vec<String> = refused.iter().map(|address| connect(address, 80)).collect();
    tried.push(connect(World::ADDRESS, 80));
    tried.push("open('/etc/resolv.conf').read()".into());
    let seen = machine.probe(Network::Outbound, &tried.iter().map(String::as_str).collect::<Vec<_>>());
    drop(world);
    let (public, closed) = (&seen[refused.len()..], &seen[..refused.len()]);
    let is_refusal = |text: &String| ["EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED"].contains(&text.as_str());
    assert!(closed.iter().all(is_refusal), "{closed:?}");
    assert_eq!(public[..2], ["reached", "nameserver 198.19.0.53"]);
}

/// Connections take room in a table that the whole machine shares.
fn one_sandbox_does_not_take_every_connection(machine: &Machine) {
    if lacks_outbound(machine) {
        return;
    }
    // To an address that nobody has: what counts is what is sent.
    let flood = "import socket\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        sent = 0\n\
        for port in range(1, 3000):\n\
        \x20   try: s.sendto(b'x', ('203.0.113.200', port)); sent += 1\n\
        \x20   except OSError: pass\n\
        t = socket.socket(); t.settimeout(3)\n\
        try: t.connect(('203.0.113.200', 80))\n\
        except OSError as e: print(e.errno, flush=True)\n";
    let ended = machine.run(machine.python(SandboxSpec { network: Network::Outbound, ..spec() }, flood));
    assert_eq!(ended.printed.trim(), libc::EHOSTUNREACH.to_string(), "{ended:?}");
}

fn the_hosts_own_services_are_out_of_reach(machine: &Machine) {
    if lacks_outbound(machine) {
        return;
    }
    let service = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = service.local_addr().unwrap().port();
    let own: Vec<Ipv4Addr> = nix::ifaddrs::getifaddrs()
        .unwrap()
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .collect();
    assert!(!own.is_empty());
    let tried: Vec<String> = own.iter().map(|address| connect(address, port)).collect();
    let seen = machine.probe(Network::Outbound, &tried.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!seen.iter().any(|result| result == "reached"), "{own:?}: {seen:?}");
}

fn sandboxes_do_not_reach_each_other(machine: &Machine) {
    if lacks_outbound(machine) {
        return;
    }
    let outbound = || SandboxSpec { network: Network::Outbound, ..spec() };
    machine.run(async {
        let (one, other) = (machine.sandbox(outbound()).await, machine.sandbox(outbound()).await);
        let serve = "import socket\n\
            s = socket.create_server(('0.0.0.0', 4000))\n\
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('8.8.8.8', 9))\n\
            print(u.getsockname()[0], flush=True)\n\
            s.accept()\n";
        let (_serving, reader) = start(&one, serve).await;
        let address = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line).unwrap();
            line.trim().to_owned()
        });
        let address = address.await.unwrap();
        let code = format!(
            "import socket\ntry: print({})\nexcept OSError as e: print(type(e).__name__)",
            connect(&address, 4000)
        );
        assert_ne!(python(&other, &code).await.printed.trim(), "reached");
        assert_eq!(python(&one, &code).await.printed.trim(), "reached");
    });
}

fn abstract_sockets_of_the_host_are_out_of_reach(machine: &Machine) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = format!("ebb-test-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let attempt = format!("socket.socket(socket.AF_UNIX).connect('\\0{name}') or 'reached'");
    for network in [Network::Loopback, Network::Outbound] {
        assert_eq!(machine.probe(network, &[&attempt]), ["ECONNREFUSED"]);
    }
}

/// The server may hold the sockets that listen in a sandbox for longer than that lives.
fn a_network_serves_again_once_nobody_listens_in_it(machine: &Machine) {
    const SANDBOXES: usize = 20;
    const HELD: usize = 4;
    let look = "import os\n\
        listening = [line for line in open('/proc/net/tcp') if line.split()[3] == '0A']\n\
        print(os.readlink('/proc/self/ns/net'), len(listening), len(open('/proc/net/unix').readlines()) - 1)\n";
    let networks = |sandboxes: usize, hold: bool| {
        machine.run(async {
            let mut held = Vec::new();
            let mut seen = HashSet::new();
            for _ in 0..sandboxes {
                let mut sandbox = machine.sandbox(SandboxSpec { listen: vec![9001], ..spec() }).await;
                let listeners = sandbox.take_listeners();
                let printed = python(&sandbox, look).await.printed;
                let (network, others) = printed.trim().split_once(' ').unwrap();
                assert_eq!(others, "1 0", "of those before it, nothing is left");
                seen.insert(network.to_owned());
                sandbox.destroy().await;
                held.extend(listeners.into_iter().filter(|_| hold));
            }
            seen.len()
        })
    };
    assert_eq!(networks(HELD, true), HELD);
    assert!(networks(SANDBOXES, false) < SANDBOXES);
}

/// A public address next to the host, with a web server of sorts.
struct World {
    serving: std::process::Child,
}

impl World {
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

    /// None, with the reason printed, where this user cannot make one.
    fn make() -> Option<Self> {
        let script = format!(
            "set -e; ip netns del ebb-world 2>/dev/null || true
             ip netns add ebb-world; ip link add world0 type veth peer name world1 netns ebb-world
             ip addr add 203.0.113.1/24 dev world0; ip link set world0 up
             ip -n ebb-world addr add {}/24 dev world1; ip -n ebb-world link set world1 up",
            Self::ADDRESS
        );
        let made = Command::new("sh").args(["-c", &script]).output().ok()?;
        if !made.status.success() {
            eprintln!("skipped, no second network: {}", String::from_utf8_lossy(&made.stderr));
            return None;
        }
        let serve = "import socket\ns = socket.create_server(('0.0.0.0', 80))\nprint(flush=True)\nwhile 1: s.accept()";
        let mut serving = Command::new("ip")
            .args(["netns", "exec", "ebb-world", "python3", "-c", serve])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .ok()?;
        let mut first = [0];
        std::io::Read::read_exact(serving.stdout.as_mut()?, &mut first).ok()?;
        Some(Self { serving })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.serving.kill());
        drop(self.serving.wait());
        drop(Command::new("ip").args(["netns", "del", "ebb-world"]).status());
    }
}
