//! Standard input, output and error of a container without a terminal: pipes.
//!
//! Through the pipes the runtime passes on what comes and goes, and writes it down. The container
//! gets none of the person's own descriptors, and a session of its own, so that it cannot push
//! input to the terminal of the person who started it (TIOCSTI, CVE-2017-5226). See pipe(7),
//! setsid(2), dup(2).

use std::{fs::File, os::fd::OwnedFd};

use anyhow::{Context, Result};
use nix::{
    fcntl::OFlag,
    unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid},
};
use step07::{Explain, Layer};

/// The layer that puts pipes in place of the runtime's own input and output.
pub struct Stdio {
    /// Whether there is input; otherwise it is `/dev/null`.
    interactive: bool,
    inside: Option<Inside>,
    outside: Option<Ends>,
}

/// The container's ends.
struct Inside {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// The runtime's ends.
pub struct Ends {
    /// To be written to.
    pub stdin: Option<OwnedFd>,
    /// To be read.
    pub stdout: OwnedFd,
    /// To be read.
    pub stderr: OwnedFd,
}

impl Stdio {
    /// With standard input if `interactive`.
    pub fn new(interactive: bool) -> Self {
        Self { interactive, inside: None, outside: None }
    }

    /// The runtime's ends, once the container has started.
    pub fn take_ends(&mut self) -> Option<Ends> {
        self.outside.take()
    }
}

impl Layer for Stdio {
    fn name(&self) -> &'static str {
        "stdio"
    }

    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        let pipe = || pipe2(OFlag::O_CLOEXEC).context("making a pipe");
        let (stdin, to_stdin) = if self.interactive {
            let (read, write) = pipe()?;
            (read, Some(write))
        } else {
            (File::open("/dev/null").context("opening /dev/null")?.into(), None)
        };
        let ((from_stdout, stdout), (from_stderr, stderr)) = (pipe()?, pipe()?);
        self.inside = Some(Inside { stdin, stdout, stderr });
        self.outside = Some(Ends { stdin: to_stdin, stdout: from_stdout, stderr: from_stderr });
        Ok(())
    }

    fn attach(&mut self, _explain: &Explain, _child: Pid) -> Result<()> {
        self.inside = None; // the child has its copies; so output ends when the container does
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let Inside { stdin, stdout, stderr } = self.inside.as_ref().context("was not prepared")?;
        explain.act("setsid", "beginning a session", setsid)?;
        dup2_stdin(stdin).context("taking standard input")?;
        dup2_stdout(stdout).context("taking a pipe as standard output")?;
        dup2_stderr(stderr).context("taking a pipe as standard error")
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        (self.inside, self.outside) = (None, None);
        Ok(())
    }
}
