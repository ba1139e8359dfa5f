//! Getting at the files of a container, be it running or not.

use std::{
    fs::File,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use anyhow::{Context, Result, bail};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use step07::{Cap, CapSets, errand, signals::send};

use super::{
    container::{Condition, Container},
    containers::Containers,
};
use crate::storage::{Changed, Key, Snapshots};

impl Containers {
    /// Calls `act` with the container's root directory as its file system has it, without what is
    /// mounted there, as one who may read all of it.
    pub fn look(
        &self,
        container: &Container,
        act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
    ) -> Result<()> {
        let (key, snapshots) = self.file_system(container)?;
        snapshots.look(&key, act)
    }

    /// Calls `act` with the container's root directory as the container sees it while it runs, or
    /// with its file system, as one who may write to it.
    pub fn within(
        &self,
        container: &Container,
        act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
    ) -> Result<()> {
        if let Some((pid, pidfd)) = container.process()? {
            return within_running(pid, pidfd, act);
        }
        if container.condition() == Condition::Starting {
            bail!("container {} is starting", container.config.name);
        }
        let (key, snapshots) = self.file_system(container)?;
        snapshots.change(&key, act)
    }

    /// Calls `act` with what the container has changed.
    pub fn changed(
        &self,
        container: &Container,
        act: impl FnOnce(Changed) -> Result<()> + 'static,
    ) -> Result<()> {
        let (key, snapshots) = self.file_system(container)?;
        if container.config.image_top.is_none() {
            bail!("container {} was made from an image without layers", container.config.name);
        }
        snapshots.changed(&key, act)
    }

    fn file_system(&self, container: &Container) -> Result<(Key, Rc<Snapshots>)> {
        let key: Key = container.config.id.parse()?;
        let holder = self.drivers.holder(&key)?;
        let lost = || format!("container {} has no file system any more", container.config.name);
        Ok((key, holder.with_context(lost)?))
    }
}

fn within_running(
    pid: i32,
    pidfd: OwnedFd,
    act: impl FnOnce(BorrowedFd) -> Result<()> + 'static,
) -> Result<()> {
    let act = move || {
        let path = format!("/proc/{pid}/root");
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(path.as_str(), flags, Mode::empty());
        let root = root.with_context(|| format!("opening {path}"))?;
        // What was found by the number was the container's if it has not ended by now.
        send(pidfd.as_fd(), 0).context("the container has ended")?;
        act(root.as_fd())
    };
    if CapSets::current()?.effective.has(Cap::SYS_ADMIN) {
        return act();
    }
    let namespace = format!("/proc/{pid}/ns/user");
    let namespace = File::open(&namespace).with_context(|| format!("opening {namespace}"))?;
    errand::run_in("container", namespace, act)
}
