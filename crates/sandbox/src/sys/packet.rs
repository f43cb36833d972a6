//! Typed messages with descriptors over Unix sockets that keep message boundaries.
//!
//! One byte tells whether the body follows, or lies in a memory file whose descriptor comes first: socket buffers
//! hold about 200 KB, a message may hold more.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::unix::AsyncFd;

const INLINE: u8 = 0;
const IN_MEMORY_FILE: u8 = 1;
const INLINE_LIMIT: usize = 32 * 1024;
/// The most descriptors of one message; the kernel's limit is 253.
pub(crate) const MAX_DESCRIPTORS: usize = 64;

/// Two connected ends, both closed on exec.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// A socket of this module for use in a tokio runtime: the current one.
pub(crate) fn register(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    set_nonblocking(&socket)?;
    // SAFETY: an `OwnedFd` returns the same open descriptor for as long as it lives.
    Ok(unsafe { AsyncFd::register(socket) }?)
}

pub(crate) fn set_nonblocking(socket: &OwnedFd) -> io::Result<()> {
    fcntl(socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Sends one message. On a non-blocking socket this may be `WouldBlock`; nothing was sent then.
pub(crate) fn send<M: Serialize>(
    socket: BorrowedFd<'_>,
    message: &M,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut frame = postcard::to_extend(message, vec![INLINE]).map_err(invalid)?;
    let mut raw: Vec<RawFd> = Vec::with_capacity(descriptors.len() + 1);
    let mut body_file = None;
    if frame.len() > INLINE_LIMIT {
        let mut file = File::from(memfd_create(c"sandbox-message", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(&frame[1..])?;
        raw.push(file.as_raw_fd());
        body_file = Some(file);
        frame = vec![IN_MEMORY_FILE];
    }
    raw.extend(descriptors.iter().map(AsRawFd::as_raw_fd));
    if raw.len() > MAX_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors in one message"));
    }
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&frame)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    drop(body_file);
    Ok(())
}

/// Receives one message; none when the other end is closed.
pub(crate) fn receive<M: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut buffer = vec![0_u8; INLINE_LIMIT + 1];
    let mut space = cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let received =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = message {
            // SAFETY: the kernel made these descriptors for this process just now, and nothing else knows them.
            descriptors.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let length = received.bytes;
    if length == 0 {
        return Ok(None);
    }
    let body = &buffer[1..length];
    let message = match buffer[0] {
        INLINE => postcard::from_bytes(body).map_err(invalid)?,
        _ if descriptors.is_empty() => return Err(io::ErrorKind::InvalidData.into()),
        _ => postcard::from_bytes(&whole(descriptors.remove(0))?).map_err(invalid)?,
    };
    Ok(Some((message, descriptors)))
}

fn whole(file: OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(file);
    let mut body = Vec::new();
    io::Seek::rewind(&mut file)?;
    file.read_to_end(&mut body)?;
    Ok(body)
}

fn invalid(error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Borrows each of these.
pub(crate) fn borrow(descriptors: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    descriptors.iter().map(AsFd::as_fd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(length: usize, descriptors: usize) {
        let (near, far) = pair().unwrap();
        let files: Vec<OwnedFd> = (0..descriptors).map(|_| File::open("/dev/null").unwrap().into()).collect();
        let message = vec![7_u8; length];
        send(near.as_fd(), &message, &borrow(&files)).unwrap();
        let (got, came) = receive::<Vec<u8>>(far.as_fd()).unwrap().unwrap();
        assert_eq!((got.len(), came.len()), (length, descriptors));
        assert!(got == message);
    }

    #[test]
    fn a_message_arrives_whole_whatever_its_size() {
        check(0, 0);
        check(10, 3);
        check(INLINE_LIMIT - 3, 1);
        check(INLINE_LIMIT, 0);
        check(3_000_000, 5);
    }

    #[test]
    fn a_closed_end_is_the_end() {
        let (near, far) = pair().unwrap();
        drop(near);
        assert!(receive::<u8>(far.as_fd()).unwrap().is_none());
    }
}
