//! Running a program in a sandbox: arguments, time limit, signals.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, net::UnixStream, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{pty::openpty, sys::signal::Signal, unistd::Pid};
use serde_json::Value;

use crate::{
    End, Outcome, Rootfs, Sandbox,
    process::descendants,
    sandbox::{Order, Said},
};

/// How long a run may take if the test does not say otherwise.
const LIMIT: Duration = Duration::from_secs(20);

/// How many times as long as a test says things may take: in a virtual machine without hardware
/// support everything does.
fn patience() -> u32 {
    std::env::var("CONFORMANCE_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A program that is about to be run in a sandbox.
///
/// It gets a small fixed environment, a session of its own, and as standard input `/dev/null`.
#[derive(Debug)]
#[must_use = "nothing runs before `output`, `report` or `spawn`"]
pub struct Run<'a> {
    sandbox: &'a Sandbox,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
    stdin: Option<Vec<u8>>,
    limit: Duration,
    probe: PathBuf,
    blocked: Vec<i32>,
    ignored: Vec<i32>,
    terminal: bool,
    detaches: bool,
    descriptors: Vec<i32>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, program: &Path) -> Self {
        let dir = |name: &str| sandbox.dir().join(name).into_os_string();
        let mut env: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("HOME".into(), dir("home")),
            ("TMPDIR".into(), dir("tmp")),
            ("LC_ALL".into(), "C".into()),
            ("RUST_BACKTRACE".into(), "0".into()),
        ];
        if sandbox.is_unprivileged() {
            env.push(("XDG_RUNTIME_DIR".into(), dir("runtime")));
        }
        Self {
            sandbox,
            program: program.to_owned(),
            args: Vec::new(),
            env,
            cwd: sandbox.dir().to_owned(),
            stdin: None,
            limit: LIMIT,
            probe: sandbox.probe_path(),
            blocked: Vec::new(),
            ignored: Vec::new(),
            terminal: false,
            detaches: false,
            descriptors: Vec::new(),
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// `--rootfs` with this root file system, in which the probe is `/bin/probe`.
    pub fn rootfs(mut self, rootfs: &Rootfs) -> Self {
        self.probe = "/bin/probe".into();
        self.arg("--rootfs").arg(rootfs.path())
    }

    /// The probe as the container's command: `-- PROBE ARGS…`.
    pub fn probe(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        let probe = std::mem::take(&mut self.probe);
        self.arg("--").arg(probe).args(args)
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Removes a variable of the environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != name.as_ref());
        self
    }

    /// The working directory; the sandbox's own if this is not called.
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.cwd = dir.as_ref().to_owned();
        self
    }

    /// What the program reads on its standard input.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// How long it may take before it is killed and the test fails; 20 seconds if not called.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the program with this signal blocked.
    pub fn blocked(mut self, signal: Signal) -> Self {
        self.blocked.push(signal as i32);
        self
    }

    /// Starts the program with this signal ignored.
    pub fn ignored(mut self, signal: Signal) -> Self {
        self.ignored.push(signal as i32);
        self
    }

    /// Runs it on a terminal of its own, which is its standard input, output and error: what it
    /// says comes back as standard output, and with `\r\n` for `\n`. See pty(7).
    pub fn terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// The program may go on in the background when it has ended. To be waited for by
    /// [`Running::leave`].
    pub fn detaching(mut self) -> Self {
        self.detaches = true;
        self
    }

    /// Starts the program with descriptor `number`, a high one, open: the host's root directory,
    /// which no container should get.
    pub fn descriptor(mut self, number: i32) -> Self {
        self.descriptors.push(number);
        self
    }

    /// Runs it to its end.
    pub fn output(self) -> Result<Outcome> {
        self.spawn()?.wait()
    }

    /// Runs it with `probe report` as the container's command: what is seen from inside.
    pub fn report(self) -> Result<Value> {
        self.probe(["report"]).output()?.json()
    }

    /// Starts it, and goes on.
    pub fn spawn(self) -> Result<Running> {
        let (socket, theirs) = UnixStream::pair().context("making a socket pair")?;
        let order = Order {
            socket: theirs.as_raw_fd(),
            holder: self.sandbox.holder().as_raw(),
            user_namespace: self.sandbox.has_user_namespace(),
            ordinary: self.sandbox.is_unprivileged(),
            cwd: self.cwd.to_str().context("the working directory is not UTF-8")?.to_owned(),
            blocked: self.blocked.clone(),
            ignored: self.ignored.clone(),
            terminal: self.terminal,
            detaches: self.detaches,
            descriptors: self.descriptors.clone(),
        };
        let mut command = order.command(self.program.as_os_str(), &self.args);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        let terminal = self.terminal.then(|| openpty(None, None)).transpose();
        let terminal = terminal.context("opening a terminal")?;
        if let Some(terminal) = &terminal {
            let side = || terminal.slave.try_clone();
            command.stdin(side()?).stdout(side()?).stderr(side()?);
        } else {
            command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let fd = theirs.as_raw_fd();
        let keep_open = move || {
            // SAFETY: fcntl(2) on a descriptor that the parent holds open.
            nix::errno::Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
            Ok(())
        };
        // SAFETY: one system call, and no allocation, between fork and exec.
        unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, keep_open) };
        let minder = command.spawn().context("starting the minder")?;
        drop((theirs, command)); // and with the command the terminal's other side
        Running::new(self, minder, socket, terminal.map(|terminal| terminal.master.into()))
    }

    fn describe(&self) -> String {
        let words =
            [self.program.as_os_str()].into_iter().chain(self.args.iter().map(AsRef::as_ref));
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

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
    fn new(
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
    }
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

/// An output stream that a thread reads as it comes.
#[derive(Debug)]
struct Stream {
    shared: Arc<(Mutex<Heard>, Condvar)>,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = from.read(&mut buffer).unwrap_or(0);
                let (heard, news) = &*ours;
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.bytes.extend(&buffer[..count]);
                heard.ended = count == 0;
                news.notify_all();
                if heard.ended {
                    return;
                }
            }
        });
        Self { shared }
    }

    /// The line that begins at `from`, without its end; waits for it.
    fn line(&self, from: usize, deadline: Instant) -> Option<String> {
        let (heard, news) = &*self.shared;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let rest = &heard.bytes[from..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                return Some(OsStr::from_bytes(&rest[..length]).to_string_lossy().into_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.ended || left.is_zero() {
                return None;
            }
            heard = news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits for its end. `false`: it has not come in time.
    fn finish(&mut self, deadline: Instant) -> bool {
        let (heard, news) = &*self.shared;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        while !heard.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            heard = news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
