//! `start`: the gate is opened, and the first process becomes the command.

use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;
use step07::{Explain, clone::pidfd_open, signals::send};

use super::{
    container::Container,
    gate, hooks,
    place::{Place, Root},
    record::Record,
};
use crate::spec::{Config, Status};

/// Starts a container that is made.
pub fn start(root: &Root, id: &str, explain: &Explain) -> Result<()> {
    let place = root.hold(id)?;
    let container = Container::find(root, id)?;
    match container.status()? {
        Status::Created => {}
        Status::Paused => bail!("start: container {id} is paused: resume it first"),
        Status::Stopped => bail!("start: container {id} has ended"),
        _ => bail!("start: container {id} is started already"),
    }
    begin(&place, &container.record, &container.config()?, explain)
}

// ANCHOR: oci-begin
/// Opens the gate of one that is held, and calls the hooks that follow. One of them that fails is the
/// end of the container.
pub fn begin(place: &Place, record: &Record, config: &Config, explain: &Explain) -> Result<()> {
    // Before it runs: afterwards the number may be another's.
    let pidfd = pidfd_open(Pid::from_raw(record.pid)).context("start: opening its pidfd")?;
    gate::let_through(&place.dir).context("start")?;
    hooks::after_start(config, record, explain).inspect_err(|_| {
        let _ = send(pidfd.as_fd(), libc::SIGKILL); // it may have ended by now
    })
}
// ANCHOR_END: oci-begin
