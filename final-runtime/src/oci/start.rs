//! `start`: the gate is opened, and the first process becomes the command.

use anyhow::{Context, Result, bail};

use super::{container::Container, gate, place::Root};
use crate::spec::Status;

/// Starts a container that is made.
pub fn start(root: &Root, id: &str) -> Result<()> {
    let place = root.hold(id)?;
    let container = Container::find(root, id)?;
    match container.status()? {
        Status::Created => {}
        Status::Stopped => bail!("start: container {id} has ended"),
        _ => bail!("start: container {id} is started already"),
    }
    gate::let_through(&place.dir).context("start")
}
