//! A private place for a test: namespaces in which nothing that it does reaches the machine.
//!
//! A sandbox has its own mounts (with a fresh `/run`), its own network (with `lo` up), names and
//! message queues, and, for one who is not root, a user namespace in which they are root. So a
//! runtime that forgets to make a namespace, as an unfinished exercise does, changes the
//! sandbox's and not the machine's. The PID namespace is the machine's: what a run starts is known
//! by descent.
//!
//! Two helper processes, which are the test's own program again, stand behind it:
//! `holder.rs` keeps the namespaces alive, `minder.rs` runs a program in them as it is told
//! (`order.rs`, `start.rs`) and makes sure that none of its descendants survives it.

mod holder;
mod minder;
mod order;
mod start;
mod view;

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    unistd::{Pid, geteuid},
};

pub(crate) use order::{Order, Said};

use crate::{PROBE, Run, TempDir, temp::set_mode, traces::Traces};
use holder::Holder;

/// The user and group that an unprivileged sandbox runs programs as.
pub(crate) const ORDINARY: u32 = 1000;

/// Namespaces of a test's own.
#[derive(Debug)]
pub struct Sandbox {
    holder: Mutex<Holder>,
    pid: Pid,
    user_namespace: bool,
    dir: TempDir,
    ordinary: bool,
    before: Traces,
}

impl Sandbox {
    /// For programs that run as root: real root if the test is, otherwise root of the sandbox's
    /// user namespace.
    pub fn new() -> Result<Self> {
        Self::make(false)
    }

    /// For programs that run as an ordinary user without any capability.
    pub fn unprivileged() -> Result<Self> {
        Self::make(true)
    }

    fn make(ordinary: bool) -> Result<Self> {
        let holder = match geteuid().is_root() {
            // Root inside a container may lack the right to make namespaces without a user
            // namespace, and have it with one.
            true => Holder::start(false).or_else(|_| Holder::start(true))?,
            false => Holder::start(true)?,
        };
        let dir = TempDir::new("sandbox")?;
        let probe = dir.path().join("probe");
        fs::write(&probe, PROBE).context("writing the probe")?;
        set_mode(&probe, 0o755)?;
        for name in ["tmp", "home", "runtime"] {
            let path = dir.path().join(name);
            fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
            set_mode(&path, 0o700)?;
            if ordinary && !holder.user_namespace() {
                chown(&path, Some(ORDINARY), Some(ORDINARY)).context("giving directories away")?;
            }
        }
        let (pid, user_namespace) = (holder.pid(), holder.user_namespace());
        let before = Traces::default();
        let holder = Mutex::new(holder);
        let mut sandbox = Self { holder, pid, user_namespace, dir, ordinary, before };
        sandbox.before = Traces::of(&sandbox)?;
        Ok(sandbox)
    }

    /// Whether an unprivileged process may make a user namespace here, and what forbids it.
    pub(crate) fn try_user_namespace() -> Result<()> {
        Holder::start(true).map(drop)
    }

    /// A program to be run in here.
    pub fn run(&self, program: impl AsRef<Path>) -> Run<'_> {
        Run::new(self, program.as_ref())
    }

    /// The probe, run in here outside of any container: the view that a container must not have.
    pub fn probe(&self, args: impl IntoIterator<Item: AsRef<std::ffi::OsStr>>) -> Run<'_> {
        self.run(self.probe_path()).args(args)
    }

    /// Where the probe is in here.
    pub fn probe_path(&self) -> PathBuf {
        self.dir.path().join("probe")
    }

    /// A directory of this sandbox's own, removed with it. Everyone may look into it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A cgroup that exists nowhere else, for `--cgroup-parent`.
    pub fn cgroup_parent(&self) -> String {
        format!("layers-test-{}", self.pid)
    }

    /// This sandbox's root directory seen from the test, as in `sandbox.root().join("run/layers")`.
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.pid).into()
    }

    /// A file that is told per process, as `mountinfo` or `net/dev`, of this sandbox.
    pub fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }

    /// Whether programs run as an ordinary user in here.
    pub fn is_unprivileged(&self) -> bool {
        self.ordinary
    }

    /// Whether this sandbox has a user namespace of its own, so that its root is not the real one.
    pub fn has_user_namespace(&self) -> bool {
        self.user_namespace
    }

    pub(crate) fn holder(&self) -> Pid {
        self.pid
    }

    /// What only a process within the namespaces can see.
    pub(crate) fn look(&self) -> Result<Vec<String>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner).look()
    }

    /// Runs a test in this sandbox, and fails if the test does or leaves anything behind.
    pub fn check(self, test: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let result = test(&self);
        let left = Traces::of(&self)?.beyond(&self.before);
        result?;
        match left.is_empty() {
            true => Ok(()),
            false => Err(anyhow!("left behind in the sandbox:\n    {}", left.join("\n    "))),
        }
    }
}

/// What would outlive the sandbox, and is the machine's, goes with it, whether its test returns or
/// panics.
impl Drop for Sandbox {
    fn drop(&mut self) {
        crate::traces::remove_cgroups(&self.cgroup_parent());
    }
}

/// Runs a test in an unprivileged sandbox, with the same check for traces.
pub fn unprivileged(test: impl FnOnce(&Sandbox) -> Result<()>) -> Result<()> {
    Sandbox::unprivileged()?.check(test)
}

/// Puts this process itself into a sandbox, until its end. It must have one thread yet.
///
/// For programs that run others by their own means, such as a benchmark: nothing minds what they
/// run, and nothing looks for traces.
pub fn enter_sandbox() -> Result<()> {
    match geteuid().is_root() {
        true => holder::set_up(false).or_else(|_| holder::set_up(true)),
        false => holder::set_up(true),
    }
}

/// Descriptors that were open in the test's own surroundings, like those that cargo has for its
/// jobs, are not for a sandbox: closes all but the first three, now or at the next exec.
fn close_range(flags: u32) -> Result<()> {
    // SAFETY: a helper has opened nothing yet that it would miss.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags) };
    Errno::result(result).map(drop).context("closing descriptors")
}

/// If this process was started as a helper: does the helper's work, and says how to exit. A program
/// that makes sandboxes, or asks for needs, calls it before anything else; [`checkpoint::main`] does.
///
/// [`checkpoint::main`]: crate::checkpoint::main
pub fn helper() -> Option<ExitCode> {
    let name = std::env::args_os().next()?;
    match name.to_str()? {
        holder::NAME => Some(holder::main()),
        minder::NAME => Some(minder::main()),
        _ => None,
    }
}
