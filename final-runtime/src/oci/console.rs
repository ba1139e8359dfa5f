//! Handing a container's terminal to an engine: through the socket that the engine listens at, which
//! `--console-socket` names. See SCM_RIGHTS in unix(7).

use std::{
    io::IoSlice,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use anyhow::{Context, Result};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// An engine that waits for a terminal.
pub struct Console(UnixStream);

impl Console {
    /// The engine that listens at this socket.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket);
        let doing = || format!("terminal: connecting to --console-socket {}", socket.display());
        stream.map(Self).with_context(doing)
    }

    /// Gives the terminal's master end away. The words that go with it are of no meaning.
    pub fn send(&self, master: &OwnedFd) -> Result<()> {
        let (words, fds) = (IoSlice::new(b"terminal"), [master.as_raw_fd()]);
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(self.0.as_raw_fd(), &[words], &rights, MsgFlags::MSG_NOSIGNAL, None)
            .map(drop)
            .context("terminal: handing it to --console-socket")
    }
}
