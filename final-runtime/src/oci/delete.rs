//! `delete`: what is left of a container that has ended is given back.

use std::{os::fd::AsFd, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use step07::{Explain, Group, signals::send};

use super::{
    container::Container,
    groups, hooks,
    place::{Place, Root},
    record::Record,
};
use crate::{
    layers::intel_rdt,
    lifecycle::record::load,
    spec::{Config, Status},
};

/// How long a process that has been killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Deletes a container that has ended, or that has not begun.
pub fn delete(root: &Root, id: &str, explain: &Explain) -> Result<()> {
    let place = root.hold(id)?;
    if !place.is_written() {
        return place.remove(); // its `create` was killed before it made anything
    }
    let container = Container::find(root, id)?;
    match container.status()? {
        Status::Stopped | Status::Creating => {}
        Status::Created => end(&container)?,
        Status::Running | Status::Paused => {
            bail!("delete: container {id} is not stopped: kill it first, or use --force")
        }
    }
    clear(place, &container, explain)
}

/// Deletes a container however it is; one that is not there is no error.
pub fn force(root: &Root, id: &str, explain: &Explain) -> Result<()> {
    let place = match root.hold(id) {
        Err(_) if root.find(id).is_err() => return Ok(()),
        place => place?,
    };
    match Container::find(root, id) {
        Ok(container) => {
            end(&container)?;
            clear(place, &container, explain)
        }
        // What it said is lost, but for what the configuration says too.
        Err(_) => {
            clear_by_configuration(&place.dir, id, explain);
            place.remove()
        }
    }
}

/// Kills the first process and waits for its end. The kernel kills the rest of its PID namespace.
fn end(container: &Container) -> Result<()> {
    let Some(pidfd) = container.pidfd()? else { return Ok(()) };
    let _ = send(pidfd.as_fd(), libc::SIGKILL); // it may have ended by now
    let _ = container.record.group().thaw(&Explain::new(false));
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], patience)? {
        0 => bail!("delete: process {} does not die", container.record.pid),
        _ => Ok(()),
    }
}

/// Gives back the groups that the record in this directory tells of, if there is one.
pub fn give_back(dir: &Path, explain: &Explain) -> Result<()> {
    match Record::load(dir) {
        Ok(record) => remove_group(record.group(), explain),
        Err(_) => Ok(()),
    }
}

fn clear_by_configuration(dir: &Path, id: &str, explain: &Explain) {
    let Ok(config) = load::<Config>(&dir.join("config.json")) else { return };
    let linux = config.linux.unwrap_or_default();
    if let Ok(groups) = groups::made(&linux, id) {
        let _ = remove_group(groups, explain); // they may be somebody else's by now
    }
}

fn remove_group(mut group: Group, explain: &Explain) -> Result<()> {
    let explain = explain.at(step07::Side::Host, "cgroup");
    // As a rule nobody is left, and to look for them takes longer than to try.
    if group.remove_now(&explain).is_ok() {
        return Ok(());
    }
    if !group.processes().is_empty() {
        group.kill(&explain).context("cgroup")?; // without a PID namespace nobody else did
    }
    group.remove(&explain).context("cgroup")
}

fn clear(place: Place, container: &Container, explain: &Explain) -> Result<()> {
    let (config, record) = (container.config().ok(), &container.record);
    remove_group(record.group(), explain)?;
    if let Some(config) = &config
        && let Some(rdt) = config.linux.as_ref().and_then(|linux| linux.intel_rdt.as_ref())
    {
        intel_rdt::remove(rdt, &record.id);
    }
    place.remove()?;
    if let Some(config) = config {
        hooks::after_end(&config, record, &explain.at(step07::Side::Host, "hooks"));
    }
    Ok(())
}
