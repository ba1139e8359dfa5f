//! `rm`: forgets containers, with what they changed.

use anyhow::{Result, bail};

use super::{each, stop::end};
use crate::{
    lifecycle::{
        container::{Condition, Container},
        lock,
    },
    store::Store,
};

/// Remove containers that do not run
#[derive(clap::Args)]
pub struct Args {
    /// Kill one that runs
    #[arg(short, long)]
    force: bool,

    /// Their anonymous volumes too, which always go with them
    #[arg(short, long)]
    volumes: bool,

    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    containers: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let records = self.containers.iter().flat_map(|name| store.containers.find(name));
        store.recover(records.map(|container| container.config.cgroup_parent).collect())?;
        each(&self.containers, |name| self.remove(store, name))
    }

    fn remove(&self, store: &Store, name: &str) -> Result<()> {
        let id = store.containers.find_id(name)?;
        let dir = store.containers.dir(&id);
        let Ok(container) = Container::load(dir.clone()) else {
            // What it was is not to be read any more, but it is not to be kept either.
            if lock::is_locked(&dir) {
                bail!("rm: the record of container {id} is damaged, and its runtime still lives");
            }
            return store.containers.remove(&id);
        };
        let condition = container.condition();
        let runs = matches!(condition, Condition::Starting | Condition::Up | Condition::Paused);
        if runs && !self.force {
            bail!("rm: container {name} runs: stop it first, or use --force");
        }
        end(&container, &[(libc::SIGKILL, None)])?;
        if container.dir.exists() {
            store.containers.remove(&id)?; // unless its runtime did, as it was told to
        }
        Ok(())
    }
}
