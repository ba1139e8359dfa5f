//! How an error gets from the container to the person who started it.
//!
//! The container's first process writes to a close-on-exec pipe. If it gets as far as `exec`, the
//! kernel closes the pipe and the host reads the end of file; anything before that is an error, or
//! says that the container waits for its start.

use std::{
    fmt,
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use anyhow::{Context, Result, bail};
use nix::{fcntl::OFlag, unistd::Pid, unistd::pipe2};

/// An error that is ready for the person: one line, and the exit code that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 125 the runtime failed, 126 the command cannot be executed, 127 it was not found.
    pub code: u8,
    /// `layer: act object: cause`
    pub message: String,
}

impl Failure {
    /// A failure that ends the program with exit code `code`.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// The exit code for any error: what a `Failure` in its chain says, otherwise 125.
    pub fn code_of(error: &anyhow::Error) -> u8 {
        error.downcast_ref::<Self>().map_or(125, |failure| failure.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What the container's side has to say before it becomes the command.
pub(crate) enum Report {
    /// It is the command now, or is held until it is started.
    Made,
    /// Another process, a child of the same parent, has taken its place (see `child::reborn`).
    Reborn(Pid),
    /// It waits at the gate again, for the host to `meet` the next layer that wants it.
    Waits,
}

/// Both ends of a report pipe.
pub(crate) fn pipe() -> Result<(Reader, Writer)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).context("making the report pipe")?;
    Ok((Reader(read.into()), Writer(write.into())))
}

pub(crate) struct Reader(File);
pub(crate) struct Writer(File);

// One message: a tag, then its bytes.
const FAILED: u8 = b'E';
const REBORN: u8 = b'P';
const HELD: u8 = b'H';
const WAITS: u8 = b'W';

impl Writer {
    /// Says that nothing will come of this container. Where even that fails the host still sees
    /// the exit code.
    pub fn failed(&mut self, failure: &Failure) {
        let mut text = vec![FAILED, failure.code];
        text.extend(failure.message.as_bytes());
        let _ = self.0.write_all(&text);
    }

    pub fn reborn(&mut self, pid: Pid) -> Result<()> {
        let mut text = vec![REBORN];
        text.extend(pid.as_raw().to_ne_bytes());
        self.0.write_all(&text).context("writing to the report pipe")
    }

    pub fn held(&mut self) -> Result<()> {
        self.0.write_all(&[HELD]).context("writing to the report pipe")
    }

    pub fn waits(&mut self) -> Result<()> {
        self.0.write_all(&[WAITS]).context("writing to the report pipe")
    }

    pub fn fd(&self) -> &File {
        &self.0
    }
}

impl Reader {
    /// Waits for what comes next. An error is the container's own [`Failure`].
    pub fn next(&mut self) -> Result<Report> {
        let mut tag = [0];
        if self.0.read(&mut tag).context("reading the report pipe")? == 0 {
            return Ok(Report::Made);
        }
        match tag[0] {
            HELD => Ok(Report::Made),
            WAITS => Ok(Report::Waits),
            REBORN => {
                let mut pid = [0; 4];
                self.0.read_exact(&mut pid).context("reading the report pipe")?;
                Ok(Report::Reborn(Pid::from_raw(i32::from_ne_bytes(pid))))
            }
            FAILED => {
                let mut text = Vec::new();
                self.0.read_to_end(&mut text).context("reading the report pipe")?;
                let code = text.first().copied().unwrap_or(125);
                let message = String::from_utf8_lossy(text.get(1..).unwrap_or_default());
                Err(Failure::new(code, message).into())
            }
            tag => bail!("reading the report pipe: unknown message {tag:#x}"),
        }
    }
}

/// The gate that holds a new container: its first process waits until the host opens it.
pub(crate) fn gate() -> Result<(Gate, Opener)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).context("making the gate")?;
    Ok((Gate(read.into()), Opener(write)))
}

pub(crate) struct Gate(File);
pub(crate) struct Opener(OwnedFd);

impl Gate {
    /// Waits, each time anew. `false` means that the host went away instead of opening.
    pub fn wait(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1))
    }
}

impl Opener {
    pub fn open(&self) -> Result<()> {
        nix::unistd::write(&self.0, &[1]).map(drop).context("opening the gate")
    }
}
