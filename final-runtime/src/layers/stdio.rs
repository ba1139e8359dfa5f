//! Standard input, output and error of a container without a terminal.
//!
//! Output goes through pipes to the runtime, which passes it on and writes it down. The container
//! gets a session of its own, so that it cannot push input to the terminal of the person who
//! started it (TIOCSTI, CVE-2017-5226). See pipe(2), setsid(2), dup(2).

use std::{fs::File, os::fd::OwnedFd};

use anyhow::{Context, Result};
use nix::{
    fcntl::OFlag,
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid},
};
use step07::{Explain, Layer};

/// The layer that puts pipes in place of the runtime's own output.
#[derive(Default)]
pub struct Stdio {
    /// Whether the container reads the runtime's own standard input; otherwise `/dev/null`.
    pub interactive: bool,
    pipes: Option<Pipes>,
    output: Option<[OwnedFd; 2]>,
}

struct Pipes {
    read: [OwnedFd; 2],
    write: [OwnedFd; 2],
    null: File,
}

impl Stdio {
    /// Without terminal, with standard input if `interactive`.
    pub fn new(interactive: bool) -> Self {
        Self { interactive, ..Self::default() }
    }

    /// The ends of the pipes from which the runtime reads: standard output and error.
    pub fn take_output(&mut self) -> Option<[OwnedFd; 2]> {
        self.output.take()
    }
}

impl Layer for Stdio {
    fn name(&self) -> &'static str {
        "stdio"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        let (out, out_end) = pipe2(OFlag::O_CLOEXEC).context("making a pipe")?;
        let (err, err_end) = pipe2(OFlag::O_CLOEXEC).context("making a pipe")?;
        let null = File::open("/dev/null").context("opening /dev/null")?;
        self.pipes = Some(Pipes { read: [out, err], write: [out_end, err_end], null });
        Ok(())
    }

    fn attach(&mut self, _explain: &Explain, _child: nix::unistd::Pid) -> Result<()> {
        // The host keeps only the ends it reads: so they end when the container does.
        self.output = self.pipes.take().map(|pipes| pipes.read);
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let Some(Pipes { write: [out, err], null, .. }) = &self.pipes else {
            return Ok(());
        };
        explain.act("setsid", "beginning a session", setsid)?;
        if !self.interactive {
            dup2_stdin(null).context("taking /dev/null as standard input")?;
        }
        dup2_stdout(out).context("taking a pipe as standard output")?;
        dup2_stderr(err).context("taking a pipe as standard error")
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.pipes = None;
        Ok(())
    }
}
