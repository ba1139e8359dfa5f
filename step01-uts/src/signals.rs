//! Waiting for a process, and passing signals on to it meanwhile.
//!
//! See signalfd(2), pidfd_send_signal(2), waitid(2).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    libc::siginfo_t,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
        signalfd::{SfdFlags, SignalFd, siginfo},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It called exit(3).
    Exited(u8),
    /// It was killed by this signal's number.
    Killed(i32),
}

impl Status {
    /// The exit code that a shell would report: 0–255, or 128+N for signal N.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(255),
        }
    }

    /// `None` while the process has not ended.
    pub fn of(status: WaitStatus) -> Option<Self> {
        match status {
            WaitStatus::Exited(_, code) => Some(Self::Exited((code & 0xff) as u8)),
            WaitStatus::Signaled(_, signal, _) => Some(Self::Killed(signal as i32)),
            _ => None,
        }
    }
}

/// Signals to this process, held back so that they can be read one by one and passed on.
pub struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Holds back every signal that one process may send to another on purpose. Not held back are
    /// those that stop this process with its terminal (Ctrl-Z) and those that tell of a fault.
    pub fn hold() -> Result<Self> {
        let mut held = SigSet::all();
        for left in [
            Signal::SIGTSTP,
            Signal::SIGTTIN,
            Signal::SIGTTOU,
            Signal::SIGSEGV,
            Signal::SIGBUS,
            Signal::SIGILL,
            Signal::SIGFPE,
            Signal::SIGTRAP,
            Signal::SIGABRT,
            Signal::SIGSYS,
        ] {
            held.remove(left);
        }
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before))
            .context("holding signals back")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&held, flags).context("opening a signalfd")?;
        Ok(Self { fd, before })
    }

    /// The mask from before, for a process about to become the command.
    pub fn restore(&self) -> Result<()> {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None)
            .context("restoring the signal mask")
    }

    /// The next signal, if one is pending.
    pub fn next(&self) -> Result<Option<siginfo>> {
        self.fd.read_signal().context("reading signals")
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether a signal that reached this process is to be passed on to its child.
///
/// Not the news of a child's death; and not what the terminal sends (Ctrl-C): that went to the
/// whole foreground process group, so the child has had it already.
pub fn to_pass_on(signal: &siginfo) -> Option<i32> {
    let number = signal.ssi_signo.cast_signed();
    let from_terminal = signal.ssi_code == libc::SI_KERNEL;
    (number != libc::SIGCHLD && !from_terminal).then_some(number)
}

/// Waits for the end of the process behind `pidfd`, passing signals on to it.
pub fn wait(signals: &Signals, pidfd: BorrowedFd) -> Result<Status> {
    loop {
        let mut fds = [
            PollFd::new(pidfd, PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waiting for the container"),
        }
        while let Some(signal) = signals.next()? {
            if let Some(number) = to_pass_on(&signal) {
                let _ = send(pidfd, number); // it may have ended by now
            }
        }
        if let Some(status) = reap(pidfd)? {
            return Ok(status);
        }
    }
}

/// Takes the status of the child behind `pidfd`, if it has ended.
pub fn reap(pidfd: BorrowedFd) -> Result<Option<Status>> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    let status = waitid(Id::PIDFd(pidfd), flags).context("waiting for the container")?;
    Ok(Status::of(status))
}

/// Sends signal `number` to the process behind `pidfd`. See pidfd_send_signal(2).
pub fn send(pidfd: BorrowedFd, number: i32) -> nix::Result<()> {
    let no_info = std::ptr::null::<siginfo_t>();
    // SAFETY: a descriptor, a number, no structure: nothing is read or written in our memory.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, no_info, 0)
    };
    Errno::result(result).map(drop)
}
