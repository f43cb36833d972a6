//! The sandbox's own listening sockets.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use crate::error::{Attempt, Fault};

/// Listens on these ports of 127.0.0.1, in this network namespace.
pub(super) fn listen(ports: &[u16]) -> Result<Vec<OwnedFd>, Fault> {
    let open = |port: &u16| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        listener.map(OwnedFd::from).attempt(|| format!("listen on 127.0.0.1:{port} in the sandbox"))
    };
    ports.iter().map(open).collect()
}
