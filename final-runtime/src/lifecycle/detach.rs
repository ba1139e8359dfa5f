//! A runtime that goes on in the background, for `run -d`. See fork(2), setsid(2), daemon(3).

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::{AsRawFd, OwnedFd},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid},
};
use step07::Failure;

/// Where the background process says how its start went.
pub struct Starter(File);

/// Which of the two processes this is.
pub enum Side {
    /// The one that the person waits for, with what the other said.
    Foreground(Result<String>),
    /// The one that goes on.
    Background(Starter),
}

/// Forks. Only to be called from a process of one thread.
pub fn detach() -> Result<Side> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).context("making a pipe")?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.context("forking into the background")? {
        ForkResult::Child => {
            drop(read);
            setsid().context("beginning a session")?;
            close_others(&write)?;
            Ok(Side::Background(Starter(write.into())))
        }
        ForkResult::Parent { .. } => {
            drop(write);
            Ok(Side::Foreground(hear(read.into())))
        }
    }
}

/// What the caller has open is not for a process that may outlive it: somebody may wait for the
/// end of a pipe. See close_range(2).
fn close_others(kept: &OwnedFd) -> Result<()> {
    let kept = kept.as_raw_fd().cast_unsigned();
    for (first, last) in [(3, kept - 1), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: this process has just been forked, and has nothing else open that it uses.
            let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
            Errno::result(closed).context("closing the caller's descriptors")?;
        }
    }
    Ok(())
}

fn hear(mut from: File) -> Result<String> {
    let mut said = String::new();
    from.read_to_string(&mut said).context("waiting for the background process")?;
    match said.split_at_checked(4) {
        Some(("ok  ", id)) => Ok(id.to_string()),
        Some((code, message)) => {
            Err(Failure::new(code.trim().parse().unwrap_or(125), message).into())
        }
        None => Err(Failure::new(125, "detach: the background process died").into()),
    }
}

impl Starter {
    /// All is well: lets the foreground process go, and the terminal with it.
    pub fn started(mut self, id: &str) -> Result<()> {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = null.context("opening /dev/null")?;
        dup2_stdin(&null).context("letting go of standard input")?;
        dup2_stdout(&null).context("letting go of standard output")?;
        dup2_stderr(&null).context("letting go of standard error")?;
        chdir("/").context("letting go of the working directory")?;
        self.0.write_all(format!("ok  {id}").as_bytes()).context("telling that it has started")
    }

    /// Nothing came of it: the foreground process says so, and this one ends in silence, with the
    /// code that is returned.
    pub fn failed(mut self, error: &anyhow::Error) -> u8 {
        let code = Failure::code_of(error);
        let _ = self.0.write_all(format!("{code:<4}{error:#}").as_bytes());
        code
    }
}
