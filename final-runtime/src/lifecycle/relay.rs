//! Between a running container and the person: output out, input in, signals on, until it ends.
//!
//! One loop over poll(2). Each direction holds at most one buffer, so memory does not grow with
//! what a container says, and one that does not read its input holds nobody up.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use step07::{
    Running, Stack, Status,
    signals::{reap, send},
};

use super::{log, raw_mode::RawMode};
use crate::layers::{
    stdio::Stdio,
    terminal::{Terminal, resize, size_of},
};

/// Which of the runtime's own streams output goes to.
#[derive(Clone, Copy)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One stream of output: from a pipe or a terminal, to a sink and a log.
struct Output {
    from: File,
    to: Sink,
    /// Whether it goes to `to` at all: not if the container is detached.
    passed: bool,
    log: Option<log::Writer>,
}

/// Everything that passes between a container and the outside.
#[derive(Default)]
pub struct Relay {
    /// A stream that has ended is taken out.
    outputs: Vec<Output>,
    /// The master end of the container's terminal.
    terminal: Option<OwnedFd>,
    /// Whether the runtime's standard input is typed into that terminal.
    input: bool,
    typed: Vec<u8>,
}

impl Relay {
    /// For a container that has just started with a [`Terminal`] or with [`Stdio`] on its stack.
    pub fn new(stack: &mut Stack) -> Result<Self> {
        let mut relay = Self::default();
        if let Some(terminal) = stack.get_mut::<Terminal>() {
            let master = terminal.take_master()?;
            let reader = master.try_clone().context("terminal: copying its descriptor")?;
            relay.add(reader, Sink::Stdout);
            relay.terminal = Some(master);
            relay.input = true;
        } else if let Some([stdout, stderr]) = stack.get_mut::<Stdio>().and_then(Stdio::take_output)
        {
            relay.add(stdout, Sink::Stdout);
            relay.add(stderr, Sink::Stderr);
        }
        Ok(relay)
    }

    fn add(&mut self, from: OwnedFd, to: Sink) {
        self.outputs.push(Output { from: from.into(), to, passed: true, log: None });
    }

    /// Writes all output down as well.
    pub fn log_to(&mut self, file: &Path) -> Result<()> {
        for output in &mut self.outputs {
            let name = match output.to {
                Sink::Stdout => "stdout",
                Sink::Stderr => "stderr",
            };
            output.log = Some(log::Writer::open(file, name)?);
        }
        Ok(())
    }

    /// Only writes output down: nobody is there.
    pub fn detach(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.passed = false);
        self.input = false;
    }

    /// Passes everything on until the container has ended and its output is read to the end.
    pub fn run(mut self, running: &Running) -> Result<Status> {
        let _raw = if self.input { RawMode::enter()? } else { None };
        if let Some(terminal) = &self.terminal {
            set_nonblocking(terminal)?;
        }
        let mut status = None;
        while status.is_none() {
            let ready = self.wait(running)?;
            self.pass_signals(running)?;
            self.pass_input(&ready)?;
            self.pass_output(&ready.outputs)?;
            status = reap(running.pidfd())?;
        }
        self.drain()?;
        status.context("the container ended without a status")
    }

    /// Waits until anything can be passed on.
    fn wait(&self, running: &Running) -> Result<Ready> {
        let stdin = std::io::stdin();
        let input = self.input && self.typed.is_empty();
        let mut fds = vec![
            PollFd::new(running.pidfd(), PollFlags::POLLIN),
            PollFd::new(running.signals().as_fd(), PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), if input { PollFlags::POLLIN } else { PollFlags::empty() }),
        ];
        if !input {
            fds.pop(); // or a hang-up on it would end every wait at once
        }
        let first_output = fds.len();
        fds.extend(self.outputs.iter().map(|o| PollFd::new(o.from.as_fd(), PollFlags::POLLIN)));
        let first_terminal = fds.len();
        if let (Some(terminal), false) = (&self.terminal, self.typed.is_empty()) {
            fds.push(PollFd::new(terminal.as_fd(), PollFlags::POLLOUT));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waiting for the container"),
        }
        let any = |fd: &PollFd| fd.any().unwrap_or(false);
        Ok(Ready {
            stdin: input && any(&fds[2]),
            outputs: fds[first_output..first_terminal].iter().map(any).collect(),
        })
    }

    /// The container has a session of its own: what the person's terminal sends here on Ctrl-C
    /// has not reached it, so everything is passed on.
    fn pass_signals(&self, running: &Running) -> Result<()> {
        while let Some(signal) = running.signals().next()? {
            match (signal.ssi_signo.cast_signed(), &self.terminal) {
                (libc::SIGCHLD, _) => {}
                (libc::SIGWINCH, Some(terminal)) => {
                    if let Some(size) = size_of(&std::io::stdin()) {
                        resize(terminal, &size)?;
                    }
                }
                (number, _) => drop(send(running.pidfd(), number)), // it may have ended by now
            }
        }
        Ok(())
    }

    fn pass_input(&mut self, ready: &Ready) -> Result<()> {
        let Some(terminal) = &self.terminal else {
            return Ok(());
        };
        if ready.stdin {
            let mut buffer = [0; 4096];
            match nix::unistd::read(std::io::stdin(), &mut buffer) {
                Ok(0) | Err(Errno::EIO) => {
                    self.input = false;
                    self.typed.push(END_OF_TRANSMISSION);
                }
                Ok(count) => self.typed.extend(&buffer[..count]),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno).context("reading standard input"),
            }
        }
        if !self.typed.is_empty() {
            match nix::unistd::write(terminal, &self.typed) {
                Ok(count) => drop(self.typed.drain(..count)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(_) => self.typed.clear(), // nobody reads that terminal any more
            }
        }
        Ok(())
    }

    fn pass_output(&mut self, ready: &[bool]) -> Result<()> {
        let mut ready = ready.iter();
        let mut result = Ok(());
        self.outputs.retain_mut(|output| {
            if !ready.next().copied().unwrap_or(false) || result.is_err() {
                return true;
            }
            match output.pass() {
                Ok(more) => more,
                Err(error) => {
                    result = Err(error);
                    false
                }
            }
        });
        result
    }

    /// What is still in the pipes when the process has ended. No waiting for more: a process that
    /// an `exec` has left in the background may hold its end open for ever.
    fn drain(&mut self) -> Result<()> {
        for output in &mut self.outputs {
            set_nonblocking(&output.from)?;
            while output.pass()? {}
        }
        for log in self.outputs.iter_mut().filter_map(|output| output.log.as_mut()) {
            log.flush()?;
        }
        Ok(())
    }
}

struct Ready {
    stdin: bool,
    outputs: Vec<bool>,
}

/// What Ctrl-D types: a terminal has no other way to say that there is no more input.
const END_OF_TRANSMISSION: u8 = 4;

impl Output {
    /// Passes one buffer on. `false`: that was the end of it.
    fn pass(&mut self) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = match self.from.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            // A terminal's way to say that nobody has its other end open.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).context("reading the container's output"),
        };
        let bytes = &buffer[..count];
        if let Some(log) = &mut self.log {
            log.write(bytes)?;
        }
        let written = match self.to {
            _ if !self.passed => Ok(()),
            Sink::Stdout => write_all(std::io::stdout(), bytes),
            Sink::Stderr => write_all(std::io::stderr(), bytes),
        };
        match written {
            Ok(()) => Ok(count > 0),
            // Nobody reads us: let the container meet a broken pipe too, as in any pipeline.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("passing the container's output on"),
        }
    }
}

fn write_all(mut to: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

fn set_nonblocking(fd: &impl AsFd) -> Result<()> {
    let flags = fcntl(fd, FcntlArg::F_GETFL).context("asking for a descriptor's flags")?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).context("making a descriptor not block")?;
    Ok(())
}
