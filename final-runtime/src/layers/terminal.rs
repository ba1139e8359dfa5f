//! A terminal of the container's own: a pseudoterminal from its own devpts.
//!
//! The container's side opens it, since only there is the right `/dev/ptmx`; the master end comes
//! to the runtime over a socket. See pty(7), ioctl_tty(2), unix(7) on SCM_RIGHTS.

use std::{
    fs::{File, OpenOptions},
    io::{IoSlice, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    pty::Winsize,
    sys::{
        socket::{
            AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
            recvmsg, sendmsg, socketpair,
        },
        stat::fchmod,
    },
    unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown, setsid},
};
use step07::{Explain, Layer};

nix::ioctl_write_ptr_bad!(set_locked, libc::TIOCSPTLCK, libc::c_int);
nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);
nix::ioctl_read_bad!(get_size, libc::TIOCGWINSZ, Winsize);
nix::ioctl_write_int_bad!(set_controlling, libc::TIOCSCTTY);

/// The layer that gives the container a controlling terminal, and its standard input, output and
/// error on it.
pub struct Terminal {
    /// The user who will own it.
    pub owner: u32,
    /// Whether it is also `/dev/console`, as the first process of a container has it.
    pub console: bool,
    /// Its size at first.
    pub size: Option<Winsize>,
    sockets: Option<(OwnedFd, OwnedFd)>,
}

impl Terminal {
    /// As large as the terminal on this process's standard input, if that is one.
    pub fn new(owner: u32, console: bool) -> Self {
        Self { owner, console, size: size_of(&std::io::stdin()), sockets: None }
    }

    /// The master end, once the container has started.
    pub fn take_master(&mut self) -> Result<OwnedFd> {
        let (ours, theirs) = self.sockets.take().context("terminal: was not prepared")?;
        drop(theirs);
        receive(&ours).context("terminal: receiving its master end")
    }
}

impl Layer for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        let (kind, flags) = (SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
        let pair = socketpair(AddressFamily::Unix, kind, None, flags);
        self.sockets = Some(pair.context("making a socket pair")?);
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let Some((_, theirs)) = &self.sockets else {
            return Ok(());
        };
        explain.say("setsid --ctty  # on a new /dev/pts/N");
        let (master, slave) = open_pair()?;
        if let Some(size) = &self.size {
            resize(&master, size)?;
        }
        let owner = Uid::from_raw(self.owner);
        fchown(&slave, Some(owner), None::<Gid>).context("giving the terminal to its user")?;
        if self.console {
            make_console(&slave)?;
        }
        send(theirs, &master).context("sending the master end to the runtime")?;
        setsid().context("beginning a session")?;
        // SAFETY: `slave` is a terminal, and the argument 0 takes it from nobody.
        unsafe { set_controlling(slave.as_raw_fd(), 0) }.context("taking the terminal")?;
        dup2_stdin(&slave).context("taking the terminal as standard input")?;
        dup2_stdout(&slave).context("taking the terminal as standard output")?;
        dup2_stderr(&slave).context("taking the terminal as standard error")
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.sockets = None;
        Ok(())
    }
}

/// Opens a new pair of this mount namespace's devpts: master, slave.
fn open_pair() -> Result<(OwnedFd, OwnedFd)> {
    let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
    let mut open = OpenOptions::new();
    let open = open.read(true).write(true).custom_flags(flags);
    let master = open.open("/dev/ptmx").context("opening /dev/ptmx")?;
    // SAFETY: the ioctl reads one int; the descriptor is a pty master.
    unsafe { set_locked(master.as_raw_fd(), &0) }.context("unlocking the terminal")?;
    // By descriptor, not by the name /dev/pts/N, which might be another's. SAFETY: two integers.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | flags) };
    let slave = Errno::result(slave).context("opening the terminal's slave end")?;
    // SAFETY: the kernel has just opened it for us.
    Ok((master.into(), unsafe { OwnedFd::from_raw_fd(slave) }))
}

/// The same terminal under the name that system programs log to.
fn make_console(slave: &OwnedFd) -> Result<()> {
    let create = || -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        options.open("/dev/console")
    };
    let console = create().context("making /dev/console")?;
    let path = |fd: RawFd| format!("/proc/self/fd/{fd}");
    let (from, to) = (path(slave.as_raw_fd()), path(console.as_raw_fd()));
    fchmod(slave.as_fd(), nix::sys::stat::Mode::from_bits_truncate(0o620))
        .context("setting the terminal's mode")?;
    mount(Some(from.as_str()), to.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .context("binding the terminal to /dev/console")
}

/// The size of a terminal, in characters; `None` for what is none.
pub fn size_of(terminal: &impl AsFd) -> Option<Winsize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the ioctl writes one `winsize`.
    unsafe { get_size(terminal.as_fd().as_raw_fd(), &raw mut size) }.ok()?;
    Some(size)
}

/// Gives a terminal another size; its foreground processes get SIGWINCH.
pub fn resize(terminal: &impl AsFd, size: &Winsize) -> Result<()> {
    // SAFETY: the ioctl reads one `winsize`.
    unsafe { set_size(terminal.as_fd().as_raw_fd(), size) }.context("resizing the terminal")?;
    Ok(())
}

fn send(socket: &OwnedFd, fd: &OwnedFd) -> Result<()> {
    let fds = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let byte = [IoSlice::new(b"t")];
    sendmsg::<()>(socket.as_raw_fd(), &byte, &rights, MsgFlags::empty(), None)?;
    Ok(())
}

fn receive(socket: &OwnedFd) -> Result<OwnedFd> {
    let mut byte = [0];
    let mut byte = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut byte, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control
            && let [fd] = fds[..]
        {
            // SAFETY: the kernel has just put it in our table for us.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    bail!("the container sent none")
}
