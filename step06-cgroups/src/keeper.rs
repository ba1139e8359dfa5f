//! A process that does nothing but be in a scope.
//!
//! systemd ends a scope, and removes what groups are in it, in the moment in which the last process
//! has left. But what the container has used, and what it died of, is in those files: so somebody
//! has to stay until they have been read. It dies with the runtime, even if that is killed.

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::{
    sched::CloneFlags,
    sys::{
        prctl::{set_name, set_pdeathsig},
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::{Pid, chdir, getpid, getppid, pause, setsid},
};
use step05::{
    Explain,
    clone::{Child, clone3},
    signals::send,
};

/// Is there until this is dropped.
#[derive(Debug)]
pub struct Keeper(Child);

impl Keeper {
    /// Forks one. Only to be called from a process of one thread.
    pub fn new() -> Result<Self> {
        let runtime = getpid();
        let forked = clone3(&Explain::new(false), CloneFlags::empty(), None);
        match forked.context("forking the keeper of a scope")? {
            Some(child) => Ok(Self(child)),
            None => keep(runtime),
        }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.0.pid
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Both fail only if it has ended and been reaped already.
        let _ = send(self.0.pidfd.as_fd(), libc::SIGKILL);
        let _ = waitid(Id::PIDFd(self.0.pidfd.as_fd()), WaitPidFlag::WEXITED);
    }
}

/// Lets go of all that it has of the runtime's: terminal, directory, descriptors, held signals.
fn keep(runtime: Pid) -> ! {
    let _ = set_pdeathsig(Signal::SIGKILL);
    let _ = set_name(c"layers-keeper");
    let _ = setsid();
    let _ = chdir("/");
    // SAFETY: this process uses none of them.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    while getppid() == runtime {
        pause();
    }
    // SAFETY: _exit(2) only ends the process, whose memory is the runtime's.
    unsafe { libc::_exit(0) }
}
