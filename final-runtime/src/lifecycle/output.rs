//! One stream of a container's output: from a pipe or a terminal, to the person and to a log.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::write,
};

use super::log;

/// Which of the runtime's own streams output goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How much is read at once.
const BUFFER: usize = 16 * 1024;

/// How much a pipe that says that it can be written to takes without making us wait: PIPE_BUF, see
/// pipe(7). Waiting in write(2) would keep signals from the container, and its end from everybody.
const AT_ONCE: usize = 4096;

/// The most that is read after the container's end, when nobody can be made to wait: what the
/// largest pipe holds that one without privileges can make, see pipe(7).
const LAST: usize = 1 << 20;

/// The stream. It holds one buffer, and reads no more until that has gone on.
pub struct Output {
    from: Option<File>,
    to: Sink,
    held: Vec<u8>,
    /// Whether it goes to `to` at all: not if nobody is there.
    pub passed: bool,
    /// Where it is written down as well.
    pub log: Option<log::Writer>,
}

impl Output {
    /// From a descriptor that does not block.
    pub fn new(from: OwnedFd, to: Sink) -> Self {
        Self { from: Some(from.into()), to, held: Vec::new(), passed: true, log: None }
    }

    /// Where it goes to.
    pub fn to(&self) -> Sink {
        self.to
    }

    /// What it waits for; nothing, if the container has closed its end.
    pub fn wish(&self) -> Option<PollFd<'_>> {
        match &self.from {
            _ if !self.held.is_empty() => Some(PollFd::new(self.to.fd(), PollFlags::POLLOUT)),
            Some(from) => Some(PollFd::new(from.as_fd(), PollFlags::POLLIN)),
            None => None,
        }
    }

    /// Does that.
    pub fn pass(&mut self) -> Result<()> {
        if self.held.is_empty() { self.take().map(drop) } else { self.give() }
    }

    /// Reads one buffer, and writes it down. 0: there was nothing.
    fn take(&mut self) -> Result<usize> {
        let Some(from) = &mut self.from else { return Ok(0) };
        let mut buffer = [0; BUFFER];
        let count = match from.read(&mut buffer) {
            Ok(count) => count,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(0);
            }
            // A terminal's way to say that nobody has its other end open.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => 0,
            Err(error) => return Err(error).context("reading the container's output"),
        };
        if count == 0 {
            self.from = None;
        }
        self.write_down(|log| log.write(&buffer[..count]));
        if self.passed {
            self.held.extend(&buffer[..count]);
        }
        Ok(count)
    }

    /// A disk that is full ends the log, and not the container.
    fn write_down(&mut self, write: impl FnOnce(&mut log::Writer) -> Result<()>) {
        if let Some(log) = &mut self.log
            && let Err(error) = write(log)
        {
            let _ = writeln!(io::stderr(), "final-runtime: the log ends here: {error:#}");
            self.log = None;
        }
    }

    /// Writes a piece of what is held.
    fn give(&mut self) -> Result<()> {
        let piece = &self.held[..self.held.len().min(AT_ONCE)];
        match write(self.to.fd(), piece) {
            Ok(count) => drop(self.held.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody reads us: let the container meet a broken pipe too, as in any pipeline.
            Err(Errno::EPIPE | Errno::EIO) => (self.from, self.held) = (None, Vec::new()),
            Err(errno) => return Err(errno).context("passing the container's output on"),
        }
        Ok(())
    }

    /// When the container has ended: takes what is still in the pipe, and gives what can be given
    /// without waiting.
    pub fn last(&mut self) -> Result<()> {
        let mut taken = 0;
        while taken < LAST {
            match self.take()? {
                0 => break,
                count => taken += count,
            }
        }
        self.write_down(log::Writer::flush);
        while !self.held.is_empty() {
            let mut fds = [PollFd::new(self.to.fd(), PollFlags::POLLOUT)];
            if poll(&mut fds, PollTimeout::ZERO).context("looking at the output")? == 0 {
                break;
            }
            self.give()?;
        }
        Ok(())
    }

    /// Gives the rest, and waits for whoever reads it.
    pub fn rest(mut self) -> Result<()> {
        self.from = None;
        while !self.held.is_empty() {
            let mut fds = [PollFd::new(self.to.fd(), PollFlags::POLLOUT)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => self.give()?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("waiting for the output"),
            }
        }
        Ok(())
    }
}

impl Sink {
    fn fd(self) -> BorrowedFd<'static> {
        // SAFETY: nobody closes the first three descriptors, and Rust's runtime has opened them if
        // the caller had not.
        unsafe {
            BorrowedFd::borrow_raw(match self {
                Self::Stdout => libc::STDOUT_FILENO,
                Self::Stderr => libc::STDERR_FILENO,
            })
        }
    }
}
