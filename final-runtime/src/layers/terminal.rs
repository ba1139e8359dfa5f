//! A terminal of the container's own: a pseudoterminal from its own devpts.
//!
//! The container's side opens it, since only there is the right devpts, and hands it to the
//! runtime. See pty(7), ioctl_tty(2).

use std::{
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    pty::Winsize,
    sys::{
        stat::{Mode, fchmod},
        statfs::{FsType, fstatfs},
    },
    unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown, setsid},
};
use step07::{Explain, Handoff, Layer, mount_api, root::make_file_in};

nix::ioctl_write_ptr_bad!(set_locked, libc::TIOCSPTLCK, libc::c_int);
nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, Winsize);
nix::ioctl_read_bad!(get_size, libc::TIOCGWINSZ, Winsize);
nix::ioctl_write_int_bad!(set_controlling, libc::TIOCSCTTY);

/// The layer that gives the container a controlling terminal, and its standard input, output and
/// error on it.
pub struct Terminal {
    /// Whether what the person types goes there.
    pub interactive: bool,
    /// The user who will own it.
    owner: u32,
    /// Whether it is also `/dev/console`, as the first process of a container has it.
    console: bool,
    /// Its size at first.
    size: Option<Winsize>,
    handoff: Option<Handoff>,
}

/// Both ends of a terminal.
pub struct Pair {
    /// The end where a person, or a program that stands for one, types and reads.
    pub master: OwnedFd,
    /// The end that is a terminal to programs.
    pub slave: OwnedFd,
}

impl Terminal {
    /// As large as the person's own.
    pub fn new(interactive: bool, owner: u32, console: bool) -> Self {
        Self { interactive, owner, console, size: persons_size(), handoff: None }
    }

    /// With this many lines and columns at first; a side that is 0 says nothing.
    pub fn sized(mut self, rows: u16, columns: u16) -> Self {
        if rows > 0 && columns > 0 {
            self.size = Some(Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
        }
        self
    }

    /// The terminal, once the container has started.
    pub fn take_pair(&mut self) -> Result<Pair> {
        let handoff = self.handoff.take().context("terminal: was not prepared")?;
        let (_, [master, slave]) = handoff.receive().context("terminal: receiving it")?;
        Ok(Pair { master, slave })
    }
}

impl Layer for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        self.handoff = Some(Handoff::new().context("making a socket pair")?);
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let handoff = self.handoff.as_ref().context("was not prepared")?;
        explain.say("setsid --ctty  # on a new /dev/pts/N");
        let Pair { master, slave } = Pair::open()?;
        if let Some(size) = &self.size {
            resize(&master, size)?;
        }
        let owner = Uid::from_raw(self.owner);
        fchown(&slave, Some(owner), None::<Gid>).context("giving the terminal to its user")?;
        if self.console {
            make_console(&slave)?;
        }
        let sent = handoff.send(0, [master.as_fd(), slave.as_fd()]);
        sent.context("handing the terminal to the runtime")?;
        setsid().context("beginning a session")?;
        // SAFETY: `slave` is a terminal, and the argument 0 takes it from nobody.
        unsafe { set_controlling(slave.as_raw_fd(), 0) }.context("taking the terminal")?;
        dup2_stdin(&slave).context("taking the terminal as standard input")?;
        dup2_stdout(&slave).context("taking the terminal as standard output")?;
        dup2_stderr(&slave).context("taking the terminal as standard error")
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.handoff = None;
        Ok(())
    }
}

impl Pair {
    /// A new one of this mount namespace's devpts.
    fn open() -> Result<Self> {
        let master = open_ptmx().context("opening /dev/pts/ptmx")?;
        // SAFETY: the ioctl reads one int; the descriptor is a pty master.
        unsafe { set_locked(master.as_raw_fd(), &0) }.context("unlocking the terminal")?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // By descriptor, not by the name /dev/pts/N, which might be another's.
        // SAFETY: two integers.
        let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
        let slave = Errno::result(slave).context("opening the terminal's slave end")?;
        // SAFETY: the kernel has just opened it for us.
        Ok(Self { master, slave: unsafe { OwnedFd::from_raw_fd(slave) } })
    }
}

/// In a container that runs, `/dev/ptmx` may be anything by now, and this process has more power
/// than the container: so it is only taken from a devpts, where nobody can make files.
fn open_ptmx() -> Result<OwnedFd> {
    const DEVPTS_SUPER_MAGIC: FsType = FsType(0x1cd1); // linux/magic.h
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let pts = open("/dev/pts", flags, Mode::empty())?;
    ensure!(fstatfs(&pts)?.filesystem_type() == DEVPTS_SUPER_MAGIC, "/dev/pts is no devpts");
    let how = OpenHow::new()
        .flags(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(&pts, "ptmx", how).map_err(|errno| match errno {
        Errno::ENOSPC => anyhow!("{errno} (see /proc/sys/kernel/pty/max)"),
        errno => errno.into(),
    })
}

/// The same terminal under the name that system programs log to.
fn make_console(slave: &OwnedFd) -> Result<()> {
    let mode = Mode::from_bits_truncate(0o620);
    fchmod(slave, mode).context("setting the terminal's mode")?;
    let bind = || {
        let dev =
            open("/dev", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let place = make_file_in(&dev, Path::new("console").as_os_str())?;
        mount_api::attach(mount_api::copy(slave, false)?, place)
    };
    bind().context("binding the terminal to /dev/console")
}

/// The size of the terminal that the person sits at, be it on standard input or output; `None` if
/// neither is one.
pub fn persons_size() -> Option<Winsize> {
    size_of(&std::io::stdin()).or_else(|| size_of(&std::io::stdout()))
}

/// The size of a terminal, in characters; `None` for what is none.
fn size_of(terminal: &impl AsFd) -> Option<Winsize> {
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
