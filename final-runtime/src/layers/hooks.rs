//! Hooks: programs that are called at moments of a container's life, with its state on their
//! standard input. See "POSIX-platform Hooks" in config.md of the OCI runtime specification.
//!
//! A hook gets the environment that the configuration says and nothing else, least of all the
//! container's (GHSA of the NVIDIA toolkit, CVE-2025-23266), and none of the runtime's descriptors.
//! What it prints is kept for the error, should it fail.

use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{Signal, killpg},
    },
    unistd::Pid,
};
use step07::{Explain, Layer, clone::pidfd_open, sh};

use crate::spec::{Hook, State};

/// The hooks of one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Its name in the configuration.
    pub name: &'static str,
    /// In the order in which they are called.
    pub hooks: Vec<Hook>,
}

/// The layer for those that the host's side calls when all is mounted and before the root is changed.
pub struct Outside {
    /// One after the other.
    pub moments: Vec<Moment>,
    /// What they are told; the process's number is put in.
    pub state: State,
}

impl Layer for Outside {
    fn name(&self) -> &'static str {
        "hooks"
    }

    fn meets(&self) -> bool {
        true
    }

    fn meet(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        self.state.pid = child.as_raw();
        self.moments.iter().try_for_each(|moment| moment.call(&self.state, explain))
    }
}

/// The layer for those that the container's side calls.
pub struct Inside {
    /// Which.
    pub moment: Moment,
    /// What they are told; the process's number is put in, as the container has it.
    pub state: State,
}

impl Layer for Inside {
    fn name(&self) -> &'static str {
        "hooks"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        self.state.pid = Pid::this().as_raw();
        self.moment.call(&self.state, explain)
    }
}

impl Moment {
    /// Calls them all; the first that fails is the last to be called.
    pub fn call(&self, state: &State, explain: &Explain) -> Result<()> {
        self.each(state, explain).collect()
    }

    /// Calls them all, whatever becomes of those before.
    pub fn call_each(&self, state: &State, explain: &Explain) -> Vec<anyhow::Error> {
        self.each(state, explain).filter_map(Result::err).collect()
    }

    fn each(&self, state: &State, explain: &Explain) -> impl Iterator<Item = Result<()>> {
        self.hooks.iter().enumerate().map(move |(number, hook)| {
            let command = hook.command();
            explain.say(format_args!("{command} < state.json  # {}", self.name));
            let at = || format!("hooks.{}[{number}]: {}", self.name, hook.path.display());
            hook.call(state).with_context(at)
        })
    }
}

impl Hook {
    fn command(&self) -> String {
        let path = self.path.display().to_string();
        sh([path.as_str()].into_iter().chain(self.args.iter().skip(1).map(String::as_str)))
    }

    fn call(&self, state: &State) -> Result<()> {
        let mut said = memory()?;
        let mut child = self.start(state, &said)?;
        let status = self.wait(&mut child)?;
        if status.success() {
            return Ok(());
        }
        said.rewind()?;
        let mut text = Vec::new();
        said.take(64 << 10).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => bail!("{status}: {line}"),
            None => bail!("{status}"),
        }
    }

    // ANCHOR: hook-start
    /// Its standard input is a file, so that one that does not read holds up nobody.
    fn start(&self, state: &State, said: &File) -> Result<Child> {
        let mut input = memory()?;
        input.write_all(&serde_json::to_vec(state)?)?;
        input.rewind()?;
        let mut command = Command::new(&self.path);
        if let Some((name, args)) = self.args.split_first() {
            command.arg0(name).args(args);
        }
        let pairs = self.env.iter().filter_map(|variable| variable.split_once('='));
        command.env_clear().envs(pairs);
        command.stdin(input).stdout(said.try_clone()?).stderr(said.try_clone()?);
        command.process_group(0);
        // SAFETY: one system call, and no allocation, between fork and exec.
        unsafe { command.pre_exec(close_doors) };
        command.spawn().context("executing it")
    }
    // ANCHOR_END: hook-start

    /// Waits for its end, and kills it with all of its process group if that does not come in time.
    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        let pid = Pid::from_raw(child.id().cast_signed());
        let pidfd = pidfd_open(pid).context("opening its pidfd")?;
        if !ends(&pidfd, self.timeout)? {
            let _ = killpg(pid, Signal::SIGKILL); // it may have ended by now
            child.wait()?;
            bail!("it took longer than {} s", self.timeout.unwrap_or_default());
        }
        Ok(child.wait()?)
    }
}

/// Whether it ends within that many seconds; without a limit it is waited for.
fn ends(pidfd: &OwnedFd, timeout: Option<i64>) -> Result<bool> {
    let limit = timeout.map(|seconds| Duration::from_secs(seconds.max(0).cast_unsigned()));
    let patience = match limit {
        Some(limit) => PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    };
    loop {
        match poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], patience) {
            Err(Errno::EINTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

fn memory() -> Result<File> {
    Ok(memfd_create("hook", MFdFlags::MFD_CLOEXEC).context("making a file in memory")?.into())
}

/// What the caller has preserved for the command is not the hook's.
fn close_doors() -> std::io::Result<()> {
    // SAFETY: nothing is closed here; the descriptors will be at the exec.
    let marked = unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    Errno::result(marked).map(drop).map_err(Into::into)
}
