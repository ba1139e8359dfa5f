//! Running a program in a sandbox: arguments, time limit, signals.

mod running;
mod stream;

use std::{
    ffi::{OsStr, OsString},
    os::{fd::AsRawFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{pty::openpty, sys::signal::Signal};
use serde_json::Value;

use crate::{Outcome, Rootfs, Sandbox, sandbox::Order};

pub use running::Running;

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
