//! A program that runs in a sandbox: its output as it comes, signals, its terminal, its end.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, ChildStdin, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{sys::signal::Signal, unistd::Pid};

use super::{Run, patience, stream::Stream};
use crate::{End, Outcome, exercise, process::descendants, sandbox::Said};

/// A program that runs. It is killed with all its descendants when this is dropped.
#[derive(Debug)]
pub struct Running {
    minder: Child,
    socket: BufReader<UnixStream>,
    pid: Pid,
    stdin: Option<ChildStdin>,
    terminal: Option<File>,
    stdout: Stream,
    stderr: Stream,
    read: usize,
    deadline: Instant,
    limit: Duration,
    command: String,
}

impl Running {
    pub(super) fn new(
        run: Run<'_>,
        mut minder: Child,
        socket: UnixStream,
        terminal: Option<File>,
    ) -> Result<Self> {
        let mut stdin = minder.stdin.take();
        let stdout = match (&terminal, minder.stdout.take()) {
            (Some(terminal), _) => Stream::read(terminal.try_clone()?),
            (None, stdout) => Stream::read(stdout.context("no standard output")?),
        };
        let stderr = match minder.stderr.take() {
            Some(stderr) => Stream::read(stderr),
            None => Stream::read(io::empty()), // a terminal has one stream
        };
        if let (Some(pipe), Some(text)) = (&mut stdin, &run.stdin) {
            // What is longer than a pipe would wait here for a program that does not read.
            let _ = pipe.write_all(text);
            stdin = None;
        }
        let mut running = Self {
            minder,
            socket: BufReader::new(socket),
            pid: Pid::from_raw(0),
            stdin,
            terminal,
            stdout,
            stderr,
            read: 0,
            deadline: Instant::now() + run.limit * patience(),
            limit: run.limit * patience(),
            command: run.describe(),
        };
        match running.hear()? {
            Said::Started(pid) => running.pid = Pid::from_raw(pid),
            other => bail!("the minder did not start {}: {other:?}", running.command),
        }
        Ok(running)
    }

    /// The program's own process. Its children are the test's to find.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for one more line of standard output.
    pub fn line(&mut self) -> Result<String> {
        let line = self.stdout.line(self.read, self.deadline);
        let Some(line) = line else {
            self.stderr.finish(Instant::now() + Duration::from_secs(1)); // it may tell why
            let text = self.stdout.text();
            let errors = self.stderr.text();
            bail!(
                "expected one more line from {}\n  standard output: {text:?}\n  standard error:  {errors:?}",
                self.command
            );
        };
        self.read += line.len() + 1;
        Ok(line)
    }

    /// Every process that descends from the program, as it is now, children before theirs: for a
    /// runtime the first is the container's first process.
    pub fn descendants(&self) -> Vec<Pid> {
        descendants(self.pid)
    }

    /// Types on its terminal; `\x03` is Ctrl-C.
    pub fn type_in(&mut self, text: &str) -> Result<()> {
        let terminal = self.terminal.as_mut().context("it runs on no terminal")?;
        terminal.write_all(text.as_bytes()).context("typing")
    }

    /// Gives its terminal another size, as when a person resizes the window.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        let terminal = self.terminal.as_ref().context("it runs on no terminal")?;
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the ioctl reads one `winsize`.
        let result =
            unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        nix::errno::Errno::result(result).map(drop).context("resizing the terminal")
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        nix::sys::signal::kill(self.pid, signal)
            .with_context(|| format!("sending {signal} to {}", self.command))
    }

    /// Sends the program a signal that has no name, a real-time one. See signal(7).
    pub fn signal_number(&self, number: i32) -> Result<()> {
        // SAFETY: it takes numbers.
        nix::errno::Errno::result(unsafe { libc::kill(self.pid.as_raw(), number) })
            .map(drop)
            .with_context(|| format!("sending signal {number} to {}", self.command))
    }

    /// Waits for its end. It is an error if it takes too long, or if a process outlives it.
    pub fn wait(mut self) -> Result<Outcome> {
        let end = self.ended()?;
        match self.hear()? {
            Said::Left(processes) if processes.is_empty() => self.outcome(end),
            Said::Left(processes) => {
                bail!("{} has ended, but not\n    {}", self.command, processes.join("\n    "))
            }
            other => bail!("the minder said {other:?} after it ran {}", self.command),
        }
    }

    /// The same for a program that goes on in the background ([`Run::detaching`]): what it has
    /// started lives until what is returned beside the outcome is dropped. It is an error if that
    /// keeps the program's output open.
    pub fn leave(mut self) -> Result<(Outcome, Self)> {
        let end = self.ended()?;
        Ok((self.outcome(end)?, self))
    }

    fn ended(&mut self) -> Result<End> {
        match self.hear()? {
            Said::Ended(status) => Ok(end_of(ExitStatus::from_raw(status))),
            other => bail!("the minder said {other:?} while it ran {}", self.command),
        }
    }

    fn outcome(&mut self, end: End) -> Result<Outcome> {
        for stream in [&mut self.stdout, &mut self.stderr] {
            if !stream.finish(self.deadline) {
                bail!("{} has ended, but somebody keeps its output open", self.command);
            }
        }
        Ok(Outcome {
            end,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            command: self.command.clone(),
        })
    }

    /// A blank of an exercise, if it ran into one, is told on one of its streams.
    fn look_for_blanks(&mut self) {
        self.stderr.finish(Instant::now() + Duration::from_secs(1));
        exercise::heard(&self.stderr.text());
        exercise::heard(&self.stdout.text()); // that of a terminal is all that there is
    }

    /// The minder's next word, if it comes in time.
    fn hear(&mut self) -> Result<Said> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        self.socket.get_ref().set_read_timeout(Some(left))?;
        let mut line = String::new();
        match self.socket.read_line(&mut line) {
            Ok(0) => bail!("the minder is gone that ran {}: {}", self.command, self.stderr.text()),
            Ok(_) => match Said::from_line(&line)? {
                Said::Failed(why) => bail!("the sandbox cannot run {}: {why}", self.command),
                said => Ok(said),
            },
            Err(_) => bail!(
                "{} did not end within {:?}, and was killed\n  standard output: {:?}\n  standard error:  {:?}",
                self.command,
                self.limit,
                self.stdout.text(),
                self.stderr.text()
            ),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.socket.get_ref().shutdown(std::net::Shutdown::Both);
        let _ = self.minder.wait();
        self.look_for_blanks();
    }
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}
