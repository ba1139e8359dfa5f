//! A small init: process 1 of a container whose command does not want to be process 1.
//!
//! It does what a process 1 owes the others and nothing else: it reaps orphans, passes signals
//! on to the command, and ends as the command ended. See wait(2), signalfd(2), close_range(2).

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::{ForkResult, Pid, fork},
};
use std::os::fd::AsFd;
use step01::{
    Explain, Layer, Status,
    signals::{Signals, reap_any, to_pass_on},
};

use crate::hide::{hide_runtime, is_privileged};

/// The layer, always the top one, in which process 1 stays behind as init and the rest, which is
/// the command, goes on as process 2.
///
/// On top, so that init has given up all that the layers below make the command give up.
#[derive(Debug, Default)]
pub struct Init {
    privileged: bool,
}

// ANCHOR: init-layer
impl Layer for Init {
    fn name(&self) -> &'static str {
        "init"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        self.privileged = is_privileged();
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        explain.say("tini -- CMD…");
        hide_runtime(self.privileged)?; // before there is anybody who could look
        // ANCHOR: exercise-2-4
        // SAFETY: this process has one thread.
        match unsafe { fork() }.context("forking the command off")? {
            ForkResult::Child => Ok(()),
            ForkResult::Parent { child } => {
                let code = serve(child).map_or(125, Status::code);
                // SAFETY: ends the process, and with it the PID namespace.
                unsafe { libc::_exit(code.into()) }
            }
        }
        // ANCHOR_END: exercise-2-4
    }
}
// ANCHOR_END: init-layer

/// Process 1 until the command ends.
fn serve(command: Pid) -> Result<Status> {
    // ANCHOR: exercise-2-5
    close_all_but_stdio();
    let signals = Signals::hold()?;
    loop {
        if let Some(status) = reap(command)? {
            return Ok(status);
        }
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waiting for signals"),
        }
        while let Some(signal) = signals.next()? {
            if let Some(number) = to_pass_on(&signal) {
                pass_on(command, number);
            }
        }
    }
    // ANCHOR_END: exercise-2-5
}

/// Takes the status of everyone who has ended: the command's is returned, orphans' are dropped.
fn reap(command: Pid) -> Result<Option<Status>> {
    // ANCHOR: exercise-2-3
    loop {
        match reap_any() {
            Ok(Some((pid, status))) if pid == command => return Ok(Some(status)),
            Ok(None) => return Ok(None),
            Ok(Some(_)) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("reaping"),
        }
    }
    // ANCHOR_END: exercise-2-3
}

/// kill(2) by number, since nix knows no real-time signals. The command may have ended: no matter.
fn pass_on(command: Pid, number: i32) {
    // ANCHOR: exercise-2-2
    // SAFETY: kill(2) takes two numbers.
    unsafe { libc::kill(command.as_raw(), number) };
    // ANCHOR_END: exercise-2-2
}

/// Among what is closed is the report pipe, whose end the host waits for.
fn close_all_but_stdio() {
    // SAFETY: no `OwnedFd` of this copy of the memory is used again: `serve` opens its own.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
