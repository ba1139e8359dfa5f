//! One container: its record, and what can be told of it now.

use std::{
    fs,
    net::Ipv4Addr,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::Pid;
use step07::{Explain, Group, clone::pidfd_open, signals::send};

use super::{
    lock::{self, Lock},
    record::{Config, Keep, State, birth, load, save},
};

/// How long a runtime may take to clear up when its container has ended. A group that cannot be
/// removed takes two seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// One container's record.
#[derive(Clone, Debug)]
pub struct Container {
    /// What it was made to be.
    pub config: Config,
    /// How far it is, as far as its runtime has written it down.
    pub state: State,
    /// Its directory.
    pub dir: PathBuf,
}

/// How it is with a container, which is more than is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its runtime is making it.
    Starting,
    /// Its first process runs.
    Up,
    /// Its processes stand still until they are let go on.
    Paused,
    /// Its first process has ended, its runtime is clearing up.
    Ending,
    /// It has ended, and that is written down.
    Exited,
    /// Its runtime was killed before it could write down the end.
    Lost,
}

impl Container {
    /// The record in this directory.
    pub fn load(dir: PathBuf) -> Result<Self> {
        let config = load(&dir.join("config.json")).context("store")?;
        let state = load(&dir.join("state.json")).context("store")?;
        Ok(Self { config, state, dir })
    }

    /// Writes `state` down.
    pub fn save_state(&self, keep: Keep) -> Result<()> {
        save(&self.dir.join("state.json"), &self.state, keep).context("store")
    }

    /// How it is at this moment.
    pub fn condition(&self) -> Condition {
        let held = lock::is_locked(&self.dir);
        match self.state {
            State::Exited { .. } => Condition::Exited,
            _ if self.pid().is_some() && held => match self.is_paused() {
                true => Condition::Paused,
                false => Condition::Up,
            },
            State::Created if held => Condition::Starting,
            State::Running { .. } if held => Condition::Ending,
            _ => Condition::Lost,
        }
    }

    /// The first process's number, if it runs and the number is still that process's.
    pub fn pid(&self) -> Option<i32> {
        match self.state {
            State::Running { pid, birth: born, .. } => (birth(pid) == Some(born)).then_some(pid),
            _ => None,
        }
    }

    /// The first process, while it runs: its number, and a descriptor that is no other process's.
    pub fn process(&self) -> Result<Option<(i32, OwnedFd)>> {
        let Some(pid) = self.pid() else { return Ok(None) };
        let pidfd = pidfd_open(Pid::from_raw(pid));
        // It may have ended in between, and the number may be another's by now.
        if self.pid().is_none() {
            return Ok(None);
        }
        Ok(Some((pid, pidfd.context("opening the container's pidfd")?)))
    }

    /// The same; otherwise an error that says that it does not run.
    pub fn running(&self) -> Result<(i32, OwnedFd)> {
        self.process()?.ok_or_else(|| anyhow!("container {} is not running", self.config.name))
    }

    /// Its control group, while it runs. Empty if it is in its runtime's own.
    pub fn group(&self) -> Result<Group> {
        let (pid, _) = self.running()?;
        Group::of(&self.config.id, Pid::from_raw(pid))
    }

    /// Whether it stands still. The kernel is asked: it may be anybody who has frozen the group.
    pub fn is_paused(&self) -> bool {
        self.group().and_then(|group| group.is_frozen()).unwrap_or(false)
    }

    /// Sends its first process a signal, and lets a paused container go on, so that the signal takes
    /// effect. What comes first after the pause is the signal.
    pub fn signal(&self, pidfd: &OwnedFd, signal: i32) -> Result<()> {
        send(pidfd.as_fd(), signal)
            .with_context(|| format!("sending signal {signal} to {}", self.config.name))?;
        if !self.is_paused() {
            return Ok(());
        }
        let thawed = self.group().and_then(|group| group.thaw(&Explain::new(false)));
        match thawed {
            Err(error) if self.pid().is_some() => Err(error),
            _ => Ok(()), // one that dies of the signal takes its group with it
        }
    }

    /// Waits until no runtime looks after it any more, so that its end has been written down.
    pub fn wait_released(&self) -> Result<()> {
        if !lock::wait(&self.dir, PATIENCE) {
            let runtime = runtime(&self.dir).map_or_else(String::new, |pid| format!(" {pid}"));
            bail!(
                "container {} has ended, but its runtime does not clear up (process{runtime}: it may be \
                 stopped; if it is killed, the next command does)",
                self.config.name
            );
        }
        Ok(())
    }
}

/// The process that looks after the container in this directory. Only to be told to a person.
pub fn runtime(dir: &Path) -> Option<i32> {
    fs::read_to_string(live(dir)).ok()?.trim().parse().ok()
}

/// `ROOT/live/ID` for `ROOT/containers/ID`.
pub fn live(dir: &Path) -> PathBuf {
    let mut path = dir.to_owned();
    let id = path.file_name().unwrap_or_default().to_owned();
    path.pop();
    path.set_file_name("live");
    path.join(id)
}

/// A container that this process looks after.
pub struct Held {
    /// Its record.
    pub container: Container,
    pub(super) lock: Lock,
}

impl Held {
    /// Writes down that it runs.
    pub fn running(&mut self, pid: i32, network: String, address: Option<Ipv4Addr>) -> Result<()> {
        let birth = birth(pid).unwrap_or_default();
        let started = super::record::now();
        self.container.state = State::Running { pid, birth, started, network, address };
        self.container.save_state(Keep::Quick)
    }

    /// Writes down that it has ended, and looks after it no longer.
    pub fn exited(mut self, code: u8, reason: Option<String>) -> Result<()> {
        self.container.state = self.container.state.ended(code, reason);
        self.container.save_state(Keep::Safe)?;
        let _ = fs::remove_file(live(&self.container.dir));
        drop(self.lock);
        Ok(())
    }
}
