//! A container's input: from the person's standard input to a pipe or a terminal.
//!
//! The container never gets the person's own descriptor: through `/proc/self/fd/0` it could open
//! for writing what the person has opened for reading only.

use std::{
    io::stdin,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    unistd::{read, write},
};

/// What Ctrl-D types: a terminal has no other way to say that there is no more input.
const END_OF_TRANSMISSION: u8 = 4;

/// What is read goes to the container before more is read: one that does not read its input holds
/// up whoever writes it, and nobody else.
pub struct Input {
    /// A descriptor that does not block.
    to: OwnedFd,
    terminal: bool,
    /// Whether there is more to come.
    open: bool,
    held: Vec<u8>,
}

impl Input {
    /// To a pipe, or to the master end of a terminal.
    pub fn new(to: OwnedFd, terminal: bool) -> Self {
        Self { to, terminal, open: true, held: Vec::new() }
    }

    /// Whether the person is still asked for more.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Reads nothing from now on, and keeps its end open: nobody is there.
    pub fn detach(&mut self) {
        self.open = false;
    }

    /// What it waits for: that the container takes something, or has closed its end; and the
    /// person's next words, if there is room for them.
    pub fn wishes(&self) -> Vec<PollFd<'_>> {
        let give = if self.held.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let mut wishes = vec![PollFd::new(self.to.as_fd(), give)];
        if self.open && self.held.is_empty() {
            // SAFETY: nobody closes standard input.
            let stdin = unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) };
            wishes.push(PollFd::new(stdin, PollFlags::POLLIN));
        }
        wishes
    }

    /// Does what poll(2) has answered to these wishes. `false`: that was the end of it.
    pub fn pass(&mut self, answers: &[PollFlags]) -> Result<bool> {
        match answers {
            [to, ..] if to.intersects(PollFlags::POLLERR | PollFlags::POLLHUP) => Ok(false),
            [to, ..] if to.contains(PollFlags::POLLOUT) => self.give(),
            [_, stdin] if !stdin.is_empty() => self.take(),
            _ => Ok(true),
        }
    }

    fn take(&mut self) -> Result<bool> {
        let mut buffer = [0; 4096];
        match read(stdin(), &mut buffer) {
            Ok(0) | Err(Errno::EIO) => {
                self.open = false;
                if self.terminal {
                    self.held.push(END_OF_TRANSMISSION);
                }
                return Ok(self.terminal);
            }
            Ok(count) => self.held.extend(&buffer[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(errno).context("reading standard input"),
        }
        Ok(true)
    }

    fn give(&mut self) -> Result<bool> {
        match write(&self.to, &self.held) {
            Ok(count) => drop(self.held.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => return Ok(false), // nobody reads it any more
        }
        Ok(true)
    }
}
