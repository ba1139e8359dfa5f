//! A container that is there: what is written down of it, and how it is now.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{errno::Errno, unistd::Pid};
use step07::{Explain, Side, clone::pidfd_open, signals::send};

use super::{gate, limits, place::Root, record::Record};
use crate::{
    lifecycle::{
        lock::is_locked,
        record::{birth, load},
    },
    spec::{Config, Resources, State, Status},
};

/// One container.
pub struct Container {
    /// Its state directory.
    pub dir: PathBuf,
    /// What is written down of it.
    pub record: Record,
}

impl Container {
    /// The one with this id.
    pub fn find(root: &Root, id: &str) -> Result<Self> {
        let dir = root.find(id)?;
        let record = Record::load(&dir).with_context(|| format!("state: container {id}"))?;
        Ok(Self { dir, record })
    }

    /// The configuration that it was made by.
    pub fn config(&self) -> Result<Config> {
        load(&self.dir.join("config.json")).context("state")
    }

    /// Where its root file system is on the host.
    pub fn rootfs(&self) -> Result<PathBuf> {
        let root = self.config()?.root.map(|root| root.path).unwrap_or_default();
        Ok(self.record.bundle.join(root))
    }

    /// Holds it to other limits.
    pub fn update(&self, resources: &Resources, explain: &Explain) -> Result<()> {
        self.must_run("update")?;
        let explain = explain.at(Side::Host, "cgroup");
        let changes = limits::changes(resources)?;
        let mut group = self.record.group();
        match self.record.scope() {
            Some(scope) => scope.change(&explain, &mut group, &changes),
            None => group.change(&explain, &changes),
        }
        .context("cgroup")
    }

    /// How it is at this moment.
    pub fn status(&self) -> Result<Status> {
        Ok(match self.lives() {
            // Its `create` may have been killed.
            false if self.record.pid == 0 && is_locked(&self.dir) => Status::Creating,
            false => Status::Stopped,
            true if self.record.group().is_frozen()? => Status::Paused,
            true if gate::is_held(&self.dir) => Status::Created,
            true => Status::Running,
        })
    }

    /// The same with what else is told of it.
    pub fn state(&self) -> Result<State> {
        Ok(self.record.state(&self.config()?, self.status()?))
    }

    /// Whether its first process is there.
    pub fn lives(&self) -> bool {
        self.record.pid != 0 && birth(self.record.pid) == Some(self.record.birth)
    }

    /// Its first process while it lives: a descriptor that is no other process's.
    pub fn pidfd(&self) -> Result<Option<OwnedFd>> {
        if !self.lives() {
            return Ok(None);
        }
        let pidfd = pidfd_open(Pid::from_raw(self.record.pid));
        // It may have ended in between, and the number may be another's by now.
        match self.lives() {
            true => pidfd.map(Some).context("state: opening the container's pidfd"),
            false => Ok(None),
        }
    }

    /// Sends its first process a signal. SIGKILL takes effect although it is paused.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let id = &self.record.id;
        // containerd looks for these very words.
        let Some(pidfd) = self.pidfd()? else { bail!("kill: container not running: {id}") };
        match send(pidfd.as_fd(), signal) {
            Err(Errno::ESRCH) => bail!("kill: container not running: {id}"),
            sent => sent.with_context(|| format!("kill: sending signal {signal} to {id}"))?,
        }
        match signal {
            libc::SIGKILL => self.record.group().thaw(&Explain::new(false)).context("kill"),
            _ => Ok(()),
        }
    }

    /// Sends a signal to everyone in its group.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        let group = self.record.group();
        if signal == libc::SIGKILL {
            // Not one by one: some are born meanwhile.
            return group.kill(&Explain::new(false)).context("kill");
        }
        for pid in group.processes() {
            let pidfd = pidfd_open(pid);
            let still = group.processes().contains(&pid);
            if let (Ok(pidfd), true) = (pidfd, still) {
                let _ = send(pidfd.as_fd(), signal); // it may have ended by now
            }
        }
        Ok(())
    }

    /// An error unless it runs, paused or not.
    pub fn must_run(&self, doing: &str) -> Result<Status> {
        let (status, id) = (self.status()?, &self.record.id);
        ensure!(
            matches!(status, Status::Running | Status::Paused | Status::Created),
            "{doing}: container {id} is not running"
        );
        Ok(status)
    }
}
