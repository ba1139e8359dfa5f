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
        signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask},
        signalfd::{SfdFlags, SignalFd, siginfo},
    },
    unistd::Pid,
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
        // ANCHOR: exercise-1-3
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(255),
        }
        // ANCHOR_END: exercise-1-3
    }

    /// What waitid(2) tells; `None` while the process has not ended.
    fn of(info: &siginfo_t) -> Option<Self> {
        // SAFETY: waitid(2) has filled in what belongs to a child's end.
        let status = unsafe { info.si_status() };
        match info.si_code {
            libc::CLD_EXITED => Some(Self::Exited((status & 0xff) as u8)),
            libc::CLD_KILLED | libc::CLD_DUMPED => Some(Self::Killed(status)),
            _ => None,
        }
    }
}

/// Signals to this process, held back so that they can be read one by one and passed on.
///
/// When this is dropped they are held back no longer; those that came too late to be passed on
/// are forgotten, or they would end this process before it has told how the command ended.
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
        // Had the caller SIGCHLD ignored, the kernel would reap the container before it is seen.
        // SAFETY: the default action runs no code of ours.
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }.context("resetting SIGCHLD")?;
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before))
            .context("holding signals back")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&held, flags).context("opening a signalfd")?;
        Ok(Self { fd, before })
    }

    /// The mask from before, as for a process about to become the command.
    pub fn restore(&self) -> Result<()> {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None)
            .context("restoring the signal mask")
    }

    /// The next signal, if one is pending.
    pub fn next(&self) -> Result<Option<siginfo>> {
        self.fd.read_signal().context("reading signals")
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        while let Ok(Some(_)) = self.next() {}
        let _ = self.restore(); // it was a good mask before
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Rust programs ignore SIGPIPE, and what is ignored stays so over exec: undoes it.
pub fn default_sigpipe() -> Result<()> {
    // SAFETY: the default action runs no code of ours.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.context("resetting SIGPIPE")?;
    Ok(())
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
    // ANCHOR: exercise-1-9
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
    // ANCHOR_END: exercise-1-9
}

/// Takes the status of the child behind `pidfd`, if it has ended.
pub fn reap(pidfd: BorrowedFd) -> Result<Option<Status>> {
    let ended = ended(libc::P_PIDFD, pidfd.as_raw_fd().cast_unsigned());
    Ok(ended.context("waiting for the container")?.map(|(_, status)| status))
}

/// Takes the status of any child that has ended.
pub fn reap_any() -> nix::Result<Option<(Pid, Status)>> {
    ended(libc::P_ALL, 0)
}

/// waitid(2). nix's own does not know the real-time signals, of which a process may die too.
fn ended(kind: libc::idtype_t, id: libc::id_t) -> nix::Result<Option<(Pid, Status)>> {
    // SAFETY: `siginfo_t` is plain old data; the kernel writes it before the call returns, or
    // leaves it as it is while nobody has ended.
    let (result, info) = unsafe {
        let mut info: siginfo_t = std::mem::zeroed();
        (libc::waitid(kind, id, &raw mut info, libc::WEXITED | libc::WNOHANG), info)
    };
    Errno::result(result)?;
    // SAFETY: as in `Status::of`.
    Ok(Status::of(&info).map(|status| (Pid::from_raw(unsafe { info.si_pid() }), status)))
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
