//! Between a running container and the person: output out, input in, signals on, until it ends.
//!
//! One loop over poll(2), which never waits anywhere else: a person who reads no output, or a
//! container that reads no input, does not keep signals, other streams or the end from getting on.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
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

use super::{
    input::Input,
    log,
    output::{Output, Sink},
    raw_mode::RawMode,
};
use crate::layers::{
    stdio::Stdio,
    terminal::{self, Pair, Terminal, resize},
};

/// Everything that passes between a container and the outside.
#[derive(Default)]
pub struct Relay {
    outputs: Vec<Output>,
    input: Option<Input>,
    /// The container's terminal. Its slave end is held open here too, or the output would end
    /// whenever nobody in the container happened to have it open.
    terminal: Option<Pair>,
}

/// The end of a container, and what the person has yet to read of it.
#[must_use]
pub struct Ended {
    /// How the first process ended.
    pub status: Status,
    outputs: Vec<Output>,
    _raw: Option<RawMode>,
}

impl Relay {
    /// For a container that has just started with a [`Terminal`] or with [`Stdio`] on its stack.
    pub fn new(stack: &mut Stack) -> Result<Self> {
        let mut relay = Self::default();
        if let Some(terminal) = stack.get_mut::<Terminal>() {
            let pair = terminal.take_pair()?;
            set_nonblocking(&pair.master)?;
            let end = || pair.master.try_clone().context("terminal: copying its descriptor");
            relay.outputs.push(Output::new(end()?, Sink::Stdout));
            if terminal.interactive {
                relay.input = Some(Input::new(end()?, true));
            }
            relay.terminal = Some(pair);
        } else if let Some(ends) = stack.get_mut::<Stdio>().and_then(Stdio::take_ends) {
            for (end, sink) in [(ends.stdout, Sink::Stdout), (ends.stderr, Sink::Stderr)] {
                set_nonblocking(&end)?;
                relay.outputs.push(Output::new(end, sink));
            }
            if let Some(end) = ends.stdin {
                set_nonblocking(&end)?;
                relay.input = Some(Input::new(end, false));
            }
        }
        Ok(relay)
    }

    /// Writes all output down as well.
    pub fn log_to(&mut self, file: &Path) -> Result<()> {
        for output in &mut self.outputs {
            let name = match output.to() {
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
        self.input.iter_mut().for_each(Input::detach);
    }

    /// Passes everything on until the container has ended.
    pub fn run(mut self, running: &Running) -> Result<Ended> {
        let typed = self.terminal.is_some() && self.input.as_ref().is_some_and(Input::is_open);
        let raw = if typed { RawMode::enter()? } else { None };
        let status = loop {
            let answers = self.wait(running)?;
            self.pass_signals(running)?;
            self.pass(&answers)?;
            if let Some(status) = reap(running.pidfd())? {
                break status;
            }
        };
        self.outputs.iter_mut().try_for_each(Output::last)?;
        Ok(Ended { status, outputs: self.outputs, _raw: raw })
    }

    /// Waits until anything can be done, and returns what poll(2) says of each wish.
    fn wait(&self, running: &Running) -> Result<Answers> {
        let always = [running.pidfd(), running.signals().as_fd()];
        let mut fds: Vec<_> = always.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).into();
        let input = fds.len();
        fds.extend(self.input.iter().flat_map(Input::wishes));
        let outputs = fds.len();
        fds.extend(self.outputs.iter().filter_map(Output::wish));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Answers::default()),
            Err(errno) => return Err(errno).context("waiting for the container"),
        }
        let flags = |fd: &PollFd| fd.revents().unwrap_or(PollFlags::empty());
        Ok(Answers {
            input: fds[input..outputs].iter().map(flags).collect(),
            outputs: fds[outputs..].iter().map(flags).collect(),
        })
    }

    fn pass(&mut self, answers: &Answers) -> Result<()> {
        if let Some(input) = &mut self.input
            && !input.pass(&answers.input)?
        {
            self.input = None;
        }
        let waiting = self.outputs.iter_mut().filter(|output| output.wish().is_some());
        let ready = waiting.zip(&answers.outputs).filter(|(_, answer)| !answer.is_empty());
        for (output, _) in ready {
            output.pass()?;
        }
        Ok(())
    }

    /// The container has a session of its own: what the person's terminal sends here on Ctrl-C
    /// has not reached it, so everything is passed on.
    fn pass_signals(&self, running: &Running) -> Result<()> {
        while let Some(signal) = running.signals().next()? {
            match (signal.ssi_signo.cast_signed(), &self.terminal) {
                (libc::SIGCHLD, _) => {}
                (libc::SIGWINCH, Some(pair)) => {
                    if let Some(size) = terminal::persons_size() {
                        resize(&pair.master, &size)?;
                    }
                }
                (number, _) => drop(send(running.pidfd(), number)), // it may have ended by now
            }
        }
        Ok(())
    }
}

/// What poll(2) says of each wish, in the order in which they were asked for.
#[derive(Default)]
struct Answers {
    input: Vec<PollFlags>,
    outputs: Vec<PollFlags>,
}

impl Ended {
    /// Waits until the person has read the rest of the output.
    pub fn tell_rest(self) -> Result<Status> {
        self.outputs.into_iter().try_for_each(Output::rest)?;
        Ok(self.status)
    }
}

fn set_nonblocking(fd: &OwnedFd) -> Result<()> {
    let doing = || format!("making descriptor {} not block", fd.as_raw_fd());
    let flags = fcntl(fd, FcntlArg::F_GETFL).with_context(doing)?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(drop).with_context(doing)
}
