//! A runtime that is measured.

use std::{
    env, fmt, fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::Pid,
};
use step06::clone::pidfd_open;

use crate::{
    bundle::Bundle,
    cost::{self, Cost},
};

/// A program with runc's command line.
pub struct Runtime {
    name: String,
    program: PathBuf,
    state: PathBuf,
    pid_file: PathBuf,
}

/// One that does not work here.
#[derive(Debug)]
pub struct Unfit {
    /// Its name and version.
    pub name: String,
    /// What it said.
    pub refusal: String,
}

/// What many containers that sleep take.
pub struct Many {
    /// To start them, one after another.
    pub time: Duration,
    /// Memory that the machine has less of than before, for each, in KiB.
    pub memory: u64,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Runtime {
    /// This project's, and those that this machine has and that work here; and the rest.
    pub fn all(bundle: &Bundle) -> Result<(Vec<Self>, Vec<Unfit>)> {
        let path = env::var_os("PATH").unwrap_or_default();
        let others = ["crun", "runc", "youki"].into_iter().filter_map(|name| {
            let mut files = env::split_paths(&path).map(|dir| dir.join(name));
            files.find(|file| file.is_file()).map(|file| (name, file))
        });
        let all = [("final-runtime", installed(bundle.dir())?)].into_iter().chain(others);
        let (mut fit, mut unfit) = (Vec::new(), Vec::new());
        for (name, program) in all {
            let runtime = Self::new(name, program, bundle.dir())?;
            match runtime.refusal(bundle)? {
                None => fit.push(runtime),
                Some(refusal) => unfit.push(Unfit { name: runtime.name, refusal }),
            }
        }
        ensure!(
            fit.first().is_some_and(|first| first.name.starts_with("final-")),
            "no start here: {unfit:?}"
        );
        Ok((fit, unfit))
    }

    fn new(name: &str, program: PathBuf, dir: &Path) -> Result<Self> {
        let output = Command::new(&program).arg("--version").output().context("--version")?;
        let words = String::from_utf8_lossy(&output.stdout);
        let version = words.lines().next().and_then(|line| line.split_whitespace().last());
        Ok(Self {
            name: format!("{name} {}", version.unwrap_or_default()),
            program,
            state: dir.join("state").join(name),
            pid_file: dir.join(format!("pid-{name}")),
        })
    }

    /// What it says if it does not run a container here.
    fn refusal(&self, bundle: &Bundle) -> Result<Option<String>> {
        let mut run = self.verb(&["run", "--bundle"]);
        let output = run.arg(bundle.ends()).arg("fits").output().context("running it")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("nothing").to_owned();
        Ok((!output.status.success()).then_some(last))
    }

    fn verb(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.state).args(args);
        command
    }

    /// Creates or runs container `id` of a bundle.
    fn make(&self, verb: &[&str], bundle: &Path, id: &str) -> Result<Cost> {
        let mut command = self.verb(verb);
        cost::of(command.arg("--bundle").arg(bundle).arg("--pid-file").arg(&self.pid_file).arg(id))
    }

    /// `run`, from beginning to end.
    pub fn run(&self, bundle: &Bundle) -> Result<Cost> {
        self.make(&["run"], &bundle.ends(), "once")
    }

    /// `create`, `start` and `delete`; the time of the command itself is not counted.
    pub fn life(&self, bundle: &Bundle) -> Result<Cost> {
        let create = self.make(&["create"], &bundle.ends(), "life")?;
        let pid = fs::read_to_string(&self.pid_file).context("reading --pid-file")?;
        let first = pidfd_open(Pid::from_raw(pid.trim().parse()?)).context("pidfd_open")?;
        let start = cost::of(&mut self.verb(&["start", "life"]))?;
        let patience = PollTimeout::from(5_000_u16);
        let ended = poll(&mut [PollFd::new(first.as_fd(), PollFlags::POLLIN)], patience)?;
        ensure!(ended == 1, "the command does not end");
        let delete = cost::of(&mut self.verb(&["delete", "life"]))?;
        Ok(create.and(start).and(delete))
    }

    /// `exec` in a container that sleeps.
    pub fn exec(&self, bundle: &Bundle) -> Result<Cost> {
        self.make(&["run", "--detach"], &bundle.sleeps(), "exec")?;
        let cost = cost::of(&mut self.verb(&["exec", "exec", "/bin/probe", "exit", "0"]));
        cost::of(&mut self.verb(&["delete", "--force", "exec"]))?;
        cost
    }

    /// `delete --force` of a container that sleeps.
    pub fn delete(&self, bundle: &Bundle) -> Result<Cost> {
        self.make(&["run", "--detach"], &bundle.sleeps(), "delete")?;
        cost::of(&mut self.verb(&["delete", "--force", "delete"]))
    }

    /// Starts many containers that sleep, looks at what they take, and deletes them.
    pub fn many(&self, bundle: &Bundle, count: usize) -> Result<Many> {
        let before = available()?;
        let begin = Instant::now();
        let ids: Vec<_> = (0..count).map(|number| format!("many{number}")).collect();
        let started = ids
            .iter()
            .try_for_each(|id| self.make(&["run", "--detach"], &bundle.sleeps(), id).map(drop));
        let (time, after) = (begin.elapsed(), available()?);
        for id in &ids {
            let _ = cost::of(&mut self.verb(&["delete", "--force", id])); // it may not have begun
        }
        started?;
        Ok(Many { time, memory: before.saturating_sub(after) / count as u64 })
    }
}

/// The program as install(1) leaves it. A linker writes a file here and there, and the kernel keeps it in
/// pieces of one page each, which take longer to map than those of one that was written in order.
fn installed(dir: &Path) -> Result<PathBuf> {
    let program = dir.join("final-runtime");
    if !program.exists() {
        fs::copy(conformance::binary("final-runtime")?, &program).context("installing it")?;
    }
    Ok(program)
}

/// KiB that programs could still have. See proc_meminfo(5).
fn available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("reading /proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.context("MemAvailable is missing")?.parse().context("MemAvailable")
}
