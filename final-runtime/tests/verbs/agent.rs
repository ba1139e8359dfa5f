//! An agent that decides about system calls in the kernel's place. See seccomp_unotify(2), and "Seccomp"
//! in config-linux.md of the runtime specification.

use std::{
    io::{IoSliceMut, Read},
    mem::zeroed,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use anyhow::{Context, Result, anyhow};
use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, recvmsg},
};
use serde_json::Value;

/// What the kernel does with a call.
#[allow(dead_code)] // not every test program gives both answers
pub enum Answer {
    /// It fails with this error.
    Error(i32),
    /// It is made, as if nobody had been asked.
    Continue,
}

/// A filter that asks.
pub struct Filter(OwnedFd);

impl Filter {
    /// Waits for a runtime to connect: the filter, and the state that it tells.
    pub fn accept(listener: &UnixListener) -> Result<(Self, Value)> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 4096];
        let mut space = cmsg_space!([i32; 1]);
        let (filter, length) = {
            let mut data = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let message = recvmsg::<()>(stream.as_raw_fd(), &mut data, Some(&mut space), flags)?;
            let control = message.cmsgs()?.next().context("no descriptor came")?;
            let ControlMessageOwned::ScmRights(fds) = control else {
                return Err(anyhow!("no rights"));
            };
            // SAFETY: the kernel has just opened it for us.
            (Self(unsafe { OwnedFd::from_raw_fd(fds[0]) }), message.bytes)
        };
        let mut state = buffer[..length].to_vec();
        stream.read_to_end(&mut state)?; // to its end: there is one state in a connection
        Ok((filter, serde_json::from_slice(&state)?))
    }

    /// Waits for a call.
    pub fn asked(&self) -> Result<libc::seccomp_notif> {
        // SAFETY: it is plain numbers, for which zero is a value.
        let mut asked: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the ioctl writes one `seccomp_notif`.
        let received = unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked)
        };
        Errno::result(received).context("waiting for a call")?;
        Ok(asked)
    }

    /// Decides about it.
    pub fn answer(&self, asked: &libc::seccomp_notif, answer: Answer) -> Result<()> {
        let (error, flags) = match answer {
            Answer::Error(errno) => (-errno, 0),
            Answer::Continue => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        };
        let mut answer = libc::seccomp_notif_resp { id: asked.id, val: 0, error, flags };
        // SAFETY: the ioctl reads one `seccomp_notif_resp`.
        let sent = unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer)
        };
        Errno::result(sent).context("answering")?;
        Ok(())
    }
}
