//! What the kernel is asked about links, addresses and routes, in its own protocol: rtnetlink(7).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// From linux/veth.h: what describes the other end of a pair.
const VETH_INFO_PEER: u16 = 1;
const REQUEST: u16 = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
const NEW: u16 = REQUEST | (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;

/// A socket to the kernel's routing, of the network namespace that it was opened in wherever it is used.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

/// One end of a pair of linked interfaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) name: &'a str,
    /// Chosen by whoever makes it, so that nothing has to be looked up.
    pub(super) index: i32,
}

impl Netlink {
    /// Of the current network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let protocol = SockProtocol::NetlinkRoute;
        Ok(Self(socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?))
    }

    /// Makes a pair: `here` in this socket's namespace and up, `there` in the given one and down, since it could not be
    /// up before it has its other end.
    pub(super) fn add_pair(&self, here: End<'_>, there: End<'_>, home: BorrowedFd<'_>) -> io::Result<()> {
        let message = Message::new(libc::RTM_NEWLINK, NEW, &link(here.index, libc::IFF_UP))
            .attribute(libc::IFLA_IFNAME, &text(here.name))
            .nested(libc::IFLA_LINKINFO, |info| {
                info.attribute(libc::IFLA_INFO_KIND, b"veth").nested(libc::IFLA_INFO_DATA, |data| {
                    data.nested(VETH_INFO_PEER, |peer| {
                        peer.raw(&link(there.index, 0))
                            .attribute(libc::IFLA_IFNAME, &text(there.name))
                            .attribute(libc::IFLA_NET_NS_FD, &home.as_raw_fd().to_ne_bytes())
                    })
                })
            });
        self.request(message)
    }

    /// Brings an interface up.
    pub(super) fn set_up(&self, index: i32) -> io::Result<()> {
        self.request(Message::new(libc::RTM_NEWLINK, REQUEST, &link(index, libc::IFF_UP)))
    }

    /// Gives an interface this address, with `other` at the far end of the line.
    pub(super) fn add_address(&self, index: i32, own: Ipv4Addr, other: Ipv4Addr) -> io::Result<()> {
        let mut body = vec![libc::AF_INET as u8, 32, 0, libc::RT_SCOPE_UNIVERSE];
        body.extend(index.to_ne_bytes());
        let message = Message::new(libc::RTM_NEWADDR, NEW, &body)
            .attribute(libc::IFA_LOCAL, &own.octets())
            .attribute(libc::IFA_ADDRESS, &other.octets());
        self.request(message)
    }

    /// Sends everything that has no other way through this gateway.
    pub(super) fn add_default_route(&self, index: i32, gateway: Ipv4Addr) -> io::Result<()> {
        let mut body = vec![libc::AF_INET as u8, 0, 0, 0, libc::RT_TABLE_MAIN];
        body.extend([libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE, libc::RTN_UNICAST]);
        body.extend(0_u32.to_ne_bytes());
        let message = Message::new(libc::RTM_NEWROUTE, NEW, &body)
            .attribute(libc::RTA_GATEWAY, &gateway.octets())
            .attribute(libc::RTA_OIF, &index.to_ne_bytes());
        self.request(message)
    }

    /// Sends it and waits for the kernel's answer, which comes at once.
    fn request(&self, message: Message) -> io::Result<()> {
        send(self.0.as_raw_fd(), &message.finish(), MsgFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        outcome(&answer[..length])
    }
}

/// An answer holds a header of 16 bytes, then zero or a negated error number.
fn outcome(answer: &[u8]) -> io::Result<()> {
    let at = |place: usize| answer.get(place..place + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let kind = at(4).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
    match at(16).map(i32::from_ne_bytes) {
        Some(0) if kind == Some(libc::NLMSG_ERROR as u16) => Ok(()),
        Some(error) if kind == Some(libc::NLMSG_ERROR as u16) => Err(io::Error::from_raw_os_error(-error)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// An `ifinfomsg` that sets these flags.
fn link(index: i32, flags: i32) -> [u8; 16] {
    let mut body = [0; 16];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body[8..12].copy_from_slice(&flags.to_ne_bytes());
    body[12..16].copy_from_slice(&flags.to_ne_bytes());
    body
}

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

/// A request under construction.
#[derive(Debug)]
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        // Number and sender: the kernel fills in what matters.
        bytes.extend([0; 8]);
        bytes.extend(body);
        Self(bytes)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn attribute(self, kind: u16, value: &[u8]) -> Self {
        self.nested(kind, |inner| inner.raw(value))
    }

    /// An attribute whose value `fill` adds. Lengths leave out the padding to four bytes that follows.
    fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        let mut filled = fill(self);
        let length = u16::try_from(filled.0.len() - start).expect("requests here have some hundred bytes");
        filled.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        filled.0.resize(filled.0.len().next_multiple_of(4), 0);
        filled
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("requests here have some hundred bytes");
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_but_counted_without_padding() {
        let message = Message::new(16, 5, &[1, 2, 3, 4]).attribute(3, b"lo\0").finish();
        assert_eq!(message.len(), 16 + 4 + 8);
        assert_eq!(message[..4], 28_u32.to_ne_bytes());
        assert_eq!(message[20..22], 7_u16.to_ne_bytes());
        assert_eq!(&message[24..], b"lo\0\0");
    }

    #[test]
    fn nested_attributes_count_what_they_hold() {
        let message = Message::new(16, 5, &[]).nested(18, |inner| inner.attribute(1, b"veth")).finish();
        assert_eq!(message[16..18], 12_u16.to_ne_bytes());
    }

    #[test]
    fn the_answer_tells_the_error() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = vec![36, 0, 0, 0];
            bytes.extend(kind.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(error.to_ne_bytes());
            bytes
        };
        assert!(outcome(&answer(2, 0)).is_ok());
        assert_eq!(outcome(&answer(2, -17)).unwrap_err().raw_os_error(), Some(17));
        assert!(outcome(&answer(3, 0)).is_err());
        assert!(outcome(&[1, 2]).is_err());
    }
}
