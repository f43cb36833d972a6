//! The sandbox's own listening sockets, and connections to those of its programs.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect as connect_to, socket};

use crate::error::{Attempt, Fault};

/// Listens on these ports of 127.0.0.1, in this network namespace.
pub(super) fn listen(ports: &[u16]) -> Result<Vec<OwnedFd>, Fault> {
    let open = |port: &u16| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        listener.map(OwnedFd::from).attempt(|| format!("listen on 127.0.0.1:{port} in the sandbox"))
    };
    ports.iter().map(open).collect()
}

/// A socket that is connecting, or connected, to this port of 127.0.0.1 in this network namespace. Never waits.
pub(super) fn connect(port: u16) -> Result<OwnedFd, Fault> {
    let action = || format!("connect to 127.0.0.1:{port} in the sandbox");
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let connecting = socket(AddressFamily::Inet, SockType::Stream, flags, None).attempt(action)?;
    match connect_to(connecting.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)) {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Ok(connecting),
        Err(error) => Err(error).attempt(action),
    }
}
