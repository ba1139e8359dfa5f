//! Handing descriptors from the container to the host.
//!
//! What the container mounts for itself, nobody outside can reach by a path. But a descriptor can
//! be sent through a Unix socket, and one that waits in the socket keeps what it refers to alive,
//! also when the sender and its mounts are gone. See SCM_RIGHTS in unix(7).

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{
        AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
        sendmsg, socketpair,
    },
};

/// Both ends of a socket. The container inherits them.
pub struct Handoff {
    host: OwnedFd,
    container: OwnedFd,
}

impl Handoff {
    /// A new one, with nothing in it.
    pub fn new() -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (host, container) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok(Self { host, container })
    }

    /// Container: leaves a byte and two descriptors for the host.
    pub fn send(&self, byte: u8, fds: [BorrowedFd; 2]) -> nix::Result<()> {
        let fds = fds.map(|fd| fd.as_raw_fd());
        let rights = [ControlMessage::ScmRights(&fds)];
        let data = [byte];
        let (data, flags) = ([IoSlice::new(&data)], MsgFlags::empty());
        sendmsg::<()>(self.container.as_raw_fd(), &data, &rights, flags, None).map(drop)
    }

    /// Host: takes what the container left.
    pub fn receive(&self) -> nix::Result<(u8, [OwnedFd; 2])> {
        let mut byte = [0];
        let mut data = [IoSliceMut::new(&mut byte)];
        let mut space = cmsg_space!([RawFd; 2]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.host.as_raw_fd(), &mut data, Some(&mut space), flags)?;
        let mut fds = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                // SAFETY: the kernel has just opened them for us.
                fds.extend(received.iter().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }));
            }
        }
        let fds = fds.try_into().map_err(|_| Errno::EBADMSG)?;
        Ok((byte[0], fds))
    }
}
