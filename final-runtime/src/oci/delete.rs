//! `delete`: what is left of a container that has ended is given back.

use std::{os::fd::AsFd, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use step07::{Explain, Group, Scope, signals::send};

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
    clear(place, &container.record, container.config().ok().as_ref(), explain)
}

/// The same for whoever made it, has seen it end, and knows its configuration: to read that again would
/// take longer than all that is to be done.
pub fn delete_own(root: &Root, made: &Record, config: &Config, explain: &Explain) -> Result<()> {
    let Some(place) = hold_if_there(root, &made.id)? else { return Ok(()) };
    let there = Container::find(root, &made.id)?.record;
    if (there.pid, there.birth) != (made.pid, made.birth) {
        return Ok(()); // it was deleted meanwhile, and this is another of the same name
    }
    clear(place, made, Some(config), explain)
}

/// Deletes a container however it is; one that is not there is no error.
pub fn force(root: &Root, id: &str, explain: &Explain) -> Result<()> {
    let Some(place) = hold_if_there(root, id)? else { return Ok(()) };
    match Container::find(root, id) {
        Ok(container) => {
            end(&container)?;
            clear(place, &container.record, container.config().ok().as_ref(), explain)
        }
        // What it said is lost, but for what the configuration says too.
        Err(_) => {
            clear_by_configuration(&place.dir, id, explain);
            place.remove()
        }
    }
}

fn hold_if_there(root: &Root, id: &str) -> Result<Option<Place>> {
    match root.hold(id) {
        Err(_) if root.find(id).is_err() => Ok(None),
        place => place.map(Some),
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
        Ok(record) => remove_group(record.group(), record.scope(), explain),
        Err(_) => Ok(()),
    }
}

fn clear_by_configuration(dir: &Path, id: &str, explain: &Explain) {
    let Ok(config) = load::<Config>(&dir.join("config.json")) else { return };
    let linux = config.linux.unwrap_or_default();
    let scope = groups::made_by_systemd(&linux, id);
    if let Ok(groups) = groups::made(&linux, id) {
        let scope = scope.map(|unit| Scope::around(&unit, &groups));
        let _ = remove_group(groups, scope, explain); // they may be somebody else's by now
    }
}

fn remove_group(group: Group, scope: Option<Scope>, explain: &Explain) -> Result<()> {
    let explain = explain.at(step07::Side::Host, "cgroup");
    remove_own(group, &explain)?;
    // It ends by itself too, but a moment later, and until then there is no other of its name.
    scope.map_or(Ok(()), |mut scope| scope.stop(&explain)).context("cgroup")
}

fn remove_own(mut group: Group, explain: &Explain) -> Result<()> {
    // As a rule nobody is left, and to look for them takes longer than to try.
    if group.remove_now(explain).is_ok() {
        return Ok(());
    }
    if !group.processes().is_empty() {
        group.kill(explain).context("cgroup")?; // without a PID namespace nobody else did
    }
    group.remove(explain).context("cgroup")
}

fn clear(place: Place, record: &Record, config: Option<&Config>, explain: &Explain) -> Result<()> {
    remove_group(record.group(), record.scope(), explain)?;
    if let Some(rdt) = config.and_then(|config| config.linux.as_ref()?.intel_rdt.as_ref()) {
        intel_rdt::remove(rdt, &record.id);
    }
    place.remove()?;
    if let Some(config) = config {
        hooks::after_end(config, record, &explain.at(step07::Side::Host, "hooks"));
    }
    Ok(())
}
